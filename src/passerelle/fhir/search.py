"""What does a search mean? ``parse`` reads it, ``matches`` defines it, ``index`` feeds the SQL engines."""

from __future__ import annotations

from typing import Any

from passerelle.fhir.definitions import resource_types
from passerelle.fhir.search_care import care, cared_for
from passerelle.fhir.search_codes import resolve
from passerelle.fhir.search_include import beside, pointed, source_rows
from passerelle.fhir.search_index import index
from passerelle.fhir.search_known import nearest_names, parameters, unknown_type
from passerelle.fhir.search_meaning import (
    Alone,
    Seen,
    World,
    answers,
    behind,
    labels,
    matches,
    of_types,
    passes,
    place,
    sort_rows,
    sort_values,
    within,
)
from passerelle.fhir.search_parse import parse
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


def included(resource: Json, query: Query, base: str = "") -> tuple[str, ...]:
    """The references that the query's ``_include`` follows from a match."""
    return tuple(sorted(pointed(Seen.of(resource, base), query.include)))


def sort_key(resource: Json, query: Query, base: str = "") -> tuple[Any, ...]:
    """What to sort some resources by that were all created at once."""
    return place(sort_values(Seen.of(resource, base), query), 0, query)


__all__ = [
    "EVERYTHING",
    "All",
    "Alone",
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
    "Seen",
    "Test",
    "Together",
    "Typed",
    "World",
    "answers",
    "behind",
    "beside",
    "care",
    "cared_for",
    "fold",
    "holds",
    "included",
    "index",
    "labels",
    "matches",
    "nearest_names",
    "of_types",
    "parameters",
    "parse",
    "passes",
    "place",
    "pointed",
    "resolve",
    "resource_types",
    "sort_key",
    "sort_rows",
    "sort_values",
    "source_rows",
    "tests",
    "unknown_type",
    "within",
]
