"""What does an expression of a view come down to? A small typed algebra that Python and every SQL engine can do.

FHIRPath knows only collections. Here every term says its FHIR type and whether it may hold several values, as the
definitions of R4 tell, so that an engine works with plain columns wherever the data are plain.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, Literal

Sort = Literal["boolean", "integer", "decimal", "text", "date", "dateTime", "time", "complex"]

_SORTS: dict[str, Sort] = {
    **dict.fromkeys(["boolean", "Boolean"], "boolean"),
    **dict.fromkeys(["integer", "positiveInt", "unsignedInt", "integer64", "Integer", "Long"], "integer"),
    **dict.fromkeys(["decimal", "Decimal"], "decimal"),
    **dict.fromkeys(["date", "Date"], "date"),
    **dict.fromkeys(["dateTime", "instant", "DateTime"], "dateTime"),
    **dict.fromkeys(["time", "Time"], "time"),
    **dict.fromkeys(["string", "code", "id", "markdown", "uri", "url", "canonical", "oid"], "text"),
    **dict.fromkeys(["uuid", "base64Binary", "xhtml", "String"], "text"),
}


def sort_of(kind: str) -> Sort:
    """How values of a FHIR type are kept and compared."""
    return _SORTS.get(kind, "complex")


@dataclass(frozen=True, slots=True)
class Term:
    """One value, or several if ``many``; ``kind`` is the FHIR type, a part being ``Patient.contact``."""

    kind: str
    many: bool

    @property
    def sort(self) -> Sort:
        return sort_of(self.kind)

    def parts(self) -> Iterator[Term]:
        """The terms that this one is made of."""
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Term):
                yield value
            elif isinstance(value, tuple):
                yield from (part for part in value if isinstance(part, Term))


@dataclass(frozen=True, slots=True)
class Variable(Term):
    """What a name stands for here: the resource, the element of a row, the item of a list, the row's index."""

    name: str


@dataclass(frozen=True, slots=True)
class Value(Term):
    """A literal or constant."""

    value: Any


@dataclass(frozen=True, slots=True)
class Empty(Term):
    """Nothing, whatever the data."""


@dataclass(frozen=True, slots=True)
class Get(Term):
    """The element ``key`` of one complex value."""

    base: Term
    key: str


@dataclass(frozen=True, slots=True)
class Each(Term):
    """``body`` for each item of a list, empty results left out; flattened if ``body`` is many."""

    base: Term
    variable: Variable
    body: Term


@dataclass(frozen=True, slots=True)
class Keep(Term):
    """The items of a list for which ``test`` is true."""

    base: Term
    variable: Variable
    test: Term


@dataclass(frozen=True, slots=True)
class When(Term):
    """One value if ``test`` is true, else ``other`` (or nothing)."""

    test: Term
    base: Term
    other: Term | None = None


@dataclass(frozen=True, slots=True)
class Item(Term):
    """One item of a list by its place, from 0; -1 is the last."""

    base: Term
    index: int


@dataclass(frozen=True, slots=True)
class Slice(Term):
    """A list from ``start``, at most ``count`` items (all if None)."""

    base: Term
    start: int
    count: int | None


@dataclass(frozen=True, slots=True)
class Chain(Term):
    """Several values one after the other, as one list."""

    items: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class First(Term):
    """The first of these single values that is there."""

    items: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Only(Term):
    """The item of a list that may have one at most; more is a fault of the data, told with ``at``."""

    base: Term
    at: str


@dataclass(frozen=True, slots=True)
class Exists(Term):
    base: Term


@dataclass(frozen=True, slots=True)
class Count(Term):
    base: Term


@dataclass(frozen=True, slots=True)
class Distinct(Term):
    base: Term


@dataclass(frozen=True, slots=True)
class Compare(Term):
    """``=``, ``!=``, ``<``, ``<=``, ``>``, ``>=`` of two single values that are kept alike (``by``)."""

    operator: str
    left: Term
    right: Term
    by: Sort


@dataclass(frozen=True, slots=True)
class SameLists(Term):
    """Whether two lists of primitives are equal item by item; nothing if one of them is empty."""

    left: Term
    right: Term


@dataclass(frozen=True, slots=True)
class Arithmetic(Term):
    """``+ - * /`` of two numbers, or ``+ &`` of two texts."""

    operator: str
    left: Term
    right: Term


@dataclass(frozen=True, slots=True)
class Logic(Term):
    """``and``, ``or``, ``xor``, ``implies`` of three-valued booleans."""

    operator: str
    left: Term
    right: Term


@dataclass(frozen=True, slots=True)
class Not(Term):
    base: Term


@dataclass(frozen=True, slots=True)
class Join(Term):
    base: Term
    separator: str


@dataclass(frozen=True, slots=True)
class Boundary(Term):
    """The least or greatest value that a value of this precision may mean."""

    base: Term
    high: bool


@dataclass(frozen=True, slots=True)
class Key(Term):
    """The id that a literal reference ``Type/id`` names; nothing for other references, or another type."""

    base: Term
    type: str


@dataclass(frozen=True, slots=True)
class TextFunction(Term):
    """A function of one text with literal texts beside it: ``startsWith``, ``upper`` and so on."""

    name: str
    base: Term
    arguments: tuple[str | int, ...] = ()


@dataclass(frozen=True, slots=True)
class ToText(Term):
    """A primitive as text."""

    base: Term


def walk(term: Term) -> Iterator[Term]:
    """A term and every term in it."""
    yield term
    for part in term.parts():
        yield from walk(part)
