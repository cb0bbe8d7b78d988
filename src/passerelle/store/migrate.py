"""Bring a database to the tables that this program works with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from passerelle.store.errors import StoreVersionError
from passerelle.store.migrations import HEAD


def is_current(revision: str | None) -> bool:
    """Whether a database at ``revision`` needs nothing. Raises for one that a newer program made."""
    if revision is None or revision == HEAD:
        return revision == HEAD
    if revision > HEAD:
        raise StoreVersionError(
            f"The database is at revision {revision}, this program knows {HEAD}: update the program."
        )
    return False


def migrate(dialect: str, connect: Callable[[], Any], revision: str = HEAD) -> None:
    """Run the steps that a database lacks; ``connect`` opens a DB-API connection that is closed here."""
    # Alembic costs a quarter of a second and 25 MB: only who has something to migrate pays that.
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import create_engine
    from sqlalchemy.pool import StaticPool

    engine = create_engine(dialect, creator=connect, poolclass=StaticPool)
    config = Config()
    config.set_main_option("script_location", "passerelle.store:migrations")
    try:
        with engine.connect() as connection:
            if engine.dialect.name == "sqlite":  # its driver would let every step become true by itself
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
            connection.commit()
    finally:
        engine.dispose()
