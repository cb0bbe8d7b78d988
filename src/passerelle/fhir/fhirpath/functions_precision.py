"""How precise is a value, and between which bounds does it lie? https://hl7.org/fhirpath/#utility-functions

A value with three decimals stands for everything that rounds to it; a year stands for all its days. Precision counts
decimals for a number and digits for a date or time: 4 for a year, 17 down to the millisecond.
"""

from __future__ import annotations

import calendar
from collections.abc import Callable, Mapping
from decimal import ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal
from typing import Any

from passerelle.fhir.fhirpath import quantities
from passerelle.fhir.fhirpath.equality import MOMENTS, NUMBERS
from passerelle.fhir.fhirpath.errors import FhirPathError
from passerelle.fhir.fhirpath.evaluation import Evaluation
from passerelle.fhir.fhirpath.functions import Arguments, Function
from passerelle.fhir.fhirpath.moments import Date, DateTime, Moment, Time
from passerelle.fhir.fhirpath.node import Collection
from passerelle.fhir.fhirpath.quantities import Quantity
from passerelle.fhir.fhirpath.values import EMPTY, boolean, integer, kind_of, one

_MOST_DECIMALS, _USUAL_DECIMALS = 28, 8
_WIDE = Context(prec=80)
_DATE_DIGITS = {4: 1, 6: 2, 8: 3}
_CLOCK_DIGITS = {2: 1, 4: 2, 6: 3, 9: 3}
_MILLISECOND = Decimal("0.001")
_LOW_CLOCK, _HIGH_CLOCK = (0, 0, Decimal("0.000")), (23, 59, Decimal("59.999"))
_LOW_ZONE, _HIGH_ZONE = 14 * 60, -12 * 60


def _precision(focus: Collection, arguments: Arguments, evaluation: Evaluation) -> Collection:
    value = one(focus)
    if value is None:
        return EMPTY
    if value.__class__ in NUMBERS:
        return [_decimals(Decimal(value))]
    if isinstance(value, Time):
        return [_clock_digits(value.clock)]
    if isinstance(value, Date | DateTime):
        return [2 + 2 * len(value.parts) + (_clock_digits(value.clock) if isinstance(value, DateTime) else 0)]
    raise FhirPathError(f"{kind_of(value)} has no precision")


def _decimals(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _clock_digits(clock: tuple[int | Decimal, ...]) -> int:
    return 9 if len(clock) == 3 and "." in str(clock[2]) else 2 * len(clock)


def _boundary(high: bool) -> Function:
    def call(focus: Collection, arguments: Arguments, evaluation: Evaluation) -> Collection:
        value = one(focus)
        if value is None:
            return EMPTY
        digits = integer(arguments[0]) if arguments else None
        found = _bound(value, digits, high)
        return EMPTY if found is None else [found]

    return Function(call, 0, 1)


def _bound(value: Any, digits: int | None, high: bool) -> Any:
    if value.__class__ in NUMBERS:
        return _number_bound(Decimal(value), _USUAL_DECIMALS if digits is None else digits, high)
    if value.__class__ is Quantity:
        found = _bound(value.value, digits, high)
        return None if found is None else Quantity(found, value.unit, value.calendar)
    if value.__class__ in MOMENTS:
        return _moment_bound(value, digits, high)
    raise FhirPathError(f"{kind_of(value)} has no boundary")


def _number_bound(value: Decimal, decimals: int, high: bool) -> Decimal | None:
    """What rounds to a number lies within half of its last decimal."""
    if not 0 <= decimals <= _MOST_DECIMALS:
        return None
    half = Decimal(5).scaleb(-_decimals(value) - 1)
    size = abs(value)
    if value == 0:
        bound, rounding = (half, ROUND_HALF_UP) if high else (-half, ROUND_FLOOR)
        return bound.quantize(Decimal(1).scaleb(-decimals), rounding, _WIDE)
    outward = high is (value > 0)
    bound = _WIDE.add(size, half) if outward else _WIDE.subtract(size, half)
    found = bound.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP if outward else ROUND_DOWN, _WIDE)
    return found.copy_sign(value)


def _moment_bound(value: Moment, digits: int | None, high: bool) -> Moment | None:
    if isinstance(value, Time):
        parts = _CLOCK_DIGITS.get(9 if digits is None else digits)
        return None if parts is None else Time(_filled_clock(value.clock, digits or 9, high)[:parts])
    if digits is None:
        digits = 17 if isinstance(value, DateTime) else 8
    if digits in _DATE_DIGITS:
        return type(value)(_filled_day(value.parts, high)[: _DATE_DIGITS[digits]])
    if digits - 8 not in _CLOCK_DIGITS:
        return None
    told, zone = (value.clock, value.zone) if isinstance(value, DateTime) else ((), None)
    clock = _filled_clock(told, digits - 8, high)[: _CLOCK_DIGITS[digits - 8]]
    return DateTime(_filled_day(value.parts, high), clock, _zone(zone, high))


def _zone(zone: int | None, high: bool) -> int:
    if zone is not None:
        return zone
    return _HIGH_ZONE if high else _LOW_ZONE


def _filled_day(parts: tuple[int, ...], high: bool) -> tuple[int, ...]:
    year, month, day = (*parts, 0, 0)[:3]
    month = month or (12 if high else 1)
    return (year, month, day or (calendar.monthrange(year, month)[1] if high else 1))


def _filled_clock(clock: tuple[int | Decimal, ...], digits: int, high: bool) -> tuple[int | Decimal, ...]:
    filled = (*clock, *(_HIGH_CLOCK if high else _LOW_CLOCK)[len(clock) :])
    second = Decimal(filled[2])
    if digits == 6:
        return (*filled[:2], second.to_integral_value(ROUND_DOWN))
    places = _decimals(second)
    if places >= 3:
        return filled
    unsaid = Decimal(1).scaleb(-places) - _MILLISECOND if high else Decimal(0)
    return (*filled[:2], second.quantize(_MILLISECOND) + unsaid)


def _comparable(focus: Collection, arguments: Arguments, evaluation: Evaluation) -> Collection:
    left, right = one(focus), one(arguments[0])
    if left is None or right is None:
        return EMPTY
    if left.__class__ is not Quantity or right.__class__ is not Quantity:
        raise FhirPathError(f"comparable() takes quantities, {kind_of(left)} and {kind_of(right)} found")
    return boolean(quantities.comparable(left, right))


def _part(read: Callable[[Any], Any]) -> Function:
    """A part of a date or time, empty if it is not said."""

    def call(focus: Collection, arguments: Arguments, evaluation: Evaluation) -> Collection:
        value = one(focus)
        if value is None:
            return EMPTY
        if value.__class__ not in MOMENTS:
            raise FhirPathError(f"a date or time expected, {kind_of(value)} found")
        found = read(value)
        return EMPTY if found is None else [found]

    return Function(call)


def _of_day(index: int) -> Function:
    return _part(lambda value: value.parts[index] if index < len(getattr(value, "parts", ())) else None)


def _of_clock(index: int, read: Callable[[Any], Any] = int) -> Function:
    return _part(lambda value: read(value.clock[index]) if index < len(getattr(value, "clock", ())) else None)


def _offset(value: Any) -> Decimal | None:
    zone = getattr(value, "zone", None)
    return None if zone is None else Decimal(zone) / 60


PRECISIONS: Mapping[str, Function] = {
    "precision": Function(_precision),
    "lowBoundary": _boundary(high=False),
    "highBoundary": _boundary(high=True),
    "comparable": Function(_comparable, 1, 1),
    "yearOf": _of_day(0),
    "monthOf": _of_day(1),
    "dayOf": _of_day(2),
    "hourOf": _of_clock(0),
    "minuteOf": _of_clock(1),
    "secondOf": _of_clock(2),
    "millisecondOf": _of_clock(2, lambda second: int(second % 1 * 1000) if "." in str(second) else None),
    "timezoneOffsetOf": _part(_offset),
    "dateOf": _part(lambda value: Date(value.parts) if hasattr(value, "parts") else None),
    "timeOf": _part(lambda value: Time(value.clock) if getattr(value, "clock", ()) else None),
}
