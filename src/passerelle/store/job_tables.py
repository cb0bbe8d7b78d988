"""The tables of jobs and of the outbox (see ``store.jobs``)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, Table, Text

TEXT = Text().with_variant(Text(collation="C"), "postgresql")


def add(metadata: MetaData) -> tuple[Table, Table]:
    """Describe both tables among the others."""
    return _job(metadata), _outbox(metadata)


def _job(metadata: MetaData) -> Table:
    return Table(
        "job",
        metadata,
        *_keys(),
        *(Column(name, TEXT, nullable=False) for name in ("kind", "owner")),
        Column("request", LargeBinary, nullable=False),
        _moment("created"),
        Column("state", TEXT, nullable=False),
        *map(_moment, ("changed", "due", "lease", "expires")),
        Column("holder", TEXT, nullable=False),
        Column("attempts", Integer, nullable=False),
        *(Column(name, LargeBinary, nullable=False) for name in ("progress", "result")),
        Index("job_by_state", "compartment", "state", "created", "id"),
        sqlite_with_rowid=False,
    )


def _outbox(metadata: MetaData) -> Table:
    return Table(
        "outbox",
        metadata,
        *_keys(),
        Column("topic", TEXT, nullable=False),
        Column("payload", LargeBinary, nullable=False),
        *map(_moment, ("created", "due", "lease")),
        Column("holder", TEXT, nullable=False),
        Column("attempts", Integer, nullable=False),
        sqlite_with_rowid=False,
    )


def _keys() -> tuple[Column[Any], Column[Any]]:
    return (
        Column("compartment", BigInteger, primary_key=True, autoincrement=False),
        Column("id", TEXT, primary_key=True),
    )


def _moment(name: str) -> Column[Any]:
    return Column(name, BigInteger, nullable=False)
