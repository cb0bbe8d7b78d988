"""The reference: every version in a list, every question answered by the plain definitions of ``fhir``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from itertools import zip_longest
from typing import TypeVar

from passerelle.fhir import search_cursor
from passerelle.fhir.resource import Scan, Stored, encode
from passerelle.fhir.search import (
    EVERYTHING,
    Found,
    Query,
    Scope,
    Seen,
    behind,
    beside,
    cared_for,
    of_types,
    passes,
    place,
    sort_values,
)
from passerelle.fhir.search_cursor import Cursor
from passerelle.store.clock import Milliseconds, milliseconds, moment, wall
from passerelle.store.filing import BUCKET, Place, addressed
from passerelle.store.filing import place as filed
from passerelle.store.jobs import Jobs, MemoryRows, Outbox
from passerelle.store.memory_books import Books, Key, Version
from passerelle.store.record import Kept, whole
from passerelle.values import Json, instant

T = TypeVar("T")

Period = tuple[datetime, datetime]


class MemoryView:
    """What the books say now."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._rows = MemoryRows(books.shelf)

    @property
    def jobs(self) -> Jobs:
        return Jobs(self._rows)

    def read(self, type: str, id: str, scope: Scope = EVERYTHING) -> Stored | None:
        current = self._books.current(f"{type}/{id}", scope)
        return current.stored if current else None

    def vread(self, type: str, id: str, version: int, scope: Scope = EVERYTHING) -> Stored | None:
        found = self._versions((type, id), scope)
        return next((kept.stored for kept in found if kept.stored.version == version), None)

    def history(
        self,
        type: str | None = None,
        id: str | None = None,
        *,
        scope: Scope = EVERYTHING,
        since: datetime | None = None,
        at: Period | None = None,
        count: int = 50,
        after: str | None = None,
    ) -> Found:
        keys = (
            [(type, id)] if type and id else [key for key in self._books.versions if type in (None, key[0])]
        )
        found = [one for key in keys for one in _asked(self._versions(key, scope), since, at)]
        found.sort(key=_newest_first)
        total = len(found)
        if after is not None:
            cursor = search_cursor.decode(after, 3)
            found = [one for one in found if _newest_first(one) > (*cursor.values, -cursor.seq)]
        page = tuple(found[:count])
        more = bool(page) and len(found) > count
        return Found(page, (), total, more, _history_cursor(page[-1]) if more else None)

    def search(self, query: Query) -> Found:
        cursor = search_cursor.decode(query.after, len(query.sort)) if query.after else None
        bound = cursor.bound if cursor else self._books.last_seq
        hits = [one for one in self._matching(query) if one.seq <= bound]
        hits.sort(key=lambda one: _place(one, query))
        total = len(hits)
        if cursor:
            hits = [one for one in hits if _place(one, query) > behind(cursor, query)]
        count = 0 if query.summary == "count" else query.count
        page = hits[:count]
        following = None
        if page and len(hits) > count:
            last = page[-1]
            following = search_cursor.encode(Cursor(bound, last.seq, sort_values(last.seen, query)))
        return Found(
            tuple(one.stored for one in page),
            self._beside(query, page),
            total if query.total or not count else None,
            following is not None,
            following,
        )

    def find(self, references: Sequence[str], scope: Scope = EVERYTHING) -> list[Stored]:
        found = (self._books.living(reference, scope) for reference in dict.fromkeys(references))
        return [one.stored for one in found if one]

    def everything(
        self,
        patient: str,
        *,
        types: frozenset[str] | None = None,
        since: datetime | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        scope: Scope = EVERYTHING,
    ) -> list[Stored]:
        about = [
            self._kept(one)
            for one in self._books.all_living(scope)
            if patient in (one.place.home, *one.place.others)
        ]
        ends = [None if one is None else float(milliseconds(one)) for one in (start, end)]
        return [
            one.stored
            for one in whole(patient, about, lambda sought: self._at(sought, scope))
            if (types is None or one.stored.type in types)
            and (since is None or one.stored.instant >= since)
            and cared_for(one.stored.type, one.seen.rows, ends[0], ends[1])
        ]

    def scan(
        self,
        type: str,
        *,
        scope: Scope = EVERYTHING,
        since: datetime | None = None,
        until: datetime | None = None,
        after: int = 0,
        count: int = 5000,
        of_patients: bool = False,
    ) -> Scan:
        keys = [key for key in self._books.versions if key[0] == type and self._books.seqs[key] > after]
        bodies: list[bytes] = []
        for number, key in enumerate(keys, start=1):
            known = self._versions(key, scope)
            then = [one.stored for one in known if until is None or one.stored.instant <= until]
            if of_patients and known and known[-1].place.home.startswith(BUCKET):
                continue
            if then and then[-1].body is not None and (since is None or then[-1].instant >= since):
                bodies.append(then[-1].body)
            if len(bodies) == count and number < len(keys):
                return Scan(bodies, self._books.seqs[key])
        return Scan(bodies)

    # --- steps ---

    def _versions(self, key: Key, scope: Scope) -> list[Version]:
        """The versions in scope; none when the current one is not: a label that came later hides what was."""
        current = self._books.current(f"{key[0]}/{key[1]}", scope)
        return [kept for kept in self._books.versions[key] if kept.visible(scope)] if current else []

    def _matching(self, query: Query) -> Iterable[Version]:
        world = _World(self._books, query.scope)
        for one in self._books.all_living(query.scope):
            if of_types(one.stored.type, query) and all(
                passes(one.seen, each, world) for each in query.clauses
            ):
                yield one

    def _at(self, sought: Sequence[str], scope: Scope) -> list[Kept[Version]]:
        found = (self._books.living(reference, scope) for reference in sought)
        return [self._kept(one) for one in found if one]

    def _kept(self, version: Version) -> Kept[Version]:
        return Kept(version.stored.reference, version.refers, version)

    def _beside(self, query: Query, page: list[Version]) -> tuple[Stored, ...]:
        world = _World(self._books, query.scope)

        def find(references: Sequence[str]) -> Iterable[Seen]:
            return [one for one in map(world.at, references) if one]

        def pointing(type: str, rows: tuple[str, ...], references: Sequence[str]) -> Iterable[Seen]:
            return [one for reference in references for one in world.pointing(type, rows, reference)]

        came = beside(query, [one.seen for one in page], find, pointing)
        return tuple(self.find(list(came), query.scope))


class _World:
    """The current versions that a scope lets be seen."""

    def __init__(self, books: Books, scope: Scope) -> None:
        self._books, self._scope = books, scope

    def at(self, reference: str) -> Seen | None:
        found = self._books.living(reference, self._scope)
        return found.seen if found else None

    def pointing(self, type: str, rows: tuple[str, ...], reference: str) -> Iterable[Seen]:
        for key in self._books.pointing(reference):
            seen = self.at(f"{key[0]}/{key[1]}") if key[0] == type else None
            if seen and any(row.text == reference and row.name in rows for row in seen.rows):
                yield seen


def _place(version: Version, query: Query) -> tuple[object, ...]:
    return place(sort_values(version.seen, query) if query.sort else (), version.seq, query)


def _newest_first(one: Stored) -> tuple[float, str, str, int]:
    return -float(milliseconds(one.instant)), one.type, one.id, -one.version


def _history_cursor(last: Stored) -> str:
    return search_cursor.encode(Cursor(0, last.version, _newest_first(last)[:3]))


def _asked(versions: list[Version], since: datetime | None, at: Period | None) -> Iterable[Stored]:
    """Those that were written since a moment, and those that were current at some moment of a period."""
    for one, following in zip_longest(versions, versions[1:]):
        written, replaced = one.stored.instant, following.stored.instant if following else None
        if since is not None and written < since:
            continue
        if at is None or (written < at[1] and (replaced is None or replaced > at[0])):
            yield one.stored


class MemoryChange(MemoryView):
    """The books, open for writing; ``undo`` takes back what was written since."""

    def __init__(self, books: Books, now: int) -> None:
        super().__init__(books)
        self._now = max(now, books.latest)
        self._mark = len(books.undoing)

    @property
    def outbox(self) -> Outbox:
        return Outbox(self._rows, self._now)

    def settled(self) -> datetime:
        self._books.latest = self._now + 1
        return moment(self._now)

    def put(self, type: str, id: str, resource: Json, *, created: bool) -> Stored:
        version, at = self._next(type, id)
        kept = addressed(resource, type, id, version, instant(moment(at)))
        stored = Stored(type, id, version, moment(at), "POST" if created else "PUT", encode(kept))
        return self._write(stored, filed(kept, self._books.base))

    def delete(self, type: str, id: str) -> Stored:
        current = self._books.versions[type, id][-1]
        if current.stored.deleted:
            return current.stored
        version, at = self._next(type, id)
        return self._write(Stored(type, id, version, moment(at), "DELETE", None), current.place)

    def foresee(self, references: Sequence[str]) -> None:
        """Nothing is far away here."""

    def purge(self, type: str, id: str) -> None:
        if (type, id) not in self._books.versions:
            return
        version, at = self._next(type, id)
        home = self._books.versions[type, id][-1].place.home
        self._books.erase((type, id))
        self._write(Stored(type, id, version, moment(at), "DELETE", None), Place(home))

    def load(self, resources: Iterable[Json]) -> int:
        count = 0
        for resource in resources:
            self.put(resource["resourceType"], resource["id"], resource, created=False)
            count += 1
        return count

    def undo(self) -> None:
        self._rows.undo()
        self._books.undo(self._mark)

    def _next(self, type: str, id: str) -> tuple[int, int]:
        chain = self._books.versions.get((type, id))
        if not chain:
            return 1, self._now
        return chain[-1].stored.version + 1, max(self._now, milliseconds(chain[-1].stored.instant) + 1)

    def _write(self, stored: Stored, place: Place) -> Stored:
        self._books.write(stored, place)
        self._books.latest = max(self._books.latest, milliseconds(stored.instant))
        return stored


class MemoryStore:
    """A store that forgets when its process ends."""

    def __init__(self, *, base: str = "", clock: Milliseconds = wall) -> None:
        self._books = Books(base)
        self._clock = clock

    async def look(
        self, question: Callable[[MemoryView], T], *, brief: bool = False, seconds: float | None = None
    ) -> T:
        return question(MemoryView(self._books))

    async def change(self, work: Callable[[MemoryChange], T]) -> T:
        change = MemoryChange(self._books, self._clock())
        try:
            return work(change)
        except BaseException:
            change.undo()
            raise
        finally:
            self._books.undoing.clear()

    async def load(self, resources: Iterable[Json]) -> int:
        return await self.change(lambda change: change.load(resources))

    async def close(self) -> None:
        """Nothing to close."""
