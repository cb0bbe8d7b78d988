"""SQL as text with marks, composed once for each shape of question and compiled for SQLite and PostgreSQL.

A question is split in its shape (which tests, how many alternatives) and its values. A shape is compiled once and
then kept as text; no value is ever part of the text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, bindparam, false, literal_column, not_, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.selectable import FromClause

from passerelle.fhir.search import Scope
from passerelle.store.filing import BUCKET
from passerelle.store.tables import label, member

Dialect = Literal["sqlite", "postgresql"]
Condition = ColumnElement[Any]

# Written out, because a literal would take a mark.
ONE: Condition = literal_column("1")
_BUCKET: Condition = literal_column(f"'{BUCKET}'")


@dataclass(frozen=True)
class Statement:
    """SQL with ``?`` marks, and which value belongs to which mark."""

    sql: str
    order: tuple[int, ...]

    def marks(self, values: Sequence[object]) -> tuple[object, ...]:
        return tuple(values[number] for number in self.order)


class Marks:
    """Hands out one mark per value, in the order in which the values are listed."""

    def __init__(self) -> None:
        self._count = 0

    def __call__(self) -> Any:
        self._count += 1
        return bindparam(f"v{self._count - 1}")

    def some(self, count: int) -> list[Any]:
        return [self() for _ in range(count)]


def compiled(statement: Any, dialect: Dialect) -> Statement:
    kind = sqlite if dialect == "sqlite" else postgresql
    text = statement.compile(dialect=kind.dialect(paramstyle="qmark"))
    return Statement(str(text), tuple(int(name[1:]) for name in text.positiontup or ()))


# --- scope --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ScopeShape:
    """What a scope limits, without saying to what."""

    compartment: bool
    hidden: int
    types: int | None

    @classmethod
    def of(cls, scope: Scope) -> ScopeShape:
        types = None if scope.types is None else len(scope.types)
        return cls(scope.compartment is not None, len(scope.hidden), types)


def scope_values(scope: Scope) -> list[object]:
    """The values of a scope, in the order of ``within``."""
    compartment = [] if scope.compartment is None else [scope.compartment]
    return [*compartment, *sorted(scope.hidden), *sorted(scope.types or ())]


def within(version: FromClause, scope: ScopeShape, mark: Marks) -> list[Condition]:
    """That a version, a row of ``resource`` or ``past``, is in scope."""
    conditions: list[Condition] = []
    if scope.compartment:
        patient = mark()
        beside = member.alias()
        shared = _beside(version, beside, beside.c.home).where(beside.c.compartment == patient).exists()
        conditions.append(or_(version.c.compartment == patient, version.c.compartment >= _BUCKET, shared))
    if scope.hidden:
        worn = label.alias()
        labels = _beside(version, worn, worn.c.compartment).where(worn.c.label.in_(mark.some(scope.hidden)))
        conditions.append(not_(labels.exists()))
    if scope.types is not None:
        conditions.append(version.c.type.in_(mark.some(scope.types)) if scope.types else false())
    return conditions


def _beside(version: FromClause, table: FromClause, home: Condition) -> Select[Any]:
    """The rows of ``member`` or ``label`` that belong to a version."""
    return select(ONE).where(
        home == version.c.compartment,
        table.c.type == version.c.type,
        table.c.id == version.c.id,
        table.c.version == version.c.version,
    )
