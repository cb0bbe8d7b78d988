"""Where audit events are kept: journaled at once, filed for searching when there is time.

Filing an event costs ten times what writing it down does, and nobody waits for it: events are filed in the background
when the node is quiet, and before every look, so that a look always sees everything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from passerelle.fhir.resource import decode, encode
from passerelle.store.journal import Journal
from passerelle.values import Json

if TYPE_CHECKING:
    from passerelle.store.changing import SqlChange
    from passerelle.store.memory import MemoryStore, MemoryView
    from passerelle.store.postgres import PostgresStore
    from passerelle.store.sql import SqlView
    from passerelle.store.sqlite import SqliteStore

T = TypeVar("T")

FORGET = 64 * 1024 * 1024
"""Bytes after which a journal that is filed to its end is made empty."""


WHOLE, PART = 4 * 1024 * 1024, 128 * 1024
"""Bytes that are filed in one change: when somebody waits for all of it, and when nobody should wait for that."""


class JournaledLedger:
    """A ledger of one node on its own disk: a journal, and a store that the journal is filed into."""

    def __init__(self, journal: Journal, store: SqliteStore, mark: Path) -> None:
        self._journal = journal
        self._store = store
        self._mark = mark
        self._filed = _marked(mark, journal.end)
        self._filing = asyncio.Lock()
        self._lines: list[bytes] = []
        self._waiters: list[asyncio.Future[None]] = []
        self._writing = False
        self._sure = False
        """Whether the mark is known to be where the store is: not before all that waited at the start is filed."""

    async def append(self, events: Sequence[Json]) -> None:
        """Write events down; when this returns they are durable. Each has its id."""
        loop = asyncio.get_running_loop()
        durable = loop.create_future()
        self._lines += map(encode, events)
        self._waiters.append(durable)
        if not self._writing:
            self._write(loop)
        await durable

    def _write(self, loop: asyncio.AbstractEventLoop) -> None:
        """Give everything that waits to the journal's thread at once; what comes meanwhile goes together next.

        Waking a thread and being woken by it costs more than all else about an event, so it is done once for many.
        """
        lines, waiters = self._lines, self._waiters
        self._lines, self._waiters, self._writing = [], [], True

        def heard(written: Future[None]) -> None:
            loop.call_soon_threadsafe(self._written, loop, waiters, written.exception())

        self._journal.append(lines).add_done_callback(heard)

    def _written(
        self,
        loop: asyncio.AbstractEventLoop,
        waiters: Sequence[asyncio.Future[None]],
        fault: BaseException | None,
    ) -> None:
        self._writing = False
        if self._lines:
            self._write(loop)
        for durable in waiters:
            if durable.done():  # whoever waited has gone
                continue
            if fault is None:
                durable.set_result(None)
            else:
                durable.set_exception(fault)

    async def look(self, question: Callable[[SqlView], T]) -> T:
        """Answer a question about everything that was written down."""
        await self.file()
        return await self._store.look(question)

    @property
    def waiting(self) -> int:
        """Bytes that are written down and not filed yet."""
        return self._journal.end - self._filed

    async def file(self, *, part: bool = False) -> int:
        """File what is waiting, or a ``part`` of it that takes a moment. How many bytes were filed."""
        async with self._filing:
            before = self._filed
            while self.waiting:
                lines, end = await asyncio.to_thread(self._journal.read, self._filed, PART if part else WHOLE)
                await self._store.change(lambda change, lines=lines: self._put(lines, change))  # type: ignore[misc]
                self._filed = end
                await asyncio.to_thread(self._mark.write_text, str(end), "ascii")
                if part:
                    break
            filed = self._filed - before
            if not self.waiting:
                self._sure = True
                await self._forget()
            return filed

    async def _forget(self) -> None:
        """Make a long journal empty, all of which is filed."""
        if self._filed > FORGET and await asyncio.to_thread(self._journal.forget, self._filed):
            self._filed = 0
            await asyncio.to_thread(self._mark.write_text, "0", "ascii")

    def _put(self, lines: Sequence[bytes], change: SqlChange) -> None:
        events = [decode(line) for line in lines]
        if not self._sure:
            # A crash between filing and marking leaves events that are filed already.
            events = [event for event in events if change.read("AuditEvent", event["id"]) is None]
        change.load(events)

    async def close(self) -> None:
        """File everything and let go of the files."""
        await self.file()
        await asyncio.to_thread(self._journal.close)
        await self._store.close()


class PlainLedger:
    """A ledger that is a store: events are put where they are looked up."""

    def __init__(self, store: MemoryStore | PostgresStore) -> None:
        self._store = store

    async def append(self, events: Sequence[Json]) -> None:
        def put(change: SqlChange) -> None:
            for event in events:
                change.put("AuditEvent", event["id"], event, created=True)

        await self._store.change(put)  # type: ignore[arg-type]

    async def look(self, question: Callable[[SqlView | MemoryView], T]) -> T:
        return await self._store.look(question)

    @property
    def waiting(self) -> int:
        return 0

    async def file(self, *, part: bool = False) -> int:
        """Nothing waits here."""
        return 0

    async def close(self) -> None:
        await self._store.close()


def open_ledger(url: str, *, base: str = "") -> JournaledLedger | PlainLedger:
    """Open ``sqlite:///path`` with its journal beside it, or any other store as a plain ledger."""
    from passerelle.store import open_store

    store = open_store(url, base=base)
    if not url.startswith("sqlite:"):
        return PlainLedger(store)  # type: ignore[arg-type]
    path = Path(url.removeprefix("sqlite:///")).absolute()
    journal = Journal(path.with_suffix(".journal"))
    return JournaledLedger(journal, store, path.with_suffix(".filed"))  # type: ignore[arg-type]


def _marked(mark: Path, end: int) -> int:
    """How far the journal is filed; from its start when the mark is missing or makes no sense."""
    try:
        filed = int(mark.read_text("ascii"))
    except (OSError, ValueError):
        return 0
    return filed if 0 <= filed <= end else 0
