"""One patient's record from many sources: what each source said, what was merged, what may be missing.

``federation`` makes these values, ``summary`` and the portals read them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from passerelle.values import Json, NodeId, Words


class State(StrEnum):
    """What became of the question put to one source."""

    ANSWERED = "answered"  # it holds a record and sent it
    EMPTY = "empty"  # it answered: it knows nobody who is certainly this person
    UNCERTAIN = "uncertain"  # it may know this person, but not certainly: a person must decide
    SILENT = "silent"  # it did not answer before the deadline, or the line failed
    REFUSED = "refused"  # it answered that this caller may not ask (no agreement, role, purpose)
    FAULTY = "faulty"  # it answered something that is not a record (error, malformed bundle)
    WAITING = "waiting"  # not yet (only while a record is streaming in)


@dataclass(frozen=True)
class Source:
    """One source and its answer. ``seconds`` is counted from the start of the whole question."""

    node: NodeId
    name: Words
    state: State
    seconds: float | None = None
    items: int = 0
    reason: str = ""
    """A message key (never free text) that says why, for a state that is a gap."""
    base: str = ""
    """FHIR base address of the source; relative references in its entries resolve against it."""


@dataclass(frozen=True)
class Reply:
    """What one source that holds a record sent: its Patient and everything that it lets us see."""

    node: NodeId
    base: str
    seconds: float
    entries: tuple[tuple[str, bytes], ...]
    """(fullUrl, resource bytes as received)."""
    partial: str = ""
    """A message key: why the source itself says that this is not everything; "" if it does not say so."""


@dataclass(frozen=True)
class Origin:
    """Where an entry came from: ``reference`` is ``Type/id`` at that node."""

    node: NodeId
    reference: str
    full_url: str


@dataclass(frozen=True)
class Entry:
    """One fact of the merged record. More than one origin: several sources say the same thing."""

    type: str
    resource: Json
    body: bytes
    """The bytes as the first origin sent them."""
    origins: tuple[Origin, ...]


@dataclass(frozen=True)
class Gap:
    """Something that may be missing, and why. ``reason`` is a message key in the catalogues."""

    node: NodeId
    name: Words
    reason: str
    retryable: bool = False


@dataclass(frozen=True)
class Conflict:
    """Entries that speak of the same thing and do not agree; both stay. Indexes into ``Record.entries``."""

    kind: str  # "dose", "status", "criticality", "birth-date", "gender", "deceased" …
    about: str  # what it is about, as a display text such as the drug's name
    entries: tuple[int, ...]


@dataclass(frozen=True)
class Record:
    """The merged, provenance-bearing view of one person.

    ``patient`` is None when no source holds a record. INVARIANT: every resource of every answered
    source appears in exactly one entry (or in ``patients`` for the Patient resources).
    """

    patient: Json | None
    """One Patient made from all: every identifier, name and address once."""
    patients: tuple[Entry, ...]
    """The Patient resources as the sources sent them, one per source."""
    entries: tuple[Entry, ...]
    sources: tuple[Source, ...]
    gaps: tuple[Gap, ...]
    conflicts: tuple[Conflict, ...]
    assembled: datetime

    @property
    def answered(self) -> int:
        """How many sources answered at all (with or without a record)."""
        return sum(source.state in ANSWERS for source in self.sources)

    @property
    def holding(self) -> int:
        """How many sources hold a record."""
        return sum(source.state is State.ANSWERED for source in self.sources)

    @property
    def complete(self) -> bool:
        return not self.gaps

    def of_type(self, *types: str) -> tuple[Entry, ...]:
        return tuple(entry for entry in self.entries if entry.type in types)


ANSWERS = frozenset({State.ANSWERED, State.EMPTY, State.UNCERTAIN})
