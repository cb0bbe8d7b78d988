"""Who asked for what, and may they? A request in the words of policy, and the decision about it."""

from __future__ import annotations

from dataclasses import dataclass

from passerelle import policy
from passerelle.audit import NO_LINE, Line
from passerelle.federation.directory import Agreement, agreement
from passerelle.fhir.outcome import BadInput, Issue
from passerelle.flows import interact
from passerelle.flows.ports import Here
from passerelle.flows.requests import Params, Request
from passerelle.policy import Decision, Terms
from passerelle.values import Access, Caller, NodeId, Purpose


@dataclass(frozen=True)
class Asked:
    """One request with who asked it and why, as the edge understood it."""

    caller: Caller
    purpose: Purpose
    request: Request
    request_id: str
    token_id: str = ""
    line: Line = NO_LINE


class Denied(BadInput):
    """The decision was no; it is kept for the audit event."""

    def __init__(self, decision: Decision, said: BadInput) -> None:
        super().__init__(*said.issues, status=said.status)
        self.decision = decision


def decide(asked: Asked, request: Request, here: Here) -> Decision:
    """May this caller do this here? The responder decides, by the directory's agreements and its own roles."""
    terms = None
    if asked.caller.node != here.id:
        found = agreement(here.directory(), asked.caller.node, here.id, asked.purpose, here.now())
        terms = terms_of(found, asked.caller.node, here.id) if found else None
    return policy.decide(access(asked, request), here=here.id, agreement=terms)


def terms_of(found: Agreement, asker: NodeId, responder: NodeId) -> Terms:
    """An agreement of the directory, narrowed to these two nodes, in the words of policy."""
    # An agreement that names no interactions does not narrow them: then it covers what nodes ask each other.
    interactions = frozenset(found.interactions) or BETWEEN_NODES
    types = frozenset(found.types) or None
    return Terms(found.id, asker, responder, frozenset(found.purposes), interactions, types)


BETWEEN_NODES = frozenset({"$match", "$everything", "$summary", "read", "vread", "search-type"})


def access(asked: Asked, request: Request, patient: str | None = None) -> Access:
    """The request in the words of policy and audit."""
    if patient is None:
        patient = request.id if request.type == "Patient" else patient_named(request.params)
    return Access(
        asked.caller, asked.purpose, request.interaction, request.type, request.id, patient, asked.request_id
    )


def patient_named(params: Params) -> str | None:
    """The id of the one local Patient that a search names."""
    named = [value for name, value in params if name in ("patient", "subject")]
    if len(named) != 1 or "," in named[0]:
        return None
    type_, _, id_ = named[0].rpartition("/")
    return id_ if type_ in ("", "Patient") else None


def allowed(asked: Asked, request: Request, here: Here) -> Decision:
    """The decision, when it is yes; a no is raised. A denial looks like absence where existence itself is private."""
    decision = decide(asked, request, here)
    if decision.allowed:
        return decision
    if decision.absent:
        raise Denied(decision, interact.absent(request))
    raise Denied(decision, BadInput(Issue("forbidden", "forbidden"), status=403))
