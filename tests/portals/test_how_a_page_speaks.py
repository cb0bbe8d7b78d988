"""Dates, numbers and ages as Canadians write them, in English and in French."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from passerelle.portals.assets import static_files, static_names
from passerelle.portals.speech import Speech

EN, FR = Speech("en"), Speech("fr")
GAP = "\u00a0"


def test_a_time_is_written_as_each_language_does() -> None:
    moment = datetime(2026, 3, 1, 9, 5)
    assert FR.clock(moment) == f"9{GAP}h{GAP}05"
    assert EN.clock(moment) == f"9:05{GAP}a.m."
    assert FR.clock(moment.replace(hour=0)) == f"0{GAP}h{GAP}05"


@pytest.mark.parametrize(
    ("written", "english", "french"),
    [
        ("2026-03-14", "March 14, 2026", "14 mars 2026"),
        ("2026-03-01", "March 1, 2026", f"1er{GAP}mars 2026"),
        ("2026-08", "August 2026", "août 2026"),
        ("2026", "2026", "2026"),
        ("2026-03-14T23:30:00-08:00", "March 14, 2026", "14 mars 2026"),
        ("2026-02-31", "2026-02-31", "2026-02-31"),
        ("", "", ""),
    ],
)
def test_a_date_is_as_precise_as_it_was_written(written: str, english: str, french: str) -> None:
    assert (EN.dated(written), FR.dated(written)) == (english, french)


@pytest.mark.parametrize(
    ("value", "english", "french"),
    [
        ("7.40", "7.40", "7,40"),
        ("41200", "41,200", f"41{GAP}200"),
        ("0.005", "0.005", "0,005"),
        ("12", "12", "12"),
    ],
)
def test_a_number_keeps_every_digit(value: str, english: str, french: str) -> None:
    assert (EN.number(value), FR.number(value)) == (english, french)


def test_a_unit_never_parts_from_its_number() -> None:
    assert EN.measure("7.4", "%") == "7.4%"
    assert FR.measure("7.4", "%") == f"7,4{GAP}%"
    assert FR.measure("49", "mL/min/{1.73_m2}") == f"49{GAP}mL/min/1.73{GAP}m²"


@pytest.mark.parametrize(
    ("birth", "english", "french"),
    [
        ("1961-03-14", "65 years", "65 ans"),
        ("1961-03-21", "64 years", "64 ans"),
        ("2026-03-01", "0 months", "0 mois"),
        ("2025-01-20", "14 months", "14 mois"),
        ("1961", "", ""),
        (None, "", ""),
        ("2030-01-01", "", ""),
    ],
)
def test_an_age_is_told_only_where_it_is_sure(birth: str | None, english: str, french: str) -> None:
    today = date(2026, 3, 20)
    assert (EN.age(birth, today), FR.age(birth, today)) == (english, french)


def test_nothing_is_singular_in_french_and_plural_in_english() -> None:
    assert EN.count("med-drugs", 0) == "0 drugs"
    assert FR.count("med-drugs", 0) == "0 médicament"


def test_a_static_file_is_named_by_its_content() -> None:
    assert set(static_files()) == set(static_names().values())
    assert all(body and kind for body, kind in static_files().values())
    assert static_names()["passerelle.css"].count(".") == 2


def test_htmx_comes_with_its_licence() -> None:
    body, kind = static_files()[static_names()["htmx.LICENSE"]]
    assert b"Zero-Clause BSD" in body
    assert kind.startswith("text/plain")
