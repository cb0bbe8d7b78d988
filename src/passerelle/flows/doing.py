"""One interaction, done: looked up in a snapshot, or checked first and then changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from passerelle.fhir import intake, validate
from passerelle.fhir.outcome import BadInput, Issue
from passerelle.fhir.search import Scope
from passerelle.flows import interact
from passerelle.flows.interact import Done
from passerelle.flows.ports import Change, Here
from passerelle.flows.requests import Request
from passerelle.values import Json

T = TypeVar("T")

BIG = 64 * 1024
"""Bytes from which on a body is read and checked beside the event loop, so that nobody else waits for it."""


async def do(request: Request, scope: Scope, here: Here) -> Done:
    """Do what a request asks for, within a scope."""
    look = interact.LOOKS.get(request.interaction)
    if look is not None:
        place = here.ledger if request.type == "AuditEvent" else here.store
        return await place.look(lambda view: look(request, view, scope))
    if request.type == "AuditEvent":
        raise BadInput(Issue("method-not-allowed", "not-supported", details={"methods": "GET"}), status=405)
    return await here.store.change(await aside(len(request.body), lambda: prepared(request, scope, here)))


async def aside(size: int, work: Callable[[], T]) -> T:
    """Do plain work at once when it is small, and beside the event loop when it is not."""
    return work() if size < BIG else await asyncio.to_thread(work)


def prepared(request: Request, scope: Scope, here: Here) -> Callable[[Change], Done]:
    """The change that a request asks for, its resource read and checked before the store is touched."""
    if request.interaction == "delete":
        return lambda change: interact.delete(request, change, scope)
    if request.interaction == "conditional-delete":
        return lambda change: interact.conditional_delete(request, change, scope)
    write = WRITES.get(request.interaction)
    if write is None:
        raise BadInput(Issue("unknown-path", "not-supported"), status=404)
    resource = checked(intake.read_json(request.body, here.limits), request.type, here)

    def work(change: Change) -> Done:
        return write(request, interact.resolved(resource, {}, change, scope), change, scope, here.new_id)

    return work


WRITES = {
    "create": interact.create,
    "update": interact.update,
    "conditional-update": interact.conditional_update,
}


def checked(resource: Json, expect: str | None, here: Here) -> Json:
    """The resource, if it is R4 of the expected type; otherwise every fault at once."""
    if here.validate:
        faults = [i for i in validate.check(resource, expect_type=expect) if i.severity in ("error", "fatal")]
        if faults:
            raise BadInput(*faults[:50], status=422 if resource.get("resourceType") == expect else 400)
    return resource
