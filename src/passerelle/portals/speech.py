"""How a page speaks: sentences of the catalogue, dates, numbers and ages, in Canadian English or French."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

from babel.dates import format_date, format_time
from babel.numbers import format_decimal

from passerelle.fhir.words import catalogue
from passerelle.values import Language

_LOCALES: dict[Language, str] = {"en": "en_CA", "fr": "fr_CA"}
_WRITTEN = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2})(?:T(\d{2}):(\d{2}))?)?)?")
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

NO_BREAK = "\u00a0"

Length = Literal["long", "medium"]


@dataclass(frozen=True)
class Speech:
    """One language's voice. Calling it says a message of the catalogue."""

    language: Language

    @property
    def locale(self) -> str:
        return _LOCALES[self.language]

    @property
    def tag(self) -> str:
        """The BCP 47 tag of the page."""
        return self.locale.replace("_", "-")

    def __call__(self, key: str, **details: object) -> str:
        return catalogue("passerelle.portals", "words.toml").say(key, self.language, **details)

    def knows(self, key: str) -> bool:
        return key in catalogue("passerelle.portals", "words.toml").messages

    def count(self, key: str, number: int, **details: object) -> str:
        """The ``-one`` or ``-many`` form of a message, its ``{n}`` filled. In French zero is singular."""
        one = number in (0, 1) if self.language == "fr" else number == 1
        return self(f"{key}-one" if one else f"{key}-many", n=self.number(number), **details)

    def number(self, value: Any) -> str:
        """A number with every digit that it came with: 7.40 → ``7,40``."""
        try:
            digits = Decimal(str(value))
        except InvalidOperation:
            return str(value)
        decimals = max(0, -int(digits.as_tuple().exponent)) if digits.is_finite() else 0
        pattern = "#,##0" + ("." + "0" * decimals if decimals else "")
        return str(format_decimal(digits, format=pattern, locale=self.locale))

    def measure(self, value: Any, unit: str) -> str:
        """A number and its unit, never broken over two lines; English writes 7.4%, French 7,4 %."""
        shown = unit_text(unit)
        if not shown:
            return self.number(value)
        gap = "" if shown == "%" and self.language == "en" else NO_BREAK
        return f"{self.number(value)}{gap}{shown.replace(' ', NO_BREAK)}"

    def seconds(self, value: float) -> str:
        return f"{self.number(f'{value:.1f}')}{NO_BREAK}s"

    def dated(self, written: str | None, length: Length = "long") -> str:
        """A FHIR date or dateTime as precise as it was written; its own day, not the reader's time zone."""
        found = _WRITTEN.match(written or "")
        if not found:
            return ""
        year, month, day = found[1], found[2], found[3]
        try:
            if day:
                return self.day(date(int(year), int(month), int(day)), length)
            if month:
                return str(format_date(date(int(year), int(month), 1), "LLLL y", locale=self.locale))
        except ValueError:
            return written or ""
        return year

    def day(self, day: date, length: Length = "long") -> str:
        shown = str(format_date(day, length, locale=self.locale))
        return re.sub(r"^1 ", f"1er{NO_BREAK}", shown) if self.language == "fr" else shown

    def clock(self, moment: datetime) -> str:
        """``9:05 a.m.`` or ``9 h 05``, in the zone that the moment carries."""
        shown = str(format_time(moment, "short", locale=self.locale)).replace("\u202f", NO_BREAK)
        if self.language == "fr":
            shown = re.sub(r"^0(?=\d)", "", shown).replace(" ", NO_BREAK)
        return shown

    def moment(self, moment: datetime) -> str:
        return self("moment", day=self.day(moment.date()), time=self.clock(moment))

    def age(self, birth: str | None, today: date) -> str:
        """``65 years``; months below two years; nothing when the birth date is too vague to say."""
        found = _WRITTEN.match(birth or "")
        if not found or not found[2]:
            return ""
        year, month, day = int(found[1]), int(found[2]), int(found[3] or 1)
        months = (today.year - year) * 12 + today.month - month - (today.day < day)
        if months < 0:
            return ""
        return self.count("months", months) if months < 24 else self.count("years", months // 12)


def unit_text(unit: str) -> str:
    """A unit as people write it, from a UCUM code or a display."""
    return _UNITS.get(unit, unit)
