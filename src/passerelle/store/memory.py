"""The reference: every version in a list, every question answered by the plain definitions of ``fhir``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from passerelle.fhir.resource import Scan, Stored, decode, encode
from passerelle.fhir.search import EVERYTHING, Found, Query, Scope, included, index, matches, sort_key
from passerelle.store.clock import Milliseconds, milliseconds, moment, wall
from passerelle.store.filing import Place, addressed, place, pointers, refers, visible
from passerelle.store.jobs import Jobs, MemoryRows, Outbox, Shelf
from passerelle.store.record import Kept, whole
from passerelle.values import Json, instant

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Version:
    stored: Stored
    place: Place

    def seen(self, scope: Scope) -> bool:
        return visible(self.stored.type, self.place, scope)


@dataclass
class _Books:
    """All versions of each resource, oldest first, and the order in which they were written."""

    base: str
    versions: dict[tuple[str, str], list[_Version]] = field(default_factory=dict)
    written: list[tuple[str, str]] = field(default_factory=list)
    latest: int = 0
    shelf: Shelf = field(default_factory=dict)
    """Jobs and the outbox."""


class MemoryView:
    """What the books say now."""

    def __init__(self, books: _Books) -> None:
        self._books = books
        self._rows = MemoryRows(books.shelf)

    @property
    def jobs(self) -> Jobs:
        return Jobs(self._rows)

    def read(self, type: str, id: str, scope: Scope = EVERYTHING) -> Stored | None:
        current = self._current(type, id, scope)
        return current.stored if current else None

    def vread(self, type: str, id: str, version: int, scope: Scope = EVERYTHING) -> Stored | None:
        found = self._versions(type, id, scope)
        return next((kept.stored for kept in found if kept.stored.version == version), None)

    def history(
        self,
        type: str | None = None,
        id: str | None = None,
        *,
        scope: Scope = EVERYTHING,
        since: datetime | None = None,
        count: int = 50,
        offset: int = 0,
    ) -> Found:
        keys = (
            [(type, id)] if type and id else [key for key in self._books.versions if type in (None, key[0])]
        )
        found = [
            kept.stored
            for key in keys
            for kept in self._versions(*key, scope)
            if since is None or kept.stored.instant >= since
        ]
        found.sort(key=lambda one: (-milliseconds(one.instant), one.type, one.id, -one.version))
        return _page(found, count, offset)

    def search(self, query: Query) -> Found:
        hits = [
            (resource, stored)
            for resource, stored in self._all(query.type, query.scope)
            if matches(resource, query, self._books.base)
        ]
        if query.sort:
            hits.sort(key=lambda hit: sort_key(hit[0], query, self._books.base))
        else:
            hits.sort(key=lambda hit: (-milliseconds(hit[1].instant), hit[1].id))
        count = 0 if query.summary == "count" else query.count
        found = _page([stored for _, stored in hits], count, query.offset)
        extra = self._beside(query, found.matches)
        return Found(found.matches, extra, found.total if query.total or not count else None, found.more)

    def everything(
        self,
        patient: str,
        *,
        types: frozenset[str] | None = None,
        since: datetime | None = None,
        scope: Scope = EVERYTHING,
    ) -> list[Stored]:
        about = [
            self._kept(chain[-1])
            for chain in self._books.versions.values()
            if chain[-1].stored.body is not None
            and chain[-1].seen(scope)
            and patient in (chain[-1].place.home, *chain[-1].place.others)
        ]
        found = whole(patient, about, lambda sought: self._at(sought, scope))
        return [
            one
            for one in found
            if (types is None or one.type in types) and (since is None or one.instant >= since)
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
    ) -> Scan:
        keys = list(self._books.versions)
        bodies: list[bytes] = []
        for seq, key in enumerate(keys[after:], after + 1):
            known = self._versions(*key, scope) if key[0] == type else ()
            then = [one.stored for one in known if until is None or one.stored.instant <= until]
            if then and then[-1].body is not None and (since is None or then[-1].instant >= since):
                bodies.append(then[-1].body)
            if len(bodies) == count and seq < len(keys):
                return Scan(bodies, seq)
        return Scan(bodies)

    # --- steps ---

    def _current(self, type: str, id: str, scope: Scope) -> _Version | None:
        chain = self._books.versions.get((type, id))
        return chain[-1] if chain and chain[-1].seen(scope) else None

    def _versions(self, type: str, id: str, scope: Scope) -> list[_Version]:
        """The versions in scope; none when the current one is not: a label that came later hides what was."""
        current = self._current(type, id, scope)
        return [kept for kept in self._books.versions[type, id] if kept.seen(scope)] if current else []

    def _all(self, type: str, scope: Scope) -> Iterable[tuple[Json, Stored]]:
        for key, chain in self._books.versions.items():
            stored = chain[-1].stored
            if key[0] == type and stored.body is not None and chain[-1].seen(scope):
                yield decode(stored.body), stored

    def _at(self, sought: list[str], scope: Scope) -> list[Kept[Stored]]:
        found = [self._current(*_split(reference), scope) for reference in sought]
        return [self._kept(version) for version in found if version and version.stored.body is not None]

    def _kept(self, version: _Version) -> Kept[Stored]:
        resource = decode(version.stored.body or b"{}")
        return Kept(version.stored.reference, refers(resource, self._books.base), version.stored)

    def _beside(self, query: Query, matched: tuple[Stored, ...]) -> tuple[Stored, ...]:
        shown = {one.reference for one in matched}
        wanted = [
            text for one in matched for text in included(decode(one.body or b"{}"), query, self._books.base)
        ]
        found = [kept.version for kept in self._at(list(dict.fromkeys(wanted)), query.scope)]
        for asked in query.revinclude:
            for resource, stored in self._all(asked.source, query.scope):
                rows = index(resource, self._books.base)
                if any(row.name in pointers(asked.source, asked.name) and row.text in shown for row in rows):
                    found.append(stored)
        extra = {one.reference: one for one in found if one.reference not in shown}
        return tuple(extra[reference] for reference in sorted(extra))


class MemoryChange(MemoryView):
    """The books, open for writing; ``undo`` takes back what was written since."""

    def __init__(self, books: _Books, now: int) -> None:
        super().__init__(books)
        self._now = max(now, books.latest)
        self._mark = len(books.written)

    def settled(self) -> datetime:
        self._books.latest = self._now + 1
        return moment(self._now)

    @property
    def outbox(self) -> Outbox:
        return Outbox(self._rows, self._now)

    def put(self, type: str, id: str, resource: Json, *, created: bool) -> Stored:
        version, at = self._next(type, id)
        kept = addressed(resource, type, id, version, instant(moment(at)))
        stored = Stored(type, id, version, moment(at), "POST" if created else "PUT", encode(kept))
        return self._write(stored, place(kept, self._books.base))

    def delete(self, type: str, id: str) -> Stored:
        current = self._books.versions[type, id][-1]
        if current.stored.deleted:
            return current.stored
        version, at = self._next(type, id)
        return self._write(Stored(type, id, version, moment(at), "DELETE", None), current.place)

    def load(self, resources: Iterable[Json]) -> int:
        count = 0
        for resource in resources:
            self.put(resource["resourceType"], resource["id"], resource, created=False)
            count += 1
        return count

    def undo(self) -> None:
        self._rows.undo()
        while len(self._books.written) > self._mark:
            key = self._books.written.pop()
            self._books.versions[key].pop()
            if not self._books.versions[key]:
                del self._books.versions[key]

    def _next(self, type: str, id: str) -> tuple[int, int]:
        chain = self._books.versions.get((type, id))
        if not chain:
            return 1, self._now
        return chain[-1].stored.version + 1, max(self._now, milliseconds(chain[-1].stored.instant) + 1)

    def _write(self, stored: Stored, place: Place) -> Stored:
        key = stored.type, stored.id
        self._books.versions.setdefault(key, []).append(_Version(stored, place))
        self._books.written.append(key)
        self._books.latest = max(self._books.latest, milliseconds(stored.instant))
        return stored


class MemoryStore:
    """A store that forgets when its process ends."""

    def __init__(self, *, base: str = "", clock: Milliseconds = wall) -> None:
        self._books = _Books(base)
        self._clock = clock

    async def look(self, question: Callable[[MemoryView], T]) -> T:
        return question(MemoryView(self._books))

    async def change(self, work: Callable[[MemoryChange], T]) -> T:
        change = MemoryChange(self._books, self._clock())
        try:
            return work(change)
        except BaseException:
            change.undo()
            raise

    async def load(self, resources: Iterable[Json]) -> int:
        return await self.change(lambda change: change.load(resources))

    async def close(self) -> None:
        """Nothing to close."""


def _split(reference: str) -> tuple[str, str]:
    type, _, id = reference.partition("/")
    return type, id


def _page(found: list[Stored], count: int, offset: int) -> Found:
    page = tuple(found[offset : offset + count])
    return Found(page, total=len(found), more=bool(count) and len(found) > offset + count)
