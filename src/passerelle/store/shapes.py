"""A search in two parts: its shape, which is compiled once, and its values, which are never part of the text.

The clause that is likely to leave least drives: its rows lead to the resources. The others are asked of each
resource that is left, by exact look-ups.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from passerelle.fhir.search import Clause, Kind, Operator, Query, Test, parameters, tests
from passerelle.store.compose import ScopeShape, scope_values
from passerelle.store.filing import BUCKET

HIGHEST = "\U0010ffff"
"""Sorts after all that may follow: what starts with a text lies between the text and the text with this."""

Ask = Literal["some", "none", "present", "missing", "nothing", "anything"]
"""That some row passes, that none does, that there is one or none of the name; or what needs no look."""


@dataclass(frozen=True)
class TestShape:
    """How one test compares, and which fields."""

    operator: Operator
    text: bool
    system: bool
    exact: bool
    interval: bool

    @classmethod
    def of(cls, test: Test) -> TestShape:
        interval = test.low is not None and test.high is not None
        return cls(
            test.operator, test.text is not None, test.system is not None, test.exact is not None, interval
        )


PLAIN = TestShape("is", True, False, False, False)
"""The commonest test: a text is equal."""


@dataclass(frozen=True)
class ClauseShape:
    """What is asked, and of what: of index rows with text or intervals, or of a column of the resource."""

    subject: Literal["text", "interval", "id", "moment"]
    ask: Ask
    tests: tuple[TestShape, ...]


@dataclass(frozen=True)
class Ordering:
    """One key of a sort."""

    subject: Literal["text", "interval", "id", "moment"]
    descending: bool


@dataclass(frozen=True)
class SearchShape:
    """A search without its values."""

    scope: ScopeShape
    clauses: tuple[ClauseShape, ...]
    driver: int | None
    sort: tuple[Ordering, ...]


@dataclass(frozen=True)
class Search:
    """A search as its shape and its values: of the conditions, and of the order."""

    shape: SearchShape
    values: tuple[object, ...]
    sort: tuple[object, ...]


# --- from a query to its shape and values -------------------------------------------------------------------


def lower(query: Query) -> Search:
    """Part a query in its shape and its values."""
    clauses = [(_clause_shape(clause), clause) for clause in query.clauses if isinstance(clause, Clause)]
    orderings = tuple(Ordering(_subject(name, _kind(query.type, name)), down) for name, down in query.sort)
    shape = SearchShape(
        ScopeShape.of(query.scope), tuple(shape for shape, _ in clauses), _driver(clauses), orderings
    )
    values = [value for shape, clause in clauses for value in _clause_values(query.type, shape, clause)]
    names = (
        name
        for (name, _), one in zip(query.sort, orderings, strict=True)
        if one.subject in ("text", "interval")
    )
    bucket = () if query.scope.compartment is None else (BUCKET + query.type,)
    return Search(shape, (query.type, *bucket, *scope_values(query.scope), *values), tuple(names))


def _kind(type: str, name: str) -> Kind:
    known = parameters(type).get(name)
    return known.kind if known else "token"


def _subject(name: str, kind: Kind) -> Literal["text", "interval", "id", "moment"]:
    if name == "_id":
        return "id"
    if name == "_lastUpdated":
        return "moment"
    return "interval" if kind in ("date", "number", "quantity") else "text"


def _clause_shape(clause: Clause) -> ClauseShape:
    subject = _subject(clause.name, clause.kind)
    shapes = tuple(TestShape.of(test) for test in tests(clause))
    if clause.modifier == "missing":
        ask: Ask = "missing" if clause.values == ("true",) else "present"
        if subject in ("id", "moment"):  # every resource has both
            ask = "nothing" if ask == "missing" else "anything"
        return ClauseShape(subject, ask, ())
    if clause.modifier == "not":
        return ClauseShape(subject, "none", shapes) if shapes else ClauseShape(subject, "anything", ())
    return ClauseShape(subject, "some", shapes) if shapes else ClauseShape(subject, "nothing", ())


def _clause_values(type: str, shape: ClauseShape, clause: Clause) -> list[object]:
    asked = tests(clause)
    values = [value for test in asked for value in _test_values(test)]
    if shape.ask in ("nothing", "anything"):
        return []
    if shape.subject == "id":
        return [*(f"{type}/{test.text}" for test in asked), *values]
    return values if shape.subject == "moment" else [clause.name, *values]


def _test_values(test: Test) -> list[object]:
    """The values of a test, in the order of ``_passes``."""
    values: list[object] = []
    if test.text is not None:
        values += [test.text, test.text + HIGHEST] if test.operator == "starts" else [test.text]
    if test.system is not None:
        values.append(test.system)
    if test.exact is not None:
        values += [test.exact, test.exact + HIGHEST] if test.operator == "named" else [test.exact]
    if test.low is not None and test.high is not None:
        values += [test.low, test.high]
    return values


def _driver(clauses: Sequence[tuple[ClauseShape, Clause]]) -> int | None:
    """Which clause is likely to leave least; none when each of them may leave almost everything."""
    ranks = [(_rank(shape, clause), number) for number, (shape, clause) in enumerate(clauses)]
    best = min(ranks, default=(_LAST, 0))
    return best[1] if best[0] < _LAST else None


DRIVING = 50
"""How many alternatives may drive: each is a look-up of its own."""

_LAST = 9
_RANKS = {"reference": 3, "string": 4, "uri": 5, "token": 5, "date": 6, "quantity": 7, "number": 7}


def _rank(shape: ClauseShape, clause: Clause) -> int:
    sought = shape.subject == "interval" or all(test.text for test in shape.tests)
    few = len(shape.tests) <= DRIVING or all(test == PLAIN for test in shape.tests)
    if shape.ask != "some" or shape.subject == "moment" or not (sought and few):
        return _LAST
    if shape.subject == "id":
        return 0
    if clause.name in ("identifier", "patient") or any(
        value.startswith("Patient/") for value in clause.values
    ):
        return 1 if clause.name == "identifier" else 2
    # Almost every resource has the same status: that leaves everything.
    return _LAST if clause.name in ("status", "active", "category") else _RANKS.get(clause.kind, _LAST)
