"""Which values can be read as another type? https://hl7.org/fhirpath/N1/#conversion"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from passerelle.fhir import ucum
from passerelle.fhir.fhirpath.equality import MOMENTS, NUMBERS
from passerelle.fhir.fhirpath.evaluation import Evaluation
from passerelle.fhir.fhirpath.functions import Arguments, Function
from passerelle.fhir.fhirpath.moments import Date, DateTime, Time, to_date, to_datetime, to_time
from passerelle.fhir.fhirpath.node import Collection
from passerelle.fhir.fhirpath.parse import CALENDAR_UNITS
from passerelle.fhir.fhirpath.quantities import CALENDAR_CODES, Quantity, decimal_text
from passerelle.fhir.fhirpath.values import EMPTY, FALSE, TRUE, one, text

Convert = Callable[[Any], Any]
_TRUE_WORDS = frozenset({"true", "t", "yes", "y", "1", "1.0"})
_FALSE_WORDS = frozenset({"false", "f", "no", "n", "0", "0.0"})
_INTEGER = re.compile(r"[+-]?\d{1,19}")
_DECIMAL = re.compile(r"[+-]?\d+(?:\.\d+)?")
_QUANTITY = re.compile(r"([+-]?\d+(?:\.\d+)?)\s*(?:'([^']+)'|([a-zA-Z]+))?")


def _to_boolean(value: Any) -> bool | None:
    if value.__class__ is bool:
        return bool(value)
    if value.__class__ in NUMBERS:
        return bool(value) if value in (0, 1) else None
    if value.__class__ is str:
        word = value.lower()
        return True if word in _TRUE_WORDS else False if word in _FALSE_WORDS else None
    return None


def _to_integer(value: Any) -> int | None:
    if value.__class__ in (bool, int):
        return int(value)
    if value.__class__ is str and _INTEGER.fullmatch(value):
        return int(value)
    return None


def _to_decimal(value: Any) -> Decimal | None:
    if value.__class__ in (bool, int, Decimal):
        return Decimal(value)
    if value.__class__ is str and _DECIMAL.fullmatch(value):
        return Decimal(value)
    return None


def to_text(value: Any) -> str | None:
    """The text of a System value."""
    if value.__class__ is str:
        return str(value)
    if value.__class__ is bool:
        return "true" if value else "false"
    if value.__class__ is Decimal:
        return decimal_text(value)
    if value.__class__ is int:
        return str(value)
    if value.__class__ in MOMENTS or value.__class__ is Quantity:
        return str(value.text)
    return None


def _to_date(value: Any) -> Date | None:
    if value.__class__ is DateTime:
        return Date(value.parts)
    if value.__class__ is str:
        return to_date(value)
    return value if value.__class__ is Date else None


def _to_datetime(value: Any) -> DateTime | None:
    if value.__class__ is Date:
        return DateTime(value.parts)
    if value.__class__ is str:
        return to_datetime(value)
    return value if value.__class__ is DateTime else None


def _to_time(value: Any) -> Time | None:
    if value.__class__ is str:
        return to_time(value.removeprefix("T"))
    return value if value.__class__ is Time else None


def _to_quantity(value: Any) -> Quantity | None:
    if value.__class__ is Quantity:
        return value
    if value.__class__ in (bool, int, Decimal):
        return Quantity(Decimal(value), "1")
    match = _QUANTITY.fullmatch(value) if value.__class__ is str else None
    if match is None:
        return None
    number, code, word = match.groups()
    if word is None:
        return Quantity(Decimal(number), code or "1")
    return Quantity(Decimal(number), CALENDAR_UNITS[word], True) if word in CALENDAR_UNITS else None


def _quantity_in(quantity: Quantity, unit: str) -> Quantity | None:
    """The quantity in a unit that was asked for."""
    if unit in CALENDAR_UNITS:
        word = CALENDAR_UNITS[unit]
        value = ucum.convert(quantity.value, quantity.code, CALENDAR_CODES[word])
        return None if value is None else Quantity(value, word, True)
    if quantity.code == unit:
        return quantity
    value = ucum.convert(quantity.value, quantity.code, unit)
    return None if value is None else Quantity(value, unit)


def _to(convert: Convert) -> Function:
    def call(focus: Collection, arguments: Arguments, evaluation: Evaluation) -> Collection:
        value = one(focus)
        found = None if value is None else convert(value)
        return EMPTY if found is None else [found]

    return Function(call)


def _converts_to(convert: Convert) -> Function:
    def call(focus: Collection, arguments: Arguments, evaluation: Evaluation) -> Collection:
        value = one(focus)
        if value is None:
            return EMPTY
        return FALSE if convert(value) is None else TRUE

    return Function(call)


def _quantity_call(test: bool) -> Function:
    def call(focus: Collection, arguments: Arguments, evaluation: Evaluation) -> Collection:
        value = one(focus)
        if value is None:
            return EMPTY
        found = _to_quantity(value)
        unit = text(arguments[0]) if arguments else None
        if found is not None and unit is not None:
            found = _quantity_in(found, unit)
        if test:
            return FALSE if found is None else TRUE
        return EMPTY if found is None else [found]

    return Function(call, 0, 1)


_TYPES: Mapping[str, Convert] = {
    "Boolean": _to_boolean,
    "Integer": _to_integer,
    "Long": _to_integer,
    "Decimal": _to_decimal,
    "String": to_text,
    "Date": _to_date,
    "DateTime": _to_datetime,
    "Time": _to_time,
}
CONVERSIONS: Mapping[str, Function] = {
    **{f"to{name}": _to(convert) for name, convert in _TYPES.items()},
    **{f"convertsTo{name}": _converts_to(convert) for name, convert in _TYPES.items()},
    "toQuantity": _quantity_call(test=False),
    "convertsToQuantity": _quantity_call(test=True),
}
