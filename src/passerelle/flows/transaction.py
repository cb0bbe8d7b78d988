"""A transaction: all of its entries or none, and the references between them made literal.

https://hl7.org/fhir/R4/http.html#trules: DELETE, POST, PUT and GET in that order, whatever the order of the entries;
a ``urn:uuid`` stands for the entry that has it as fullUrl, a conditional reference for the one resource that matches.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from passerelle.fhir import bundle
from passerelle.fhir.bundle import Step
from passerelle.fhir.outcome import BadInput, Issue
from passerelle.fhir.resource import Stored
from passerelle.fhir.search import Scope
from passerelle.flows import interact
from passerelle.flows.interact import Done
from passerelle.flows.ports import Change, Ids
from passerelle.flows.requests import Params, Request


def transaction(
    steps: tuple[Step, ...],
    requests: tuple[Request, ...],
    scopes: tuple[Scope, ...],
    change: Change,
    new_id: Ids,
) -> tuple[Done, ...]:
    """What became of each step, in the order of the entries; a fault names its entry, and nothing was done.

    ``requests`` and ``scopes`` are those of the steps: each entry was decided by itself.
    """
    work = _Transaction(requests, scopes, change, new_id)
    for step in steps:
        work.at(step, work.settle)
    for step in bundle.in_order(steps):
        work.at(step, work.do)
    return tuple(work.done[step.index] for step in steps)


Work = Callable[[Step, Request], None]


class _Transaction:
    """One transaction under way: where each entry will stand, and what was done so far."""

    def __init__(
        self, requests: tuple[Request, ...], scopes: tuple[Scope, ...], change: Change, new_id: Ids
    ) -> None:
        self.requests = requests
        self.change = change
        self.scopes = scopes
        self.new_id = new_id
        self.ids: dict[int, str] = {}
        self.mapping: dict[str, str] = {}
        """From fullUrl to the literal reference that it stands for."""
        self.done: dict[int, Done] = {}

    def at(self, step: Step, work: Work) -> None:
        """Do this for a step; a fault in it names the entry."""
        try:
            work(step, self.requests[step.index])
        except BadInput as bad:
            raise interact.at_entry(step.index, bad) from bad

    def settle(self, step: Step, request: Request) -> None:
        """Where the entry will stand, before anything is written: entries may point at each other in any order."""
        if step.method == "POST":
            self._settle_create(step, request)
        elif step.method in ("PUT", "DELETE"):
            existing = None if step.id else self._existing(step, request.params)
            given = (step.resource or {}).get("id")
            self.ids[step.index] = step.id or (existing.id if existing else str(given or self.new_id()))
        if step.full_url and step.index in self.ids:
            self.mapping[step.full_url] = f"{step.type}/{self.ids[step.index]}"

    def _settle_create(self, step: Step, request: Request) -> None:
        existing = self._existing(step, request.if_none_exist) if request.if_none_exist is not None else None
        if existing is not None:
            self.done[step.index] = Done(200, existing)
        self.ids[step.index] = existing.id if existing else self.new_id()

    def _existing(self, step: Step, params: Params) -> Stored | None:
        return interact.the_one(str(step.type), params, self.change, self.scopes[step.index])

    def do(self, step: Step, request: Request) -> None:
        if step.index not in self.done:
            self.done[step.index] = self._do(step, request)

    def _do(self, step: Step, request: Request) -> Done:
        scope = self.scopes[step.index]
        if step.resource is not None and step.method in ("POST", "PUT"):
            resource = interact.resolved(step.resource, self.mapping, self.change, scope)
            id_ = self.ids[step.index]
            if step.method == "POST":
                return Done(201, self.change.put(str(step.type), id_, resource, created=True))
            if step.id is not None and resource.get("id") != id_:
                key = "id-mismatch" if "id" in resource else "id-missing"
                raise BadInput(Issue(key, "invalid", f"{step.type}.id"))
            return interact.write(request, {**resource, "id": id_}, str(step.type), id_, self.change, scope)
        if step.method == "DELETE":
            return interact.delete(replace(request, id=self.ids[step.index]), self.change, scope)
        look = interact.LOOKS.get(request.interaction)
        if look is None:
            raise BadInput(Issue("unknown-operation", "not-supported"))
        return look(request, self.change, scope)
