"""A record in a terminal: what may be missing first, then what · when · who, one small table for each section."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from passerelle.portals.lists import Listing
from passerelle.portals.medications import Drug
from passerelle.portals.person import Banner
from passerelle.portals.reading import Badge, Item
from passerelle.portals.results import ResultRow
from passerelle.portals.speech import Speech
from passerelle.portals.wave import Wave

TONES = {"good": "green", "bad": "bold red", "care": "yellow", "quiet": "dim"}
PIPED_WIDTH = 100
_WHEN, _WHO = 18, 14
"""Columns for the longest date of both languages, and for a handful of marks."""

Row = tuple[RenderableType, ...]


def console() -> Console:
    """A console on standard output; of one width wherever nobody looks at it."""
    fixed = "COLUMNS" in os.environ or Console().is_terminal
    return Console(width=None if fixed else PIPED_WIDTH)


def print_wave(out: Console, shown: Wave, speech: Speech) -> None:
    """Everything known, in the order of the record page; no line ends in blanks."""
    with out.capture() as printed:
        _print_all(out, shown, speech)
    out.file.writelines(f"{line.rstrip()}\n" for line in printed.get().splitlines())


def _print_all(out: Console, shown: Wave, speech: Speech) -> None:
    _print_person(out, shown.banner, speech)
    out.print(Text(f"\n{shown.heading}", style="bold"))
    out.print(Text(shown.timing, style="dim"))
    _print_missing(out, shown, speech)
    _print_sources(out, shown, speech)
    count = speech.count
    _print_section(out, speech("problems"), _items(shown.problems.items))
    _print_folded(out, len(shown.problems.folded), partial(count, "past-problems"))
    _print_section(out, speech("medications"), map(_drug, shown.medications.current))
    _print_folded(out, len(shown.medications.past), partial(count, "past-medications"))
    _print_section(out, speech("allergies"), _items((*shown.allergies.items, *shown.allergy_statements)))
    _print_folded(out, len(shown.allergies.folded), partial(count, "past-allergies"))
    _print_section(out, speech("results"), map(_result, shown.results))
    _print_folded(out, len(shown.more_results), partial(count, "more-results"))
    for key in ("immunizations", "visits", "procedures", "imaging", "documents"):
        listing: Listing = getattr(shown, key)
        _print_section(out, speech(key), _items(listing.items))
        _print_folded(out, len(listing.folded), partial(count, "more-items"))


def _print_person(out: Console, banner: Banner, speech: Speech) -> None:
    out.print(Text(banner.name, style="bold"))
    out.print(Text(" · ".join(filter(None, (banner.born, banner.age, banner.sex)))))
    numbers = (f"{number.jurisdiction.upper()} {number.shown}" for number in banner.numbers)
    out.print(Text(" · ".join(numbers)))
    for warned in banner.allergies:
        agree = speech.count(warned.agreement, warned.sources)
        _print_line(
            out, "⚠", Text(f"{warned.text} ({agree}{speech('colon')} {_marks(warned.badges)})", "bold red")
        )
    if banner.more_allergies:
        _print_line(out, "⚠", Text(speech.count("more-allergies", banner.more_allergies), "bold red"))
    if banner.none_known:
        _print_line(out, "·", Text(f"{speech('allergies-none-known')} ({_marks(banner.none_known)})"))
    elif not banner.allergies:
        _print_line(out, "·", Text(speech("allergies-none-recorded")))


def _print_missing(out: Console, shown: Wave, speech: Speech) -> None:
    out.print(Text(f"\n{speech('missing-title')}", style="bold yellow"))
    for row in shown.missing:
        _print_line(out, "•", Text(f"{row.name}{speech('colon')} {row.reason} {row.next_step}", "yellow"))
    for difference in shown.differences:
        said = "; ".join(f"{value} ({_marks(sources)})" for value, sources in difference.said)
        _print_line(out, "≠", Text(f"{difference.words}{speech('colon')} {said}", "yellow"))
    if not shown.missing:
        _print_line(out, "•", Text(speech("missing-nothing")))


def _print_line(out: Console, mark: str, words: Text) -> None:
    """A sentence with a hanging mark, so that what wraps stays under its own beginning."""
    grid = Table.grid(padding=(0, 1))
    grid.add_row(Text(mark, style=words.style), words)
    out.print(Padding(grid, (0, 0, 0, 2)))


def _print_sources(out: Console, shown: Wave, speech: Speech) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column(speech("source"))
    table.add_column(speech("answer"))
    table.add_column("s", justify="right")
    table.add_column(speech("items"), justify="right")
    for row in shown.sources:
        table.add_row(row.badge.name, Text(row.state, style=TONES[row.tone]), row.seconds, row.items)
    out.print()
    out.print(table)


def _print_section(out: Console, title: str, groups: Iterable[Sequence[Row]]) -> None:
    """A heading and its rows: what · when · who."""
    rows = [row for group in groups for row in group]
    out.print(Text(f"\n{title}", style="bold"))
    if not rows:
        out.print(Text("  –", style="dim"))
        return
    table = Table(box=None, show_header=False, pad_edge=False, expand=True)
    for _ in rows[0][:-2]:
        table.add_column(ratio=1)
    table.add_column(width=_WHEN)
    table.add_column(width=_WHO)
    for row in rows:
        table.add_row(*row)
    out.print(Padding(table, (0, 0, 0, 2)))


def _print_folded(out: Console, number: int, words: Callable[[int], str]) -> None:
    """How much more there is, in words."""
    if number:
        out.print(Text(f"  + {words(number)}", style="dim"))


def _what(name: str, *more: tuple[str, str]) -> RenderableType:
    """A name, and under it what else is to be said, each as (words, style)."""
    grid = Table.grid()
    grid.add_row(Text(name))
    for words, style in more:
        if words:
            grid.add_row(Padding(Text(words, style=style), (0, 0, 0, 2)))
    return grid


def _items(items: Iterable[Item]) -> Iterator[list[Row]]:
    for item in items:
        difference = f"≠ {item.flag}" if item.flag else ""
        what = _what(item.what, (item.detail, "dim"), (difference, "yellow"))
        yield [(what, item.when, _marks(item.badges))]


def _drug(drug: Drug) -> list[Row]:
    """One row for each line; the last one says whether the sources agree."""
    rows: list[Row] = []
    for line in drug.lines:
        check = drug.check_words if line is drug.lines[-1] else ""
        badges = line.badges if drug.check == "conflict" else drug.badges
        what = _what(line.name.text, (line.dose.text, "dim"), (check, TONES[drug.tone]))
        rows.append((what, line.when, _marks(badges)))
    return rows


def _result(row: ResultRow) -> list[Row]:
    value = Text(row.value.text)
    if row.flag:
        value.append(f" {row.flag}", style="yellow")
    difference = f"≠ {row.conflict}" if row.conflict else ""
    return [(_what(row.name.text, (difference, "yellow")), value, row.when, _marks(row.badges))]


def _marks(badges: Iterable[Badge]) -> str:
    return " ".join(badge.mark for badge in badges)
