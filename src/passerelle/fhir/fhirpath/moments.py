"""What is a date, a date with time and a time of day, when any of them may be partial?

A part that is not said is unknown, so comparing may have no answer. A partial value is a span: two values whose spans
overlap and that differ in precision cannot be ordered. Without a zone the zone is unknown too (+14:00 to -12:00).
https://hl7.org/fhirpath/N1/#datetime , https://hl7.org/fhirpath/N1/#comparison
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

_EARLIEST_ZONE, _LATEST_ZONE = 14 * 60, -12 * 60
_TIME_OF_DAY = re.compile(r"(\d\d)(?::(\d\d)(?::(\d\d(?:\.\d+)?))?)?")
_ZONE = re.compile(r"Z|([+-])(\d\d):(\d\d)")
_MILLISECOND = Decimal("0.001")
_DAY_SECONDS = 24 * 60 * 60


@dataclass(frozen=True, slots=True)
class Date:
    """Year, month and day, as many as are known."""

    parts: tuple[int, ...]

    @property
    def text(self) -> str:
        return "-".join((f"{self.parts[0]:04}", *(f"{part:02}" for part in self.parts[1:])))

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Time:
    """Hour, minute and second, as many as are known; the seconds keep their fraction as written."""

    clock: tuple[int | Decimal, ...]

    @property
    def text(self) -> str:
        return ":".join(_padded(part) for part in self.clock)

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class DateTime:
    """A date, a time of day if known, and the minutes that its zone is ahead of UTC, if said."""

    parts: tuple[int, ...]
    clock: tuple[int | Decimal, ...] = ()
    zone: int | None = None

    @property
    def text(self) -> str:
        day = Date(self.parts).text
        return f"{day}T{Time(self.clock).text}{_zone_text(self.zone)}" if self.clock else day

    def __str__(self) -> str:
        return self.text


Moment = Date | DateTime | Time


def _padded(part: int | Decimal) -> str:
    whole, dot, fraction = str(part).partition(".")
    return whole.zfill(2) + dot + fraction


def _zone_text(zone: int | None) -> str:
    if zone is None:
        return ""
    if zone == 0:
        return "Z"
    return f"{'-' if zone < 0 else '+'}{abs(zone) // 60:02}:{abs(zone) % 60:02}"


def to_date(text: str) -> Date | None:
    """``2015``, ``2015-02`` or ``2015-02-04``; None if it is not a date of the calendar."""
    pieces = text.split("-")
    if len(pieces) > 3 or len(pieces[0]) != 4 or any(len(piece) != 2 for piece in pieces[1:]):
        return None
    if not all(piece.isascii() and piece.isdigit() for piece in pieces):
        return None
    parts = tuple(map(int, pieces))
    year, month, day = (*parts, 1, 1)[:3]
    if year < 1 or not 1 <= month <= 12 or not 1 <= day <= calendar.monthrange(year, month)[1]:
        return None
    return Date(parts)


def to_time(text: str) -> Time | None:
    """``14``, ``14:34``, ``14:34:28`` or ``14:34:28.123``; None if there is no such time of day."""
    match = _TIME_OF_DAY.fullmatch(text)
    if match is None:
        return None
    hour, minute, second = match.groups()
    if int(hour) > 23 or (minute and int(minute) > 59) or (second and Decimal(second) >= 61):
        return None
    clock: list[int | Decimal] = [int(hour)]
    if minute:
        clock.append(int(minute))
    if second:
        clock.append(Decimal(second))
    return Time(tuple(clock))


def to_datetime(text: str) -> DateTime | None:
    """A date, with or without T, time of day and zone; None if it is no such moment."""
    day, _, rest = text.partition("T")
    found = to_date(day)
    if found is None:
        return None
    if not rest:
        return DateTime(found.parts)
    match = _ZONE.search(rest)
    time = to_time(rest[: match.start()] if match else rest)
    if time is None or len(found.parts) < 3 or (match and match.end() != len(rest)):
        return None
    if match is None:
        return DateTime(found.parts, time.clock)
    zone = 0 if match[1] is None else int(match[2]) * 60 + int(match[3])
    if zone > _EARLIEST_ZONE:
        return None
    return DateTime(found.parts, time.clock, -zone if match[1] == "-" else zone)


def as_datetime(moment: Date | DateTime) -> DateTime:
    """A date is a date with an unknown time."""
    return moment if isinstance(moment, DateTime) else DateTime(moment.parts)


def equal(left: Moment, right: Moment) -> bool | None:
    """Whether two moments are the same; None when what is not said decides."""
    if isinstance(left, Time) is not isinstance(right, Time):
        return False
    order = compare(left, right)
    return None if order is None else order == 0


def equivalent(left: Moment, right: Moment) -> bool:
    """Whether two moments are the same and equally precise."""
    if isinstance(left, Time) is not isinstance(right, Time):
        return False
    return compare(left, right) == 0


def compare(left: Moment, right: Moment) -> int | None:
    """-1, 0 or 1; None when the order depends on what is not said. Both are times of day, or neither is."""
    if _alike(left, right) and getattr(left, "zone", None) == getattr(right, "zone", None):
        a, b = _said(left), _said(right)
        return (a > b) - (a < b)
    first, second = span(left), span(right)
    if _alike(left, right):
        return (first[0] > second[0]) - (first[0] < second[0])
    if zoned(left) is not zoned(right):
        first, second = (
            _widened(first, left) if not zoned(left) else first,
            _widened(second, right) if not zoned(right) else second,
        )
    if first[1] < second[0]:
        return -1
    return 1 if first[0] > second[1] else None


def _said(moment: Moment) -> tuple[int | Decimal, ...]:
    if isinstance(moment, Time):
        return moment.clock
    return moment.parts + moment.clock if isinstance(moment, DateTime) else moment.parts


def zoned(moment: Moment) -> bool:
    """Whether a moment says its zone."""
    return isinstance(moment, DateTime) and moment.zone is not None


def _alike(left: Moment, right: Moment) -> bool:
    """Whether both say the same parts. Seconds and their fraction are one part."""
    return precision(left) == precision(right) and zoned(left) is zoned(right)


def precision(moment: Moment) -> int:
    """How many parts are said, from the year or from the hour; a fraction of a second is no part of its own."""
    if isinstance(moment, Time):
        return len(moment.clock)
    return len(moment.parts) + (len(moment.clock) if isinstance(moment, DateTime) else 0)


def span(moment: Moment) -> tuple[Decimal, Decimal]:
    """First and last second that a moment may be, from the year 1 (UTC if zoned) or from midnight."""
    if isinstance(moment, Time):
        return _clock_span(moment.clock)
    if isinstance(moment, Date) or not moment.clock:
        first, last = _day_span(moment.parts)
        return Decimal(first * _DAY_SECONDS), Decimal((last + 1) * _DAY_SECONDS) - _MILLISECOND
    start = date(*moment.parts).toordinal() * _DAY_SECONDS - (moment.zone or 0) * 60
    low, high = _clock_span(moment.clock)
    return start + low, start + high


def _day_span(parts: tuple[int, ...]) -> tuple[int, int]:
    year, month, day = (*parts, 0, 0)[:3]
    first = date(year, month or 1, day or 1).toordinal()
    if day:
        return first, first
    end_month = month or 12
    return first, date(year, end_month, calendar.monthrange(year, end_month)[1]).toordinal()


def _clock_span(clock: tuple[int | Decimal, ...]) -> tuple[Decimal, Decimal]:
    units = (3600, 60, 1)
    start = sum((Decimal(part) * unit for part, unit in zip(clock, units, strict=False)), Decimal(0))
    width = (3600, 60, 0)[len(clock) - 1]
    return start, start + width - (_MILLISECOND if width else 0)


def _widened(span: tuple[Decimal, Decimal], moment: Moment) -> tuple[Decimal, Decimal]:
    """The span in UTC of a moment whose zone is not said."""
    return span[0] - _EARLIEST_ZONE * 60, span[1] - _LATEST_ZONE * 60
