"""The SQL that reads: by reference, a whole record, a history, a part of an export."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Select, and_, func, literal_column, or_, select, union_all
from sqlalchemy.sql.selectable import FromClause

from passerelle.store.compose import (
    ONE,
    Condition,
    Dialect,
    ScopeShape,
    Statement,
    among,
    compiled,
    limited,
    value,
    within,
)
from passerelle.store.tables import HEAD, facet, locator, member, past, posting, resource


def columns(version: FromClause) -> list[Condition]:
    """What a ``Stored`` is made of."""
    return [version.c[name] for name in ("type", "id", "version", "instant", "method", "packing", "body")]


BOUND = {"sqlite": "SELECT max(seq) FROM resource", "postgresql": "SELECT last_value FROM resource_number"}
"""The greatest number that any resource has, or a greater one."""

# --- by reference -------------------------------------------------------------------------------------------

READ = """
SELECT r.type, r.id, r.version, r.instant, r.method, r.packing, r.body
FROM locator l JOIN resource r ON r.compartment = l.home AND r.type = ? AND r.seq = l.seq
WHERE l.compartment = ? AND l.rest = ? AND r.id = ?
"""
"""The current version at one reference, in any scope."""


@dataclass(frozen=True)
class OneShape:
    """One resource: the places of its type, of both halves of its key, and of its id."""

    type: int
    compartment: int
    rest: int
    id: int


def _here(one: OneShape, row: FromClause) -> list[Condition]:
    return [
        locator.c.compartment == value(one.compartment),
        locator.c.rest == value(one.rest),
        row.c.type == value(one.type),
        row.c.seq == locator.c.seq,
        row.c.id == value(one.id),
    ]


@lru_cache
def read(dialect: Dialect, one: OneShape, scope: ScopeShape) -> Statement:
    """The current version at one reference."""
    inside = within(resource, scope, dialect)
    here = [resource.c.compartment == locator.c.home, *_here(one, resource)]
    return compiled(select(*columns(resource)).where(*here, *inside), dialect)


@lru_cache
def at(dialect: Dialect, places: int, types: int, scope: ScopeShape) -> Statement:
    """The current versions at many references, deletions included; a few more if two references share a place."""
    statement = select(*columns(resource), locator.c.compartment).where(
        among(dialect, locator.c.compartment, places),
        resource.c.compartment == locator.c.home,
        resource.c.seq == locator.c.seq,
        among(dialect, resource.c.type, types),
        *within(resource, scope, dialect),
    )
    return compiled(statement, dialect)


# --- a whole record -----------------------------------------------------------------------------------------


@lru_cache
def compartment(dialect: Dialect, patient: int, scope: ScopeShape) -> Statement:
    """What has its home with a patient."""
    statement = select(*columns(resource)).where(
        resource.c.compartment == value(patient),
        resource.c.packing.is_not(None),
        *within(resource, scope, dialect),
    )
    return compiled(statement, dialect)


@lru_cache
def membership(dialect: Dialect, patient: int, scope: ScopeShape) -> Statement:
    """What is about a patient but has its home with another."""
    shared = member.join(
        resource,
        and_(
            resource.c.compartment == member.c.home,
            resource.c.type == member.c.type,
            resource.c.seq == member.c.seq,
        ),
    )
    statement = select(*columns(resource)).select_from(shared)
    inside = within(resource, scope, dialect)
    found = statement.where(member.c.compartment == value(patient), resource.c.packing.is_not(None), *inside)
    return compiled(found, dialect)


# --- an export ----------------------------------------------------------------------------------------------


@lru_cache
def scan(
    dialect: Dialect,
    type: int,
    after: int,
    limit: int,
    since: int | None,
    scope: ScopeShape,
    theirs: bool = False,
) -> Statement:
    """Current versions of a type in the order in which they were first written; with ``since`` only living ones, and
    ``theirs`` only those in some patient's compartment."""
    statement = select(resource.c.seq, resource.c.instant, resource.c.packing, resource.c.body).where(
        resource.c.type == value(type), resource.c.seq > value(after), *within(resource, scope, dialect)
    )
    if theirs:
        statement = statement.where(resource.c.compartment > literal_column("0"))
    if since is not None:
        statement = statement.where(resource.c.packing.is_not(None), resource.c.instant >= value(since))
    return compiled(limited(statement.order_by(resource.c.seq), limit), dialect)


@lru_cache
def earlier(dialect: Dialect, seq: int, until: int, scope: ScopeShape) -> Statement:
    """The version of a resource that was current at a moment and is past now."""
    statement = select(past.c.instant, past.c.packing, past.c.body).where(
        past.c.seq == value(seq), past.c.instant <= value(until), *within(past, scope, dialect)
    )
    return compiled(statement.order_by(past.c.version.desc()).limit(ONE).offset(literal_column("0")), dialect)


# --- history ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class HistoryShape:
    """What a history is of, and the places of its values."""

    one: OneShape | None
    type: int | None
    since: int | None
    start: int | None
    end: int | None
    version: int | None
    after: tuple[int, int, int, int] | None
    """The instant, type, id and version of the last that was shown."""
    scope: ScopeShape


@lru_cache
def history(dialect: Dialect, shape: HistoryShape, limit: int) -> Statement:
    """A page of versions, newest first."""
    versions = _both(shape, dialect).subquery()
    row = versions.c
    statement = select(versions)
    if shape.after:
        statement = statement.where(_behind(row, *(value(place) for place in shape.after)))
    order = row.instant.desc(), row.type, row.id, row.version.desc()
    return compiled(limited(statement.order_by(*order), limit), dialect)


def _behind(row: Any, instant: Any, type: Any, id: Any, version: Any) -> Condition:
    """That a version comes after the last of the page before."""
    later = and_(row.id == id, row.version < version)
    same = or_(row.type > type, and_(row.type == type, or_(row.id > id, later)))
    behind: Condition = and_(row.instant <= instant, or_(row.instant < instant, same))
    return behind


@lru_cache
def history_total(dialect: Dialect, shape: HistoryShape) -> Statement:
    """How many versions there are."""
    return compiled(select(func.count()).select_from(_both(shape, dialect).subquery()), dialect)


def _both(shape: HistoryShape, dialect: Dialect) -> Any:
    return union_all(_versions(resource, shape, dialect), _versions(past, shape, dialect))


def _versions(table: FromClause, shape: HistoryShape, dialect: Dialect) -> Select[Any]:
    statement = select(*columns(table), table.c.seq)
    if shape.one:
        here = [table.c.compartment == locator.c.home] if table is resource else []
        statement = statement.where(*here, *_here(shape.one, table))
    elif shape.type is not None:
        statement = statement.where(table.c.type == value(shape.type))
    if shape.since is not None:
        statement = statement.where(table.c.instant >= value(shape.since))
    if shape.end is not None:
        statement = statement.where(table.c.instant < value(shape.end))
    if shape.start is not None and table is past:
        statement = statement.where(_followed(value(shape.start)))
    if shape.version is not None:
        statement = statement.where(table.c.version == value(shape.version))
    return statement.where(*within(table, shape.scope, dialect), *_still(table, shape.scope, dialect))


def _followed(start: Any) -> Condition:
    """That a past version was still the current one after a moment."""
    following, current = past.alias(), resource.alias()
    next = past.c.version + ONE
    then = select(ONE).where(
        following.c.seq == past.c.seq, following.c.version == next, following.c.instant > start
    )
    now = select(ONE).where(
        current.c.type == past.c.type,
        current.c.seq == past.c.seq,
        current.c.version == next,
        current.c.instant > start,
    )
    return or_(then.exists(), now.exists())


def _still(table: FromClause, scope: ScopeShape, dialect: Dialect) -> list[Condition]:
    """That the current version is in scope too: a label that was added later hides what was before it."""
    current = resource.alias()
    inside = within(current, scope, dialect) if table is past else []
    if not inside:
        return []
    return [select(ONE).where(current.c.type == table.c.type, current.c.seq == table.c.seq, *inside).exists()]


# --- references ---------------------------------------------------------------------------------------------


@lru_cache
def pointing(
    dialect: Dialect, names: int, texts: int, kinds: tuple[int, int], scope: ScopeShape
) -> Statement:
    """The resources of a type that refer to any of many references by one of some names."""
    type, bucket = kinds
    named = and_(
        facet.c.compartment == value(bucket),
        among(dialect, facet.c.name, names),
        among(
            dialect,
            facet.c.text if dialect == "sqlite" else func.left(facet.c.text, literal_column(str(HEAD))),
            texts,
        ),
    )
    statement = select(*columns(resource)).where(
        resource.c.type == value(type), resource.c.packing.is_not(None), *within(resource, scope, dialect)
    )
    if dialect == "sqlite":
        rows = (
            select(posting.c.seq).select_from(facet.join(posting, posting.c.key == facet.c.key)).where(named)
        )
        return compiled(statement.where(resource.c.seq.in_(rows)), dialect)
    keys = select(facet.c.key).where(named)
    overlaps = resource.c.terms.op("&&", is_comparison=True)(func.array(keys.scalar_subquery()))
    return compiled(statement.where(overlaps), dialect)
