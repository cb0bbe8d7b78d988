"""Which functions are there on numbers? https://hl7.org/fhirpath/N1/#math"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal, DecimalException
from typing import Any

from passerelle.fhir.fhirpath.equality import NUMBERS
from passerelle.fhir.fhirpath.errors import FhirPathError
from passerelle.fhir.fhirpath.evaluation import Evaluation
from passerelle.fhir.fhirpath.functions import Arguments, Function
from passerelle.fhir.fhirpath.node import Collection
from passerelle.fhir.fhirpath.operators import LARGEST
from passerelle.fhir.fhirpath.quantities import Quantity
from passerelle.fhir.fhirpath.values import EMPTY, kind_of, one

_MOST_DIGITS = 28


def _on_number(work: Callable[..., Any], arguments_wanted: int = 0, optional: int = 0) -> Function:
    """A function on one number or Quantity and numbers; empty when one is missing or there is no result."""

    def call(focus: Collection, arguments: Arguments, evaluation: Evaluation) -> Collection:
        subject = one(focus)
        numbers = [_number(one(argument)) for argument in arguments]
        if subject is None or any(number is None for number in numbers):
            return EMPTY
        try:
            return _bounded(_applied(work, subject, numbers))
        except (DecimalException, ValueError, OverflowError, ZeroDivisionError):
            return EMPTY

    return Function(call, arguments_wanted, arguments_wanted + optional)


def _applied(work: Callable[..., Any], subject: Any, numbers: list[Any]) -> Any:
    if subject.__class__ is Quantity:
        value = work(subject.value, *numbers)
        return None if value is None else Quantity(Decimal(value), subject.unit, subject.calendar)
    return work(_number(subject), *numbers)


def _bounded(found: Any) -> Collection:
    if found is None or (found.__class__ is int and not -LARGEST <= found < LARGEST):
        return EMPTY
    return [found]


def _number(value: Any) -> Any:
    if value is None or value.__class__ in NUMBERS:
        return value
    raise FhirPathError(f"a number expected, {kind_of(value)} found")


def _rounded(rounding: str) -> Callable[[Any], int]:
    return lambda value: value if value.__class__ is int else int(value.to_integral_value(rounding))


def _round(value: Any, places: Any = 0) -> Any:
    if places.__class__ is not int or places < 0:
        raise FhirPathError("round() takes a whole number that is not negative")
    if value.__class__ is int or places > _MOST_DIGITS:
        return Decimal(value)
    return value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


def _sqrt(value: Any) -> Any:
    return None if value < 0 else Decimal(value).sqrt()


def _ln(value: Any) -> Any:
    return None if value <= 0 else Decimal(value).ln()


def _log(value: Any, base: Any) -> Any:
    """The quotient of two rounded logarithms, so without the digits that rounding made up."""
    if value <= 0 or base <= 0 or base == 1:
        return None
    return _tidy(Decimal(value).ln() / Decimal(base).ln())


def _tidy(value: Decimal) -> Decimal:
    found = value.quantize(Decimal(1).scaleb(min(0, value.adjusted() - _MOST_DIGITS + 3))).normalize()
    return found.quantize(Decimal(1)) if found == found.to_integral_value() else found


def _power(value: Any, exponent: Any) -> Any:
    if value.__class__ is int and exponent.__class__ is int and exponent >= 0:
        if abs(value) > 1 and exponent * math.log2(abs(value)) > 64:
            return None
        return value**exponent
    if value == 0 or (value < 0 and exponent != int(exponent)):
        return None if value < 0 or exponent < 0 else Decimal(0)
    return Decimal(value) ** Decimal(exponent)


NUMERIC: Mapping[str, Function] = {
    "abs": _on_number(abs),
    "ceiling": _on_number(_rounded(ROUND_CEILING)),
    "floor": _on_number(_rounded(ROUND_FLOOR)),
    "truncate": _on_number(int),
    "exp": _on_number(lambda value: Decimal(value).exp()),
    "ln": _on_number(_ln),
    "log": _on_number(_log, 1),
    "power": _on_number(_power, 1),
    "round": _on_number(_round, 0, 1),
    "sqrt": _on_number(_sqrt),
}
