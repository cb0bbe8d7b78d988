"""Is everything in a store as it should be? What was found wrong, without a word of what was kept."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from passerelle.fhir.resource import decode
from passerelle.store.changing import SqlChange
from passerelle.store.errors import StoreError
from passerelle.store.filing import file
from passerelle.store.numbers import METHOD_NUMBERS, TYPES, whereabouts
from passerelle.store.packing import unpack
from passerelle.store.reindex import is_indexed
from passerelle.store.writing import Before

PART = 500

_PART = """
SELECT compartment, seq, version, instant, method, body IS NULL, terms, others, type, id, packing, body
FROM resource WHERE seq > ? ORDER BY seq LIMIT ?
"""
_LOCATED = "SELECT home, seq FROM locator WHERE compartment = ? AND rest = ?"
_PAST = "SELECT version, method, packing, body, instant FROM past WHERE seq = ? ORDER BY version"
_POSTED = "SELECT 1 FROM posting WHERE key = ? AND seq = ?"
_COUNTS = {
    "locator": "SELECT (SELECT count(*) FROM locator) - (SELECT count(*) FROM resource)",
    "past": "SELECT count(*) FROM past p WHERE NOT EXISTS (SELECT 1 FROM resource r WHERE r.type = p.type AND r.seq = p.seq)",
    "span": "SELECT count(*) FROM span s WHERE NOT EXISTS (SELECT 1 FROM resource r"
    " WHERE r.compartment = s.compartment AND r.seq = s.seq AND r.packing IS NOT NULL)",
    "member": "SELECT count(*) FROM member m WHERE NOT EXISTS (SELECT 1 FROM resource r"
    " WHERE r.compartment = m.home AND r.type = m.type AND r.seq = m.seq AND r.packing IS NOT NULL)",
}  # fmt: skip
"""Rows that belong to nothing."""
_POSTINGS = (
    "SELECT (SELECT count(*) FROM posting) - (SELECT coalesce(sum(length(terms)), 0) / 10 FROM resource)"
)
_UNSPELLED = {
    "sqlite": "SELECT count(*) FROM (SELECT DISTINCT key FROM posting) p"
    " WHERE NOT EXISTS (SELECT 1 FROM facet f WHERE f.key = p.key)",
    "postgresql": "SELECT count(*) FROM (SELECT DISTINCT unnest(terms) AS key FROM resource) p"
    " WHERE NOT EXISTS (SELECT 1 FROM facet f WHERE f.key = p.key)",
}


@dataclass(frozen=True)
class Problem:
    """What is wrong, and with which number of which type, where it is one resource."""

    what: str
    type: str = ""
    seq: int = 0


class _Undone(Exception):  # noqa: N818  no error: it takes back what was only for looking
    """Carries what was found out of a change that must not be kept."""


class _Store(Protocol):
    async def change(self, work: Callable[[SqlChange], Any]) -> Any: ...


async def check(store: _Store, told: Callable[[int], None] = lambda seen: None) -> AsyncIterator[Problem]:
    """Every problem of a store. It may go on answering meanwhile; ``told`` hears how many resources were seen."""
    after: int | None = 0
    seen = 0
    while after is not None:
        found, count, after = await _without_trace(store, partial(_part, after=after))
        seen += count
        for problem in found:
            yield problem
        told(seen)
    for problem in await _without_trace(store, lambda change: list(_whole(change))):
        yield problem


async def _without_trace(store: _Store, work: Callable[[SqlChange], Any]) -> Any:
    """Look with the eyes of a change, which knows what it would write, and take back what it would have."""
    answer: list[Any] = []

    def look(change: SqlChange) -> None:
        answer.append(work(change))
        raise _Undone

    try:
        await store.change(look)
    except _Undone:
        return answer[-1]
    raise StoreError("A check was kept as if it were a change.")  # pragma: no cover


def _part(change: SqlChange, after: int) -> tuple[list[Problem], int, int | None]:
    rows = change.session.rows(_PART, (after, PART))
    found = [Problem(what, TYPES[row[8]] or "?", row[1]) for row in rows for what in _one(change, row)]
    return found, len(rows), rows[-1][1] if len(rows) == PART else None


def _one(change: SqlChange, row: Any) -> Iterator[str]:
    before, type, id = Before._make(row[:8]), TYPES[row[8]] or "", row[9]
    located = change.session.rows(_LOCATED, whereabouts(f"{type}/{id}"))
    if located != [(before.compartment, before.seq)]:
        yield "the locator does not lead here"
    yield from _versions(change, before)
    body = row[11]
    if body is None:
        if before.terms:
            yield "a deletion has an index"
        return
    try:
        text = unpack(row[10], body)
        resource = decode(text)
    except Exception:
        yield "the body cannot be read"
        return
    meta = resource.get("meta") or {}
    if (resource.get("resourceType"), resource.get("id"), meta.get("versionId")) != (
        type,
        id,
        str(before.version),
    ):
        yield "the body is of something else"
    if not change.writing.is_filed(before, type, file(resource, change.base, text)):
        yield "the index says something else than the body"
    if change.session.dialect == "sqlite":
        terms = [before.terms[start : start + 10] for start in range(0, len(before.terms), 10)]
        if not all(change.session.rows(_POSTED, (term, before.seq)) for term in terms):
            yield "a posting is missing"


def _versions(change: SqlChange, before: Before) -> Iterator[str]:
    """Versions without gaps, except where an erasure left one, and moments that rise."""
    rows = change.session.rows(_PAST, (before.seq,))
    versions = [row[0] for row in rows] + [before.version]
    first_method = rows[0][1] if rows else before.method
    start = versions[0] if first_method == METHOD_NUMBERS["PURGE"] else 1
    if versions != list(range(start, start + len(versions))):
        yield "a version is missing"
    moments = [row[4] for row in rows] + [before.instant]
    if moments != sorted(set(moments)):
        yield "the moments of the versions do not rise"
    for _, method, packing, body, _ in rows:
        if body is None:
            if method not in (METHOD_NUMBERS["DELETE"], METHOD_NUMBERS["PURGE"]):
                yield "a past body is missing"
            continue
        try:
            decode(unpack(packing, body))
        except Exception:
            yield "a past body cannot be read"


def _whole(change: SqlChange) -> Iterator[Problem]:
    """What is seen only of all rows together."""
    rows, dialect = change.session.rows, change.session.dialect
    if not is_indexed(rows):
        yield Problem("the index is of an older meaning: index it again")
    for table, sql in _COUNTS.items():
        if rows(sql, ())[0][0]:
            yield Problem(f"the table {table} has rows of nothing")
    if rows(_UNSPELLED[dialect], ())[0][0]:
        yield Problem("a facet is not spelled out")
    if dialect == "sqlite":
        if rows(_POSTINGS, ())[0][0]:
            yield Problem("the postings are not those of the resources")
        yield from (
            Problem(f"integrity_check: {line}")
            for (line,) in rows("PRAGMA integrity_check", ())
            if line != "ok"
        )
