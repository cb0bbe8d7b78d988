"""The SQL that searches: which resources pass, on facets and intervals, in which order."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sqlalchemy import Select, and_, false, func, literal_column, or_, select, true
from sqlalchemy.sql.selectable import FromClause

from passerelle.store.compose import (
    ONE,
    OPEN,
    ZERO,
    Condition,
    Dialect,
    Statement,
    compiled,
    limited,
    value,
)
from passerelle.store.passing import Composer, Keyed
from passerelle.store.queries import columns
from passerelle.store.ranking import leading
from passerelle.store.shapes import Ordering, Place, SearchShape, Words
from passerelle.store.tables import facet, posting, resource, span


@lru_cache(512)
def page(
    dialect: Dialect, shape: SearchShape, limit: int, *, counted: bool, by: Keyed | None = None
) -> Statement:
    """One page of the matches: the versions, the number and the sort values of each, perhaps how many there are."""
    composer = Composer(dialect)
    keys = [_sorted_by(one, resource, dialect).label(f"k{n}") for n, one in enumerate(shape.order)]
    found = select(*columns(resource), resource.c.seq, *keys).where(
        *composer.passing(resource, shape.candidates, by)
    )
    if counted:
        found = found.add_columns(_total(composer, shape, None).scalar_subquery().label("total"))
    if not keys:
        # The same number, but only this one tells SQLite that the rows come in this order already.
        seq = resource.c.seq if by is None else posting.c.seq
        if shape.after:
            found = found.where(seq < value(shape.after.seq))
        return compiled(limited(found.order_by(seq.desc()), limit), dialect)
    if shape.after:
        found = found.where(resource.c.seq <= value(shape.after.bound))
    rows = found.subquery("found")
    statement = select(rows)
    if shape.after:
        statement = statement.where(_behind(shape, shape.after, rows))
    order = [_nulls_last(rows.c[f"k{n}"], one.descending) for n, one in enumerate(shape.order)]
    return compiled(limited(statement.order_by(*order, rows.c.seq.desc()), limit), dialect)


@lru_cache(512)
def total(dialect: Dialect, shape: SearchShape, by: Keyed | None = None) -> Statement:
    """How many matches there are."""
    return compiled(_total(Composer(dialect), shape, by), dialect)


def _total(composer: Composer, shape: SearchShape, by: Keyed | None) -> Select[Any]:
    bound = value(shape.after.bound) if shape.after else None
    if by is not None and len(shape.candidates.conditions) == 1 and shape.candidates.scope == OPEN:
        found = select(func.count()).select_from(posting).where(posting.c.key == value(by.key))
        return found if bound is None else found.where(posting.c.seq <= bound)
    every = resource.alias()
    found = select(func.count(every.c.seq)).where(*composer.passing(every, shape.candidates, by))
    return found if bound is None else found.where(every.c.seq <= bound)


@lru_cache(512)
def keys(words: Words) -> Statement:
    """The fingerprints of the facets that pass a condition, in SQLite."""
    return compiled(Composer("sqlite").spelled_by(words).limit(TWO).offset(ZERO), "sqlite")


TWO: Condition = literal_column("2")


# --- order --------------------------------------------------------------------------------------------------


def _nulls_last(key: Any, descending: bool) -> Any:
    return (key.desc() if descending else key.asc()).nulls_last()


def _behind(shape: SearchShape, after: Place, rows: FromClause) -> Condition:
    """That a row comes after the last one of the page before."""
    same: list[Condition] = []
    ways: list[Condition] = []
    for number, (one, place) in enumerate(zip(shape.order, after.values, strict=True)):
        key = rows.c[f"k{number}"]
        if place is None:
            same.append(key.is_(None))
            continue
        beyond = key < value(place) if one.descending else key > value(place)
        ways.append(and_(true(), *same, or_(beyond, key.is_(None))))
        same.append(key == value(place))
    ways.append(and_(true(), *same, rows.c.seq < value(after.seq)))
    return or_(false(), *ways)


def _sorted_by(one: Ordering, row: FromClause, dialect: Dialect) -> Any:
    if one.subject == "id":
        return row.c.id
    if one.subject == "moment":
        return row.c.instant
    assert one.kinds is not None  # noqa: S101  the lowering gives it to what is not a column
    extreme = func.max if one.descending else func.min
    composer = Composer(dialect)
    if one.subject == "interval":
        spelled = facet.alias()
        named = and_(composer.named(spelled, one.kinds, one.names), spelled.c.key == span.c.key)
        starts = select(extreme(span.c.low)).where(
            span.c.compartment == row.c.compartment,
            span.c.seq == row.c.seq,
            select(ONE).where(named).exists(),
        )
        return starts.correlate(row).scalar_subquery()
    spelled = facet.alias()
    texts = select(extreme(spelled.c.text)).where(composer.named(spelled, one.kinds, one.names))
    if one.start:
        low, high = one.start
        texts = texts.where(spelled.c.text >= value(low), spelled.c.text < value(high))
    return texts.where(composer.has(row, spelled)).correlate(row).scalar_subquery()


__all__ = ["Keyed", "keys", "leading", "page", "total"]
