"""What a node does beside answering: jobs and their worker, turns, counting, instruments; wired in one place."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import msgspec
from starlette.types import ASGIApp

from passerelle.flows import bulk_import, export_run, postponed
from passerelle.flows.ports import Here, JobRules
from passerelle.node import tracing
from passerelle.node.config import ConfigurationError, Settings
from passerelle.node.edge import Gate
from passerelle.node.fetching import fetch
from passerelle.node.health import Needs
from passerelle.node.job_edge import JobEdge
from passerelle.node.job_files import JobFiles
from passerelle.node.jobs import Worker
from passerelle.node.metrics import Metrics, interaction
from passerelle.node.shedding import Crowd, Shedding
from passerelle.node.watch import Watch, listen

DOINGS = {"export": export_run.run, "import": bulk_import.run, "request": postponed.run}
"""How the work of each kind of job is done."""


@dataclass
class Beside:
    """What must exist before the node does: it counts, gives turns, and is woken when a job is written down."""

    counted: Metrics
    shedding: Shedding
    awake: asyncio.Event

    @classmethod
    def of(cls, settings: Settings) -> Beside:
        counted = Metrics()
        crowd = Crowd(**msgspec.structs.asdict(settings.crowd))
        return cls(counted, Shedding(crowd, counted.count_shed), asyncio.Event())


def rules(settings: Settings) -> JobRules:
    """What the operator decided about jobs."""
    known = msgspec.structs.asdict(settings.jobs)
    return JobRules(**{name: known[name] for name in known.keys() - {"folder", "lease", "poll"}})


@dataclass
class Office:
    """One node's jobs and instruments."""

    settings: Settings
    here: Here
    beside: Beside
    worker: Worker
    watch: Watch
    edge: JobEdge

    def around(self, app: ASGIApp) -> ASGIApp:
        """Everything that is served, counted and traced."""
        served = tracing.around(self.edge.before(app), interaction)
        return self.beside.counted.around(served)

    def stop_letting_in(self) -> None:
        """From here on the node finishes what it has begun."""
        self.beside.shedding.closed = True

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Jobs are done and instruments can be read."""
        known = self.settings.watch
        listener = await listen(self.watch, known.host, known.port) if known.port else None
        working = asyncio.create_task(self.worker.run())
        try:
            yield
        finally:
            # What is under way is let go, so that whoever comes next need not wait for the lease to run out.
            working.cancel()
            await asyncio.wait({working}, timeout=self.settings.stop_seconds)
            if listener is not None:
                listener.close()


def office(settings: Settings, here: Here, gate: Gate, beside: Beside) -> Office:
    """Wire the jobs and the instruments of a node."""
    tracing.collect(tracing.is_wanted())
    files = JobFiles(settings.file(settings.jobs.folder))
    worker = Worker(
        here,
        files,
        DOINGS,
        lease=settings.jobs.lease,
        poll=settings.jobs.poll,
        fetch=fetch,
        awake=beside.awake,
    )
    known = settings.watch
    needs = Needs(here, settings.home, known.least_disk, known.most_unfiled, lambda: beside.shedding.closed)
    watch = Watch(needs, beside.counted, worker, beside.shedding, _token(settings), known.loopback)
    return Office(
        settings, here, beside, worker, watch, JobEdge(here, gate, files, worker.wake, settings.cors_origins)
    )


def _token(settings: Settings) -> str:
    named = settings.watch.token_file
    if named is None:
        return ""
    try:
        token = settings.file(named).read_text("utf-8").strip()
    except OSError:
        raise ConfigurationError(f"watch.token_file: {settings.file(named)} cannot be read.") from None
    if len(token) < 16:
        raise ConfigurationError("watch.token_file: a token has at least 16 characters.")
    return token
