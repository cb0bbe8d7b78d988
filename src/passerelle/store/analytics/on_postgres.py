"""How does a view run on PostgreSQL? The resources are copied into a table of the session, and its SQL runs there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from passerelle.fhir.view.plan import Plan
from passerelle.fhir.view.rows import Row
from passerelle.fhir.view.sql import statement
from passerelle.fhir.view.sql.postgres import Postgres
from passerelle.store.analytics.errors import AnalyticsError, told, unreadable
from passerelle.store.analytics.on_memory import bodies
from passerelle.store.analytics.sources import Progress
from passerelle.store.analytics.values import reader

if TYPE_CHECKING:
    import psycopg

_BATCH = 5000
_TABLE = "passerelle_view_resources"


def stream(planned: Plan, files: tuple[Path, ...], database: str, progress: Progress) -> Iterator[Row]:
    """The rows of a view over NDJSON files, as Python values."""
    import psycopg

    if not database:
        raise AnalyticsError("Which PostgreSQL? Name it with --database postgresql://… .")
    read = reader(planned)
    try:
        with psycopg.connect(database) as connection:
            _load(connection, files, progress)
            dialect = Postgres(planned)
            for definition in dialect.setup:
                connection.execute(definition)
            source = f"SELECT body AS {planned.root.name} FROM {_TABLE}"  # noqa: S608  both names are ours
            with connection.cursor(name="view") as found:
                found.itersize = _BATCH
                found.execute(statement(planned, dialect, source))
                yield from map(read, found)
            connection.rollback()
    except psycopg.OperationalError:
        raise AnalyticsError("The PostgreSQL server of --database does not answer.") from None
    except psycopg.errors.InvalidTextRepresentation:
        raise unreadable() from None
    except psycopg.Error as fault:
        raise told("postgresql", fault) from None


def _load(connection: psycopg.Connection[Any], files: tuple[Path, ...], progress: Progress) -> None:
    connection.execute(f"CREATE TEMPORARY TABLE {_TABLE} (body jsonb) ON COMMIT DROP")
    done = 0
    with connection.cursor() as cursor, cursor.copy(f"COPY {_TABLE} FROM STDIN") as copy:
        for body in bodies(files):
            copy.write_row((body.decode(),))
            done += 1
            if done % _BATCH == 0:
                progress("view-reading", done, 0)
    progress("view-reading", done, 0)
    connection.execute(f"ANALYZE {_TABLE}")
