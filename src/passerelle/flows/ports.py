"""Every side effect of the flows, on one page. ``store`` and ``node`` provide them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol, TypeVar

from passerelle.federation.directory import Directory, NodeEntry
from passerelle.fhir.intake import Limits
from passerelle.fhir.profiles import IN_THE_BOX, Profiles
from passerelle.fhir.resource import Scan, Stored
from passerelle.fhir.search import EVERYTHING, Found, Query, Scope
from passerelle.store.jobs import Jobs, Outbox
from passerelle.values import Caller, Json, NodeId, Purpose, Words

T = TypeVar("T")


Period = tuple[datetime, datetime]
"""From one moment to another; the second is not part of it."""


class View(Protocol):
    """One consistent snapshot of a store. Everything that it answers was true at the same moment."""

    @property
    def jobs(self) -> Jobs:
        """The jobs of this node; in a snapshot that cannot be changed they are only looked at."""

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
        at: Period | None = None,
        count: int = 50,
        after: str | None = None,
    ) -> Found:
        """Versions, newest first: of one resource, one type or everything.

        ``since``: written at that moment or later. ``at``: current at some moment of that period. ``after`` is the
        ``next`` of the page before.
        """

    def search(self, query: Query) -> Found: ...

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
        """The Patient, its compartment, and the Organizations, Practitioners, PractitionerRoles, Locations,
        Medications and Devices that those refer to, each once; empty if there is no such patient.

        ``since`` asks when it was written, ``start`` and ``end`` (exclusive) when the care was; what says nothing of
        when its care was is inside any period.
        """

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
        """The current resources of a type in the order in which they were first written, for an export; only those in
        some patient's compartment when they are asked for.

        With ``until`` it is as it was at that moment: what was changed since is given as it was then.
        """

    def find(self, references: Sequence[str], scope: Scope = EVERYTHING) -> list[Stored]:
        """The current versions at some ``Type/id``, without those that are deleted, unknown or out of scope."""


class Change(View, Protocol):
    """A snapshot that can be changed. All of it becomes true at once, or none."""

    def settled(self) -> datetime:
        """A moment of which everything is known: what happened then is already true, and nothing else will be."""

    @property
    def outbox(self) -> Outbox:
        """What is to be told to others because of this change; it is written down with it or not at all."""

    def put(self, type: str, id: str, resource: Json, *, created: bool) -> Stored:
        """Write the next version. Sets ``id``, ``meta.versionId`` and ``meta.lastUpdated``, keeps the rest."""

    def delete(self, type: str, id: str) -> Stored: ...

    def load(self, resources: Iterable[Json]) -> int:
        """Put many resources under the ids that they have; their number."""

    def foresee(self, references: Sequence[str]) -> None:
        """What will be put one by one, so that a server that is away is asked once."""

    def purge(self, type: str, id: str) -> None:
        """Erase every version; what is left says only that it was erased."""


class Store(Protocol):
    """Where a node keeps what was true, and when."""

    async def look(
        self, question: Callable[[View], T], *, brief: bool = False, seconds: float | None = None
    ) -> T:
        """Answer a question from one snapshot; ``brief`` says that a few rows will do.

        Raises StoreTimeoutError when it takes longer than ``seconds``, or than a request may when none are given.
        """

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

    async def file(self, *, part: bool = False) -> int:
        """File what is waiting, or a part of it that takes a moment. How many bytes were filed."""

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
class Rules:
    """What the operator decides about the interface, where R4 leaves it to the server."""

    require_if_match: bool = False
    """Whether an update, a patch or a deletion must name the version that it replaces."""
    conditional_delete: Literal["single", "multiple"] = "single"
    """Whether a condition that several resources meet deletes them all or is refused."""
    most_conditional: int = 1000
    """How many resources one condition may delete."""
    update_create: bool = True
    """Whether an update of what does not exist creates it under the id that the client chose."""
    strict_references: bool = False
    """Whether a literal reference must lead to a resource that is held here."""
    most_in_page: int = 1000
    deepest_chain: int = 8
    """How many references a chain and ``_has`` may follow, together."""


@dataclass(frozen=True)
class JobRules:
    """What the operator decides about work that outlives a request."""

    lives: float = 86_400.0
    """Seconds for which the result of a job can be fetched."""
    most: int = 20
    """Jobs that one caller may have waiting or running."""
    file_bytes: int = 256 * 1024 * 1024
    """An export begins a new file after so many bytes."""
    import_from: tuple[str, ...] = ()
    """The addresses under which an import may fetch files; none is nothing."""
    query_seconds: float = 600.0
    """The longest that one question to the store may take for a request that is done as a job."""
    retry_after: int = 2
    """Seconds after which a client may ask again how far a job is."""


@dataclass(frozen=True)
class Seal:
    """Closes a word so that whoever carries it can neither read nor change it, and opens it again (ValueError)."""

    close: Callable[[str], str] = str
    open: Callable[[str], str] = str


UNSEALED = Seal()


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
    profiles: Profiles = IN_THE_BOX
    """Those that ``$validate`` knows."""
    rules: Rules = Rules()
    jobs: JobRules = JobRules()
    seal: Seal = UNSEALED
    """For what goes into addresses: the cursor of a search holds what its page was sorted by."""
    wake: Callable[[], None] = lambda: None
    """Say that a job was written down, to whoever works on jobs here."""
