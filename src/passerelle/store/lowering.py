"""From a query to its shape, which is compiled once, and its values, which are never part of the text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from passerelle.fhir import search_cursor
from passerelle.fhir.search import (
    All,
    Chain,
    Clause,
    Either,
    Has,
    Query,
    Test,
    Together,
    Typed,
    parameters,
    sort_rows,
    tests,
)
from passerelle.fhir.search import Condition as Asked
from passerelle.store.compose import Dialect, ScopeShape, Values, lower_scope
from passerelle.store.facets import PRESENT
from passerelle.store.numbers import TYPES, bucket, number_of, whereabouts
from passerelle.store.shapes import (
    LAST,
    AllOf,
    Always,
    AnyOf,
    Candidates,
    ConditionShape,
    Ids,
    Kinds,
    Linked,
    Moments,
    OfTypes,
    Ordering,
    Place,
    Pointed,
    Present,
    Search,
    SearchShape,
    Slotted,
    Spans,
    TestShape,
    Words,
)
from passerelle.store.tables import HEAD

HIGHEST = "\U0010ffff"
"""Sorts after all that may follow: what starts with a text lies between the text and the text with this."""


Home = Callable[[str], int | None]


@dataclass
class Lowering:
    """What is the same for all conditions of one search."""

    values: Values
    scope: ScopeShape

    # --- places ---

    def kinds(self, types: Sequence[str]) -> Kinds:
        known = [type for type in types if number_of(type)]
        if len(known) == 1:
            [type] = known
            mark = self.values.mark
            return Kinds(True, mark(number_of(type)), mark(bucket(type)), (mark(f"{type}/"),))
        names = tuple([self.values.mark(f"{type}/") for type in known])
        numbers, buckets = [number_of(type) for type in known], [bucket(type) for type in known]
        types_, buckets_ = self.values.many(numbers), self.values.many(buckets)
        return Kinds(False, types_, buckets_, names, tuple(zip(names, numbers, strict=True)))

    def names(self, names: Sequence[str], start: str = "") -> tuple[int, ...]:
        return tuple([self.values.mark(start + name) for name in names])

    # --- conditions ---

    def candidates(self, types: Sequence[str], conditions: Sequence[Asked]) -> Candidates:
        kinds = self.kinds(types)
        return Candidates(kinds, self.scope, tuple([self.condition(one, kinds, types) for one in conditions]))

    def condition(self, asked: Asked, kinds: Kinds, types: Sequence[str]) -> ConditionShape:
        match asked:
            case Clause():
                return self.clause(asked, kinds, types)
            case Either(any=any):
                return AnyOf(tuple([self.condition(one, kinds, types) for one in any]))
            case All(all=all):
                return AllOf(tuple([self.condition(one, kinds, types) for one in all]))
            case Chain():
                start = self.values.mark(f"{asked.type}/")
                return Linked(
                    kinds, self.names(asked.names), start, self.candidates([asked.type], [asked.then])
                )
            case Has():
                source = self.candidates([asked.type], [asked.then])
                return Pointed(kinds, self.names(asked.names), source)
            case Together(parts=parts):
                return Slotted(tuple([self._row_clause(part, kinds) for part in parts]))
            case Typed():
                some = [type for type in asked.types if type in types] if types else list(asked.types)
                inner = self.kinds(some)
                return OfTypes(inner, self.condition(asked.then, inner, some)) if some else Always(False)
        raise TypeError(f"A condition of an unknown kind: {type(asked).__name__}")

    def clause(self, clause: Clause, kinds: Kinds, types: Sequence[str]) -> ConditionShape:
        if clause.modifier == "missing":
            return self._missing(clause, kinds)
        negated = clause.modifier in ("not", "not-in")
        asked = tests(clause)
        if clause.names == ("_id",):
            return self._ids([test.text or "" for test in asked if _of_an_id(test)], types, negated)
        if clause.names == ("_lastUpdated",):
            return Moments(tuple([self._interval(test) for test in asked if _bounded(test)]))
        return replace(self._row_clause(clause, kinds), negated=negated)

    def _row_clause(self, clause: Clause, kinds: Kinds) -> Words | Spans:
        names, asked = self.names(clause.names), tests(clause)
        if clause.kind in ("date", "number", "quantity"):
            shapes = [self._interval(test) for test in asked if _bounded(test)]
            return Spans(kinds, names, tuple(shapes), _rank(clause))
        return Words(kinds, names, tuple(self._texts(asked)), _rank(clause))

    def _missing(self, clause: Clause, kinds: Kinds) -> ConditionShape:
        missing = clause.values == ("true",)
        if clause.names[0] in ("_id", "_lastUpdated"):  # every resource has both
            return Always(not missing)
        start = self.values.mark(clause.start)
        return Present(kinds, self.names(clause.names, PRESENT), start, missing)

    def _ids(self, ids: list[str], types: Sequence[str], negated: bool) -> Ids:
        places = [whereabouts(f"{type}/{id}")[0] for type in types for id in ids]
        return Ids(self.values.many(ids), self.values.many(places), negated)

    def _texts(self, asked: Sequence[Test]) -> list[TestShape]:
        """The tests of words; those that only differ in an equal text become one."""
        shapes = []
        for (merged, system), group in groupby(asked, key=lambda test: (_merges(test), test.system)):
            some = list(group)
            if merged and len(some) > 1:
                place = None if system is None else self.values.mark(system)
                texts = [test.text or "" for test in some]
                heads = self.values.many([text[:HEAD] for text in texts])
                shapes.append(TestShape("is", texts=self.values.many(texts), heads=heads, system=place))
            else:
                shapes += [self._text(test) for test in some]
        return shapes

    def _text(self, test: Test) -> TestShape:
        mark = self.values.mark
        text = None if test.text is None else mark(test.text)
        end = None
        if test.operator == "starts":
            end = mark((test.text or "") + HIGHEST)
        elif test.operator == "named":
            end = mark((test.exact or "") + HIGHEST)
        long = len(test.text or "") > HEAD
        system = None if test.system is None else mark(test.system)
        exact = None if test.exact is None else mark(test.exact)
        return TestShape(test.operator, text, end=end, long=long, system=system, exact=exact)

    def _interval(self, test: Test) -> TestShape:
        shape = self._text(test)
        return replace(shape, low=self.values.mark(test.low), high=self.values.mark(test.high))


def _merges(test: Test) -> bool:
    return test.operator in ("is", "exact") and test.text is not None and test.exact is None


def _bounded(test: Test) -> bool:
    return test.low is not None and test.high is not None


def _of_an_id(test: Test) -> bool:
    """Whether a test can be passed by a row that has only a text."""
    plain = test.operator in ("is", "exact") and test.text is not None
    return plain and test.system in (None, "") and test.exact in (None, "")


def all_types() -> list[str]:
    return [type for type in TYPES if type]


# --- from a query to its shape and values -------------------------------------------------------------------


def types_of(query: Query) -> list[str]:
    """The types that a query looks at, as far as its scope lets it."""
    if query.type:
        return [query.type]
    types = list(query.types) or all_types()
    allowed = query.scope.types
    return [type for type in types if allowed is None or type in allowed]


def lower(query: Query, home: Home, dialect: Dialect) -> Search:
    """Part a query in its shape and its values."""
    values = Values(dialect)
    lowering = Lowering(values, lower_scope(query.scope, home, values))
    types = types_of(query)
    found = lowering.candidates(types, query.clauses)
    order = tuple([_ordering(lowering, found.kinds, query.type, *one) for one in query.sort])
    after = (
        None if query.after is None else _place(search_cursor.decode(query.after, len(query.sort)), values)
    )
    return Search(SearchShape(found, order, after), values)


def _ordering(lowering: Lowering, kinds: Kinds, type: str, name: str, descending: bool) -> Ordering:
    if name in ("_id", "_lastUpdated"):
        return Ordering("id" if name == "_id" else "moment", descending)
    names, start = sort_rows(type, name)
    known = parameters(type or "Basic").get(name)
    if known is not None and known.kind in ("date", "number", "quantity"):
        return Ordering("interval", descending, kinds, lowering.names(names))
    mark = lowering.values.mark
    bounds = (mark(start), mark(start + HIGHEST)) if start else None
    return Ordering("text", descending, kinds, lowering.names(names), bounds)


def _place(cursor: search_cursor.Cursor, values: Values) -> Place:
    marks = tuple([None if one is None else values.mark(one) for one in cursor.values])
    return Place(values.mark(cursor.bound), values.mark(cursor.seq), marks)


# --- which condition leads ----------------------------------------------------------------------------------

_RANKS = {"reference": 3, "string": 4, "uri": 5, "token": 5, "date": 6, "quantity": 7, "number": 7}


def _rank(clause: Clause) -> int:
    """The smaller, the fewer resources are likely to be left by a clause."""
    if clause.name in ("identifier", "_id"):
        return 1
    if clause.kind == "reference":
        return 2 if any(value.startswith("Patient/") for value in clause.values) else 3
    # Almost every resource has the same status: that leaves everything.
    return LAST - 1 if clause.name in ("status", "active", "category") else _RANKS.get(clause.kind, LAST)
