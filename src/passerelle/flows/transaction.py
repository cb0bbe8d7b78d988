"""A transaction: all of its entries or none, and the references between them made literal.

https://hl7.org/fhir/R4/http.html#trules: DELETE, POST, PUT and PATCH, then GET, whatever the order of the entries; a
``urn:uuid`` stands for the entry that has it as fullUrl. Conditional references come last: what holds one is written
after what does not, so that they find what the same transaction creates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from passerelle.fhir import bundle
from passerelle.fhir.bundle import Step
from passerelle.fhir.outcome import BadInput, Issue
from passerelle.fhir.resource import Stored
from passerelle.flows import changing
from passerelle.flows.interact import LOOKS
from passerelle.flows.ports import Change, View
from passerelle.flows.reach import Done, Reach, at_entry
from passerelle.flows.references import must_lead_somewhere, resolved
from passerelle.flows.requests import Params, Request
from passerelle.flows.searching import the_one

Operate = Callable[[Request, View, Reach], Done]


@dataclass(frozen=True)
class Entry:
    """One step of a transaction with its own request and how far it reaches: each entry was decided by itself."""

    step: Step
    request: Request
    reach: Reach
    patch: changing.Patch | None = None
    conditional: bool = False
    """Whether its resource may hold a conditional reference: then it is written after those that do not."""


def transaction(
    entries: tuple[Entry, ...],
    change: Change,
    *,
    operations: Mapping[str, Operate],
    pin: bool = False,
) -> tuple[Done, ...]:
    """What became of each entry, in the order given; a fault names its entry, and nothing was done.

    ``operations`` are those that can be asked inside a transaction. ``pin``: some reference asks to name a version.
    """
    work = _Transaction(change, operations, pin)
    for method, act in (("DELETE", work.remove), ("", work.settle)):
        for entry in entries:
            if (entry.step.method == "DELETE") == (method == "DELETE"):
                work.at(entry, act)
    change.foresee(list(work.made))
    for entry in _in_order(entries):
        work.at(entry, work.do)
    return tuple(work.done[entry.step.index] for entry in entries)


def _in_order(entries: tuple[Entry, ...]) -> list[Entry]:
    """The order of writing and reading: what holds a conditional reference after what does not."""

    by_index = {entry.step.index: entry for entry in entries}
    ordered = [by_index[step.index] for step in bundle.in_order([e.step for e in entries])]
    writes = [e for e in ordered if e.step.method in ("POST", "PUT", "PATCH")]
    held = {e.step.index for e in writes if e.conditional}
    looks = [e for e in ordered if e.step.method in ("GET", "HEAD")]
    return [
        *(e for e in writes if e.step.index not in held),
        *(e for e in writes if e.step.index in held),
        *looks,
    ]


class _Transaction:
    """One transaction under way: where each entry will stand, and what was done so far."""

    def __init__(self, change: Change, operations: Mapping[str, Operate], pin: bool) -> None:
        self.change = change
        self.operations = operations
        self.ids: dict[int, str] = {}
        self.mapping: dict[str, str] = {}
        """From fullUrl to the literal reference that it stands for."""
        self.made: dict[str, int] = {}
        """From each reference that is claimed by an entry to that entry's place."""
        self.versions: dict[str, int] | None = {} if pin else None
        self.done: dict[int, Done] = {}

    def at(self, entry: Entry, work: Callable[[Entry], None]) -> None:
        """Do this for an entry; a fault in it names the entry."""
        try:
            work(entry)
        except BadInput as bad:
            raise at_entry(entry.step.index, bad) from bad

    def remove(self, entry: Entry) -> None:
        """Deletions come first."""
        act = changing.DELETES[entry.request.interaction]
        done: Done = act(entry.request, self.change, entry.reach)
        self.done[entry.step.index] = done
        if done.stored is not None:
            self._claim(entry.step, done.stored.reference)

    def settle(self, entry: Entry) -> None:
        """Where the entry will stand, before anything is written: entries may point at each other in any order."""
        step = entry.step
        if step.method not in ("POST", "PUT", "PATCH") or entry.request.interaction not in _SETTLED:
            return
        existing = self._existing(entry)
        if step.method == "POST" and existing is not None:
            self.done[step.index] = Done(200, existing)
        given = (step.resource or {}).get("id") if step.method == "PUT" else None
        id_ = step.id or (existing.id if existing else str(given or entry.reach.new_id()))
        self.ids[step.index] = id_
        reference = f"{step.type}/{id_}"
        if step.index not in self.done:
            self._claim(step, reference)
        if step.full_url:
            self.mapping[step.full_url] = reference
        if self.versions is not None:
            self.versions[reference] = self._version(entry, existing, id_)

    def _existing(self, entry: Entry) -> Stored | None:
        """The one that the entry's condition means."""
        params: Params | None = entry.request.if_none_exist
        if entry.step.method != "POST":
            params = None if entry.step.id else entry.request.params
        if params is None:
            return None
        return the_one(str(entry.step.type), params, self.change, entry.reach)

    def _version(self, entry: Entry, existing: Stored | None, id_: str) -> int:
        """The version that this entry's resource will have once everything is written."""
        if entry.step.index in self.done and existing is not None:
            return existing.version
        before = None if entry.step.method == "POST" else self.change.read(str(entry.step.type), id_)
        return before.version + 1 if before else 1

    def _claim(self, step: Step, reference: str) -> None:
        """R4: a transaction fails when two entries, once their conditions are resolved, change one resource."""
        other = self.made.setdefault(reference, step.index)
        if other != step.index:
            raise BadInput(Issue("bundle-twice", "duplicate", details={"other": f"Bundle.entry[{other}]"}))

    def do(self, entry: Entry) -> None:
        if entry.step.index not in self.done:
            self.done[entry.step.index] = self._do(entry)

    def _do(self, entry: Entry) -> Done:
        request, reach = entry.request, entry.reach
        if entry.step.index in self.ids:
            return self._write(entry)
        operate = LOOKS.get(request.interaction) or self.operations.get(request.interaction)
        if operate is None:
            raise BadInput(Issue("operation-not-in-transaction", "not-supported"))
        return operate(request, self.change, reach)

    def _write(self, entry: Entry) -> Done:
        step, request, reach = entry.step, entry.request, entry.reach
        id_ = self.ids[step.index]
        resource = step.resource or {}
        if entry.patch is not None:
            stored, made = changing.patched(replace(request, id=id_), entry.patch, self.change, reach)
            resource, id_ = reach.check(made, stored.type), stored.id
        ready = resolved(resource, self.change, reach, self.mapping, self.versions)
        must_lead_somewhere(ready, self.change, reach, self.made)
        if entry.patch is not None:
            return Done(200, self.change.put(str(step.type), id_, ready, created=False))
        if step.method == "POST":
            return Done(201, self.change.put(str(step.type), id_, ready, created=True))
        if ready.get("id", None if step.id else id_) != id_:
            key = "id-mismatch" if "id" in ready else "id-missing"
            raise BadInput(Issue(key, "invalid", f"{step.type}.id"))
        return changing.write(request, {**ready, "id": id_}, id_, self.change, reach)


_SETTLED = frozenset({"create", "update", "conditional-update", "patch", "conditional-patch"})
