"""Take a store back to what it was at a moment, from the history that it keeps.

Every version that was written later goes, and what was first written later goes wholly. What was erased stays erased: an
erasure takes the versions before it too, and nothing brings them back but an older copy.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from passerelle.fhir.resource import decode
from passerelle.store import statements
from passerelle.store.changing import SqlChange
from passerelle.store.clock import milliseconds
from passerelle.store.facets import packed
from passerelle.store.filing import file
from passerelle.store.numbers import NUMBERS, TYPES, whereabouts
from passerelle.store.packing import pack, unpack
from passerelle.store.writing import Before

PART = 500

_LATER = """
SELECT compartment, seq, version, instant, method, body IS NULL, terms, others, type, id
FROM resource WHERE instant > ? AND seq > ? ORDER BY seq LIMIT ?
"""
_THEN = """
SELECT compartment, version, instant, method, packing, others, body FROM past
WHERE seq = ? AND instant <= ? ORDER BY version DESC LIMIT 1
"""
_BRING_BACK = """
INSERT INTO resource (compartment, type, seq, version, id, instant, method, packing, labels, others, terms, body)
SELECT compartment, type, seq, version, id, instant, method, packing, labels, others, ?, body FROM past
WHERE seq = ? AND version = ?
"""
_FORGET_LATER = "DELETE FROM past WHERE seq = ? AND version >= ?"
_UNLOCATE = "DELETE FROM locator WHERE compartment = ? AND rest = ?"
_REPACK = "UPDATE resource SET packing = ?, body = ? WHERE compartment = ? AND type = ? AND seq = ?"


class _Store(Protocol):
    async def change(self, work: Callable[[SqlChange], Any]) -> Any: ...


async def rewind(store: _Store, moment: datetime, told: Callable[[int], None] = lambda count: None) -> int:
    """Take a store back; nobody may use it meanwhile. ``told`` hears how many resources went back. Their number."""
    after: int | None = 0
    count = 0
    while after is not None:
        some, after = await store.change(partial(_part, end=milliseconds(moment), after=after))
        count += some
        told(count)
    return count


def _part(change: SqlChange, end: int, after: int) -> tuple[int, int | None]:
    rows = change.session.rows(_LATER, (end, after, PART))
    for row in rows:
        _back(change, row, end)
    return len(rows), rows[-1][1] if len(rows) == PART else None


def _back(change: SqlChange, row: Any, end: int) -> None:
    before, type, id = Before._make(row[:8]), TYPES[row[8]] or "", row[9]
    session, seq = change.session, before.seq
    change.writing.unfile(before, type)
    session.write(statements.DELETE_RESOURCE, [(before.compartment, NUMBERS[type], seq)])
    then = session.rows(_THEN, (seq, end))
    if not then:
        session.write(statements.DELETE_PAST, [(seq,)])
        session.write(_UNLOCATE, [whereabouts(f"{type}/{id}")])
        return
    compartment, version, instant, method, packing, others, body = then[0]
    empty = packed(session.dialect)([])
    session.write(_BRING_BACK, [(empty, seq, version)])
    session.write(_FORGET_LATER, [(seq, version)])
    session.write(statements.MOVE, [(compartment, *whereabouts(f"{type}/{id}"))])
    if body is not None:
        text = unpack(packing, body)
        filing = file(decode(text), change.base, text)
        kept = Before(compartment, seq, version, instant, method, False, empty, others)
        session.write(_REPACK, [(*pack(text, filing.refers), compartment, NUMBERS[type], seq)])
        change.writing.refile(kept, type, filing)
