"""A record in a terminal: calm, aligned, and the same whether somebody looks or a pipe."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from passerelle.node import record_text
from passerelle.portals.reading import Reading
from passerelle.portals.speech import Speech
from passerelle.portals.wave import wave
from passerelle.values import LANGUAGES, Language
from tests.portals import world

WIDTHS = (80, 100)
every_way = [(language, width) for language in LANGUAGES for width in WIDTHS]


def printed(language: Language, width: int) -> list[str]:
    out, speech = Console(file=io.StringIO(), width=width), Speech(language)
    shown = wave(Reading(world.record(), speech, world.CLINICIAN))
    record_text.print_wave(out, shown, speech)
    assert isinstance(out.file, io.StringIO)
    return out.file.getvalue().splitlines()


def section(lines: list[str], title: str) -> list[str]:
    """The lines under a heading, up to the next blank one."""
    start = lines.index(title) + 1
    return lines[start : lines.index("", start) if "" in lines[start:] else None]


@pytest.mark.parametrize(("language", "width"), every_way)
def test_no_line_is_wider_than_the_terminal_or_ends_in_blanks(language: Language, width: int) -> None:
    lines = printed(language, width)
    assert len(lines) > 60
    assert [line for line in lines if len(line) > width or line != line.rstrip()] == []


@pytest.mark.parametrize(("language", "width"), every_way)
def test_when_and_who_stand_in_columns_of_their_own(language: Language, width: int) -> None:
    speech = Speech(language)
    for key in ("problems", "medications", "allergies", "immunizations", "visits"):
        rows = [
            line for line in section(printed(language, width), speech(key)) if re.search(r"\d{4}  ", line)
        ]
        assert rows
        assert len({re.search(r" {2}((?:ON|QC|BC|MB)\b.*)$", row).start(1) for row in rows}) == 1  # type: ignore[union-attr]


def test_the_heading_and_the_timing_are_two_lines() -> None:
    lines = printed("en", 80)
    place = lines.index("5 of 7 sources answered, 4 hold a record")
    assert lines[place + 1].startswith("First answer after")


def test_a_sentence_that_wraps_stays_under_its_own_beginning() -> None:
    missing = section(printed("en", 80), "What may be missing")
    assert sum(line.startswith("  • ") for line in missing) == 2
    assert len(missing) > 2
    assert all(line.startswith(("  • ", "    ")) for line in missing)


def test_a_difference_of_dose_is_told_under_its_last_line() -> None:
    lines = section(printed("en", 100), "Medications")
    first = next(index for index, line in enumerate(lines) if "Ramipril 10 mg" in line)
    assert "Ramipril 5 mg" in lines[first + 2]
    assert lines[first + 4].strip() == "Dose differs between sources"


def test_what_is_folded_away_is_counted() -> None:
    assert section(printed("en", 80), "Problems")[-1] == "  + 1 past problem"
    assert section(printed("fr", 80), "Problèmes de santé")[-1] == "  + 1 problème passé"


def test_in_french_nothing_of_ours_is_english() -> None:
    text = "\n".join(printed("fr", 100))
    assert not re.search(
        r"\b(sources answered|Answered|No record|Problems|Medications|years|Dose differs)\b", text
    )
    assert "La dose diffère selon la source" in text


def test_a_pipe_has_one_width_unless_somebody_sets_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert record_text.console().width == record_text.PIPED_WIDTH
    monkeypatch.setenv("COLUMNS", "72")
    assert record_text.console().width == 72
