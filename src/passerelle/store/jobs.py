"""Jobs and the outbox as rows, in the transaction that asks: SQL, and the same in memory.

Both tables lead with ``compartment`` like all others. What is in them is the node's own, so all of it has one: every
statement goes to one place, which is also what ``FOR UPDATE SKIP LOCKED`` needs where tables are distributed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from contextlib import suppress
from dataclasses import astuple, fields, replace
from typing import Any, Protocol

from passerelle.store.job import (
    ENDED,
    Hold,
    Job,
    Letter,
    State,
    claimable,
    claimed,
    ended,
    held,
    prolonged,
    released,
)

Row = tuple[Any, ...]


class Rows(Protocol):
    """Where the rows of jobs and letters are, inside one transaction."""

    def job(self, id: str) -> Job | None: ...

    def jobs(self, owner: str | None, state: State | None) -> list[Job]: ...

    def next_job(self, now: int, kinds: frozenset[str]) -> Job | None:
        """The job that has waited longest and that nobody else is about to claim."""

    def save_job(self, job: Job) -> None: ...

    def remove_job(self, id: str) -> None: ...

    def count_jobs(self) -> dict[str, int]: ...

    def count_letters(self) -> tuple[int, int]: ...

    def next_letters(self, now: int, count: int) -> list[Letter]: ...

    def letter(self, id: str) -> Letter | None: ...

    def save_letter(self, letter: Letter) -> None: ...

    def remove_letter(self, id: str) -> None: ...


class Jobs:
    """The jobs of a node, inside one transaction."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def get(self, id: str) -> Job | None:
        return self._rows.job(id)

    def all(self, owner: str | None = None, state: State | None = None) -> list[Job]:
        return self._rows.jobs(owner, state)

    def put(self, job: Job) -> None:
        """Write a new job down."""
        self._rows.save_job(job)

    def claim(self, hold: Hold, kinds: frozenset[str]) -> Job | None:
        """Take the job of these kinds that has waited longest; None when there is none to take."""
        while (found := self._rows.next_job(hold.now, kinds)) is not None:
            taken = claimed(found, hold)
            self._rows.save_job(taken)
            if not taken.ended:
                return taken
        return None

    def prolong(self, id: str, hold: Hold, progress: bytes | None = None) -> Job | None:
        """A holder's sign of life; None when the job is no longer its own."""
        return self._held(id, hold, lambda job: prolonged(job, hold, progress))

    def release(self, id: str, hold: Hold, due: int = 0) -> Job | None:
        """Give a job back unfinished."""
        return self._held(id, hold, lambda job: released(job, hold.now, due))

    def end(self, id: str, hold: Hold, state: State, result: bytes, lives: int = 0) -> Job | None:
        """A holder's last word; None when the job is no longer its own."""
        return self._held(id, hold, lambda job: ended(job, state, result, hold.now, lives))

    def cancel(self, id: str, now: int) -> Job | None:
        """End a job, or forget what it made; its holder learns of it when it next prolongs. None: it is not there."""
        job = self._rows.job(id)
        if job is None or job.state == "cancelled":
            return job
        stopped = ended(job, "cancelled", b"{}", now, GRACE)
        self._rows.save_job(stopped)
        return stopped

    def remove(self, id: str) -> None:
        self._rows.remove_job(id)

    def counts(self) -> dict[str, int]:
        """How many jobs there are, by state."""
        return self._rows.count_jobs()

    def letters(self) -> tuple[int, int]:
        """How many letters the outbox has, and when the oldest was written (zero without one)."""
        return self._rows.count_letters()

    def expired(self, now: int) -> list[Job]:
        """The ended jobs whose time is over."""
        every = [job for state in sorted(ENDED) for job in self._rows.jobs(None, state)]  # type: ignore[arg-type]
        return [job for job in every if 0 < job.expires <= now]

    def _held(self, id: str, hold: Hold, step: Callable[[Job], Job]) -> Job | None:
        job = self._rows.job(id)
        if job is None or not held(job, hold):
            return None
        after = step(job)
        self._rows.save_job(after)
        return after


class Outbox:
    """What is to be told to others because of a change, inside the transaction of that change."""

    def __init__(self, rows: Rows, now: int) -> None:
        self._rows = rows
        self._now = now

    def put(self, topic: str, payload: bytes, key: str) -> Letter:
        """Write a letter down. ``key`` makes it unlike every other; letters of one moment keep the order of theirs."""
        letter = Letter(f"{self._now:014d}-{key}", topic, payload, self._now, self._now)
        self._rows.save_letter(letter)
        return letter

    def claim(self, hold: Hold, count: int = 100) -> list[Letter]:
        """Take the letters that have waited longest."""
        taken = [
            replace(one, holder=hold.holder, lease=hold.now + hold.lasts, attempts=one.attempts + 1)
            for one in self._rows.next_letters(hold.now, count)
        ]
        for one in taken:
            self._rows.save_letter(one)
        return taken

    def done(self, ids: Sequence[str], hold: Hold) -> int:
        """Forget what was delivered by its holder; how many."""
        own = [id for id in ids if (one := self._rows.letter(id)) is not None and one.holder == hold.holder]
        for id in own:
            self._rows.remove_letter(id)
        return len(own)

    def again(self, id: str, hold: Hold, due: int) -> bool:
        """Put a letter back that could not be delivered, for another try from ``due`` on."""
        letter = self._rows.letter(id)
        if letter is None or letter.holder != hold.holder:
            return False
        self._rows.save_letter(replace(letter, holder="", lease=0, due=due))
        return True


# --- in SQL -------------------------------------------------------------------------------------------------


class Session(Protocol):
    """What these rows need of a connection in a transaction (``store.sql.Session``)."""

    dialect: Any

    def rows(self, sql: str, values: Sequence[object]) -> list[Row]: ...

    def write(self, sql: str, rows: Sequence[Sequence[object]]) -> None: ...


def _columns(kind: type[Any]) -> str:
    return ", ".join(one.name for one in fields(kind))


def _upsert(table: str, kind: type[Any]) -> str:
    names = [one.name for one in fields(kind)]
    changes = ", ".join(f"{name} = excluded.{name}" for name in names if name != "id")
    marks = ", ".join("?" * (len(names) + 1))
    return (
        f"INSERT INTO {table} (compartment, {', '.join(names)}) VALUES ({marks})"  # noqa: S608  names of columns
        f" ON CONFLICT (compartment, id) DO UPDATE SET {changes}"
    )


GRACE = 60_000
"""Milliseconds for which a cancelled job is still known, so that its holder learns of it."""

OWN = 0
"""The compartment of what is the node's own: patients have numbers above it, and the buckets of types below."""

_JOB = f"SELECT {_columns(Job)} FROM job WHERE compartment = {OWN}"  # noqa: S608
_LETTER = f"SELECT {_columns(Letter)} FROM outbox WHERE compartment = {OWN}"  # noqa: S608
_SAVE_JOB = _upsert("job", Job)
_SAVE_LETTER = _upsert("outbox", Letter)


class SqlRows:
    """Rows of a SQL engine."""

    def __init__(self, session: Session) -> None:
        self._session = session
        # One that another process looks at in this moment is left to it; SQLite has one writer, so there is none.
        self._skip = " FOR UPDATE SKIP LOCKED" if session.dialect == "postgresql" else ""

    def job(self, id: str) -> Job | None:
        found = self._session.rows(f"{_JOB} AND id = ?", [id])
        return Job(*_plain(found[0])) if found else None

    def jobs(self, owner: str | None, state: State | None) -> list[Job]:
        where, values = "", []
        for column, value in (("owner", owner), ("state", state)):
            if value is not None:
                where += f" AND {column} = ?"
                values.append(value)
        return [
            Job(*_plain(row)) for row in self._session.rows(f"{_JOB}{where} ORDER BY created, id", values)
        ]

    def next_job(self, now: int, kinds: frozenset[str]) -> Job | None:
        known = sorted(kinds)
        sql = (
            f"{_JOB} AND ((state = 'waiting' AND due <= ?) OR (state = 'running' AND lease <= ?))"
            f" AND kind IN ({', '.join('?' * len(known))}) ORDER BY created, id LIMIT 1{self._skip}"
        )
        found = self._session.rows(sql, [now, now, *known])
        return Job(*_plain(found[0])) if found else None

    def save_job(self, job: Job) -> None:
        self._session.write(_SAVE_JOB, [(OWN, *astuple(job))])

    def remove_job(self, id: str) -> None:
        self._session.write(f"DELETE FROM job WHERE compartment = {OWN} AND id = ?", [(id,)])  # noqa: S608

    def count_jobs(self) -> dict[str, int]:
        sql = f"SELECT state, count(*) FROM job WHERE compartment = {OWN} GROUP BY state"  # noqa: S608
        return dict(self._session.rows(sql, []))

    def count_letters(self) -> tuple[int, int]:
        sql = f"SELECT count(*), coalesce(min(created), 0) FROM outbox WHERE compartment = {OWN}"  # noqa: S608
        count, oldest = self._session.rows(sql, [])[0]
        return count, oldest

    def next_letters(self, now: int, count: int) -> list[Letter]:
        sql = f"{_LETTER} AND due <= ? AND lease <= ? ORDER BY id LIMIT ?{self._skip}"
        return [Letter(*_plain(row)) for row in self._session.rows(sql, [now, now, count])]

    def letter(self, id: str) -> Letter | None:
        found = self._session.rows(f"{_LETTER} AND id = ?", [id])
        return Letter(*_plain(found[0])) if found else None

    def save_letter(self, letter: Letter) -> None:
        self._session.write(_SAVE_LETTER, [(OWN, *astuple(letter))])

    def remove_letter(self, id: str) -> None:
        self._session.write(f"DELETE FROM outbox WHERE compartment = {OWN} AND id = ?", [(id,)])  # noqa: S608


def _plain(row: Row) -> Iterator[Any]:
    """Columns of bytes as bytes, whichever way a driver gives them."""
    return (bytes(value) if isinstance(value, memoryview) else value for value in row)


# --- in memory ----------------------------------------------------------------------------------------------

Shelf = MutableMapping[tuple[str, str], Job | Letter]


class MemoryRows:
    """Rows in a dictionary; ``undo`` takes back what was done since this was made."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._before: list[tuple[tuple[str, str], Job | Letter | None]] = []

    def job(self, id: str) -> Job | None:
        found = self._shelf.get(("job", id))
        return found if isinstance(found, Job) else None

    def jobs(self, owner: str | None, state: State | None) -> list[Job]:
        every = (one for one in self._shelf.values() if isinstance(one, Job))
        found = [one for one in every if owner in (None, one.owner) and state in (None, one.state)]
        return sorted(found, key=lambda one: (one.created, one.id))

    def next_job(self, now: int, kinds: frozenset[str]) -> Job | None:
        return next((one for one in self.jobs(None, None) if one.kind in kinds and claimable(one, now)), None)

    def save_job(self, job: Job) -> None:
        self._set(("job", job.id), job)

    def remove_job(self, id: str) -> None:
        self._set(("job", id), None)

    def count_jobs(self) -> dict[str, int]:
        return dict(Counter(one.state for one in self.jobs(None, None)))

    def count_letters(self) -> tuple[int, int]:
        written = [one.created for one in self._shelf.values() if isinstance(one, Letter)]
        return len(written), min(written, default=0)

    def next_letters(self, now: int, count: int) -> list[Letter]:
        every = (one for one in self._shelf.values() if isinstance(one, Letter))
        waiting = [one for one in every if one.due <= now and one.lease <= now]
        return sorted(waiting, key=lambda one: one.id)[:count]

    def letter(self, id: str) -> Letter | None:
        found = self._shelf.get(("outbox", id))
        return found if isinstance(found, Letter) else None

    def save_letter(self, letter: Letter) -> None:
        self._set(("outbox", letter.id), letter)

    def remove_letter(self, id: str) -> None:
        self._set(("outbox", id), None)

    def undo(self) -> None:
        while self._before:
            self._put(*self._before.pop())

    def _set(self, key: tuple[str, str], value: Job | Letter | None) -> None:
        self._before.append((key, self._shelf.get(key)))
        self._put(key, value)

    def _put(self, key: tuple[str, str], value: Job | Letter | None) -> None:
        if value is not None:
            self._shelf[key] = value
        else:
            with suppress(KeyError):
                del self._shelf[key]
