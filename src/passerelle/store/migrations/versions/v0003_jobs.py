"""Jobs that outlive their requests, and the outbox."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Create both tables."""
    op.create_table(
        "job",
        *_keys(),
        _needed("kind", TEXT),
        _needed("owner", TEXT),
        _needed("request", sa.LargeBinary),
        _needed("created", sa.BigInteger),
        _needed("state", TEXT),
        *(_needed(name, sa.BigInteger) for name in ("changed", "due", "lease", "expires")),
        _needed("holder", TEXT),
        _needed("attempts", sa.Integer),
        _needed("progress", sa.LargeBinary),
        _needed("result", sa.LargeBinary),
        sqlite_with_rowid=False,
    )
    op.create_index("job_by_state", "job", ["compartment", "state", "created", "id"])
    op.create_table(
        "outbox",
        *_keys(),
        _needed("topic", TEXT),
        _needed("payload", sa.LargeBinary),
        *(_needed(name, sa.BigInteger) for name in ("created", "due", "lease")),
        _needed("holder", TEXT),
        _needed("attempts", sa.Integer),
        sqlite_with_rowid=False,
    )


def _keys() -> tuple[sa.Column[int], sa.Column[str]]:
    return (
        sa.Column("compartment", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("id", TEXT, primary_key=True),
    )


def _needed(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)
