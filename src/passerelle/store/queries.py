"""The SQL that reads: by reference, a whole record, a history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Select, and_, func, literal_column, select, union_all
from sqlalchemy.sql.selectable import FromClause

from passerelle.store.compose import ONE, Condition, Dialect, Marks, ScopeShape, Statement, compiled, within
from passerelle.store.tables import locator, member, past, resource

# --- by reference -------------------------------------------------------------------------------------------

SIZES = (1, 4, 16, 64)
"""How many references one statement asks for: few shapes, so that each is compiled once."""


def padded(references: Sequence[str]) -> list[list[str]]:
    """References in lists of the sizes that statements have; the last one is repeated to fill its list."""
    lists = []
    for start in range(0, len(references), SIZES[-1]):
        part = list(references[start : start + SIZES[-1]])
        size = next(size for size in SIZES if size >= len(part))
        lists.append(part + part[-1:] * (size - len(part)))
    return lists


def columns(version: FromClause) -> list[Condition]:
    """What a ``Stored`` is made of."""
    return [version.c[name] for name in ("type", "id", "version", "instant", "method", "packing", "body")]


def _located(version: FromClause) -> FromClause:
    return locator.join(
        version,
        and_(
            version.c.compartment == locator.c.home,
            version.c.type == locator.c.type,
            version.c.id == locator.c.id,
        ),
    )


@lru_cache
def at(dialect: Dialect, count: int, scope: ScopeShape) -> Statement:
    """The current versions at ``count`` references. Values: the references, the scope."""
    mark = Marks()
    statement = (
        select(*columns(resource), resource.c.refers)
        .select_from(_located(resource))
        .where(locator.c.compartment.in_(mark.some(count)), *within(resource, scope, mark))
    )
    return compiled(statement, dialect)


# --- a whole record -----------------------------------------------------------------------------------------


@lru_cache
def compartment(dialect: Dialect, scope: ScopeShape) -> Statement:
    """What has its home with a patient. Values: the patient, the scope."""
    mark = Marks()
    statement = select(*columns(resource), resource.c.refers).where(
        resource.c.compartment == mark(), resource.c.packing.is_not(None), *within(resource, scope, mark)
    )
    return compiled(statement.order_by(resource.c.type, resource.c.id), dialect)


@lru_cache
def membership(dialect: Dialect, scope: ScopeShape) -> Statement:
    """What is about a patient but has its home with another. Values: the patient, the scope."""
    mark = Marks()
    shared = member.join(
        resource,
        and_(
            resource.c.compartment == member.c.home,
            resource.c.type == member.c.type,
            resource.c.id == member.c.id,
            resource.c.version == member.c.version,
        ),
    )
    statement = (
        select(*columns(resource), resource.c.refers)
        .select_from(shared)
        .where(
            member.c.compartment == mark(), resource.c.packing.is_not(None), *within(resource, scope, mark)
        )
    )
    return compiled(statement.order_by(resource.c.type, resource.c.id), dialect)


# --- history ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class HistoryShape:
    """What a history is of: one resource, one type or everything; since when; within what."""

    type: bool
    id: bool
    since: bool
    version: bool
    scope: ScopeShape


@lru_cache
def history(dialect: Dialect, shape: HistoryShape) -> Statement:
    """A page of versions, newest first. Values: those of ``_both``, count, offset."""
    mark = Marks()
    versions = _both(shape, mark).subquery()
    order = (versions.c.instant.desc(), versions.c.type, versions.c.id, versions.c.version.desc())
    statement = select(versions).order_by(*order).limit(mark()).offset(mark())
    return compiled(statement, dialect)


@lru_cache
def history_total(dialect: Dialect, shape: HistoryShape) -> Statement:
    """How many versions there are. Values: those of ``_both``."""
    return compiled(select(func.count()).select_from(_both(shape, Marks()).subquery()), dialect)


def _both(shape: HistoryShape, mark: Marks) -> Any:
    """Values: those of ``_versions``, and again, and the scope once more."""
    return union_all(_versions(resource, shape, mark), _versions(past, shape, mark))


def _versions(table: FromClause, shape: HistoryShape, mark: Marks) -> Select[Any]:
    """Values: the reference or the type, since, the version, the scope (for ``past`` twice)."""
    statement = select(*columns(table))
    if shape.id:
        statement = statement.select_from(_located(table)).where(locator.c.compartment == mark())
    elif shape.type:
        statement = statement.where(table.c.type == mark())
    if shape.since:
        statement = statement.where(table.c.instant >= mark())
    if shape.version:
        statement = statement.where(table.c.version == mark())
    return statement.where(*within(table, shape.scope, mark), *_still(table, shape.scope, mark))


def _still(table: FromClause, scope: ScopeShape, mark: Marks) -> list[Condition]:
    """That the current version is in scope too: a label that was added later hides what was before it."""
    whereabouts, current = locator.alias(), resource.alias()
    inside = within(current, scope, mark) if table is past else []
    if not inside:
        return []
    now = select(ONE).where(
        whereabouts.c.compartment == table.c.type + literal_column("'/'") + table.c.id,
        current.c.compartment == whereabouts.c.home,
        current.c.type == table.c.type,
        current.c.id == table.c.id,
        *inside,
    )
    return [now.exists()]
