"""Every side effect of the flows, on one page. ``store`` and ``node`` provide them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol, TypeVar

from passerelle.federation.directory import Directory, NodeEntry
from passerelle.fhir.intake import Limits
from passerelle.fhir.resource import Stored
from passerelle.fhir.search import EVERYTHING, Found, Query, Scope
from passerelle.values import Caller, Json, NodeId, Purpose, Words

T = TypeVar("T")


class View(Protocol):
    """One consistent snapshot of a store. Everything that it answers was true at the same moment."""

    def read(self, type: str, id: str, scope: Scope = EVERYTHING) -> Stored | None:
        """The current version (possibly a deletion), or None if it never existed or is out of scope."""

    def vread(self, type: str, id: str, version: int, scope: Scope = EVERYTHING) -> Stored | None: ...

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
        """Versions, newest first: of one resource, one type or everything."""

    def search(self, query: Query) -> Found: ...

    def everything(
        self,
        patient: str,
        *,
        types: frozenset[str] | None = None,
        since: datetime | None = None,
        scope: Scope = EVERYTHING,
    ) -> list[Stored]:
        """The Patient, its compartment, and the Organizations, Practitioners, PractitionerRoles, Locations,
        Medications and Devices that those refer to, each once; empty if there is no such patient."""


class Change(View, Protocol):
    """A snapshot that can be changed. All of it becomes true at once, or none."""

    def put(self, type: str, id: str, resource: Json, *, created: bool) -> Stored:
        """Write the next version. Sets ``id``, ``meta.versionId`` and ``meta.lastUpdated``, keeps the rest."""

    def delete(self, type: str, id: str) -> Stored: ...


class Store(Protocol):
    """Where a node keeps what was true, and when."""

    async def look(self, question: Callable[[View], T]) -> T:
        """Answer a question from one snapshot."""

    async def change(self, work: Callable[[Change], T]) -> T:
        """Do ``work`` atomically; when this returns the change is durable. If ``work`` raises, nothing happened."""

    async def close(self) -> None: ...


class Ledger(Protocol):
    """Where a node keeps its audit events. They are added and looked at, never changed."""

    async def append(self, events: Sequence[Json]) -> None:
        """Write events down, each with its id, all or none; when this returns they are durable."""

    async def look(self, question: Callable[[View], T]) -> T:
        """Answer a question from a snapshot in which everything that was written down is found."""

    @property
    def waiting(self) -> int:
        """Bytes that are written down and not filed for searching yet."""

    async def file(self) -> None:
        """File what is waiting."""

    async def close(self) -> None: ...


@dataclass(frozen=True)
class Wire:
    """One question to another node: an HTTP request below its FHIR base."""

    method: Literal["GET", "POST"]
    path: str
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class Heard:
    """What came back over the wire."""

    status: int
    body: bytes = field(repr=False)


@dataclass(frozen=True)
class Nothing:
    """Nothing came back. ``reason`` is ``deadline`` or ``connection``."""

    reason: str


class Sources(Protocol):
    """Other nodes, seen from here. The implementation signs and sends; it retries only what is safe to repeat."""

    async def ask(
        self, node: NodeEntry, wire: Wire, caller: Caller, purpose: Purpose, seconds: float
    ) -> Heard | Nothing: ...


Ids = Callable[[], str]
"""A source of new resource ids."""


@dataclass(frozen=True)
class Here:
    """This node, as the flows see it: who it is and every side effect that they may have."""

    id: NodeId
    base: str
    name: Words
    store: Store
    ledger: Ledger
    """Where audit events are kept, apart from the records that they speak of."""
    sources: Sources
    directory: Callable[[], Directory]
    now: Callable[[], datetime]
    timer: Callable[[], float]
    """Seconds on a clock that never goes back, for deadlines."""
    new_id: Ids
    limits: Limits
    deadline: float = 1.0
    """Seconds that the whole network has to answer one question."""
    validate: bool = True
    operations: tuple[str, ...] = ("$match", "$everything", "$summary", "$record")
