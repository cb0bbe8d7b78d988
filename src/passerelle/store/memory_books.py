"""What a store in memory writes down: all versions, the order of creation, and who points to whom."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from passerelle.fhir.resource import Stored, decode
from passerelle.fhir.search import Scope, Seen
from passerelle.store.filing import Place, refers, visible
from passerelle.store.jobs import Shelf

Key = tuple[str, str]
"""Type and id."""


@dataclass
class Version:
    """One version with what is asked of it again and again, worked out when it is first asked."""

    stored: Stored
    place: Place
    seq: int
    base: str
    _seen: Seen | None = None
    _refers: tuple[str, ...] | None = None

    def visible(self, scope: Scope) -> bool:
        return visible(self.stored.type, self.place, scope)

    @property
    def seen(self) -> Seen:
        if self._seen is None:
            self._seen = Seen.of(decode(self.stored.body or b"{}"), self.base)
        return self._seen

    @property
    def refers(self) -> tuple[str, ...]:
        if self._refers is None:
            self._refers = refers(decode(self.stored.body or b"{}"), self.base)
        return self._refers


@dataclass
class Books:
    """All versions of each resource, oldest first."""

    base: str
    versions: dict[Key, list[Version]] = field(default_factory=dict)
    seqs: dict[Key, int] = field(default_factory=dict)
    """The number that each resource got when it was first written."""
    last_seq: int = 0
    latest: int = 0
    """The last moment that was written down."""
    shelf: Shelf = field(default_factory=dict)
    """Jobs and the outbox."""
    undoing: list[Callable[[], None]] = field(default_factory=list)
    """How to take back what was written, the last at the end."""
    _pointers: dict[str, set[Key]] = field(default_factory=dict)
    _pointed: dict[Key, frozenset[str]] = field(default_factory=dict)
    _stale: set[Key] = field(default_factory=set)

    # --- looking ---

    def current(self, reference: str, scope: Scope) -> Version | None:
        chain = self.versions.get(split(reference))
        return chain[-1] if chain and chain[-1].visible(scope) else None

    def living(self, reference: str, scope: Scope) -> Version | None:
        found = self.current(reference, scope)
        return found if found and found.stored.body is not None else None

    def all_living(self, scope: Scope) -> Iterator[Version]:
        for chain in self.versions.values():
            if chain[-1].stored.body is not None and chain[-1].visible(scope):
                yield chain[-1]

    def pointing(self, reference: str) -> Iterable[Key]:
        """What has some reference row with this text."""
        for key in self._stale:
            self._note(key)
        self._stale.clear()
        return sorted(self._pointers.get(reference, ()))

    def _note(self, key: Key) -> None:
        chain = self.versions.get(key)
        rows = chain[-1].seen.rows if chain and chain[-1].stored.body is not None else ()
        now = frozenset(row.text for row in rows if row.kind == "reference" and row.text)
        for gone in self._pointed.pop(key, frozenset()) - now:
            self._pointers[gone].discard(key)
        for text in now:
            self._pointers.setdefault(text, set()).add(key)
        self._pointed[key] = now

    # --- writing ---

    def write(self, stored: Stored, place: Place) -> None:
        key = stored.type, stored.id
        if new := key not in self.versions:
            self.last_seq += 1
            self.versions[key], self.seqs[key] = [], self.last_seq
        self.versions[key].append(Version(stored, place, self.seqs[key], self.base))
        self._stale.add(key)
        self.undoing.append(lambda: self._unwrite(key, new))

    def erase(self, key: Key) -> None:
        """Every version goes; the number stays."""
        erased = self.versions[key][:]
        self.versions[key].clear()
        self.undoing.append(lambda: self.versions[key].extend(erased))

    def _unwrite(self, key: Key, new: bool) -> None:
        self.versions[key].pop()
        self._stale.add(key)
        if new:
            self.last_seq -= 1
            del self.versions[key], self.seqs[key]

    def undo(self, mark: int) -> None:
        while len(self.undoing) > mark:
            self.undoing.pop()()


def split(reference: str) -> Key:
    type, _, id = reference.partition("/")
    return type, id
