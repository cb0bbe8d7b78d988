"""How much, how fast, how often: counted while serving, told to Prometheus when it asks.

Counting costs a request one look into a dictionary and one place in a list; the client library is only imported to write
the page. A label is the name of an interaction, a status or an end: never an id, an address or anything that was sent.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from passerelle.flows.operations import OPERATIONS
from passerelle.flows.ports import Change, View

T = TypeVar("T")

BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds: the upper ends of the buckets."""


@dataclass(slots=True)
class Series:
    """How long something took, how often."""

    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    seconds: float = 0.0

    def add(self, seconds: float) -> None:
        self.buckets[bisect_left(BOUNDS, seconds)] += 1
        self.seconds += seconds

    @property
    def cumulated(self) -> list[tuple[str, float]]:
        """The buckets as Prometheus reads them."""
        found, sum = [], 0
        for bound, count in zip((*map(str, BOUNDS), "+Inf"), self.buckets, strict=True):
            sum += count
            found.append((bound, float(sum)))
        return found


@dataclass
class Metrics:
    """What one process has counted since its start."""

    requests: dict[tuple[str, int], Series] = field(default_factory=dict)
    store: dict[str, Series] = field(default_factory=dict)
    shed: dict[str, int] = field(default_factory=dict)
    under_way: int = 0
    clock: Callable[[], float] = time.perf_counter

    def around(self, app: ASGIApp) -> ASGIApp:
        """Count what ``app`` answers."""
        clock, count = self.clock, self.count

        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            begun, status = clock(), 500

            async def speak(message: Message) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = message["status"]
                await send(message)

            self.under_way += 1
            try:
                await app(scope, receive, speak)
            finally:
                self.under_way -= 1
                count(interaction(scope["method"], scope["path"]), status, clock() - begun)

        return counted

    def count(self, interaction: str, status: int, seconds: float) -> None:
        """One request that was answered."""
        key = interaction, status
        series = self.requests.get(key)
        if series is None:
            series = self.requests[key] = Series()
        series.buckets[bisect_left(BOUNDS, seconds)] += 1
        series.seconds += seconds

    def count_store(self, what: str, seconds: float) -> None:
        """One question to the store, or one change of it."""
        series = self.store.get(what)
        if series is None:
            series = self.store[what] = Series()
        series.add(seconds)

    def count_shed(self, kind: str) -> None:
        """One request that was refused because there was too much to do."""
        self.shed[kind] = self.shed.get(kind, 0) + 1


_ONE = {"GET": "read", "HEAD": "read", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_TYPE = {
    "GET": "search",
    "HEAD": "search",
    "POST": "create",
    "PUT": "update",
    "PATCH": "patch",
    "DELETE": "delete",
}
_BASE = {"GET": "search", "POST": "bundle"}


def interaction(method: str, path: str) -> str:
    """Which interaction a request is, by the shape of its path; few words, whatever is asked."""
    if path.count("/") == 3 and path[:6] == "/fhir/" and "_" not in path and "$" not in path:
        return _ONE.get(method, "other")  # most are that; no id has either sign
    if path[:6] != "/fhir/":
        return _BASE.get(method, "other") if path == "/fhir" else "page"
    places = path[6:].split("/")
    last = places[-1]
    if last[:1] == "$":
        return last if last in OPERATIONS else "operation"
    if places[0] == "_jobs":
        return "job"
    if "_history" in places:
        return "vread" if last != "_history" else "history"
    if last == "_search":
        return "search"
    if len(places) == 1:
        return (
            "capabilities"
            if last == "metadata"
            else _TYPE.get(method, "other")
            if last
            else _BASE.get(method, "other")
        )
    return _ONE.get(method, "other") if len(places) == 2 else "search"


class Timed:
    """A store whose answers are timed, as whoever asked waited for them, and bounded."""

    def __init__(self, store: Any, metrics: Metrics, seconds: float = 30.0) -> None:
        self._store = store
        self._metrics = metrics
        self._seconds = seconds

    async def look(
        self, question: Callable[[View], T], *, brief: bool = False, seconds: float | None = None
    ) -> T:
        begun = self._metrics.clock()
        try:
            found: T = await self._store.look(question, brief=brief, seconds=seconds or self._seconds)
            return found
        finally:
            self._metrics.count_store("look", self._metrics.clock() - begun)

    async def change(self, work: Callable[[Change], T]) -> T:
        begun = self._metrics.clock()
        try:
            done: T = await self._store.change(work)
            return done
        finally:
            self._metrics.count_store("change", self._metrics.clock() - begun)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


@dataclass(frozen=True)
class Now:
    """What is read off when the page is written."""

    jobs: Mapping[str, int] = field(default_factory=dict)
    """Jobs by state."""
    ends: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """Jobs that this process ended, by kind and end."""
    letters: int = 0
    oldest_letter: float = 0.0
    """Seconds for which the oldest letter of the outbox waits."""
    journal: int = 0
    """Bytes of audit events that are written down and not filed yet."""
    waiting: int = 0
    """Requests that wait for their turn."""


def page(metrics: Metrics, now: Now) -> bytes:
    """The page that Prometheus reads (https://prometheus.io/docs/instrumenting/exposition_formats/)."""
    from prometheus_client import PROCESS_COLLECTOR, CollectorRegistry, generate_latest

    class Collector:
        def collect(self) -> Iterable[Any]:
            yield from families(metrics, now)
            yield from PROCESS_COLLECTOR.collect()

    registry = CollectorRegistry()
    registry.register(Collector())
    return generate_latest(registry)


def families(metrics: Metrics, now: Now) -> Iterable[Any]:
    """Everything that is told."""
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    yield _histogram(
        "passerelle_request_seconds",
        "How long requests took, by interaction and status.",
        ("interaction", "status"),
        {(name, str(status)): series for (name, status), series in metrics.requests.items()},
    )
    asked: dict[tuple[str, ...], Series] = {(what,): series for what, series in metrics.store.items()}
    yield _histogram("passerelle_store_seconds", "How long the store took to answer.", ("what",), asked)
    shed = CounterMetricFamily("passerelle_shed", "Requests refused because of load.", labels=("kind",))
    for kind, count in metrics.shed.items():
        shed.add_metric((kind,), count)
    yield shed
    ends = CounterMetricFamily(
        "passerelle_jobs_ended", "Jobs by how they ended here.", labels=("kind", "end")
    )
    for key, count in now.ends.items():
        ends.add_metric(key, count)
    yield ends
    jobs = GaugeMetricFamily("passerelle_jobs", "Jobs that are known, by state.", labels=("state",))
    for state, count in now.jobs.items():
        jobs.add_metric((state,), count)
    yield jobs
    for name, says, value in (
        ("passerelle_requests_under_way", "Requests that are being answered.", metrics.under_way),
        ("passerelle_requests_waiting", "Requests that wait for their turn.", now.waiting),
        ("passerelle_outbox_letters", "Letters that wait to be delivered.", now.letters),
        ("passerelle_outbox_oldest_seconds", "How long the oldest of them waits.", now.oldest_letter),
        ("passerelle_journal_unfiled_bytes", "Audit events that can not be searched yet.", now.journal),
    ):
        yield GaugeMetricFamily(name, says, value=value)


def _histogram(name: str, says: str, labels: tuple[str, ...], every: Mapping[tuple[str, ...], Series]) -> Any:
    from prometheus_client.core import HistogramMetricFamily

    family = HistogramMetricFamily(name, says, labels=labels)
    for key, series in every.items():
        family.add_metric(key, series.cumulated, series.seconds)
    return family
