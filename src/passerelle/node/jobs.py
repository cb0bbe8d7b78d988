"""The worker: claims jobs, does them beside serving, and says every few seconds that it is alive.

What it holds when the process dies is claimed again when the lease has run out, by this node after its restart or by
another process of it; what it holds when the process is told to stop is let go at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, TypeVar

import structlog

from passerelle.fhir.outcome import BadInput
from passerelle.fhir.resource import encode
from passerelle.flows.job_answers import fault
from passerelle.flows.jobs import Doing, Folder, LostError, milliseconds
from passerelle.flows.ports import Change, Here
from passerelle.node.edge import where
from passerelle.node.job_files import JobFiles, JobFolder
from passerelle.store.errors import StoreError
from passerelle.store.job import Hold, Job
from passerelle.values import Json

log = structlog.get_logger()

T = TypeVar("T")
Fetch = Callable[[str], AsyncIterator[bytes]]


def nothing_fetched(url: str) -> AsyncIterator[bytes]:
    """A node that fetches nothing."""
    raise LookupError("This node fetches nothing from elsewhere.")


class Worker:
    """One process's part in the work of a node: one job at a time, so that serving keeps its share."""

    def __init__(
        self,
        here: Here,
        files: JobFiles,
        doings: Mapping[str, Doing],
        *,
        lease: float = 30.0,
        poll: float = 1.0,
        fetch: Fetch = nothing_fetched,
        awake: asyncio.Event | None = None,
    ) -> None:
        self.here = here
        self.files = files
        self.doings = doings
        self.lease = lease
        self.poll = poll
        self.fetch = fetch
        self.name = secrets.token_hex(8)
        self.done: dict[tuple[str, str], int] = {}
        """How many jobs of a kind came to which end, since the start."""
        self._awake = awake or asyncio.Event()

    def wake(self) -> None:
        """There may be something to do."""
        self._awake.set()

    async def run(self) -> None:
        """Work until cancelled; then what is held is let go."""
        swept = -SWEEP
        while True:
            if self.here.timer() - swept > SWEEP:
                swept = self.here.timer()
                await self._carefully(self.sweep())
            if not await self._carefully(self.once()):
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._awake.wait(), self.poll)
                self._awake.clear()

    async def once(self) -> bool:
        """Do one job, if there is one."""
        kinds, hold = frozenset(self.doings), self.hold()
        # Looking costs no write: an idle node leaves its disk alone.
        if not await self.here.store.look(
            lambda view: view.jobs.all(state="waiting") or view.jobs.all(state="running")
        ):
            return False
        job = await self.here.store.change(lambda change: change.jobs.claim(hold, kinds))
        if job is None:
            return False
        await self._do(job)
        return True

    def hold(self) -> Hold:
        return Hold(self.name, milliseconds(self.here), int(self.lease * 1000))

    async def sweep(self) -> None:
        """Remove the jobs whose time is over, and files that no job has."""
        now = milliseconds(self.here)

        def expired(change: Change) -> list[Job]:
            found = change.jobs.expired(now)
            for job in found:
                change.jobs.remove(job.id)
            return found

        if await self.here.store.look(lambda view: view.jobs.expired(now)):
            await self.here.store.change(expired)
        known = await self.here.store.look(lambda view: {job.id for job in view.jobs.all()})
        await asyncio.to_thread(self.files.sweep, known)

    async def _carefully(self, work: Any) -> Any:
        try:
            return await work
        except Exception as bug:  # the worker outlives whatever one turn of it meets
            log.error("job turn failed", fault=type(bug).__name__, where=where(bug))
            return None

    async def _do(self, job: Job) -> None:
        held = Held(self, job)
        beating = asyncio.create_task(held.beat())
        doing = asyncio.ensure_future(self.doings[job.kind](held, self.here))
        held.doing = doing
        try:
            result = await doing
            await held.folder.settle()
            await self._end(job, "done", result)
        except LostError:
            await self._lost(job)
        except asyncio.CancelledError:
            if held.lost and not self._stopping_now():
                await self._lost(job)
            else:
                await asyncio.shield(self._release(job, 0))
                raise
        except BadInput as bad:
            await self._end(job, "failed", fault(bad))
        except Exception as bug:
            await self._failed(job, bug)
        finally:
            beating.cancel()
            held.files.close()

    def _stopping_now(self) -> bool:
        task = asyncio.current_task()
        return task is not None and task.cancelling() > 0

    async def _end(self, job: Job, state: Any, result: Json) -> None:
        hold, document = self.hold(), encode(result)
        lives = int(self.here.jobs.lives * 1000)
        ended = await self.here.store.change(
            lambda change: change.jobs.end(job.id, hold, state, document, lives)
        )
        if ended is None:
            await self._lost(job)
        else:
            self._count(job, state)

    async def _failed(self, job: Job, bug: Exception) -> None:
        """Once more, later: what failed may have been the moment. The row counts, and gives up in the end."""
        log.error("job failed", job=job.id, kind=job.kind, fault=type(bug).__name__, where=where(bug))
        self._count(job, "again")
        wait = 1000 * 2**job.attempts if isinstance(bug, StoreError | OSError) else 0
        with contextlib.suppress(StoreError):
            await self._release(job, milliseconds(self.here) + wait)

    async def _release(self, job: Job, due: int) -> None:
        hold = self.hold()
        await self.here.store.change(lambda change: change.jobs.release(job.id, hold, due))

    async def _lost(self, job: Job) -> None:
        """Cancelled, or held by another by now; only in the first case are the files nobody's."""
        self._count(job, "lost")
        found = await self.here.store.look(lambda view: view.jobs.get(job.id))
        if found is None or found.state == "cancelled":
            await asyncio.to_thread(self.files.remove, job.id)

    def _count(self, job: Job, end: str) -> None:
        key = job.kind, end
        self.done[key] = self.done.get(key, 0) + 1


SWEEP = 60.0
"""Seconds."""

WRITE_DOWN = 1.0
"""Seconds between two times that progress is written down."""


class Held:
    """A job in this worker's hands (``flows.jobs.Work``)."""

    def __init__(self, worker: Worker, job: Job) -> None:
        self.worker = worker
        self.job = job
        self.files: JobFolder = worker.files.folder(job.id)
        self.folder: Folder = self.files
        self.doing: asyncio.Future[Json] | None = None
        self.lost = False
        self._written = worker.here.timer()
        self._carrying = False

    async def reached(self, progress: Json, *, force: bool = False) -> None:
        now = self.worker.here.timer()
        if not force and now - self._written < WRITE_DOWN:
            return
        # INVARIANT: a size that is written down is on the disk, or a crash would leave a hole in a good file.
        await self.folder.settle()
        self._written = now
        hold, document = self.worker.hold(), encode(progress)
        kept = await self.worker.here.store.change(
            lambda change: change.jobs.prolong(self.job.id, hold, document)
        )
        if kept is None:
            raise LostError

    async def carry(self, work: Callable[[Change], T], progress: Json) -> T:
        await self.folder.settle()
        document = encode(progress)

        def carried(change: Change) -> T:
            done = work(change)
            if change.jobs.prolong(self.job.id, self.worker.hold(), document) is None:
                raise LostError
            return done

        # The change is a sign of life by itself. Another beside it would contradict it, and be why it is done again.
        self._carrying = True
        try:
            return await self.worker.here.store.change(carried)
        finally:
            self._carrying = False

    def fetch(self, url: str) -> AsyncIterator[bytes]:
        return self.worker.fetch(url)

    async def beat(self) -> None:
        """Prolong the lease while the work goes on; stop the work when it is somebody else's."""
        while True:
            await asyncio.sleep(self.worker.lease / 3)
            if self._carrying:
                continue
            hold = self.worker.hold()
            try:
                kept = await self.worker.here.store.change(
                    lambda change, hold=hold: change.jobs.prolong(self.job.id, hold)  # type: ignore[misc]
                )
            except StoreError:
                continue  # the lease may last until the next beat
            if kept is None and self.doing is not None:
                self.lost = True
                self.doing.cancel()
                return
