"""A transaction of a SQL engine: what it puts, deletes and erases, at one moment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from passerelle.fhir.resource import Stored, decode, encode
from passerelle.store import statements
from passerelle.store.clock import moment
from passerelle.store.compose import Dialect
from passerelle.store.filing import addressed, file
from passerelle.store.jobs import Outbox, SqlRows
from passerelle.store.numbers import NUMBERS, bucket
from passerelle.store.packing import unpack
from passerelle.store.session import Numbers, Row, Session
from passerelle.store.sql import SqlView
from passerelle.store.writing import Before, Known, Writing
from passerelle.values import Json, instant

CHUNK = 500
"""How many resources a load looks for at a time."""


PATIENCE = 250
"""How many times 20 milliseconds a moment waits for the changes before it."""


class _Flushing:
    """A session in which nothing is asked before what waits is written."""

    def __init__(self, session: Session, writing: Writing) -> None:
        self.dialect: Dialect = session.dialect
        self._session = session
        self._writing = writing

    def rows(self, sql: str, values: Sequence[object]) -> list[Row]:
        self._writing.flush()
        return self._session.rows(sql, values)

    def write(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        self._writing.flush()
        self._session.write(sql, rows)

    def insert(self, table: str, rows: Sequence[Sequence[object]]) -> None:
        self._session.insert(table, rows)


class SqlChange(SqlView):
    """A transaction: one moment for all that it writes. ``latest`` is the last that it wrote down."""

    def __init__(self, session: Session, base: str, known: Known, numbers: Numbers, now: int) -> None:
        self.writing = Writing(session, known, numbers)
        super().__init__(_Flushing(session, self.writing), base, known)
        self.base = base
        self._now = self.latest = now
        self.erased = False

    @property
    def session(self) -> Session:
        """For who looks after the store itself; what waits is written before anything is asked."""
        return self._session

    def settled(self) -> datetime:
        self.latest = max(self.latest, self._now + 1)  # whatever comes next is later
        if self._session.dialect == "postgresql":
            self._wait_for_others()
        return moment(self._now)

    def _wait_for_others(self) -> None:
        """Changes that began before this one, in whatever process, may bear an earlier moment: they end first. One that
        goes on for very long is not waited for."""
        for _ in range(PATIENCE):
            if not self._session.rows(statements.UNDER_WAY, (self._now / 1000,)):
                return
            self._session.rows("SELECT pg_sleep(0.02)", ())

    @property
    def outbox(self) -> Outbox:
        return Outbox(SqlRows(self._session), self._now)

    def put(self, type: str, id: str, resource: Json, *, created: bool) -> Stored:
        before = self.writing.before(type, id)
        version, at = self._next(before)
        kept = addressed(resource, type, id, version, instant(moment(at)))
        body = encode(kept)
        stored = Stored(type, id, version, moment(at), "POST" if created else "PUT", body)
        filing = file(kept, self._base, body)
        if before is None:
            self.writing.insert(stored, filing)
        else:
            self.writing.replace(before, stored, filing)
        return stored

    def delete(self, type: str, id: str) -> Stored:
        before = self.writing.before(type, id)
        if before is None:
            raise LookupError("What never existed cannot be deleted.")
        if before.deleted:
            found = self.read(type, id)
            assert found is not None  # noqa: S101  it was there a line ago
            return found
        version, at = self._next(before)
        stored = Stored(type, id, version, moment(at), "DELETE", None)
        self.writing.delete(before, stored)
        return stored

    def purge(self, type: str, id: str) -> None:
        """Erase every version, its index and what only it said; a deletion without content is left."""
        before = self.writing.before(type, id)
        if before is None:
            return
        version, at = self._next(before)
        self.writing.flush()
        said = self._said(before, type)
        self.writing.unfile(before, type)
        self.writing.erase(before, type, version, at)
        self.writing.unsay(bucket(type), said)
        self.erased = True

    def load(self, resources: Iterable[Json]) -> int:
        """Put many at once, as from a backup."""
        count, source = 0, iter(resources)
        while chunk := list(islice(source, CHUNK)):
            self.foresee([f"{one['resourceType']}/{one['id']}" for one in chunk])
            for resource in chunk:
                self.put(resource["resourceType"], resource["id"], resource, created=False)
            count += len(chunk)
        return count

    def foresee(self, references: Sequence[str]) -> None:
        """What will be put one by one: a server that is away is then asked once, not each time."""
        self.writing.foresee(references)

    def finish(self) -> None:
        """Before the commit: write what still waits."""
        self.writing.flush()

    # --- steps ---

    def _home(self, patient: str) -> int | None:
        return self._known.home(self._session, patient, sure=False)

    def _next(self, before: Before | None) -> tuple[int, int]:
        """The next version and its moment, which is after that of the version before."""
        if before is None:
            return 1, self._now
        version, at = before.version + 1, max(self._now, before.instant + 1)
        self.latest = max(self.latest, at)
        return version, at

    def _said(self, before: Before, type: str) -> list[Any]:
        """The fingerprints of everything that any version of a resource said."""
        key = before.compartment, NUMBERS[type], before.seq
        rows = self._session.rows(statements.BODY, key) + self._session.rows(statements.PAST, (before.seq,))
        said: dict[Any, None] = {}
        for packing, body in rows:
            text = unpack(packing, body)
            terms, spans = self.writing.keys(type, file(decode(text), self._base, text))
            said |= dict.fromkeys([*terms, *(span[0] for span in spans)])
        return list(said)
