"""One database server, many processes: the same tables and the same words as SQLite.

A change is one serializable transaction. When two changes contradict one another, one of them is done again from
the start: what it does depends only on what it reads there.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, TypeVar

import psycopg
from psycopg import Connection, IsolationLevel, errors
from psycopg_pool import ConnectionPool, PoolTimeout

from passerelle.store import statements
from passerelle.store.changing import SqlChange
from passerelle.store.clock import Milliseconds, wall
from passerelle.store.compose import Dialect
from passerelle.store.errors import StoreTimeoutError, StoreUnavailableError
from passerelle.store.facets import Lexicon
from passerelle.store.glances import Glances, NotBriefError
from passerelle.store.migrate import is_current, migrate
from passerelle.store.reindex import catch_up
from passerelle.store.sql import SqlView
from passerelle.store.writing import Known
from passerelle.values import Json

T = TypeVar("T")

LIMIT = 30.0
"""Seconds that one statement may take."""

_OPTIONS = f"-c statement_timeout={round(LIMIT * 1000)}"

TRIES = 12
"""How often a change that another one contradicted is done before giving up."""

_MIGRATING = 0x5061_7373_6572
"""The key of the lock that lets one process at a time migrate."""

# A unique key that is taken means that another transaction made the same resource: the next try sees it.
_CONTRADICTED = (errors.SerializationFailure, errors.DeadlockDetected, errors.UniqueViolation)


MANY = 24
"""From how many rows on they are copied rather than inserted."""


class PostgresSession:
    """A connection in a transaction; what it writes is sent without waiting for each answer."""

    dialect: Dialect = "postgresql"

    def __init__(self, connection: Connection[Any]) -> None:
        self._connection = connection

    def rows(self, sql: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        return self._connection.execute(_marked(sql), values).fetchall()

    def write(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        if len(rows) == 1:
            self._connection.execute(_marked(sql), rows[0])
        else:
            self._connection.cursor().executemany(_marked(sql), rows)

    def insert(self, table: str, rows: Sequence[Sequence[object]]) -> None:
        if len(rows) < MANY:
            self.write(statements.INSERTS[table], rows)
            return
        with self._connection.cursor().copy(f"COPY {table} FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)


class _Numbers:
    """The server counts."""

    def __init__(self, connection: Connection[Any]) -> None:
        self._connection = connection
        self._given: dict[str, list[int]] = {}
        self._more = 1

    def next_seq(self) -> int:
        return self._next("resource_number")

    def next_home(self) -> int:
        return self._next("home_number")

    def _next(self, name: str) -> int:
        """Who needs one gets one; who needs many is soon given many at a time."""
        given = self._given.setdefault(name, [])
        if not given:
            sql = b"SELECT nextval(%s::regclass) FROM generate_series(1, %s)"
            rows = self._connection.execute(sql, (name, self._more)).fetchall()
            given += [row[0] for row in reversed(rows)]
            self._more = min(self._more * 8, 64)
        return given.pop()


class PostgresStore:
    """A store on a PostgreSQL server, which other processes may use at the same time."""

    def __init__(
        self, dsn: str, pool: ConnectionPool[Any], *, threads: int, base: str, clock: Milliseconds
    ) -> None:
        self._dsn = dsn
        self._pool = pool
        self._base = base
        self.indexed = True
        """Whether the index means what this program means; else ``reindex`` it."""
        self._clock = clock
        self._latest = 0
        self._known = Known(Lexicon("postgresql"))
        self._latest_lock = threading.Lock()
        self._threads = ThreadPoolExecutor(threads, "passerelle-postgres")
        self._glances = Glances(dsn, _marked)

    @classmethod
    def open(
        cls, dsn: str, *, connections: int = 4, base: str = "", clock: Milliseconds = wall
    ) -> PostgresStore:
        """Open the database at ``dsn`` and bring it to this program's tables.

        Raises StoreUnavailableError if the server does not answer, StoreVersionError if a newer program was here.
        """
        with _explained():
            _prepare(dsn)
            pool: ConnectionPool[Any] = ConnectionPool(
                dsn, kwargs={"options": _OPTIONS}, min_size=1, max_size=connections, open=False
            )
            pool.open(wait=True, timeout=10)
        store = cls(dsn, pool, threads=connections, base=base, clock=clock)
        with pool.connection() as connection:
            store.indexed = catch_up(PostgresSession(connection), store._change)
        return store

    async def look(
        self, question: Callable[[SqlView], T], seconds: float | None = None, *, brief: bool = False
    ) -> T:
        """Answer a question from one snapshot. Raises StoreTimeoutError when that takes longer than ``seconds``.

        A ``brief`` question that is one statement shares its way with the others that wait.
        """
        if brief:
            try:
                answer: T = await self._glances.ask(
                    lambda session: question(SqlView(session, self._base, self._known))
                )
            except NotBriefError:
                pass
            else:
                return answer
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._look, question, seconds or LIMIT)

    async def change(self, work: Callable[[SqlChange], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._change, work)

    async def load(self, resources: Iterable[Json]) -> int:
        """Put many resources in one change; the fast road for a first filling. Their number."""
        every = list(resources)  # a change may have to be done again, an iterator runs only once
        return await self.change(lambda change: change.load(every))

    async def clean(self) -> None:
        """After an erasure: write the tables again, without what was deleted. Nobody can use them meanwhile."""
        await asyncio.to_thread(self._clean)

    def _clean(self) -> None:
        with _explained(), psycopg.connect(self._dsn, autocommit=True) as connection:
            for table in ("resource", "past", "facet", "span"):
                connection.execute(f"VACUUM FULL {table}".encode())

    async def forget(self) -> None:
        """Learn anew what the database holds, after it was changed beside this store."""
        self._known.forget()

    async def close(self) -> None:
        """Finish what is under way and let go of the server."""
        await asyncio.to_thread(self._threads.shutdown)
        await asyncio.to_thread(self._glances.close)
        await asyncio.to_thread(self._pool.close)

    def _look(self, question: Callable[[SqlView], T], seconds: float) -> T:
        with _explained(), self._pool.connection() as connection:
            connection.isolation_level = IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            if seconds != LIMIT:
                connection.execute(f"SET LOCAL statement_timeout = {max(1, round(seconds * 1000))}".encode())
            return question(SqlView(PostgresSession(connection), self._base, self._known))

    def _change(self, work: Callable[[SqlChange], T]) -> T:
        with _explained():
            for attempt in range(TRIES):
                try:
                    return self._once(work)
                except _CONTRADICTED:
                    # Not all at the same moment again.
                    time.sleep(random.uniform(0, 0.002 * 2**attempt))  # noqa: S311  no secret
            return self._once(work)

    def _once(self, work: Callable[[SqlChange], T]) -> T:
        with self._pool.connection() as connection:
            connection.isolation_level = IsolationLevel.SERIALIZABLE
            connection.read_only = False
            now = max(self._clock(), self._latest)
            numbers = _Numbers(connection)
            change = SqlChange(PostgresSession(connection), self._base, self._known, numbers, now)
            result = work(change)
            change.finish()
        with self._latest_lock:
            self._latest = max(self._latest, change.latest)
            change.writing.learn()
        return result


@lru_cache(1024)
def _marked(sql: str) -> bytes:
    """The statement with the marks that this driver reads."""
    return sql.replace("%", "%%").replace("?", "%s").encode()


def _prepare(dsn: str) -> None:
    """Make or migrate the tables, if there is need; without Alembic when there is none."""
    with psycopg.connect(dsn, connect_timeout=10, autocommit=True) as connection:
        if is_current(_revision(connection)):
            return
        connection.execute("SELECT pg_advisory_lock(%s)", (_MIGRATING,))
        if not is_current(_revision(connection)):  # another process may have done it while this one waited
            migrate("postgresql+psycopg://", lambda: psycopg.connect(dsn))


def _revision(connection: Connection[Any]) -> str | None:
    if connection.execute("SELECT to_regclass('alembic_version')").fetchall()[0][0] is None:
        return None
    found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return found[0] if found else None


@contextmanager
def _explained() -> Iterator[None]:
    """Say what is wrong with the server in words that an operator can act on."""
    try:
        yield
    except errors.QueryCanceled:
        raise StoreTimeoutError("The question took too long and was given up.") from None
    except (psycopg.OperationalError, PoolTimeout) as failure:
        raise StoreUnavailableError(
            f"The database server cannot be used ({type(failure).__name__}): look whether it runs, has room and lets"
            " this user in. A change that was under way when it went may or may not have been kept."
        ) from failure


__all__ = ["PostgresStore"]
