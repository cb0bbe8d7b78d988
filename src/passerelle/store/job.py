"""What becomes of a job? Its states and the steps between them, as plain functions that every engine applies.

A job is work that outlives the request that asked for it: an export, an import, a search that may take long. Whoever
works on it holds a lease and prolongs it; when the holder dies the lease runs out and the job is claimed again.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

State = Literal["waiting", "running", "done", "failed", "cancelled"]

TRIES = 5
"""How often a job is begun before it is given up: what ends a process each time would else do so for ever."""


@dataclass(frozen=True)
class Job:
    """One job as it is kept. Moments are UTC epoch milliseconds; the three documents are JSON of the job's kind."""

    id: str
    kind: str
    owner: str
    """Who asked, as ``node|caller``: nobody else learns that the job exists."""
    request: bytes = field(repr=False)
    created: int
    state: State = "waiting"
    changed: int = 0
    due: int = 0
    """Not before this moment."""
    lease: int = 0
    """Until when its holder may be taken to be alive."""
    expires: int = 0
    """From when on the job and what it made are gone; zero is never."""
    holder: str = ""
    attempts: int = 0
    progress: bytes = field(default=b"{}", repr=False)
    result: bytes = field(default=b"{}", repr=False)

    @property
    def ended(self) -> bool:
        return self.state in ENDED


ENDED = frozenset({"done", "failed", "cancelled"})


@dataclass(frozen=True)
class Hold:
    """Who works on a job, at which moment it says so, and for how many milliseconds that is believed."""

    holder: str
    now: int
    lasts: int = 30_000


def claimable(job: Job, now: int) -> bool:
    """Whether nobody works on it although somebody should."""
    return (job.state == "waiting" and job.due <= now) or (job.state == "running" and job.lease <= now)


def claimed(job: Job, hold: Hold) -> Job:
    """The job in somebody's hands; given up when it was begun too often."""
    if job.attempts >= TRIES:
        return ended(job, "failed", GIVEN_UP, hold.now)
    return replace(
        job,
        state="running",
        holder=hold.holder,
        lease=hold.now + hold.lasts,
        attempts=job.attempts + 1,
        changed=hold.now,
    )


GIVEN_UP = b'{"fault":"given-up"}'


def held(job: Job, hold: Hold) -> bool:
    """Whether the job is still this holder's: not cancelled, and not claimed by another since."""
    return job.state == "running" and job.holder == hold.holder


def prolonged(job: Job, hold: Hold, progress: bytes | None) -> Job:
    """A sign of life, with how far the work has come. Work that comes forward has not begun in vain."""
    lasting = replace(job, lease=hold.now + hold.lasts, changed=hold.now)
    return lasting if progress is None else replace(lasting, progress=progress, attempts=1)


def released(job: Job, now: int, due: int = 0) -> Job:
    """Put back, for whoever claims it next: at once by a holder that only lets go, or from ``due`` on by one that failed."""
    attempts = job.attempts if due else job.attempts - 1
    return replace(job, state="waiting", holder="", lease=0, due=due, changed=now, attempts=attempts)


def ended(job: Job, state: State, result: bytes, now: int, lives: int = 0) -> Job:
    """Over. ``lives``: for how many milliseconds its result may still be fetched (zero: as was said before)."""
    expires = now + lives if lives else job.expires
    return replace(job, state=state, holder="", lease=0, result=result, changed=now, expires=expires)


@dataclass(frozen=True)
class Letter:
    """Something that must be told to somebody else because of a change, written down together with it."""

    id: str
    """Sorts in the order of writing."""
    topic: str
    payload: bytes = field(repr=False)
    created: int
    due: int = 0
    lease: int = 0
    holder: str = ""
    attempts: int = 0
