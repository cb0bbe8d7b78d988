"""One file, one writer, many readers: what a node keeps when it has no database server.

Every change is on the disk when ``change`` returns (WAL with a full sync). Changes that wait together share one
sync, each in a savepoint of its own, so that one that fails takes back only itself.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from math import inf
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from passerelle.store import statements
from passerelle.store.changing import SqlChange
from passerelle.store.clock import Milliseconds, wall
from passerelle.store.compose import Dialect
from passerelle.store.errors import StoreError
from passerelle.store.facets import Lexicon
from passerelle.store.migrate import is_current, migrate
from passerelle.store.reindex import catch_up
from passerelle.store.sql import SqlView
from passerelle.store.sqlite_file import explained, keep_private, locked, of_the_file
from passerelle.store.writing import Known
from passerelle.values import Json

T = TypeVar("T")

TOGETHER = 64
"""How many changes may share one sync."""

LIMIT = 30.0
"""Seconds that one look may take."""

STEPS = 20_000
"""How many steps of its machine SQLite does between two looks at the clock."""

BRIEF = 0.002
"""Seconds for which the event loop waits for a brief answer."""

FEW_STEPS = 2_000

_Work = tuple[Callable[[SqlChange], Any], "Future[Any]"]


class SqliteSession:
    """A connection to the file, in whatever transaction it is."""

    dialect: Dialect = "sqlite"

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def rows(self, sql: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql, values).fetchall()

    def write(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        if len(rows) == 1:
            self._connection.execute(sql, rows[0])
        else:
            self._connection.executemany(sql, rows)

    def insert(self, table: str, rows: Sequence[Sequence[object]]) -> None:
        self.write(statements.INSERTS[table], rows)


class _Numbers:
    """The only writer counts by itself. What a change that failed was given is a gap."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.count()

    def count(self) -> None:
        connection = self._connection
        self._seq = connection.execute(statements.LAST_SEQ).fetchone()[0] or 0
        self._home = connection.execute(statements.LAST_HOME).fetchone()[0] or 0

    def next_seq(self) -> int:
        self._seq += 1
        return self._seq

    def next_home(self) -> int:
        self._home += 1
        return self._home


class _NotBriefError(Exception):
    """More steps than an answer on the spot may take."""


class SqliteStore:
    """A store in one file, which only one process may have open."""

    def __init__(self, path: Path, lock: int, *, readers: int, base: str, clock: Milliseconds) -> None:
        self._lock = lock
        self._path = path
        self._base = base
        self.indexed = True
        """Whether the index means what this program means; else ``reindex`` it."""
        self._own = threading.local()
        self._here: sqlite3.Connection | None = None
        """For what is answered on the spot, in the thread of the event loop."""
        self._until = inf
        self._connections: list[sqlite3.Connection] = []
        self._known = Known(Lexicon("sqlite"))
        self._writer = _Writer(_connect(path), base, clock, self._known)
        self._readers = ThreadPoolExecutor(readers, "passerelle-read", self._enter)
        self._writer.start()

    @classmethod
    def open(
        cls, path: str | Path, *, readers: int = 2, base: str = "", clock: Milliseconds = wall
    ) -> SqliteStore:
        """Open the file, which is made if there is none, and bring it to this program's tables.

        Raises StoreInUseError if another process has it open, StoreVersionError if a newer program made it.
        """
        place = Path(path).absolute()
        with explained(place):
            keep_private(place)
            lock = locked(place)
            try:
                _prepare(place)
                store = cls(place, lock, readers=readers, base=base, clock=clock)
            except BaseException:
                os.close(lock)
                raise
        store.indexed = catch_up(store._writer.session, lambda work: store._writer.ask(work).result())
        return store

    async def look(
        self, question: Callable[[SqlView], T], seconds: float | None = None, *, brief: bool = False
    ) -> T:
        """Answer a question from one snapshot. Raises StoreTimeoutError when that takes longer than ``seconds``.

        A ``brief`` question is answered on the spot, where handing it to a thread and back would cost several times the
        answer; one that turns out not to be brief is begun again beside the event loop.
        """
        if brief:
            try:
                return self._glance(question)
            except _NotBriefError:
                pass
        return await asyncio.get_running_loop().run_in_executor(
            self._readers, self._look, question, seconds or LIMIT
        )

    async def change(self, work: Callable[[SqlChange], T]) -> T:
        return await asyncio.wrap_future(self._writer.ask(work))

    async def load(self, resources: Iterable[Json]) -> int:
        """Put many resources in one change; the fast road for a first filling. Their number."""
        return await self.change(lambda change: change.load(resources))

    async def clean(self) -> None:
        """After an erasure: leave nothing of it in the log of the file either."""
        await asyncio.to_thread(self._clean)

    def _clean(self) -> None:
        with explained():
            connection = _connect(self._path)
            try:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                connection.close()

    async def forget(self) -> None:
        """Learn anew what the database holds, after it was changed beside this store."""
        await self.change(lambda _: self._writer.forget())

    async def close(self) -> None:
        """Finish what is waiting and let go of the file."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._readers.shutdown()
        self._writer.finish()
        for connection in self._connections:
            connection.close()
        with suppress(OSError):  # closed before
            os.close(self._lock)

    def _enter(self) -> None:
        """A reader has a connection of its own, so that its snapshot is too."""
        connection = self._own.connection = _connect(self._path)
        connection.execute("PRAGMA query_only = ON")
        connection.execute("PRAGMA cache_size = -2000")  # the system keeps what many read; once is enough
        self._connections.append(connection)

    def _glance(self, question: Callable[[SqlView], T]) -> T:
        if self._here is None:
            self._enter()
            self._here = self._own.connection
            self._here.set_progress_handler(lambda: time.monotonic() > self._until, FEW_STEPS)
        with explained():
            self._here.execute("BEGIN")
            self._until = time.monotonic() + BRIEF
            try:
                return question(SqlView(SqliteSession(self._here), self._base, self._known))
            except sqlite3.OperationalError as failure:
                if failure.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                    raise _NotBriefError from None
                raise
            finally:
                self._until = inf
                self._here.execute("ROLLBACK")

    def _look(self, question: Callable[[SqlView], T], seconds: float) -> T:
        connection: sqlite3.Connection = self._own.connection
        end = time.monotonic() + seconds
        connection.set_progress_handler(lambda: time.monotonic() > end, STEPS)
        with explained():
            connection.execute("BEGIN")
            try:
                return question(SqlView(SqliteSession(connection), self._base, self._known))
            finally:
                connection.execute("ROLLBACK")


class _Writer(threading.Thread):
    """The only thread that writes."""

    def __init__(self, connection: sqlite3.Connection, base: str, clock: Milliseconds, known: Known) -> None:
        super().__init__(name="passerelle-write", daemon=True)
        self._known = known
        self._numbers = _Numbers(connection)
        self._connection = connection
        self._base = base
        self._clock = clock
        self._latest = connection.execute(statements.LATEST).fetchone()[0] or 0
        self._waiting: SimpleQueue[_Work | None] = SimpleQueue()
        self._closed = False
        self._kept: list[SqlChange] = []
        """The changes of the batch that nothing took back."""

    def ask(self, work: Callable[[SqlChange], T]) -> Future[T]:
        """Do ``work``; the future is done when its effect is on the disk."""
        if self._closed:
            raise StoreError("The store is closed.")
        future: Future[T] = Future()
        self._waiting.put((work, future))
        return future

    @property
    def session(self) -> SqliteSession:
        """To ask by while nothing waits to be written."""
        return SqliteSession(self._connection)

    def forget(self) -> None:
        self._known.forget()
        self._numbers.count()

    def finish(self) -> None:
        if not self._closed:
            self._closed = True
            self._waiting.put(None)
            self.join()

    def run(self) -> None:
        while (first := self._waiting.get()) is not None:
            batch, last = self._batch(first)
            self._do([(work, future) for work, future in batch if future.set_running_or_notify_cancel()])
            if last:
                break
        self._connection.close()

    def _batch(self, first: _Work) -> tuple[list[_Work], bool]:
        """What waits now, and whether the end was among it."""
        batch = [first]
        with suppress(Empty):
            while len(batch) < TOGETHER:
                following = self._waiting.get_nowait()
                if following is None:
                    return batch, True
                batch.append(following)
        return batch, False

    def _do(self, batch: list[_Work]) -> None:
        """INVARIANT: nobody hears of a change, nor of a failure that may come from what it saw, before COMMIT."""
        answers: list[Callable[[], None]] = []
        self._kept = []
        try:
            with explained():
                self._connection.execute("BEGIN IMMEDIATE")
                for work, future in batch:
                    answers.append(self._one(work, future))
                self._connection.execute("COMMIT")
        except BaseException as failure:
            with suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
            answers = [partial(future.set_exception, failure) for _, future in batch]
        else:
            for change in self._kept:
                change.writing.learn()
            if any(change.erased for change in self._kept):
                # What one of them wrote another may have erased.
                self._known.lexicon.forget()
        for answer in answers:
            answer()

    def _one(self, work: Callable[[SqlChange], Any], future: Future[Any]) -> Callable[[], None]:
        self._connection.execute("SAVEPOINT work")
        now = max(self._clock(), self._latest)
        change = SqlChange(SqliteSession(self._connection), self._base, self._known, self._numbers, now)
        try:
            result = work(change)
            change.finish()
        except BaseException as failure:
            if of_the_file(failure) or not self._connection.in_transaction:
                raise  # the file, not the work: nothing of this batch can be kept
            self._connection.execute("ROLLBACK TO work")
            self._connection.execute("RELEASE work")
            return partial(future.set_exception, failure)
        self._connection.execute("RELEASE work")
        self._latest = max(self._latest, change.latest)
        self._kept.append(change)
        return partial(future.set_result, result)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
    for pragma in ("synchronous = FULL", "cache_size = -8000", "temp_store = MEMORY", "secure_delete = ON"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _prepare(path: Path) -> None:
    """Make or migrate the tables, if there is need; without Alembic when there is none."""
    connection = _connect(path)
    try:
        connection.execute("PRAGMA page_size = 8192")  # heeded only while the file is empty
        connection.execute("PRAGMA journal_mode = WAL")
        known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone()
        found = connection.execute("SELECT version_num FROM alembic_version").fetchone() if known else None
    finally:
        connection.close()
    if not is_current(found[0] if found else None):
        migrate("sqlite://", lambda: _connect(path))
