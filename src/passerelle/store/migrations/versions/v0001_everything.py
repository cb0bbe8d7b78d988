"""Everything that the first version of Passerelle keeps."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Create the tables."""
    _versions()
    _roads()
    _index()


def _versions() -> None:
    op.create_table(
        "resource",
        *_keys("compartment", "type", "id"),
        sa.Column("version", sa.Integer, nullable=False),
        *_version_columns(),
        sa.Column("refers", TEXT, nullable=False),
        sqlite_with_rowid=False,
    )
    living = sa.text("packing IS NOT NULL")
    columns: list[str | sa.TextClause] = ["type", sa.text("instant DESC"), "id", "packing"]
    op.create_index("resource_by_time", "resource", columns, sqlite_where=living, postgresql_where=living)
    op.create_index("resource_by_moment", "resource", ["instant"])
    op.create_table(
        "past",
        *_keys("compartment", "type", "id"),
        _number_key("version"),
        *_version_columns(),
        sqlite_with_rowid=False,
    )
    op.create_index("past_by_time", "past", ["type", "instant"])
    op.create_index("past_by_moment", "past", ["instant"])


def _roads() -> None:
    op.create_table(
        "locator",
        *_keys("compartment", "home"),
        sa.Column("type", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "member",
        *_keys("compartment", "home", "type", "id"),
        _number_key("version"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "label",
        *_keys("compartment", "type", "id"),
        _number_key("version"),
        *_keys("label"),
        sqlite_with_rowid=False,
    )


def _index() -> None:
    op.create_table(
        "indexed",
        *_keys("compartment", "type", "id", "name"),
        _number_key("place", sa.SmallInteger),
        sa.Column("text", TEXT, nullable=False),
        sa.Column("system", TEXT, nullable=False),
        sa.Column("exact", TEXT, nullable=False),
        sa.Column("low", sa.Float(53)),
        sa.Column("high", sa.Float(53)),
        sqlite_with_rowid=False,
    )
    for name, column, where in (
        ("indexed_by_text", "text", sa.text("low IS NULL")),
        ("indexed_by_interval", "low", sa.text("low IS NOT NULL")),
    ):
        columns = ["type", "name", column, "compartment", "id"]
        op.create_index(name, "indexed", columns, sqlite_where=where, postgresql_where=where)


def _keys(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, TEXT, primary_key=True) for name in names]


def _number_key(name: str, kind: type[sa.Integer] = sa.Integer) -> sa.Column[int]:
    return sa.Column(name, kind, primary_key=True, autoincrement=False)


def _version_columns() -> list[sa.Column[object]]:
    return [
        sa.Column("instant", sa.BigInteger, nullable=False),
        sa.Column("method", TEXT, nullable=False),
        sa.Column("packing", sa.SmallInteger),
        sa.Column("body", sa.LargeBinary),
    ]
