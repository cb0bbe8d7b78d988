"""One interaction, done: looked up in a snapshot, or checked first and then changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from passerelle.fhir import intake, validate
from passerelle.fhir.outcome import BadInput, Issue
from passerelle.flows import changing
from passerelle.flows.deciding import Asked, sees
from passerelle.flows.interact import LOOKS
from passerelle.flows.noting import note
from passerelle.flows.ports import Change, Here, Ledger, Store
from passerelle.flows.reach import Done, Reach, type_of
from passerelle.flows.references import must_lead_somewhere, resolved
from passerelle.flows.requests import Request
from passerelle.flows.searching import AUDIT
from passerelle.policy import Decision
from passerelle.values import Json

T = TypeVar("T")
Work = Callable[[Change], Done]

BIG = 64 * 1024
"""Bytes from which on a body is read and checked beside the event loop, so that nobody else waits for it."""


BRIEF = frozenset({"read", "vread", "search-type"})
"""What a few rows usually answer."""


def reach_of(asked: Asked, decision: Decision, here: Here) -> Reach:
    """How far a request reaches that was decided so."""
    return Reach(
        decision.scope,
        sees(asked, here),
        here.rules,
        here.new_id,
        lambda resource, expect: checked(resource, expect, here),
        here.limits,
        here.base,
        here.profiles,
        here.seal,
    )


async def do(request: Request, reach: Reach, here: Here) -> Done:
    """Do what a request asks for, within its reach."""
    look = LOOKS.get(request.interaction)
    if look is not None:
        kept = place(request, here)
        if kept is here.store:
            brief = request.interaction in BRIEF
            return await here.store.look(lambda view: look(request, view, reach), brief=brief)
        return await kept.look(lambda view: look(request, view, reach))
    if request.type == AUDIT:
        return await note(request, reach, here)
    return await here.store.change(await aside(len(request.body), lambda: prepared(request, reach, here)))


def place(request: Request, here: Here) -> Store | Ledger:
    """Where what a request asks for is kept: audit events are kept apart, and are asked for alone."""
    if request.type == AUDIT:
        return here.ledger
    if request.type is None and request.interaction == "search-system":
        types = {part for name, value in request.params if name == "_type" for part in value.split(",")}
        if types == {AUDIT}:
            return here.ledger
        if AUDIT in types:
            raise BadInput(Issue("audit-events-alone", "not-supported"))
    return here.store


async def aside(size: int, work: Callable[[], T]) -> T:
    """Do plain work at once when it is small, and beside the event loop when it is not."""
    return work() if size < BIG else await asyncio.to_thread(work)


def prepared(request: Request, reach: Reach, here: Here) -> Work:
    """The change that a request asks for, its resource read and checked before the store is touched."""
    remove = changing.DELETES.get(request.interaction)
    if remove is not None:
        return lambda change: remove(request, change, reach)
    if request.interaction in ("patch", "conditional-patch"):
        patch = changing.patch_of(request.content_type, request.body, here.limits)
        return lambda change: patch_with(request, patch, change, reach)
    write = changing.WRITES.get(request.interaction)
    if write is None:
        raise BadInput(Issue("unknown-path", "not-supported"), status=404)
    resource = checked(intake.read_json(request.body, here.limits), request.type, here)

    def work(change: Change) -> Done:
        ready = resolved(resource, change, reach)
        must_lead_somewhere(ready, change, reach)
        return write(request, ready, change, reach)

    return work


def patch_with(request: Request, patch: changing.Patch, change: Change, reach: Reach) -> Done:
    """Patch what a request names; what comes of it is a resource like any other, and is checked like one."""
    stored, made = changing.patched(request, patch, change, reach)
    ready = resolved(reach.check(made, type_of(request)), change, reach)
    must_lead_somewhere(ready, change, reach)
    return Done(200, change.put(stored.type, stored.id, ready, created=False))


def _bars(fault: Issue) -> bool:
    """Whether a resource is refused for it. A reference to a type that the definition does not name (four of R4's own
    examples have one) loses nothing by being kept; ``$validate`` tells of it."""
    return fault.severity in ("error", "fatal") and fault.key != "reference-target"


def checked(resource: Json, expect: str | None, here: Here) -> Json:
    """The resource, if it is R4 of the expected type; otherwise every fault at once."""
    if here.validate:
        faults = [fault for fault in validate.check(resource, expect_type=expect) if _bars(fault)]
        if faults:
            raise BadInput(*faults[:50], status=422 if resource.get("resourceType") == expect else 400)
    elif expect is not None and resource.get("resourceType") != expect:
        raise BadInput(Issue("type-differs-from-url", "invalid", "Resource"), status=400)
    return resource
