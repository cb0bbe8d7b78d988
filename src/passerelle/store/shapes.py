"""The shape of a search: what is asked, without the values; they are named by their places in a list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from passerelle.fhir.search import Operator
from passerelle.store.compose import ScopeShape, Values

LAST = 9
"""The rank of what cannot lead, or may leave everything."""


@dataclass(frozen=True)
class Kinds:
    """The types that a condition is asked of: the places of their numbers and their buckets; of one, or of many."""

    one: bool
    types: int
    buckets: int
    names: tuple[int, ...]
    """The places of ``Type/``."""
    numbered: tuple[tuple[int, int], ...] = ()
    """Of many types: the places of ``Type/`` with the number of each type."""


@dataclass(frozen=True)
class TestShape:
    """How one test compares, and the places of what it compares with."""

    operator: Operator
    text: int | None = None
    texts: int | None = None
    """Many texts, any of which may be equal."""
    heads: int | None = None
    """How they start, as far as that is indexed."""
    end: int | None = None
    """After all that starts with the text, or with ``exact``."""
    long: bool = False
    system: int | None = None
    exact: int | None = None
    low: int | None = None
    high: int | None = None


@dataclass(frozen=True)
class Words:
    """Some (or none) of the facets of a resource passes."""

    kinds: Kinds
    names: tuple[int, ...]
    tests: tuple[TestShape, ...]
    rank: int
    negated: bool = False


@dataclass(frozen=True)
class Spans:
    """Some (or none) of the intervals of a resource passes."""

    kinds: Kinds
    names: tuple[int, ...]
    tests: tuple[TestShape, ...]
    rank: int
    negated: bool = False


@dataclass(frozen=True)
class Present:
    """There is a row of a name; for a reference, of one that starts so."""

    kinds: Kinds
    names: tuple[int, ...]
    start: int
    negated: bool


@dataclass(frozen=True)
class Ids:
    """The id is, or is not, one of many."""

    ids: int
    places: int
    negated: bool


@dataclass(frozen=True)
class Moments:
    """When it was written last."""

    tests: tuple[TestShape, ...]


@dataclass(frozen=True)
class Linked:
    """A reference of the resource leads to a candidate."""

    kinds: Kinds
    names: tuple[int, ...]
    start: int
    target: Candidates


@dataclass(frozen=True)
class Pointed:
    """A reference of a candidate leads here."""

    kinds: Kinds
    names: tuple[int, ...]
    source: Candidates


@dataclass(frozen=True)
class AnyOf:
    any: tuple[ConditionShape, ...]


@dataclass(frozen=True)
class AllOf:
    all: tuple[ConditionShape, ...]


@dataclass(frozen=True)
class Slotted:
    """There is a slot in which every part has a row that passes."""

    parts: tuple[Words | Spans, ...]


@dataclass(frozen=True)
class OfTypes:
    kinds: Kinds
    then: ConditionShape


@dataclass(frozen=True)
class Always:
    """What needs no look."""

    true: bool


ConditionShape = (
    Words | Spans | Present | Ids | Moments | Linked | Pointed | AnyOf | AllOf | Slotted | OfTypes | Always
)


@dataclass(frozen=True)
class Candidates:
    """The resources of some types in scope that pass all conditions."""

    kinds: Kinds
    scope: ScopeShape
    conditions: tuple[ConditionShape, ...]


@dataclass(frozen=True)
class Ordering:
    """One key of a sort: an id, a moment, the least or greatest text or start of an interval."""

    subject: Literal["text", "interval", "id", "moment"]
    descending: bool
    kinds: Kinds | None = None
    names: tuple[int, ...] = ()
    start: tuple[int, int] | None = None


@dataclass(frozen=True)
class Place:
    """The end of the page before: the places of its bound, its ``seq`` and its sort values, none where it has none."""

    bound: int
    seq: int
    values: tuple[int | None, ...]


@dataclass(frozen=True)
class SearchShape:
    """A search without its values."""

    candidates: Candidates
    order: tuple[Ordering, ...]
    after: Place | None


@dataclass(frozen=True)
class Search:
    """A search as its shape and its values."""

    shape: SearchShape
    values: Values
