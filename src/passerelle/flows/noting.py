"""Events that other systems send to be kept with this node's own: IHE ATNA's FHIR feed (ITI-20).

https://profiles.ihe.net/ITI/TF/Volume2/ITI-20.html

They are added and never changed, as this node's own are. That somebody sent one is an event too, so it stays known which
events are this node's word and which are another's; one that says that this node observed it is refused.
"""

from __future__ import annotations

from typing import Any

from passerelle.fhir import intake
from passerelle.fhir.codes import NODES
from passerelle.fhir.outcome import BadInput, Issue
from passerelle.flows.ports import Here
from passerelle.flows.reach import Done, Reach
from passerelle.flows.requests import Request
from passerelle.values import Json

AUDIT = "AuditEvent"


async def note(request: Request, reach: Reach, here: Here) -> Done:
    """Keep one event: created, or put under an id of the sender's choice that no event has."""
    if request.interaction not in ("create", "update") or request.if_none_exist is not None:
        raise BadInput(
            Issue("method-not-allowed", "not-supported", details={"methods": "GET, POST"}), status=405
        )
    event = reach.check(intake.read_json(request.body, here.limits), AUDIT)
    if _ours(event, here.id):
        raise BadInput(Issue("audit-event-of-this-node", "business-rule", "AuditEvent.source"), status=422)
    id = await _id(request, event, here) if request.interaction == "update" else here.new_id()
    await here.ledger.append([{**event, "id": id}])
    stored = await here.ledger.look(lambda view: view.read(AUDIT, id))
    return Done(201, stored)


async def _id(request: Request, event: Json, here: Here) -> str:
    id = request.id or ""
    if event.get("id") != id:
        key = "id-mismatch" if "id" in event else "id-missing"
        raise BadInput(Issue(key, "invalid", "AuditEvent.id"))
    if await here.ledger.look(lambda view: view.read(AUDIT, id)) is not None:
        raise BadInput(
            Issue("method-not-allowed", "not-supported", details={"methods": "GET, POST"}), status=405
        )
    return id


def _ours(event: Json, here: str) -> bool:
    """Whether an event says that this node observed it."""
    source: Any = event.get("source") or {}
    identifier = (source.get("observer") or {}).get("identifier") or {}
    return source.get("site") == here or (
        identifier.get("system") == NODES and identifier.get("value") == here
    )
