"""What does a condition mean? ``passes``: the definition that every engine agrees with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from passerelle.fhir.compartment import patients
from passerelle.fhir.search_cursor import Cursor, Value
from passerelle.fhir.search_index import index
from passerelle.fhir.search_known import COMMON, parameters
from passerelle.fhir.search_terms import (
    All,
    Chain,
    Clause,
    Condition,
    Either,
    Has,
    IndexRow,
    Query,
    Scope,
    Together,
    Typed,
)
from passerelle.fhir.search_tests import holds, tests
from passerelle.values import Json


@dataclass(frozen=True, slots=True)
class Seen:
    """A resource as a search sees it: what it is, and its index rows."""

    type: str
    id: str
    rows: tuple[IndexRow, ...]

    @property
    def reference(self) -> str:
        return f"{self.type}/{self.id}"

    @classmethod
    def of(cls, resource: Json, base: str = "") -> Seen:
        return cls(resource.get("resourceType", ""), resource.get("id", ""), index(resource, base))


class World(Protocol):
    """What else there is, as far as a scope lets it be seen: current versions only."""

    def at(self, reference: str) -> Seen | None:
        """The resource at ``Type/id``."""

    def pointing(self, type: str, rows: tuple[str, ...], reference: str) -> Iterable[Seen]:
        """The resources of a type with a row of one of those names whose text is that reference."""


class Alone:
    """A world in which there is nothing else."""

    def at(self, reference: str) -> Seen | None:
        return None

    def pointing(self, type: str, rows: tuple[str, ...], reference: str) -> Iterable[Seen]:
        return ()


def matches(resource: Json, query: Query, world: World | None = None, base: str = "") -> bool:
    """Whether a resource is an answer to a query: the definition. Paging, sorting and includes come after."""
    if not of_types(resource.get("resourceType", ""), query) or not within(resource, query.scope, base):
        return False
    if not query.clauses:
        return True
    seen = Seen.of(resource, base)
    return all(passes(seen, one, world or Alone()) for one in query.clauses)


def of_types(type: str, query: Query) -> bool:
    return type == query.type if query.type else not query.types or type in query.types


def passes(seen: Seen, condition: Condition, world: World) -> bool:
    """Whether a resource satisfies a condition."""
    match condition:
        case Clause():
            return answers(seen.rows, condition)
        case Either():
            return any(passes(seen, one, world) for one in condition.any)
        case All():
            return all(passes(seen, one, world) for one in condition.all)
        case Typed():
            return seen.type in condition.types and passes(seen, condition.then, world)
        case Together():
            return _together(seen.rows, condition)
        case Chain():
            return _chain(seen, condition, world)
        case Has():
            found = world.pointing(condition.type, condition.names, seen.reference)
            return any(passes(one, condition.then, world) for one in found)


def answers(rows: tuple[IndexRow, ...], clause: Clause) -> bool:
    """Whether the index rows of one resource satisfy one clause."""
    names = clause.names
    named = [row for row in rows if row.name in names]
    if clause.modifier == "missing":
        some = any(row.text.startswith(clause.start) for row in named)
        return some is (clause.values[0] == "false")
    asked = tests(clause)
    passed = any(holds(test, row) for test in asked for row in named)
    return not passed if clause.modifier == "not" else passed


def _together(rows: tuple[IndexRow, ...], condition: Together) -> bool:
    """Whether in one element every part has a row that passes."""
    slots = [
        {row.slot for row in rows if row.name in part.names and any(holds(test, row) for test in tests(part))}
        for part in condition.parts
    ]
    return bool(set.intersection(*slots) - {0})


def _chain(seen: Seen, condition: Chain, world: World) -> bool:
    start = f"{condition.type}/"
    for row in seen.rows:
        if row.kind == "reference" and row.name in condition.names and row.text.startswith(start):
            target = world.at(row.text)
            if target is not None and passes(target, condition.then, world):
                return True
    return False


# --- scope ------------------------------------------------------------------------------------------------------


def within(resource: Json, scope: Scope, base: str = "") -> bool:
    """Whether a scope lets a resource be seen at all."""
    if scope.types is not None and resource.get("resourceType") not in scope.types:
        return False
    if scope.hidden and not scope.hidden.isdisjoint(labels(resource)):
        return False
    if scope.compartment is None:
        return True
    about = patients(resource, base)
    return not about or scope.compartment in about


def labels(resource: Json) -> frozenset[str]:
    """The ``system|code`` of each security label of a resource."""
    security = (resource.get("meta") or {}).get("security") or ()
    return frozenset(f"{label.get('system', '')}|{label['code']}" for label in security if label.get("code"))


# --- order ------------------------------------------------------------------------------------------------------


def sort_rows(type: str, name: str) -> tuple[tuple[str, ...], str]:
    """The names of the rows that hold what is sorted by, and what their text must start with.

    ``type`` is "" in a search across types, where only what is the same for all of them is sorted by.
    """
    known = (parameters(type) if type else COMMON).get(name)
    return (known.rows, known.start) if known else ((name,), "")


def sort_values(seen: Seen, query: Query) -> tuple[Value, ...]:
    """What a resource is sorted by, one value for each key: None where it has none.

    Ascending goes by a resource's least value and descending by its greatest: ``low`` for dates, numbers and
    quantities, ``text`` for the rest, compared by code point. What has no value comes last either way.
    """
    return tuple(_sort_value(seen, name, descending) for name, descending in query.sort)


def _sort_value(seen: Seen, name: str, descending: bool) -> Value:
    names, start = sort_rows(seen.type, name)
    values: list[Any] = [
        row.text if row.low is None else row.low
        for row in seen.rows
        if row.name in names and row.text.startswith(start)
    ]
    if not values:
        return None
    best: Value = max(values) if descending else min(values)
    return best


def place(values: tuple[Value, ...], seq: int, query: Query) -> tuple[Any, ...]:
    """Where in the order of a query something comes; equals come from the highest ``seq`` (created last) down."""
    keys = [
        (1,) if value is None else (0, _Descending(value) if descending else value)
        for value, (_, descending) in zip(values, query.sort, strict=True)
    ]
    return (*keys, -seq)


def behind(cursor: Cursor, query: Query) -> tuple[Any, ...]:
    """The place of the last row of the page before: the next page starts behind it."""
    return place(cursor.values, cursor.seq, query)


@dataclass(frozen=True)
class _Descending:
    """A sort value that comes later the smaller it is."""

    value: Any

    def __lt__(self, other: _Descending) -> bool:
        return bool(other.value < self.value)
