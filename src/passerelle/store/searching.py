"""The SQL that searches: the meaning of ``fhir.search.matches``, on index rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    CompoundSelect,
    Select,
    and_,
    bindparam,
    false,
    func,
    literal_column,
    not_,
    or_,
    select,
    true,
    tuple_,
    union,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction
from sqlalchemy.types import Integer

from passerelle.fhir.search import Operator
from passerelle.store.compose import (
    ONE,
    Condition,
    Dialect,
    Marks,
    ScopeShape,
    Statement,
    compiled,
    within,
)
from passerelle.store.queries import columns
from passerelle.store.shapes import PLAIN, ClauseShape, Ordering, SearchShape, TestShape
from passerelle.store.tables import indexed, locator, member, resource

GROUP = 100
"""How many ORs stand in one expression; SQLite takes a thousand."""

_NOTHING: Condition = literal_column("''")
_ZERO: Condition = literal_column("0")


@lru_cache(512)
def page(dialect: Dialect, shape: SearchShape) -> Statement:
    """One page of the matches. Values: those of the search, of its sort, count, offset."""
    mark = Marks()
    statement = select(*columns(resource)).where(*_matching(shape, mark))
    order = [_ordered(one, mark) for one in shape.sort] or [resource.c.instant.desc()]
    return compiled(statement.order_by(*order, resource.c.id).limit(mark()).offset(mark()), dialect)


@lru_cache(512)
def total(dialect: Dialect, shape: SearchShape) -> Statement:
    """How many matches there are. Values: those of the search."""
    statement = select(func.count()).select_from(resource).where(*_matching(shape, Marks()))
    return compiled(statement, dialect)


@lru_cache
def pointing(dialect: Dialect, names: int, count: int, scope: ScopeShape) -> Statement:
    """What refers to any of ``count`` references. Values: the type, the names, the references, the scope."""
    mark = Marks()
    type = mark()
    rows = _SEATS.where(
        indexed.c.type == type,
        indexed.c.name.in_(mark.some(names)),
        indexed.c.low.is_(None),
        indexed.c.text.in_(mark.some(count)),
    )
    statement = select(*columns(resource)).where(_seat().in_(rows), *within(resource, scope, mark))
    return compiled(statement.order_by(resource.c.id), dialect)


_SEATS = select(indexed.c.compartment, indexed.c.type, indexed.c.id)


def _seat() -> Any:
    """What leads to a resource. SQLite leaves a better road for an index as soon as it can use one column of it,
    so what drives says the whole key, and the type is said nowhere else."""
    return tuple_(resource.c.compartment, resource.c.type, resource.c.id)


def _matching(shape: SearchShape, mark: Marks) -> list[Condition]:
    """Values: the type, the bucket of the type when the scope has a compartment, the scope, each clause."""
    type = mark()
    conditions: list[Condition] = [resource.c.packing.is_not(None)]
    bucket = mark() if shape.scope.compartment else None
    inside = within(resource, shape.scope, mark)
    if shape.driver is None:
        conditions.append(resource.c.type == type if bucket is None else _homes(type, bucket))
    conditions += inside
    for number, clause in enumerate(shape.clauses):
        conditions.append(_clause(clause, type, mark, drives=number == shape.driver))
    return conditions


def _homes(type: Any, bucket: Any) -> Condition:
    """The few homes that what is in a patient's compartment can have: said, because the engine cannot infer it."""
    patient: Any = bindparam("v2")  # the first value of the scope
    elsewhere = select(member.c.home, member.c.type).where(
        member.c.compartment == patient, member.c.type == type
    )
    homes = union(select(patient.label("home"), type.label("type")), select(bucket, type), elsewhere)
    found: Condition = tuple_(resource.c.compartment, resource.c.type).in_(_listed(homes))
    return found


def _clause(shape: ClauseShape, type: Any, mark: Marks, *, drives: bool) -> Condition:
    """Values: as in ``_clause_values``."""
    if shape.ask in ("nothing", "anything"):
        return false() if shape.ask == "nothing" else true()
    if shape.subject == "moment":
        return _negated(shape, or_(*(_moment_passes(test, mark) for test in shape.tests)))
    if shape.subject == "id":
        return _by_id(shape, mark, drives=drives)
    name = mark()
    passing = _alternatives(shape, indexed.c, mark)
    if drives:
        seats: Condition = _seat().in_(_driving(shape, type, name, passing))
        return seats
    rows = select(ONE).where(
        indexed.c.compartment == resource.c.compartment,
        indexed.c.type == type,
        indexed.c.id == resource.c.id,
        indexed.c.name == name,
    )
    groups = [passing[start : start + GROUP] for start in range(0, len(passing), GROUP)] or [[true()]]
    return _negated(shape, or_(*(rows.where(or_(*group)).exists() for group in groups)))


def _negated(shape: ClauseShape, condition: Condition) -> Condition:
    return not_(condition) if shape.ask in ("none", "missing") else condition


def _by_id(shape: ClauseShape, mark: Marks, *, drives: bool) -> Condition:
    references = mark.some(len(shape.tests))
    row = _Row(resource.c.id, _NOTHING, _NOTHING)
    passing = or_(*_alternatives(shape, row, mark))
    if not drives:
        return _negated(shape, passing)
    seats = select(locator.c.home, locator.c.type, locator.c.id).where(locator.c.compartment.in_(references))
    return and_(_seat().in_(seats), passing)


@dataclass(frozen=True)
class _Row:
    """What a test looks at when it is not an index row."""

    text: Any
    system: Any
    exact: Any
    low: Any = None
    high: Any = None


def _driving(shape: ClauseShape, type: Any, name: Any, passing: list[Condition]) -> Any:
    """Each alternative is a look-up of its own: an OR would be a scan."""
    filed = indexed.c.low.is_not(None) if shape.subject == "interval" else indexed.c.low.is_(None)
    rows = _SEATS.where(indexed.c.type == type, indexed.c.name == name, filed)
    if len(passing) == 1:
        return rows.where(passing[0])
    return _listed(union(*(rows.where(test) for test in passing)))


def _listed(rows: CompoundSelect[Any]) -> Select[Any]:
    """SQLite looks up the members of a list of keys only when the list is not itself a UNION."""
    return select(rows.subquery())


def _alternatives(shape: ClauseShape, row: Any, mark: Marks) -> list[Condition]:
    """What may pass. Many plain texts are one list: an engine takes only so many ORs. Values: of each test."""
    if all(test == PLAIN for test in shape.tests) and len(shape.tests) > 1:
        return [row.text.in_(mark.some(len(shape.tests)))]
    return [_passes(test, row, mark) for test in shape.tests]


def _passes(shape: TestShape, row: Any, mark: Marks) -> Condition:
    """``fhir.search.holds``. Values: as in ``_test_values``."""
    conditions: list[Condition] = []
    if shape.text:
        conditions.append(_text_passes(shape.operator, row.text, mark))
    if shape.system:
        conditions.append(row.system == mark())
    if shape.exact:
        conditions.append(_starts(row.exact, mark) if shape.operator == "named" else row.exact == mark())
    if shape.operator in _INTERVALS:
        conditions.append(_INTERVALS[shape.operator](row, mark(), mark()) if shape.interval else false())
    return and_(true(), *conditions)


def _text_passes(operator: Operator, text: Any, mark: Marks) -> Condition:
    if operator == "starts":
        return _starts(text, mark)
    return text_position(text, mark()) > _ZERO if operator == "contains" else text == mark()


def _starts(text: Any, mark: Marks) -> Condition:
    return and_(text >= mark(), text < mark())


# A row's low is below its high, so `low <= high of the test` only bounds the look-up where it follows anyway.
_INTERVALS: dict[str, Callable[[Any, Any, Any], Condition]] = {
    "eq": lambda row, low, high: and_(row.low >= low, row.low <= high, row.high <= high),
    "ne": lambda row, low, high: or_(row.low < low, row.high > high),
    "gt": lambda row, low, high: row.high > high,
    "lt": lambda row, low, high: row.low < low,
    "ge": lambda row, low, high: or_(row.high > high, and_(row.low >= low, row.high <= high)),
    "le": lambda row, low, high: or_(row.low < low, and_(row.low >= low, row.high <= high)),
    "sa": lambda row, low, high: row.low >= high,
    "eb": lambda row, low, high: row.high <= low,
    "ap": lambda row, low, high: and_(row.low < high, row.high > low),
}

# `_lastUpdated` covers the smallest interval above a whole millisecond, so each comparison is one of its start.
_MOMENTS: dict[str, Callable[[Any, Any, Any], Condition]] = {
    "eq": lambda at, low, high: and_(at >= low, at < high),
    "ne": lambda at, low, high: or_(at < low, at >= high),
    "gt": lambda at, low, high: at >= high,
    "lt": lambda at, low, high: at < low,
    "ge": lambda at, low, high: at >= low,
    "le": lambda at, low, high: at < high,
    "sa": lambda at, low, high: at >= high,
    "eb": lambda at, low, high: at < low,
    "ap": lambda at, low, high: and_(at >= low, at < high),
}


def _moment_passes(shape: TestShape, mark: Marks) -> Condition:
    return _MOMENTS[shape.operator](resource.c.instant, mark(), mark())


def _ordered(one: Ordering, mark: Marks) -> Any:
    """Value: the name of the parameter, for what is not a column."""
    if one.subject in ("id", "moment"):
        key: Any = resource.c.id if one.subject == "id" else resource.c.instant
    else:
        column = indexed.c.text if one.subject == "text" else indexed.c.low
        extreme = func.max(column) if one.descending else func.min(column)
        rows = select(extreme).where(
            indexed.c.compartment == resource.c.compartment,
            indexed.c.type == resource.c.type,
            indexed.c.id == resource.c.id,
            indexed.c.name == mark(),
        )
        key = rows.scalar_subquery()
    return (key.desc() if one.descending else key.asc()).nulls_last()


class text_position(GenericFunction[int]):  # noqa: N801  named as SQL is
    """Where a text stands in another, from 1; 0 if it does not."""

    type = Integer()
    inherit_cache = True


@compiles(text_position, "sqlite")
def _instr(element: Any, compiler: Any, **options: Any) -> str:
    return f"instr({compiler.process(element.clauses, **options)})"


@compiles(text_position, "postgresql")
def _strpos(element: Any, compiler: Any, **options: Any) -> str:
    return f"strpos({compiler.process(element.clauses, **options)})"
