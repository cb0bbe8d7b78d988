"""What is the System value of an element, and what does a collection of one mean?

https://hl7.org/fhirpath/N1/#singleton-evaluation-of-collections , https://hl7.org/fhir/R4/fhirpath.html#types
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from passerelle.fhir.fhirpath.errors import FhirPathError
from passerelle.fhir.fhirpath.model import QUANTITIES
from passerelle.fhir.fhirpath.moments import Date, DateTime, Time, to_date, to_datetime, to_time
from passerelle.fhir.fhirpath.node import Collection, Item, Node
from passerelle.fhir.fhirpath.quantities import Quantity

EMPTY: Collection = []
TRUE: Collection = [True]
FALSE: Collection = [False]
MOST_CHARACTERS = 1024 * 1024
UCUM = "http://unitsofmeasure.org"


@dataclass(frozen=True, slots=True)
class TypeInfo:
    """What ``type()`` says of an item."""

    namespace: str
    name: str


SYSTEM_NAMES: Mapping[type, str] = {
    bool: "Boolean",
    int: "Integer",
    Decimal: "Decimal",
    str: "String",
    Date: "Date",
    DateTime: "DateTime",
    Time: "Time",
    Quantity: "Quantity",
    TypeInfo: "TypeInfo",
}


def _same(node: Node) -> Any:
    value = node.value
    return node if value.__class__ is dict or value.__class__ is list else value


def _decimal(node: Node) -> Any:
    found = _finite(node.value)
    return node if found is None else found


def _finite(number: Any) -> Decimal | None:
    """A number of JSON as a Decimal, digit for digit."""
    if number.__class__ is int:
        return Decimal(number)
    if number.__class__ is float:
        number = Decimal(repr(number))
    return number if number.__class__ is Decimal and number.is_finite() else None


def _moment(read: Callable[[str], Any]) -> Callable[[Node], Any]:
    def moment(node: Node) -> Any:
        found = read(node.value) if node.value.__class__ is str else None
        return _same(node) if found is None else found

    return moment


def _quantity(node: Node) -> Any:
    """A number with its UCUM code. A unit that is not of UCUM is only ever the same as itself.

    Without a number, or with a comparator, nothing can be reckoned: it stays an element.
    """
    told = node.value
    value = _finite(told.get("value")) if told.__class__ is dict else None
    if value is None or "comparator" in told:
        return node
    code, system = told.get("code"), told.get("system")
    if system == UCUM and code.__class__ is str and code:
        return Quantity(value, code, None)
    unit = code or told.get("unit")
    return Quantity(value, f"{system or ''}|{unit}" if unit else "1")


_READERS: Mapping[str, Callable[[Node], Any]] = {
    **dict.fromkeys(
        ("boolean", "string", "code", "id", "markdown", "uri", "url", "canonical", "oid", "uuid"), _same
    ),
    **dict.fromkeys(("integer", "unsignedInt", "positiveInt", "base64Binary", "xhtml"), _same),
    **dict.fromkeys(QUANTITIES, _quantity),
    "decimal": _decimal,
    "date": _moment(to_date),
    "dateTime": _moment(to_datetime),
    "instant": _moment(to_datetime),
    "time": _moment(to_time),
}


def simple(item: Item) -> Item:
    """The System value of a primitive or Quantity; everything else is itself, a primitive without value too."""
    if item.__class__ is not Node or item.value is None:
        return item
    read = _READERS.get(item.type)
    return item if read is None else read(item)


def has_value(item: Item) -> bool:
    """Whether an item has a value, and not just extensions."""
    return item.__class__ is not Node or item.value is not None


def one(focus: Collection) -> Item | None:
    """The System value or element of a collection of one; None when empty or without value."""
    if not focus:
        return None
    if len(focus) > 1:
        raise FhirPathError("one item expected, several found")
    found = simple(focus[0])
    return None if found.__class__ is Node and found.value is None else found


def truth(focus: Collection) -> bool | None:
    """What a collection means as a condition: a single item that is not a boolean counts as true."""
    if not focus:
        return None
    if len(focus) > 1:
        raise FhirPathError("a condition expected, several items found")
    item = focus[0]
    value = item.value if item.__class__ is Node and item.type == "boolean" else item
    if value.__class__ is bool:
        return value
    return None if value is None else True


def boolean(value: bool | None) -> Collection:
    """True, false or unknown as a collection."""
    if value is None:
        return EMPTY
    return TRUE if value else FALSE


def text(focus: Collection) -> str | None:
    """A collection of one String."""
    found = one(focus)
    if found is None or found.__class__ is str:
        return found
    raise FhirPathError(f"a String expected, {kind_of(found)} found")


def bounded(made: str) -> str:
    """A text that an expression made; refused when it has grown without bounds."""
    if len(made) > MOST_CHARACTERS:
        raise FhirPathError(f"a text may grow to {MOST_CHARACTERS} characters")
    return made


def integer(focus: Collection) -> int | None:
    """A collection of one Integer."""
    found = one(focus)
    if found is None or found.__class__ is int:
        return found
    raise FhirPathError(f"an Integer expected, {kind_of(found)} found")


def kind_of(item: Item) -> str:
    """The name of an item's type, for a message."""
    if item.__class__ is Node:
        return str(item.type) or "an unknown type"
    return SYSTEM_NAMES.get(item.__class__, "an unknown type")
