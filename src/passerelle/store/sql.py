"""What is asked of a SQL engine and what is written to it, over any session of SQLite or PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Protocol

from passerelle.fhir.resource import Stored, decode, encode
from passerelle.fhir.search import EVERYTHING, Found, Query, Scope, included
from passerelle.store import queries, searching, statements
from passerelle.store.clock import milliseconds, moment
from passerelle.store.compose import Dialect, ScopeShape, Statement, scope_values
from passerelle.store.filing import Filing, addressed, file, pointers
from passerelle.store.jobs import Jobs, Outbox, SqlRows
from passerelle.store.packing import pack, unpack
from passerelle.store.record import Kept, whole
from passerelle.store.shapes import lower
from passerelle.values import Json, instant

Row = tuple[Any, ...]

CHUNK = 500
"""How many resources a load writes at a time."""


class Session(Protocol):
    """One connection in one transaction. Statements carry ``?`` marks."""

    dialect: Dialect

    def rows(self, sql: str, values: Sequence[object]) -> list[Row]: ...

    def write(self, sql: str, rows: Sequence[Sequence[object]]) -> None: ...


class SqlView:
    """One snapshot of a SQL engine."""

    def __init__(self, session: Session, base: str) -> None:
        self._session = session
        self._base = base

    @property
    def jobs(self) -> Jobs:
        return Jobs(SqlRows(self._session))

    def read(self, type: str, id: str, scope: Scope = EVERYTHING) -> Stored | None:
        rows = self._at([f"{type}/{id}"], scope)
        return _stored(rows[0]) if rows else None

    def vread(self, type: str, id: str, version: int, scope: Scope = EVERYTHING) -> Stored | None:
        shape = queries.HistoryShape(True, True, False, True, ScopeShape.of(scope))
        values = self._of([f"{type}/{id}", version], scope)
        rows = self._ask(queries.history(self._session.dialect, shape), [*values, 1, 0])
        return _stored(rows[0]) if rows else None

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
        shape = queries.HistoryShape(
            type is not None, id is not None, since is not None, False, ScopeShape.of(scope)
        )
        about = [f"{type}/{id}" if id else type] if type else []
        values = self._of([*about, *([] if since is None else [milliseconds(since)])], scope)
        return self._page(
            lambda limit: self._ask(queries.history(self._session.dialect, shape), [*values, limit, offset]),
            lambda: self._ask(queries.history_total(self._session.dialect, shape), values),
            (count, offset, True),
        )

    def search(self, query: Query) -> Found:
        asked = lower(query)
        count = 0 if query.summary == "count" else query.count
        dialect = self._session.dialect
        found = self._page(
            lambda limit: self._ask(
                searching.page(dialect, asked.shape), [*asked.values, *asked.sort, limit, query.offset]
            ),
            lambda: self._ask(searching.total(dialect, asked.shape), asked.values),
            (count, query.offset, query.total or not count),
        )
        return Found(found.matches, self._beside(query, found.matches), found.total, found.more)

    def everything(
        self,
        patient: str,
        *,
        types: frozenset[str] | None = None,
        since: datetime | None = None,
        scope: Scope = EVERYTHING,
    ) -> list[Stored]:
        shape, values = ScopeShape.of(scope), [patient, *scope_values(scope)]
        about = self._ask(queries.compartment(self._session.dialect, shape), values)
        about += self._ask(queries.membership(self._session.dialect, shape), values)
        rows = whole(patient, map(_kept, about), lambda sought: list(map(_kept, self._living(sought, scope))))
        start = None if since is None else milliseconds(since)
        return [
            _stored(row)
            for row in rows
            if (types is None or row[0] in types) and (start is None or row[3] >= start)
        ]

    # --- steps ---

    def _ask(self, statement: Statement, values: Sequence[object]) -> list[Row]:
        return self._session.rows(statement.sql, statement.marks(values))

    def _of(self, about: list[object], scope: Scope) -> list[object]:
        """The values of a question that is put to both tables of versions."""
        inside = scope_values(scope)
        return [*about, *inside, *about, *inside, *inside]

    def _at(self, references: list[str], scope: Scope) -> list[Row]:
        """The current versions at some references, deletions included."""
        shape, inside = ScopeShape.of(scope), scope_values(scope)
        return [
            row
            for some in queries.padded(references)
            for row in self._ask(queries.at(self._session.dialect, len(some), shape), [*some, *inside])
        ]

    def _living(self, references: list[str], scope: Scope) -> list[Row]:
        return [row for row in self._at(references, scope) if row[6] is not None]

    def _page(
        self,
        page: Callable[[int], list[Row]],
        total: Callable[[], list[Row]],
        wanted: tuple[int, int, bool],
    ) -> Found:
        """One page; who it shows to the end is not counted again."""
        count, offset, counted = wanted
        rows = page(count + 1) if count else []
        matches, more = tuple(map(_stored, rows[:count])), len(rows) > count > 0
        if not counted:
            return Found(matches, more=more)
        ended = count > 0 and not more and (bool(rows) or not offset)
        return Found(matches, total=offset + len(rows) if ended else int(total()[0][0]), more=more)

    def _beside(self, query: Query, matched: tuple[Stored, ...]) -> tuple[Stored, ...]:
        if not matched or not (query.include or query.revinclude):
            return ()
        found = self._living(self._pointed(query, matched), query.scope)
        shown = [one.reference for one in matched]
        for one in query.revinclude:
            found += self._pointing(one.source, pointers(one.source, one.name), shown, query.scope)
        extra = {kept.reference: kept for kept in map(_stored, found)}
        return tuple(extra[reference] for reference in sorted(extra.keys() - set(shown)))

    def _pointed(self, query: Query, matched: tuple[Stored, ...]) -> list[str]:
        if not query.include:
            return []
        found = (text for one in matched for text in included(decode(one.body or b"{}"), query, self._base))
        return list(dict.fromkeys(found))

    def _pointing(self, type: str, names: list[str], shown: list[str], scope: Scope) -> list[Row]:
        shape, inside = ScopeShape.of(scope), scope_values(scope)
        return [
            row
            for some in queries.padded(shown)
            for row in self._ask(
                searching.pointing(self._session.dialect, len(names), len(some), shape),
                [type, *names, *some, *inside],
            )
        ]


class SqlChange(SqlView):
    """A transaction: one moment for all that it writes. ``latest`` is the last that it wrote down."""

    def __init__(self, session: Session, base: str, now: int) -> None:
        super().__init__(session, base)
        self._now = self.latest = now

    def settled(self) -> datetime:
        self.latest = max(self.latest, self._now + 1)  # whatever comes next is later
        return moment(self._now)

    @property
    def outbox(self) -> Outbox:
        return Outbox(SqlRows(self._session), self._now)

    def put(self, type: str, id: str, resource: Json, *, created: bool) -> Stored:
        before = self._current(type, id)
        version, at = self._next(before)
        kept = addressed(resource, type, id, version, instant(moment(at)))
        stored = Stored(type, id, version, moment(at), "POST" if created else "PUT", encode(kept))
        filing = file(kept, self._base)
        if before is None:
            self._insert([(stored, filing)])
        else:
            self._replace(before[0], stored, filing)
        return stored

    def delete(self, type: str, id: str) -> Stored:
        before = self._current(type, id)
        if before is None:
            raise LookupError("What never existed cannot be deleted.")
        if before[4]:
            return _stored(self._at([f"{type}/{id}"], EVERYTHING)[0])
        version, at = self._next(before)
        key = before[0], type, id
        self._retire(key)
        self._write(statements.INHERIT_MEMBERS, (*key, version - 1))
        self._write(statements.INHERIT_LABELS, (*key, version - 1))
        self._write(statements.UPDATE_RESOURCE, (version, at, "DELETE", None, None, "", *key))
        return Stored(type, id, version, moment(at), "DELETE", None)

    def load(self, resources: Iterable[Json]) -> int:
        """Put many at once, as from a backup; each that is new costs no look-up of its own."""
        count, source = 0, iter(resources)
        while chunk := list(islice(source, CHUNK)):
            self._load(chunk)
            count += len(chunk)
        return count

    # --- steps ---

    def _current(self, type: str, id: str) -> Row | None:
        rows = self._session.rows(statements.CURRENT, (f"{type}/{id}",))
        return rows[0] if rows else None

    def _next(self, before: Row | None) -> tuple[int, int]:
        """The next version and its moment, which is after that of the version before."""
        version, at = (1, self._now) if before is None else (before[1] + 1, max(self._now, before[2] + 1))
        self.latest = max(self.latest, at)
        return version, at

    def _load(self, chunk: list[Json]) -> None:
        keys = [f"{resource['resourceType']}/{resource['id']}" for resource in chunk]
        seen = {row[0] for row in self._session.rows(statements.known(len(keys)), keys)}
        fresh: list[tuple[Stored, Filing]] = []
        at = moment(self._now)
        text = instant(at)
        for key, resource in zip(keys, chunk, strict=True):
            type, id = resource["resourceType"], resource["id"]
            if key in seen:
                self._insert(fresh)
                fresh = []
                self.put(type, id, resource, created=False)
                continue
            seen.add(key)
            kept = addressed(resource, type, id, 1, text)
            fresh.append((Stored(type, id, 1, at, "PUT", encode(kept)), file(kept, self._base)))
        self._insert(fresh)

    def _insert(self, fresh: Sequence[tuple[Stored, Filing]]) -> None:
        self._many(statements.INSERT_RESOURCE, [_resource_row(stored, filing) for stored, filing in fresh])
        self._locate(fresh)
        self._describe(fresh)

    def _locate(self, written: Sequence[tuple[Stored, Filing]]) -> None:
        rows = [(one.reference, filing.place.home, one.type, one.id) for one, filing in written]
        self._many(statements.INSERT_LOCATOR, rows)

    def _replace(self, home: str, stored: Stored, filing: Filing) -> None:
        old, new = (home, stored.type, stored.id), _resource_row(stored, filing)
        self._retire(old)
        if home == filing.place.home:
            self._write(statements.UPDATE_RESOURCE, (*new[3:], *old))
        else:  # the resource was about somebody else: it moves, its past stays where it was
            self._write(statements.DELETE_RESOURCE, old)
            self._write(statements.INSERT_RESOURCE, new)
            self._locate([(stored, filing)])
        self._describe([(stored, filing)])

    def _retire(self, key: tuple[str, str, str]) -> None:
        self._write(statements.KEEP_PAST, key)
        self._write(statements.DELETE_INDEXED, key)

    def _describe(self, written: Sequence[tuple[Stored, Filing]]) -> None:
        """Members, labels and index rows."""
        members, labels, rows = [], [], []
        for one, filing in written:
            home, type, id = filing.place.home, one.type, one.id
            members += [(other, home, type, id, one.version) for other in filing.place.others]
            labels += [(home, type, id, one.version, label) for label in filing.place.labels]
            rows += [
                (home, type, id, name, place, text, system, exact, low, high)
                for place, (name, _, text, system, exact, low, high, _slot) in enumerate(filing.index)
            ]
        self._many(statements.INSERT_MEMBER, members)
        self._many(statements.INSERT_LABEL, labels)
        self._many(statements.INSERT_INDEXED, rows)

    def _write(self, sql: str, values: Sequence[object]) -> None:
        self._session.write(sql, [values])

    def _many(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        if rows:
            self._session.write(sql, rows)


def _stored(row: Row) -> Stored:
    type, id, version, at, method, packing, body = row[:7]
    return Stored(type, id, version, moment(at), method, None if body is None else unpack(packing, body))


def _kept(row: Row) -> Kept[Row]:
    return Kept(f"{row[0]}/{row[1]}", tuple(row[7].split()), row)


def _resource_row(stored: Stored, filing: Filing) -> Row:
    packing, body = pack(stored.body or b"")
    refers = " ".join(filing.refers)
    key = filing.place.home, stored.type, stored.id
    return (*key, stored.version, milliseconds(stored.instant), stored.method, packing, body, refers)
