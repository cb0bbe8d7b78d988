"""Brief questions to a server that is another process: one statement each, and those that wait share one trip.

A question of one statement needs no transaction to see one moment. The threads that ask take all that waits: each question
is heard until it asks, all statements go in one trip (the reads by reference as one statement), and then each is answered.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
from psycopg import Connection, errors

from passerelle.store.compose import Dialect
from passerelle.store.queries import READ
from passerelle.store.session import Row

WORKERS = 2
"""How many threads ask at the same time: one waits for the server while another reads its answers."""

MOST = 64
"""How many questions one thread takes at a time."""

BRIEF = 0.25
"""Seconds that a brief question may take before it is asked again as any other."""


class NotBriefError(Exception):
    """The question asks for more than one statement, or for too long."""


class _AsksError(Exception):
    """Carries the statement of a question out of it."""

    def __init__(self, sql: str, values: Sequence[object]) -> None:
        self.sql = sql
        self.values = values


class _Once:
    """A session for one statement: first it is heard, then, when its rows are there, answered."""

    dialect: Dialect = "postgresql"

    def __init__(self, rows: list[Row] | None = None) -> None:
        self._rows = rows
        self._asked = False

    def rows(self, sql: str, values: Sequence[object]) -> list[Row]:
        if self._rows is None:
            raise _AsksError(sql, values)
        if self._asked:
            raise NotBriefError
        self._asked = True
        return self._rows

    def write(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        raise NotBriefError

    def insert(self, table: str, rows: Sequence[Sequence[object]]) -> None:
        raise NotBriefError


Ask = Callable[[_Once], Any]

Answer = tuple[bool, Any]
"""Whether it is good, and the answer or what went wrong."""

_READS = b"""
SELECT w.place, r.type, r.id, r.version, r.instant, r.method, r.packing, r.body
FROM unnest(%s::integer[], %s::smallint[], %s::bigint[], %s::bigint[], %s::text[])
  AS w (place, type, compartment, rest, id)
JOIN locator l ON l.compartment = w.compartment AND l.rest = w.rest
JOIN resource r ON r.compartment = l.home AND r.type = w.type AND r.seq = l.seq AND r.id = w.id
"""
"""``queries.READ`` of many references."""


def _try(question: Ask, session: _Once) -> Answer:
    try:
        return True, question(session)
    except Exception as failure:
        return False, failure


class Glances:
    """The brief questions of one store."""

    def __init__(self, dsn: str, marked: Callable[[str], bytes]) -> None:
        self._dsn = dsn
        self._marked = marked
        self._own = threading.local()
        self._connections: list[Connection[Any]] = []
        self._waiting: list[tuple[Ask, asyncio.Future[Any]]] = []
        self._lock = threading.Lock()
        self._busy = 0
        self._threads = ThreadPoolExecutor(WORKERS, "passerelle-glance")

    async def ask(self, question: Ask) -> Any:
        """The answer. Raises NotBriefError when there is more to it."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        with self._lock:
            self._waiting.append((question, future))
            if begins := self._busy < WORKERS:
                self._busy += 1
        if begins:
            self._threads.submit(self._drain, loop)
        return await future

    def close(self) -> None:
        self._threads.shutdown()
        for connection in self._connections:
            connection.close()

    def _drain(self, loop: asyncio.AbstractEventLoop) -> None:
        while True:
            with self._lock:
                batch = self._waiting[:MOST]
                del self._waiting[:MOST]
                if not batch:
                    self._busy -= 1
                    return
            answers = self._answers([question for question, _ in batch])
            loop.call_soon_threadsafe(_settle, [future for _, future in batch], answers)

    def _answers(self, questions: list[Ask]) -> list[Answer]:
        """All of them in one trip."""
        asked = [_try(question, _Once()) for question in questions]
        heard = {place: said for place, (_, said) in enumerate(asked) if isinstance(said, _AsksError)}
        if not heard:
            return asked
        try:
            rows = self._rows(heard)
        except (psycopg.OperationalError, errors.QueryCanceled):
            self._own.connection = None  # asked again, the usual road says what is wrong
            return [
                (False, NotBriefError()) if place in heard else asked[place] for place in range(len(asked))
            ]
        except psycopg.Error as failure:
            return [(False, failure) if place in heard else asked[place] for place in range(len(asked))]
        return [
            _try(question, _Once(rows[place])) if place in heard else asked[place]
            for place, question in enumerate(questions)
        ]

    def _rows(self, heard: dict[int, _AsksError]) -> dict[int, list[Row]]:
        """The rows of each statement; the reads by reference are one statement."""
        reads = [place for place, said in heard.items() if said.sql == READ]
        found: dict[int, list[Row]] = {place: [] for place in reads}
        connection = self._connection()
        others = [place for place in heard if place not in found]
        if reads:
            columns = zip(*(heard[place].values for place in reads), strict=True)
            rows = connection.execute(_READS, (reads, *map(list, columns))).fetchall()
            for place, *row in rows:
                found[place].append(tuple(row))
        if len(others) == 1:
            said = heard[others[0]]
            found[others[0]] = connection.execute(self._marked(said.sql), said.values).fetchall()
        elif others:
            with connection.pipeline():
                cursors = [connection.execute(self._marked(heard[n].sql), heard[n].values) for n in others]
                found |= {place: cursor.fetchall() for place, cursor in zip(others, cursors, strict=True)}
        return found

    def _connection(self) -> Connection[Any]:
        found: Connection[Any] | None = getattr(self._own, "connection", None)
        if found is None or found.closed:
            options = f"-c statement_timeout={round(BRIEF * 1000)}"
            found = psycopg.connect(self._dsn, autocommit=True, options=options)
            self._own.connection = found
            self._connections.append(found)
        return found


def _settle(futures: list[asyncio.Future[Any]], answers: list[Answer]) -> None:
    for future, (good, answer) in zip(futures, answers, strict=True):
        if future.done():  # nobody waits for it any more
            continue
        if good:
            future.set_result(answer)
        else:
            future.set_exception(answer)
