"""SQL as text with marks, composed once for each shape of question and compiled for SQLite and PostgreSQL.

A question is split in its shape (which tests, how they stand to one another) and its values: the shape names each
value by its place in a list. A shape is compiled once and then kept as text; no value is ever part of the text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, and_, any_, bindparam, func, literal_column, or_, select, true
from sqlalchemy import column as column_named
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction
from sqlalchemy.sql.selectable import FromClause
from sqlalchemy.types import Integer

from passerelle.fhir.search import Scope
from passerelle.store.numbers import number_of

Dialect = Literal["sqlite", "postgresql"]
Condition = ColumnElement[Any]

# Written out, because a literal would take a mark.
ONE: Condition = literal_column("1")
ZERO: Condition = literal_column("0")

NOBODY = 0
"""The number of a compartment that nobody has."""


@dataclass(frozen=True)
class Statement:
    """SQL with ``?`` marks, and which value belongs to which mark."""

    sql: str
    order: tuple[int, ...]

    def marks(self, values: Sequence[object]) -> tuple[object, ...]:
        return tuple([values[number] for number in self.order])


@dataclass
class Values:
    """The values of a question, in the order in which it is read; a shape holds their places."""

    dialect: Dialect
    list: list[object] = field(default_factory=list)

    def mark(self, value: object) -> int:
        self.list.append(value)
        return len(self.list) - 1

    def many(self, values: Sequence[object]) -> int:
        """Any number of values in one mark: how many there are is no part of the shape."""
        return self.mark(json.dumps(values) if self.dialect == "sqlite" else list(values))


def value(place: int) -> Any:
    return bindparam(f"v{place}")


def among(dialect: Dialect, column: Any, place: int) -> Condition:
    """That a column is one of many values in one mark."""
    if dialect == "postgresql":
        found: Condition = column == any_(value(place))
        return found
    rows = func.json_each(value(place)).table_valued(column_named("value"))
    within: Condition = column.in_(select(rows.c.value))
    return within


def limited(statement: Select[Any], place: int) -> Select[Any]:
    """As many rows as a value says. The offset is written out, else SQLite is given a mark for it."""
    return statement.limit(value(place)).offset(ZERO)


def compiled(statement: Any, dialect: Dialect) -> Statement:
    kind = sqlite if dialect == "sqlite" else postgresql
    text = statement.compile(dialect=kind.dialect(paramstyle="qmark"))
    return Statement(str(text), tuple(int(name[1:]) for name in text.positiontup or ()))


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


# --- scope --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ScopeShape:
    """What a scope limits; the places of its values."""

    compartment: int | None = None
    member: int | None = None
    hidden: tuple[int, ...] = ()
    types: int | None = None


OPEN = ScopeShape()


def lower_scope(scope: Scope, home: Callable[[str], int | None], values: Values) -> ScopeShape:
    """A scope's shape; ``home`` knows the number of a patient's compartment."""
    compartment = member = types = None
    if scope.compartment is not None:
        number = home(scope.compartment) or NOBODY
        compartment, member = values.mark(number), values.mark(f" {number} ")
    hidden = tuple([values.mark(f"\n{_escaped(label)}\n") for label in sorted(scope.hidden)])
    if scope.types is not None:
        types = values.many(sorted(map(number_of, scope.types)))
    return ScopeShape(compartment, member, hidden, types)


def _escaped(label: str) -> str:
    return label.replace("\\", "\\\\").replace("\n", "\\n")


def within(version: FromClause, scope: ScopeShape, dialect: Dialect) -> list[Condition]:
    """That a version, a row of ``resource`` or ``past``, is in scope."""
    conditions: list[Condition] = []
    if scope.compartment is not None and scope.member is not None:
        shared = text_position(version.c.others, value(scope.member)) > ZERO
        here = version.c.compartment == value(scope.compartment)
        conditions.append(
            or_(here, version.c.compartment < ZERO, func.coalesce(shared, literal_column("false")))
        )
    if scope.hidden:
        bare = [text_position(version.c.labels, value(label)) == ZERO for label in scope.hidden]
        conditions.append(or_(version.c.labels.is_(None), and_(true(), *bare)))
    if scope.types is not None:
        conditions.append(among(dialect, version.c.type, scope.types))
    return conditions
