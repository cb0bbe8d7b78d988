"""How are numbers and three-valued booleans calculated, so that every engine gives the same digits?"""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from typing import Any


def number(value: Any) -> Decimal:
    """A JSON number as the digits that it was written with."""
    return value if type(value) is Decimal else Decimal(str(value))


CALCULATE: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda one, other: one + other,
    "-": lambda one, other: one - other,
    "*": lambda one, other: one * other,
}
_PLACES = Decimal("1e-8")


def divided(one: Decimal, other: Decimal) -> Decimal:
    return one / other


def rounded(value: Decimal) -> Decimal:
    """To eight decimals, which is what FHIRPath asks for at least, so that every engine gives the same digits."""
    exact = int(value.as_tuple().exponent) >= -8
    return plain(value if exact else value.quantize(_PLACES, ROUND_HALF_UP))


def plain(value: Decimal) -> Decimal:
    """A computed number without zeros at its end."""
    short = value.normalize()
    return short.quantize(Decimal(1)) if short == short.to_integral_value() else short


def _and(one: bool | None, other: bool | None) -> bool | None:
    if one is False or other is False:
        return False
    return True if one and other else None


def _or(one: bool | None, other: bool | None) -> bool | None:
    if one or other:
        return True
    return None if one is None or other is None else False


def _xor(one: bool | None, other: bool | None) -> bool | None:
    return None if one is None or other is None else one is not other


def _implies(one: bool | None, other: bool | None) -> bool | None:
    return _or(None if one is None else not one, other)


def number_boundary(value: Any, high: bool) -> Decimal:
    """Half of the last digit that was written, to either side."""
    exact = number(value)
    half = Decimal(5).scaleb(min(int(exact.as_tuple().exponent), 0) - 1)
    return plain(exact + half if high else exact - half)


LOGIC: dict[str, Callable[[bool | None, bool | None], bool | None]] = {
    "and": _and,
    "or": _or,
    "xor": _xor,
    "implies": _implies,
}
