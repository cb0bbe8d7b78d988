"""What does a search mean? ``parse`` reads it, ``matches`` defines it, ``index`` feeds the SQL engines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from passerelle.fhir.compartment import patients
from passerelle.fhir.definitions import resource_types
from passerelle.fhir.search_index import index
from passerelle.fhir.search_parse import nearest_names, parameters, parse, unknown_type
from passerelle.fhir.search_terms import (
    EVERYTHING,
    All,
    Chain,
    Clause,
    Condition,
    Either,
    Found,
    Has,
    Include,
    IndexRow,
    Kind,
    Operator,
    Parameter,
    Query,
    Scope,
    Test,
    Together,
    Typed,
)
from passerelle.fhir.search_tests import holds, tests
from passerelle.fhir.search_values import fold
from passerelle.values import Json


def matches(resource: Json, query: Query, base: str = "") -> bool:
    """Whether a resource is an answer to a query: the definition. Paging, sorting and includes come after."""
    if resource.get("resourceType") != query.type or not within(resource, query.scope, base):
        return False
    rows = index(resource, base) if query.clauses else ()
    return all(isinstance(clause, Clause) and answers(rows, clause) for clause in query.clauses)


def answers(rows: tuple[IndexRow, ...], clause: Clause) -> bool:
    """Whether the index rows of one resource satisfy one clause."""
    named = [row for row in rows if row.name == clause.name]
    if clause.modifier == "missing":
        return (not named) == (clause.values[0] == "true")
    passed = any(holds(test, row) for test in tests(clause) for row in named)
    return not passed if clause.modifier == "not" else passed


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


def included(resource: Json, query: Query, base: str = "") -> tuple[str, ...]:
    """The references (``Type/id`` or absolute) that the query's ``_include`` follows from a resource."""
    wanted = [one for one in query.include if one.source == resource.get("resourceType")]
    if not wanted:
        return ()
    rows = [row for row in index(resource, base) if row.kind == "reference" and row.text]
    return tuple(
        dict.fromkeys(
            row.text
            for one in wanted
            for row in rows
            if one.name in ("*", row.name) and row.text.startswith(f"{one.target}/" if one.target else "")
        )
    )


@dataclass(frozen=True)
class _Descending:
    """A sort value that comes later the smaller it is."""

    value: Any

    def __lt__(self, other: _Descending) -> bool:
        return bool(other.value < self.value)


def sort_key(resource: Json, query: Query, base: str = "") -> tuple[Any, ...]:
    """What to sort by. Ascending goes by a resource's least value and descending by its greatest.

    The value is ``low`` for dates, numbers and quantities and ``text`` for the rest, compared by code point.
    Resources without the value come last either way; what is equal, or not sorted at all, is in order of id.
    """
    rows = index(resource, base) if query.sort else ()
    return (*(_sort_value(rows, name, down) for name, down in query.sort), resource.get("id", ""))


def _sort_value(rows: tuple[IndexRow, ...], name: str, descending: bool) -> tuple[Any, ...]:
    values = [row.text if row.low is None else row.low for row in rows if row.name == name]
    if not values:
        return (1,)
    return (0, _Descending(max(values))) if descending else (0, min(values))


__all__ = [
    "EVERYTHING",
    "All",
    "Chain",
    "Clause",
    "Condition",
    "Either",
    "Found",
    "Has",
    "Include",
    "IndexRow",
    "Kind",
    "Operator",
    "Parameter",
    "Query",
    "Scope",
    "Test",
    "Together",
    "Typed",
    "answers",
    "fold",
    "holds",
    "included",
    "index",
    "labels",
    "matches",
    "nearest_names",
    "parameters",
    "parse",
    "resource_types",
    "sort_key",
    "tests",
    "unknown_type",
    "within",
]
