"""How do Canadians write dates, numbers and quantities, in English and in French?"""

from __future__ import annotations

import re
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, Literal

from babel.dates import format_date, format_time
from babel.numbers import format_decimal

from passerelle.values import Language

NO_BREAK = "\u00a0"
LOCALES: dict[Language, str] = {"en": "en_CA", "fr": "fr_CA"}
Length = Literal["long", "medium"]

_WRITTEN = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2})(?:T(\d{2}):(\d{2})\S*)?)?)?")
_UNITS = {
    "umol/L": "µmol/L",
    "mL/min/{1.73_m2}": "mL/min/1.73 m²",
    "mL/min/1.73m2": "mL/min/1.73 m²",
    "10*9/L": "10⁹/L",
    "10*12/L": "10¹²/L",
    "mm[Hg]": "mmHg",
    "Cel": "°C",
    "{score}": "",
    "1": "",
}
"""UCUM codes that are not how people write the unit."""


def tag(language: Language) -> str:
    """The BCP 47 tag of what we say ourselves."""
    return LOCALES[language].replace("_", "-")


def is_one(number: float | Decimal, language: Language) -> bool:
    """Whether a number takes the singular: in English one, in French everything below two."""
    return number < 2 if language == "fr" else number == 1


def number_text(value: Any, language: Language) -> str:
    """A number with every digit that it came with: 7.40 → ``7,40`` in French; what is no number stays as it is."""
    return _number(
        str(value), language
    )  # by its digits: 7.4 and 7.40 are equal, and not the same to a reader


@lru_cache(maxsize=4096)
def _number(written: str, language: Language) -> str:
    try:
        number = Decimal(written)
    except InvalidOperation:
        return written
    if not number.is_finite():
        return written
    decimals = max(0, -int(number.as_tuple().exponent))
    pattern = "#,##0" + ("." + "0" * decimals if decimals else "")
    return str(format_decimal(number, format=pattern, locale=LOCALES[language], decimal_quantization=False))


def measure_text(value: Any, unit: str, language: Language) -> str:
    """A number and its unit, never broken over two lines; English writes 7.4%, French 7,4 %."""
    shown = unit_text(unit)
    if not shown:
        return number_text(value, language)
    gap = "" if shown == "%" and language == "en" else NO_BREAK
    return f"{number_text(value, language)}{gap}{shown.replace(' ', NO_BREAK)}"


def unit_text(unit: str) -> str:
    """A unit as people write it, from a UCUM code or a display."""
    return _UNITS.get(unit, unit)


def written_date(written: str) -> tuple[int, int | None, int | None, time | None] | None:
    """Year, month, day and time of a FHIR date or dateTime, as far as written; None for anything else."""
    found = _WRITTEN.fullmatch(written)
    if found is None:
        return None
    year, month, day, hour, minute = (int(part) if part else None for part in found.groups())
    try:
        date(year or 1, month or 1, day or 1)
        return year or 0, month, day, None if hour is None else time(hour, minute or 0)
    except ValueError:
        return None


def date_text(written: str, language: Language, length: Length = "long", *, clock: bool = True) -> str:
    """A FHIR date or dateTime as precise as it was written, in the zone that it was written in."""
    read = written_date(written)
    if read is None:
        return written
    year, month, day, at = read
    if month is None:
        return f"{year:04d}"
    if day is None:
        return str(format_date(date(year, month, 1), "LLLL y", locale=LOCALES[language]))
    shown = day_text(date(year, month, day), language, length)
    return f"{shown}, {clock_text(at, language)}" if at and clock else shown


@lru_cache(maxsize=4096)
def day_text(day: date, language: Language, length: Length = "long") -> str:
    """A day; in French the first of a month is the 1er."""
    shown = str(format_date(day, length, locale=LOCALES[language]))
    return re.sub(r"^1 ", f"1er{NO_BREAK}", shown) if language == "fr" else shown


@lru_cache(maxsize=4096)
def clock_text(at: time | datetime, language: Language) -> str:
    """``9:05 a.m.`` or ``9 h 05``, in the zone that the moment carries."""
    shown = str(format_time(at, "short", locale=LOCALES[language])).replace("\u202f", NO_BREAK)
    if language == "fr":
        # The locale data pad the hour, and would break the parts apart.
        shown = re.sub(r"^0(?=\d)", "", shown).replace(" ", NO_BREAK)
    return shown
