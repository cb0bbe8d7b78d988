"""Where do a view's paths lead? Elements, their types, and what collections come down to where one value is wanted.

What a path leads to is a tuple of alternatives, one for each type that a choice may have; most have one.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from passerelle.fhir.fhirpath.model import ancestors
from passerelle.fhir.view.definition import Constant
from passerelle.fhir.view.elements import is_primitive, places
from passerelle.fhir.view.terms import (
    Chain,
    Compare,
    Each,
    Empty,
    Exists,
    First,
    Get,
    Item,
    Keep,
    Logic,
    Only,
    Term,
    Value,
    Variable,
    When,
)

Alternatives = tuple[Term, ...]
TRUE = Value("Boolean", False, True)
FALSE = Value("Boolean", False, False)
NO_BOOLEAN = Empty("Boolean", False)


class Unsupported(Exception):  # noqa: N818  an expected outcome: another engine can
    """This expression is beyond what engines are told; ``feature`` names the function or operator."""

    def __init__(self, feature: str) -> None:
        super().__init__(feature)
        self.feature = feature


@dataclass
class Names:
    """A source of names for variables, each used once in a view."""

    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def fresh(self, kind: str) -> Variable:
        return Variable(kind, False, f"v{next(self.numbers)}")


@dataclass(frozen=True)
class Scope:
    """What an expression is about: the focus, the resource, the row's index, the constants."""

    this: Alternatives
    root: Variable
    row: Term
    constants: Mapping[str, Constant]
    names: Names
    at: str = ""

    def about(self, *this: Term) -> Scope:
        return replace(self, this=this)


def literal(value: bool | str | int | Decimal) -> Value:
    kinds: dict[type, str] = {bool: "Boolean", str: "String", int: "Integer"}
    return Value(kinds.get(type(value), "Decimal"), False, value)


def member(base: Alternatives, name: str, scope: Scope) -> Alternatives:
    """The elements of that name in each alternative."""
    found: list[Term] = []
    for branch in base:
        if branch.kind == "Resource":
            raise Unsupported("Resource")
        if name == "extension" and is_primitive(branch.kind):
            found.extend(member((_shadow(branch),), name, scope))
        found.extend(_elements(branch, name, scope))
    return tuple(found)


def _elements(branch: Term, name: str, scope: Scope) -> Iterator[Term]:
    """The element in each of its possible types; those of a choice share the variable, so that they can be joined."""
    variable = scope.names.fresh(branch.kind)
    for place in places(branch.kind).get(name, ()):
        if branch.many:
            body = Get(place.kind, place.many, variable, place.key)
            yield Each(place.kind, True, branch, variable, body)
        else:
            yield Get(place.kind, place.many, branch, place.key)


def _shadow(branch: Term) -> Term:
    """The other half of a primitive element, where its extensions are."""
    if isinstance(branch, Get):
        return Get("Element", branch.many, branch.base, f"_{branch.key}")
    if isinstance(branch, Each) and isinstance(branch.body, Get):
        return replace(branch, kind="Element", body=_shadow(branch.body))
    raise Unsupported("extension()")


def each(branch: Term, work: Callable[[Term], Alternatives], scope: Scope) -> Alternatives:
    """``work`` for one value, or for every item of a list."""
    if not branch.many:
        return work(branch)
    variable = scope.names.fresh(branch.kind)
    return tuple(Each(body.kind, True, branch, variable, body) for body in work(variable))


def keep(branch: Term, test: Callable[[Term], Term], scope: Scope) -> Term:
    """A value, or the items of a list, for which ``test`` is true."""
    if not branch.many:
        return When(branch.kind, False, test(branch), branch)
    variable = scope.names.fresh(branch.kind)
    return Keep(branch.kind, True, branch, variable, test(variable))


def item(branch: Term, index: int) -> Term:
    return Item(branch.kind, False, branch, index) if branch.many else branch


def of_types(base: Alternatives, type: str, scope: Scope) -> Alternatives:
    """The alternatives that are of a type (or a kind of it)."""
    found: list[Term] = []
    for branch in base:
        if branch.kind == "Resource":
            found.append(replace(keep(branch, lambda one: _is_resource(one, type), scope), kind=type))
        elif type in ancestors(branch.kind) or _system_name(branch.kind) == type:
            found.append(branch)
    joined = _joined(found, type)
    return tuple(found) if joined is None else (joined,)


def _joined(found: list[Term], type: str) -> Term | None:
    """The possible types of one element as one: of ``value[x]`` there is one at most (a string, or a kind of string)."""
    if len(found) < 2 or any(one.sort != found[0].sort for one in found):
        return None
    if all(isinstance(one, Get) and not one.many for one in found):
        bases = {one.base for one in found if isinstance(one, Get)}
        return First(type, False, tuple(found)) if len(bases) == 1 else None
    lists = [one for one in found if isinstance(one, Each) and not one.body.many]
    if len(lists) < len(found) or len({(one.base, one.variable) for one in lists}) > 1:
        return None
    inside = First(type, False, tuple(one.body for one in lists))
    return Each(type, True, lists[0].base, lists[0].variable, inside)


def _is_resource(one: Term, type: str) -> Term:
    kind = Get("code", False, one, "resourceType")
    return Compare("Boolean", False, "=", kind, literal(type), "text")


def _system_name(kind: str) -> str:
    """Literals are of System types: ``ofType(String)``."""
    return kind if kind[:1].isupper() else ""


def is_type(base: Alternatives, of_type: Alternatives) -> Term:
    if not base:
        return NO_BOOLEAN
    there = exists(of_type)
    return First(
        "Boolean", False, (When("Boolean", False, there, TRUE), When("Boolean", False, exists(base), FALSE))
    )


def single(base: Alternatives, scope: Scope) -> Term:
    """One value at most of one kind."""
    if not base:
        return Empty("string", False)
    ones = tuple(branch if not branch.many else Only(branch.kind, False, branch, scope.at) for branch in base)
    if len(ones) == 1:
        return ones[0]
    if len({one.sort for one in ones}) == 1 and ones[0].sort != "complex":
        return First(ones[0].kind, False, ones)
    raise Unsupported("[x]")


def exists(base: Alternatives) -> Term:
    """Whether any alternative has something."""
    found: Term = FALSE
    for index, branch in enumerate(base):
        here = Exists("Boolean", False, branch)
        found = here if index == 0 else Logic("Boolean", False, "or", found, here)
    return found


def boolean(base: Alternatives, scope: Scope) -> Term:
    """A collection where a boolean is expected: one item that is not a boolean counts as true."""
    if not base:
        return NO_BOOLEAN
    one = single(base, scope)
    if one.sort == "boolean":
        return one
    return When("Boolean", False, Exists("Boolean", False, one), TRUE)


def as_list(base: Alternatives, scope: Scope) -> Term:
    """Everything as one list of one kind."""
    if not base:
        return Empty("string", True)
    if len(base) == 1:
        return base[0] if base[0].many else Chain(base[0].kind, True, base)
    alike = len({branch.sort for branch in base}) == 1 and base[0].sort != "complex"
    if not alike and len({branch.kind for branch in base}) > 1:
        raise Unsupported("[x]")
    return Chain(base[0].kind, True, base)
