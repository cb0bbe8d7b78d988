"""Does an expression make sense for a type, before any resource is seen? Names checked against R4.

What is not sure passes: a resource of any type, the result of ``resolve()``. What cannot be passes never: an element
that no possible type has, a start with another type, an order taken from items that have none.
"""

from __future__ import annotations

from dataclasses import dataclass

from passerelle.fhir.fhirpath.errors import FhirPathError
from passerelle.fhir.fhirpath.model import PRIMITIVE_NAMES, ancestors, fields, is_fhir_type, possible_types
from passerelle.fhir.fhirpath.syntax import (
    Binary,
    Call,
    Dot,
    Expression,
    Indexer,
    Member,
    Special,
    TypeName,
    TypeOperation,
    Unary,
)
from passerelle.fhir.fhirpath.types import type_argument

_KEEPING = frozenset(
    {
        "where",
        "first",
        "last",
        "tail",
        "skip",
        "take",
        "single",
        "distinct",
        "intersect",
        "exclude",
        "trace",
        "sort",
    }
)
"""Functions whose items are items of what stands before."""
_PER_ITEM = frozenset({"where", "select", "all", "exists", "repeat", "repeatAll", "aggregate", "iif", "sort"})
"""Functions whose arguments start from an item of what stands before."""
_ORDERED = frozenset({"first", "last", "tail", "skip", "take"})


@dataclass(frozen=True, slots=True)
class Shape:
    """What is known of the items at a place: their possible FHIR types (None: anything), and whether they have an order."""

    types: frozenset[str] | None
    ordered: bool = True


_ANYTHING = Shape(None)


def check(expression: Expression, context_type: str) -> None:
    """Raise FhirPathError if the expression cannot be meant for that type."""
    if not is_fhir_type(context_type.partition(".")[0]):
        raise FhirPathError(f"there is no type {context_type}", 0, "semantic")
    here = Shape(frozenset({context_type}))
    _shape(expression, here, here)


def _shape(expression: Expression, focus: Shape, this: Shape) -> Shape:
    """The shape of an expression's items: ``focus`` stands before it, ``this`` is ``$this``."""
    match expression:
        case Member(name, at):
            return _start(name, at, focus)
        case Special("$this"):
            return this
        case Dot(left, Member(name, at)):
            return _member(name, at, _shape(left, focus, this))
        case Dot(left, right):
            return _shape(right, _shape(left, focus, this), this)
        case Indexer(left, index):
            _shape(index, this, this)
            return _shape(left, focus, this)
        case Call():
            return _call(expression, focus, this)
        case TypeOperation(operator, left, type):
            before = _shape(left, focus, this)
            return _narrowed(before, type) if operator == "as" else _ANYTHING
        case Unary(_, operand):
            _shape(operand, focus, this)
        case Binary(operator, left, right):
            shapes = (_shape(left, focus, this), _shape(right, focus, this))
            return _joined(*shapes) if operator == "|" else _ANYTHING
    return _ANYTHING


def _joined(left: Shape, right: Shape) -> Shape:
    if left.types is None or right.types is None:
        return _ANYTHING
    return Shape(left.types | right.types)


def _start(name: str, at: int, focus: Shape) -> Shape:
    """A first name: the type that the items are, or an element."""
    if focus.types is None or not name[:1].isupper():
        return _member(name, at, focus)
    fitting = frozenset(type for type in focus.types if name in ancestors(type))
    if fitting:
        return Shape(fitting, focus.ordered)
    if is_fhir_type(name):
        raise FhirPathError(f"{name} is not the type that stands here", at, "semantic")
    return _member(name, at, focus)


def _member(name: str, at: int, before: Shape) -> Shape:
    if before.types is None:
        return _ANYTHING
    found: set[str] = set()
    known = open_ended = False
    for type in before.types:
        if name == "value" and type in PRIMITIVE_NAMES:
            known = open_ended = True
            continue
        of_type = fields(type)
        if of_type is None:
            return _ANYTHING
        if name in of_type:
            known = True
            types = possible_types(of_type[name])
            open_ended = open_ended or not types
            found |= types
    if not known:
        raise FhirPathError(f"there is no element {name} here", at, "semantic")
    return Shape(None if open_ended else frozenset(found), before.ordered)


def _call(call: Call, focus: Shape, this: Shape) -> Shape:
    name = call.name
    if name in _ORDERED and not focus.ordered:
        raise FhirPathError(
            f"{name}() needs an order, and what stands before it has none", call.at, "semantic"
        )
    if name in ("ofType", "as", "is"):
        return (
            _narrowed(focus, type_argument(call.arguments[0]))
            if name != "is" and call.arguments
            else _ANYTHING
        )
    starts = [focus if _per_item(name, index) else this for index in range(len(call.arguments))]
    shapes = [_shape(argument, start, start) for argument, start in zip(call.arguments, starts, strict=True)]
    if name in _KEEPING:
        return focus
    if name == "select" and shapes:
        return shapes[0]
    if name in ("union", "combine") and shapes:
        return _joined(focus, shapes[0])
    if name in ("children", "descendants"):
        return Shape(None, ordered=False)
    return Shape(frozenset({"Extension"})) if name == "extension" else _ANYTHING


def _per_item(name: str, index: int) -> bool:
    """Whether an argument starts from an item of what stands before, and not from where the whole expression does."""
    if name in ("trace", "defineVariable"):
        return index == 1
    return name in _PER_ITEM and (name, index) != ("aggregate", 1)


def _narrowed(before: Shape, type: TypeName) -> Shape:
    if type.namespace == "System" or not is_fhir_type(type.name):
        return _ANYTHING
    if before.types is None:
        return Shape(frozenset({type.name}), before.ordered) if fields(type.name) is not None else _ANYTHING
    fitting = frozenset(kind for kind in before.types if type.name in ancestors(kind))
    return Shape(fitting or frozenset({type.name}), before.ordered)
