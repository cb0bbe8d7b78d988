"""Make the index again, from the bodies, while the store goes on answering.

The index holds what ``fhir.search.index`` said when a resource was written. When that meaning changes, ``INDEX`` is raised:
a store that was indexed by an older meaning says so, and answers by the older meaning where it was not made again yet.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, Protocol

from passerelle.fhir.resource import decode
from passerelle.store import statements
from passerelle.store.changing import SqlChange
from passerelle.store.filing import file
from passerelle.store.numbers import TYPES
from passerelle.store.packing import unpack
from passerelle.store.session import Session
from passerelle.store.writing import Before

INDEX = "1"
"""The meaning by which this program indexes. Raise it whenever ``fhir.search.index`` says something else."""

PART = 500
"""How many resources are indexed in one change: others write in between."""

_NAME = "index"
_PART = """
SELECT compartment, seq, version, instant, method, body IS NULL, terms, others, type, packing, body
FROM resource WHERE seq > ? ORDER BY seq LIMIT ?
"""


class Part(NamedTuple):
    """What one change did, and where the next one goes on; None at the end."""

    seen: int
    changed: int
    last: int | None


class _Store(Protocol):
    async def change(self, work: Callable[[SqlChange], Any]) -> Any: ...


def is_indexed(rows: Callable[[str, tuple[object, ...]], list[Any]]) -> bool | None:
    """Whether a store is indexed by this program's meaning; None if it was not indexed at all."""
    found = rows(statements.SETTING, (_NAME,))
    return bool(found[0][0] == INDEX) if found else None


def reindex_part(change: SqlChange, after: int) -> Part:
    """Index the next resources; when there are no more, write down that all are."""
    rows = change.session.rows(_PART, (after, PART))
    changed = sum([_again(change, row) for row in rows])
    if len(rows) < PART:
        change.session.write(statements.SET, [(_NAME, INDEX)])
        return Part(len(rows), changed, None)
    return Part(len(rows), changed, rows[-1][1])


def _again(change: SqlChange, row: Any) -> bool:
    """Index one resource, if its index is not what it should be."""
    before, type, packing, body = Before._make(row[:8]), TYPES[row[8]], row[9], row[10]
    if body is None or type is None:
        return False
    text = unpack(packing, body)
    filing = file(decode(text), change.base, text)
    if change.writing.is_filed(before, type, filing):
        return False
    change.writing.unfile(before, type)
    change.writing.refile(before, type, filing)
    return True


async def reindex(store: _Store, told: Callable[[int, int], None] = lambda seen, changed: None) -> int:
    """Index everything again in small changes. ``told`` hears how many were seen and changed. Those that changed."""
    after: int | None = 0
    seen = changed = 0
    while after is not None:
        part: Part = await store.change(partial(reindex_part, after=after))
        seen, changed, after = seen + part.seen, changed + part.changed, part.last
        told(seen, changed)
    return changed


def catch_up(session: Session, change: Callable[[Callable[[SqlChange], Part]], Part]) -> bool:
    """Index what a migration left without an index, before anybody asks. Whether the index is of this meaning."""
    found = is_indexed(session.rows)
    if found is not None:
        return found
    if session.rows(statements.LAST_SEQ, ())[0][0] is None:  # a new store
        session.write(statements.SET, [(_NAME, INDEX)])
        return True
    after: int | None = 0
    while after is not None:
        after = change(partial(reindex_part, after=after)).last
    return True
