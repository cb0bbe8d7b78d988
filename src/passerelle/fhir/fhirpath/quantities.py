"""What is an amount with a unit, and when are two of them the same? https://hl7.org/fhirpath/N1/#quantity

Calendar words (``1 month``) and UCUM codes (``1 'mo'``) agree up to weeks; a calendar month or year has no fixed
length, so it is only ever equivalent to the UCUM one, never equal.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from passerelle.fhir import ucum

CALENDAR_CODES = {
    "year": "a",
    "month": "mo",
    "week": "wk",
    "day": "d",
    "hour": "h",
    "minute": "min",
    "second": "s",
    "millisecond": "ms",
}
"""The UCUM code beside each calendar word."""
_VAGUE = frozenset({"year", "month"})
_MONTHS = {"year": 12, "month": 1}


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with a unit; ``calendar`` if the unit is a calendar word in the singular."""

    value: Decimal
    unit: str
    calendar: bool | None = False
    """None for a Quantity of a record: its ``a`` may be meant either way."""

    @property
    def code(self) -> str:
        """The UCUM code, also of a calendar word."""
        return CALENDAR_CODES[self.unit] if self.calendar else self.unit

    @property
    def text(self) -> str:
        value = decimal_text(self.value)
        if not self.calendar:
            return f"{value} '{self.unit}'"
        return f"{value} {self.unit}" if self.value == 1 else f"{value} {self.unit}s"

    def __str__(self) -> str:
        return self.text


def decimal_text(value: Decimal) -> str:
    """A number as it is written, without an exponent unless it would be very long."""
    return format(value, "f") if -100 < value.adjusted() < 100 else str(value)


def compare(left: Quantity, right: Quantity) -> int | None:
    """-1, 0 or 1; None when the units do not belong together."""
    pair = _common(left, right)
    return None if pair is None else (pair[0] > pair[1]) - (pair[0] < pair[1])


def equivalent(left: Quantity, right: Quantity) -> bool:
    """Whether both are the same amount to the precision of the less precise one."""
    pair = _common(left, right, vague=True)
    return pair is not None and roughly(*pair)


def comparable(left: Quantity, right: Quantity) -> bool:
    """Whether the units measure the same thing."""
    return _common(left, right, vague=True) is not None


def roughly(left: Decimal, right: Decimal) -> bool:
    """Equal when both are rounded to the fewer decimals of the two; zeros at the end say nothing."""
    places = min(_places(left), _places(right))
    try:
        return round(left, places) == round(right, places)
    except InvalidOperation:  # too large to have decimals
        return left == right


def _places(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _common(left: Quantity, right: Quantity, vague: bool = False) -> tuple[Decimal, Decimal] | None:
    """Both values in one unit."""
    if left.unit == right.unit and bool(left.calendar) is bool(right.calendar):
        return left.value, right.value
    if left.calendar and right.calendar and {left.unit, right.unit} == _VAGUE:
        return left.value * _MONTHS[left.unit], right.value * _MONTHS[right.unit]
    if not vague and _vaguer(left, right):
        return None
    first, second = base(left), base(right)
    if first is None or second is None or first[1] != second[1]:
        return None
    return first[0], second[0]


def base(quantity: Quantity) -> tuple[Decimal, str] | None:
    """The amount in base units; None if the unit is not understood."""
    return ucum.canonical(quantity.value, quantity.code)


def _vaguer(left: Quantity, right: Quantity) -> bool:
    """Whether one is in calendar months or years and the other is expressly not."""
    return any(
        a.calendar and a.unit in _VAGUE and b.calendar is not None for a, b in ((left, right), (right, left))
    )


def multiply(left: Quantity, right: Quantity) -> Quantity | None:
    """The product, its unit in base units unless one side has no unit."""
    return _combined(left, right, left.value * right.value, ".")


def divide(left: Quantity, right: Quantity) -> Quantity | None:
    """The quotient; None when dividing by zero or by what is not understood."""
    if right.value == 0:
        return None
    return _combined(left, right, left.value / right.value, "/")


def _combined(left: Quantity, right: Quantity, value: Decimal, sign: str) -> Quantity | None:
    if right.code == "1":
        return Quantity(value, left.unit, left.calendar)
    if left.code == right.code and sign == "/":
        return Quantity(value, "1")
    if left.code == "1" and sign == ".":
        return Quantity(value, right.unit, right.calendar)
    found = ucum.canonical(value, f"({left.code}){sign}({right.code})")
    return None if found is None else Quantity(*found)


def add(left: Quantity, right: Quantity, sign: int) -> Quantity | None:
    """Sum or difference in the unit of the left; None when the units do not belong together."""
    if left.unit == right.unit and bool(left.calendar) is bool(right.calendar):
        return Quantity(left.value + sign * right.value, left.unit, left.calendar)
    converted = None if _vaguer(left, right) else ucum.convert(right.value, right.code, left.code)
    return None if converted is None else Quantity(left.value + sign * converted, left.unit, left.calendar)
