"""How a page speaks: sentences of the catalogue, dates, numbers and ages, in Canadian English or French."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from passerelle.fhir.speech import (
    NO_BREAK,
    Length,
    clock_text,
    date_text,
    day_text,
    is_one,
    measure_text,
    number_text,
    tag,
    written_date,
)
from passerelle.fhir.words import catalogue
from passerelle.values import Language


@dataclass(frozen=True)
class Speech:
    """One language's voice. Calling it says a message of the catalogue."""

    language: Language

    @property
    def tag(self) -> str:
        """The BCP 47 tag of the page."""
        return tag(self.language)

    def __call__(self, key: str, **details: object) -> str:
        return catalogue("passerelle.portals", "words.toml").say(key, self.language, **details)

    def knows(self, key: str) -> bool:
        return key in catalogue("passerelle.portals", "words.toml").messages

    def count(self, key: str, number: int, **details: object) -> str:
        """The ``-one`` or ``-many`` form of a message, its ``{n}`` filled."""
        form = "one" if is_one(number, self.language) else "many"
        return self(f"{key}-{form}", n=self.number(number), **details)

    def number(self, value: Any) -> str:
        return number_text(value, self.language)

    def measure(self, value: Any, unit: str) -> str:
        return measure_text(value, unit, self.language)

    def seconds(self, value: float) -> str:
        return f"{self.number(f'{value:.1f}')}{NO_BREAK}s"

    def dated(self, written: str | None, length: Length = "long") -> str:
        """The day of a FHIR date or dateTime as precise as it was written; its own day, not the reader's time zone."""
        return date_text(written or "", self.language, length, clock=False)

    def day(self, day: date, length: Length = "long") -> str:
        return day_text(day, self.language, length)

    def clock(self, moment: datetime) -> str:
        return clock_text(moment, self.language)

    def moment(self, moment: datetime) -> str:
        return self("moment", day=self.day(moment.date()), time=self.clock(moment))

    def age(self, birth: str | None, today: date) -> str:
        """``65 years``; months below two years; nothing when the birth date is too vague to say."""
        read = written_date(birth or "")
        if read is None or read[1] is None:
            return ""
        year, month, day = read[0], read[1], read[2] or 1
        months = (today.year - year) * 12 + today.month - month - (today.day < day)
        if months < 0:
            return ""
        return self.count("months", months) if months < 24 else self.count("years", months // 12)
