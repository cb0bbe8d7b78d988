"""What does an operator make of two collections? https://hl7.org/fhirpath/N1/#operations

``and``, ``or``, ``xor`` and ``implies`` know three answers; the last is made by the compiler where it can stop early.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal, DecimalException
from typing import Any

from passerelle.fhir.fhirpath import moments, quantities
from passerelle.fhir.fhirpath.dates import add_to_moment
from passerelle.fhir.fhirpath.equality import (
    MOMENTS,
    NUMBERS,
    distinct,
    equal,
    equal_collections,
    equivalent_collections,
)
from passerelle.fhir.fhirpath.errors import FhirPathError
from passerelle.fhir.fhirpath.model import QUANTITIES
from passerelle.fhir.fhirpath.moments import Time
from passerelle.fhir.fhirpath.node import Collection, Node
from passerelle.fhir.fhirpath.quantities import Quantity
from passerelle.fhir.fhirpath.values import EMPTY, FALSE, TRUE, boolean, bounded, kind_of, one, simple

Operator = Callable[[Collection, Collection], Collection]
LARGEST = 2**63
"""Whole numbers beyond this are nobody's data: the answer is empty, as the specification says of overflow."""


def _both(left: Collection, right: Collection) -> tuple[Any, Any] | None:
    """The two operands, or None when one is missing."""
    a, b = one(left), one(right)
    return None if a is None or b is None else (a, b)


def _mismatch(operator: str, a: Any, b: Any) -> FhirPathError:
    return FhirPathError(f"{operator} does not go with {kind_of(a)} and {kind_of(b)}")


def _number(value: Any) -> Collection:
    if value.__class__ is int and not -LARGEST <= value < LARGEST:
        return EMPTY
    return [value]


def _no_number(value: Any) -> bool:
    """Whether this is a Quantity of a record that cannot be reckoned with."""
    return value.__class__ is Node and value.type in QUANTITIES


def _order(a: Any, b: Any) -> int | None:
    """-1, 0, 1, or None when not known; an error for what has no order."""
    kind, other = a.__class__, b.__class__
    if (kind is str and other is str) or (kind in NUMBERS and other in NUMBERS):
        return int(a > b) - int(a < b)
    if kind in MOMENTS and other in MOMENTS and (kind is Time) is (other is Time):
        return moments.compare(a, b)
    if kind is Quantity and other in NUMBERS:
        b, other = Quantity(Decimal(b), "1"), Quantity
    if kind in NUMBERS and other is Quantity:
        a, kind = Quantity(Decimal(a), "1"), Quantity
    if kind is Quantity and other is Quantity:
        return quantities.compare(a, b)
    if _no_number(a) or _no_number(b):
        return None
    raise _mismatch("an order", a, b)


def comparison(holds: Callable[[int], bool]) -> Operator:
    """``<``, ``<=``, ``>`` or ``>=``"""

    def compare(left: Collection, right: Collection) -> Collection:
        pair = _both(left, right)
        if pair is None:
            return EMPTY
        order = _order(*pair)
        if order is None:
            return EMPTY
        return TRUE if holds(order) else FALSE

    return compare


def _equals(left: Collection, right: Collection) -> Collection:
    return boolean(equal_collections(left, right))


def _differs(left: Collection, right: Collection) -> Collection:
    same = equal_collections(left, right)
    return boolean(None if same is None else not same)


def _equivalent(left: Collection, right: Collection) -> Collection:
    return boolean(equivalent_collections(left, right))


def _not_equivalent(left: Collection, right: Collection) -> Collection:
    return boolean(not equivalent_collections(left, right))


def union(left: Collection, right: Collection) -> Collection:
    """Every item of either, once."""
    return distinct(left + right)


def _within(left: Collection, right: Collection) -> Collection:
    if not left:
        return EMPTY
    item = left[0]
    if len(left) > 1:
        raise FhirPathError("one item expected before in, several found")
    return TRUE if any(equal(item, other) for other in right) else FALSE


def _contains(left: Collection, right: Collection) -> Collection:
    return _within(right, left)


def _add(left: Collection, right: Collection) -> Collection:
    pair = _both(left, right)
    return EMPTY if pair is None else _sum(*pair, 1)


def _subtract(left: Collection, right: Collection) -> Collection:
    pair = _both(left, right)
    return EMPTY if pair is None else _sum(*pair, -1)


def _sum(a: Any, b: Any, sign: int) -> Collection:
    kind, other = a.__class__, b.__class__
    if kind in NUMBERS and other in NUMBERS:
        return _number(a + sign * b)
    if kind is str and other is str and sign == 1:
        return [bounded(a + b)]
    if kind in MOMENTS and other is Quantity:
        moved = add_to_moment(a, b, sign)
        return EMPTY if moved is None else [moved]
    if kind is Quantity and other is Quantity:
        found = quantities.add(a, b, sign)
        return EMPTY if found is None else [found]
    raise _mismatch("+" if sign == 1 else "-", a, b)


def _concatenate(left: Collection, right: Collection) -> Collection:
    a, b = one(left), one(right)
    for part in (a, b):
        if part is not None and part.__class__ is not str:
            raise _mismatch("&", a, b)
    return [bounded((a or "") + (b or ""))]


def _multiply(left: Collection, right: Collection) -> Collection:
    pair = _both(left, right)
    if pair is None:
        return EMPTY
    a, b = pair
    if a.__class__ in NUMBERS and b.__class__ in NUMBERS:
        return _number(a * b)
    first, second = _as_quantity(a), _as_quantity(b)
    if first is None or second is None:
        raise _mismatch("*", a, b)
    found = quantities.multiply(first, second)
    return EMPTY if found is None else [found]


def _divide(left: Collection, right: Collection) -> Collection:
    pair = _both(left, right)
    if pair is None:
        return EMPTY
    a, b = pair
    if a.__class__ in NUMBERS and b.__class__ in NUMBERS:
        return EMPTY if b == 0 else [Decimal(a) / Decimal(b)]
    first, second = _as_quantity(a), _as_quantity(b)
    if first is None or second is None:
        raise _mismatch("/", a, b)
    found = quantities.divide(first, second)
    return EMPTY if found is None else [found]


def _as_quantity(value: Any) -> Quantity | None:
    if value.__class__ in NUMBERS:
        return Quantity(Decimal(value), "1")
    return value if value.__class__ is Quantity else None


def _whole_division(remainder: bool) -> Operator:
    """``div`` and ``mod``, both cut towards zero."""

    def divide(left: Collection, right: Collection) -> Collection:
        pair = _both(left, right)
        if pair is None:
            return EMPTY
        a, b = pair
        if a.__class__ not in NUMBERS or b.__class__ not in NUMBERS:
            raise _mismatch("mod" if remainder else "div", a, b)
        if b == 0:
            return EMPTY
        whole = abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
        return _number(a - whole * b if remainder else int(whole))

    return divide


def _guarded(operator: Operator) -> Operator:
    """Arithmetic whose result has no decimal is empty."""

    def guarded(left: Collection, right: Collection) -> Collection:
        try:
            return operator(left, right)
        except DecimalException:
            return EMPTY

    return guarded


OPERATORS: Mapping[str, Operator] = {
    "=": _equals,
    "!=": _differs,
    "~": _equivalent,
    "!~": _not_equivalent,
    "<": comparison(lambda order: order < 0),
    "<=": comparison(lambda order: order <= 0),
    ">": comparison(lambda order: order > 0),
    ">=": comparison(lambda order: order >= 0),
    "|": union,
    "in": _within,
    "contains": _contains,
    "&": _concatenate,
    **{
        sign: _guarded(operator)
        for sign, operator in {
            "+": _add,
            "-": _subtract,
            "*": _multiply,
            "/": _divide,
            "div": _whole_division(remainder=False),
            "mod": _whole_division(remainder=True),
        }.items()
    },
}


def negate(focus: Collection) -> Collection:
    """``-item``: for numbers and quantities."""
    if not focus:
        return EMPTY
    value = one(focus)
    if value is None:
        return EMPTY
    if value.__class__ in NUMBERS:
        return [-value]
    if value.__class__ is Quantity:
        return [Quantity(-value.value, value.unit, value.calendar)]
    raise FhirPathError(f"- does not go with {kind_of(simple(focus[0]))}")
