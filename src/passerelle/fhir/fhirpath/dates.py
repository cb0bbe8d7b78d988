"""What day is it seven days later? Moments moved by a span of time. https://hl7.org/fhirpath/N1/#datetime-arithmetic"""

from __future__ import annotations

import calendar
from datetime import date
from decimal import Decimal

from passerelle.fhir.fhirpath.errors import FhirPathError
from passerelle.fhir.fhirpath.moments import Date, DateTime, Moment, Time
from passerelle.fhir.fhirpath.quantities import CALENDAR_CODES, Quantity

_DEFINITE = {"wk": "week", "d": "day", "h": "hour", "min": "minute", "s": "second", "ms": "millisecond"}
"""The UCUM codes that have a calendar word of the same length. A UCUM month is not a calendar month."""
_MONTHS = {"year": 12, "month": 1}
_SECONDS = {
    "week": Decimal(604800),
    "day": Decimal(86400),
    "hour": Decimal(3600),
    "minute": Decimal(60),
    "second": Decimal(1),
    "millisecond": Decimal("0.001"),
}
_FINEST = (_SECONDS["hour"], _SECONDS["minute"], _SECONDS["second"])
_DAY = 86400


def add_to_moment(moment: Moment, quantity: Quantity, sign: int) -> Moment | None:
    """A date or time moved by a span, as precise as before; None if it leaves the calendar."""
    unit = _calendar_unit(quantity)
    amount = quantity.value * sign
    if unit not in ("second", "millisecond"):
        amount = Decimal(int(amount))  # only of seconds there are fractions
    if isinstance(moment, Time):
        return _moved_time(moment, amount, unit)
    if unit in _MONTHS:
        return _moved_months(moment, int(amount) * _MONTHS[unit])
    return _moved(moment, amount * _SECONDS[unit])


def _calendar_unit(quantity: Quantity) -> str:
    if quantity.unit.removesuffix("s") in CALENDAR_CODES:
        return quantity.unit.removesuffix("s")
    if quantity.unit in _DEFINITE:
        return _DEFINITE[quantity.unit]
    if quantity.calendar is None and quantity.unit in ("a", "mo"):
        return "year" if quantity.unit == "a" else "month"
    raise FhirPathError("a date moves by years, months, weeks, days, hours, minutes or seconds")


def _moved_time(moment: Time, amount: Decimal, unit: str) -> Time:
    if unit in _MONTHS:
        raise FhirPathError("a time of day moves by hours, minutes or seconds")
    moved = _since_midnight(moment.clock) + _cut(amount * _SECONDS[unit], _FINEST[len(moment.clock) - 1])
    rest = moved % _DAY  # a Decimal's remainder has the sign of what is divided
    return Time(_clock(rest + _DAY if rest < 0 else rest, len(moment.clock)))


def _since_midnight(clock: tuple[int | Decimal, ...]) -> Decimal:
    return sum((Decimal(part) * size for part, size in zip(clock, _FINEST, strict=False)), Decimal(0))


def _cut(seconds: Decimal, finest: Decimal) -> Decimal:
    """No finer than what the moment says."""
    return seconds if finest == 1 else int(seconds / finest) * finest


def _clock(seconds: Decimal, parts: int) -> tuple[int | Decimal, ...]:
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(int(minutes), 60)
    return (hour, minute, second)[:parts]


def _moved_months(moment: Date | DateTime, months: int) -> Date | DateTime | None:
    """Moved by months; the day is the last of the month if there is no such day."""
    parts = moment.parts
    if len(parts) == 1:
        months = int(Decimal(months) / 12) * 12
    year, month = divmod(parts[0] * 12 + (parts[1] - 1 if len(parts) > 1 else 0) + months, 12)
    if not 1 <= year <= 9999:
        return None
    last = calendar.monthrange(year, month + 1)[1]
    moved = (year, month + 1, min(parts[2], last) if len(parts) > 2 else 1)[: len(parts)]
    return _with_parts(moment, moved)


def _with_parts(moment: Date | DateTime, parts: tuple[int, ...]) -> Date | DateTime:
    return DateTime(parts, moment.clock, moment.zone) if isinstance(moment, DateTime) else Date(parts)


def _moved(moment: Date | DateTime, seconds: Decimal) -> Date | DateTime | None:
    """Moved by weeks, days, hours, minutes or seconds; what is finer than the moment is left out."""
    parts = moment.parts
    if len(parts) < 3:
        whole = int(seconds / _DAY)
        return _moved_months(moment, int(whole / 365) * 12 if len(parts) == 1 else int(whole / 30))
    clock = moment.clock if isinstance(moment, DateTime) else ()
    finest = _FINEST[len(clock) - 1] if clock else Decimal(_DAY)
    days, rest = divmod(_since_midnight(clock) + _cut(seconds, finest), _DAY)
    if rest < 0:
        days, rest = days - 1, rest + _DAY
    try:
        day = date.fromordinal(date(*parts).toordinal() + int(days))
    except (ValueError, OverflowError):
        return None
    found = (day.year, day.month, day.day)
    if not clock or not isinstance(moment, DateTime):
        return _with_parts(moment, found)
    return DateTime(found, _clock(rest, len(clock)), moment.zone)
