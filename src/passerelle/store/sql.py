"""What is asked of a SQL engine, over any session of SQLite or PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from passerelle.fhir import search_cursor
from passerelle.fhir.resource import Scan, Stored, decode
from passerelle.fhir.search import EVERYTHING, Found, Query, Scope, Seen, beside, cared_for
from passerelle.store import queries, searching
from passerelle.store.clock import milliseconds, moment
from passerelle.store.compose import ScopeShape, Statement, Values, lower_scope
from passerelle.store.jobs import Jobs, SqlRows
from passerelle.store.lowering import lower
from passerelle.store.numbers import METHODS, NUMBERS, TYPES, bucket, number_of, whereabouts
from passerelle.store.packing import unpack, unpack_all, unpack_many
from passerelle.store.record import Kept, whole
from passerelle.store.session import Row, Session
from passerelle.store.shapes import Search, Words
from passerelle.store.writing import Known

Period = tuple[datetime, datetime]


class SqlView:
    """One snapshot of a SQL engine."""

    def __init__(self, session: Session, base: str, known: Known) -> None:
        self._session = session
        self._base = base
        self._known = known

    @property
    def jobs(self) -> Jobs:
        return Jobs(SqlRows(self._session))

    def read(self, type: str, id: str, scope: Scope = EVERYTHING) -> Stored | None:
        number = number_of(type)
        if scope == EVERYTHING:
            rows = self._session.rows(queries.READ, (number, *whereabouts(f"{type}/{id}"), id))
        else:
            values = Values(self._session.dialect)
            one, inside = self._one(type, id, values), self._scope(scope, values)
            rows = self._ask(queries.read(self._session.dialect, one, inside), values)
        return _stored(rows[0]) if rows else None

    def vread(self, type: str, id: str, version: int, scope: Scope = EVERYTHING) -> Stored | None:
        values = Values(self._session.dialect)
        one, inside = self._one(type, id, values), self._scope(scope, values)
        shape = queries.HistoryShape(one, None, None, None, None, values.mark(version), None, inside)
        rows = self._ask(queries.history(self._session.dialect, shape, values.mark(1)), values)
        return _stored(rows[0]) if rows else None

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
        values = Values(self._session.dialect)
        mark = values.mark
        start, end = (None, None) if at is None else (mark(milliseconds(at[0])), mark(milliseconds(at[1])))
        behind: Any = None if after is None else tuple(map(mark, _after(after)))
        shape = queries.HistoryShape(
            self._one(type, id, values) if type and id else None,
            mark(number_of(type)) if type and not id else None,
            None if since is None else mark(milliseconds(since)),
            start,
            end,
            None,
            behind,
            self._scope(scope, values),
        )
        dialect = self._session.dialect
        rows = self._ask(queries.history(dialect, shape, mark(count + 1)), values) if count else []
        more = len(rows) > count > 0
        shown = rows[:count]
        if not more and after is None and count:
            total = len(rows)
        else:
            total = int(self._ask(queries.history_total(dialect, shape), values)[0][0])
        following = _history_cursor(shown[-1]) if more else None
        return Found(tuple(map(_stored, shown)), total=total, more=more, next=following)

    def search(self, query: Query) -> Found:
        asked = lower(query, self._home, self._session.dialect)
        count = 0 if query.summary == "count" else query.count
        wanted = query.total or not count
        by = self._keyed(asked) if self._session.dialect == "sqlite" else None
        told = wanted and query.after is None and self._session.dialect == "postgresql"
        rows = self._matches(asked, count, by, counted=told) if count else []
        more = len(rows) > count > 0
        shown = rows[:count]
        matches = tuple(map(_stored, shown))
        total = None
        if wanted:
            if count and not more and query.after is None:
                total = len(rows)
            else:
                total = rows[0][-1] if told and rows else self._total(asked, by)
        following = self._cursor(query, asked, shown) if more else None
        return Found(matches, self._beside(query, matches), total, more, following)

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
        number = self._home(patient)
        if number is None:
            return []
        values = Values(self._session.dialect)
        place, inside = values.mark(number), self._scope(scope, values)
        about = self._ask(queries.compartment(self._session.dialect, place, inside), values)
        about += self._ask(queries.membership(self._session.dialect, place, inside), values)
        every = whole(
            patient, map(_kept, about), lambda sought: list(map(_kept, self._living(sought, scope)))
        )
        if types is not None:
            every = [one for one in every if one.type in types]
        if since is not None:
            every = [one for one in every if one.instant >= since]
        if start is None and end is None:
            return every
        ends = [None if one is None else float(milliseconds(one)) for one in (start, end)]
        return [one for one in every if cared_for(one.type, self._seen(one).rows, ends[0], ends[1])]

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
        values, dialect = Values(self._session.dialect), self._session.dialect
        place, from_, limit = values.mark(number_of(type)), values.mark(after), values.mark(count + 1)
        start = None if since is None else milliseconds(since)
        living = None if until is not None else values.mark(start or 0)
        rows = self._ask(
            queries.scan(dialect, place, from_, limit, living, self._scope(scope, values), of_patients),
            values,
        )
        last = rows[count - 1][0] if len(rows) > count else None
        del rows[count:]
        if until is not None:
            end, least = milliseconds(until), start or 0
            rows = [row if row[1] <= end else self._then(row, end, scope) for row in rows]
            rows = [row for row in rows if row[3] is not None and row[1] >= least]
        return Scan(unpack_many([row[2:] for row in rows]), last)

    def find(self, references: Sequence[str], scope: Scope = EVERYTHING) -> list[Stored]:
        found = {f"{TYPES[row[0]]}/{row[1]}": row for row in self._living(references, scope)}
        return [_stored(found[one]) for one in dict.fromkeys(references) if one in found]

    # --- steps ---

    def _home(self, patient: str) -> int | None:
        return self._known.home(self._session, patient, sure=True)

    def _scope(self, scope: Scope, values: Values) -> ScopeShape:
        return lower_scope(scope, self._home, values)

    def _one(self, type: str, id: str, values: Values) -> queries.OneShape:
        hash, rest = whereabouts(f"{type}/{id}")
        return queries.OneShape(*map(values.mark, (number_of(type), hash, rest, id)))

    def _ask(self, statement: Statement, values: Values) -> list[Row]:
        return self._session.rows(statement.sql, statement.marks(values.list))

    def _living(self, references: Sequence[str], scope: Scope) -> list[Row]:
        """The current versions at some references, without deletions."""
        known = [text for text in references if text.partition("/")[0] in NUMBERS]
        if not known:
            return []
        values = Values(self._session.dialect)
        places = values.many([whereabouts(text)[0] for text in known])
        types = values.many(sorted({NUMBERS[text.partition("/")[0]] for text in known}))
        rows = self._ask(queries.at(values.dialect, places, types, self._scope(scope, values)), values)
        wanted = set(known)
        return [row for row in rows if row[6] is not None and f"{TYPES[row[0]]}/{row[1]}" in wanted]

    def _keyed(self, asked: Search) -> searching.Keyed | None:
        """SQLite: which single facet leads, if one does. Its resources are then read in their order, not all first."""
        conditions = asked.shape.candidates.conditions
        leader = searching.leading(conditions)
        if not isinstance(leader, Words) or asked.shape.candidates.scope.compartment is not None:
            return None
        found = self._ask(searching.keys(leader), asked.values)
        if len(found) != 1:
            return None
        return searching.Keyed(conditions.index(leader), asked.values.mark(found[0][0]))

    def _matches(self, asked: Search, count: int, by: searching.Keyed | None, *, counted: bool) -> list[Row]:
        limit = asked.values.mark(count + 1)
        statement = searching.page(self._session.dialect, asked.shape, limit, counted=counted, by=by)
        return self._ask(statement, asked.values)

    def _total(self, asked: Search, by: searching.Keyed | None) -> int:
        return int(self._ask(searching.total(self._session.dialect, asked.shape, by), asked.values)[0][0])

    def _cursor(self, query: Query, asked: Search, shown: list[Row]) -> str:
        last = shown[-1]
        if query.after is not None:
            bound = search_cursor.decode(query.after, len(query.sort)).bound
        elif query.sort:
            bound = int(self._session.rows(queries.BOUND[self._session.dialect], ())[0][0])
        else:
            bound = shown[0][7]
        return search_cursor.encode(
            search_cursor.Cursor(bound, last[7], tuple(last[8 : 8 + len(query.sort)]))
        )

    def _beside(self, query: Query, matches: tuple[Stored, ...]) -> tuple[Stored, ...]:
        """What comes along with a page; what was read on the way is not read again."""
        if not query.include and not query.revinclude:
            return ()
        met: dict[str, Stored] = {}

        def seen(found: Iterable[Stored]) -> list[Seen]:
            some = list(found)
            met.update((one.reference, one) for one in some)
            return list(map(self._seen, some))

        came = beside(
            query,
            seen(matches),
            lambda references: seen(self.find(references, query.scope)),
            lambda type, names, references: seen(self._pointing(type, names, references, query.scope)),
        )
        return tuple([met[reference] for reference in came])

    def _seen(self, one: Stored) -> Seen:
        return Seen.of(decode(one.body or b"{}"), self._base)

    def _pointing(
        self, type: str, names: Sequence[str], references: Sequence[str], scope: Scope
    ) -> list[Stored]:
        """The living resources of a type that refer to any of some references by one of some names of rows."""
        values = Values(self._session.dialect)
        kinds = values.mark(number_of(type)), values.mark(bucket(type))
        rows, texts = values.many(list(names)), values.many(list(references))
        statement = queries.pointing(values.dialect, rows, texts, kinds, self._scope(scope, values))
        return list(map(_stored, self._ask(statement, values)))

    def _then(self, row: Row, end: int, scope: Scope) -> Row:
        """What a scanned row was at a moment; it has no body if it was not."""
        values = Values(self._session.dialect)
        seq, place = values.mark(row[0]), values.mark(end)
        found = self._ask(queries.earlier(values.dialect, seq, place, self._scope(scope, values)), values)
        return (row[0], *found[0]) if found else (row[0], 0, None, None)


def _stored(row: Row) -> Stored:
    type, id, version, at, method, packing, body = row[:7]
    told = METHODS[method] if method < 4 else "DELETE"
    return Stored(TYPES[type], id, version, moment(at), told, None if body is None else unpack(packing, body))  # type: ignore[arg-type]


def _kept(row: Row) -> Kept[Stored]:
    type, id, version, at, method, packing, body = row[:7]
    text, refers = unpack_all(packing, body)
    stored = Stored(TYPES[type], id, version, moment(at), METHODS[method], text)  # type: ignore[arg-type]
    return Kept(f"{TYPES[type]}/{id}", tuple(refers), stored)


def _after(word: str) -> tuple[object, ...]:
    """The cursor of a history: the instant, type, id and version of the last that was shown."""
    cursor = search_cursor.decode(word, 3)
    instant, type, id = cursor.values
    return (-int(instant) if isinstance(instant, float) else 0), number_of(str(type)), str(id), cursor.seq


def _history_cursor(row: Row) -> str:
    return search_cursor.encode(search_cursor.Cursor(0, row[2], (-float(row[3]), TYPES[row[0]], row[1])))
