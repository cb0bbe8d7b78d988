"""When are two items, or two collections, the same? ``=``, ``~``, and what ``distinct`` goes by.

https://hl7.org/fhirpath/N1/#equality
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from passerelle.fhir.fhirpath import moments, quantities
from passerelle.fhir.fhirpath.moments import Date, DateTime, Moment, Time
from passerelle.fhir.fhirpath.node import Collection, Item, Node
from passerelle.fhir.fhirpath.quantities import Quantity
from passerelle.fhir.fhirpath.values import simple

MOMENTS: frozenset[Any] = frozenset({Date, DateTime, Time})
NUMBERS: frozenset[Any] = frozenset({int, Decimal})
_canonical_json = msgspec.json.Encoder(order="deterministic").encode


def equal_collections(left: Collection, right: Collection) -> bool | None:
    """``=``: the same items in the same order; None when one side is empty or something is not known."""
    if not left or not right:
        return None
    if len(left) != len(right):
        return False
    unknown = False
    for a, b in zip(left, right, strict=True):
        same = equal(a, b)
        if same is False:
            return False
        unknown = unknown or same is None
    return None if unknown else True


def equal(left: Item, right: Item) -> bool | None:
    """Whether two items are equal; None when that depends on what is not said."""
    a, b = simple(left), simple(right)
    kind, other = a.__class__, b.__class__
    if kind is other:
        if kind is Node:
            return bool(a.value == b.value and (a.extra == b.extra or a.value is not None))
        if kind in MOMENTS:
            return moments.equal(a, b)
        if kind is Quantity:
            order = quantities.compare(a, b)
            return None if order is None else order == 0
        return bool(a == b)
    return _equal_across(a, b)


def _equal_across(a: Any, b: Any) -> bool | None:
    """Equality of two types, one of which may be converted to the other."""
    kind, other = a.__class__, b.__class__
    if kind in NUMBERS and other in NUMBERS:
        return bool(a == b)
    if kind in MOMENTS and other in MOMENTS:
        return moments.equal(a, b)
    if kind is Quantity and other in NUMBERS:
        return equal(a, Quantity(Decimal(b), "1"))
    if kind in NUMBERS and other is Quantity:
        return equal(Quantity(Decimal(a), "1"), b)
    return False


def equivalent_collections(left: Collection, right: Collection) -> bool:
    """``~``: equivalent items in any order; two empty collections are equivalent."""
    if len(left) != len(right):
        return False
    rest = list(right)
    for item in left:
        match = next((at for at, other in enumerate(rest) if equivalent(item, other)), None)
        if match is None:
            return False
        del rest[match]
    return True


def equivalent(left: Item, right: Item) -> bool:
    """Whether two items mean the same: text without case, numbers to the fewer decimals, elements in any order."""
    a, b = simple(left), simple(right)
    kind, other = a.__class__, b.__class__
    if kind is str and other is str:
        return _folded(a) == _folded(b)
    if kind in NUMBERS and other in NUMBERS:
        return quantities.roughly(Decimal(a), Decimal(b))
    if kind in MOMENTS and other in MOMENTS:
        return moments.equivalent(a, b)
    if kind in NUMBERS and other is Quantity:
        a, kind = Quantity(Decimal(a), "1"), Quantity
    if kind is Quantity and other in NUMBERS:
        b, other = Quantity(Decimal(b), "1"), Quantity
    if kind is Quantity and other is Quantity:
        return quantities.equivalent(a, b)
    if kind is Node and other is Node:
        return _alike(a.value, b.value) and (a.value is not None or _alike(a.extra, b.extra))
    return kind is other and bool(a == b)


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _alike(a: Any, b: Any) -> bool:
    """Equivalence of JSON: every part is there on both sides, lists in any order; ids say nothing."""
    if isinstance(a, dict) and isinstance(b, dict):
        keys = a.keys() - {"id"}
        return keys == b.keys() - {"id"} and all(_alike(a[key], b[key]) for key in keys)
    if isinstance(a, list) and isinstance(b, list):
        return equivalent_lists(a, b)
    if isinstance(a, str) and isinstance(b, str):
        return _folded(a) == _folded(b)
    return type(a) is type(b) and bool(a == b)


def equivalent_lists(left: list[Any], right: list[Any]) -> bool:
    """The same parts in any order."""
    rest = list(right)
    for item in left:
        match = next((at for at, other in enumerate(rest) if _alike(item, other)), None)
        if match is None:
            return False
        del rest[match]
    return not rest


def fingerprint(item: Item) -> Any:
    """Something hashable that is the same for exactly the items that are equal."""
    found = simple(item)
    kind = found.__class__
    if kind is str:
        return found
    if kind is Node:
        return (
            Node,
            _canonical_json(found.value),
            None if found.value is not None else _canonical_json(found.extra),
        )
    if kind is bool:
        return (bool, found)
    if kind in MOMENTS:
        return _moment_print(found)
    if kind is Quantity:
        return _quantity_print(found)
    return found


def _moment_print(moment: Moment) -> Any:
    return (
        moments.precision(moment),
        moments.zoned(moment),
        isinstance(moment, Time),
        moments.span(moment)[0],
    )


def _quantity_print(quantity: Quantity) -> Any:
    found = quantities.base(quantity)
    return (Quantity, quantity.unit, quantity.value) if found is None else (Quantity, found[1], found[0])


def distinct(items: Collection) -> Collection:
    """The items without their repetitions, in order."""
    if len(items) < 2:
        return items
    seen: dict[Any, Item] = {}
    for item in items:
        seen.setdefault(fingerprint(item), item)
    return items if len(seen) == len(items) else list(seen.values())
