"""Who asked for what, and may they? A request in the words of policy, and the decision about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from passerelle import policy
from passerelle.audit import NO_LINE, Line
from passerelle.federation.directory import Agreement, agreement
from passerelle.fhir.outcome import BadInput, Issue
from passerelle.fhir.search import Scope
from passerelle.flows.ports import Here
from passerelle.flows.reach import absent
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
    patient = _patient(request)
    return _decided(
        asked.caller,
        asked.purpose,
        request.interaction,
        # What an export touches are the types that it writes, whichever address it was asked at.
        None if request.interaction == "$export" else request.type,
        # Of an id policy only asks whose Patient it is: everything else of a type is decided alike.
        request.id if request.type == "Patient" else None,
        patient,
        here.id,
        terms,
    )


@lru_cache(maxsize=8192)
def _decided(
    caller: Caller,
    purpose: Purpose,
    interaction: str,
    type: str | None,
    id: str | None,
    patient: str | None,
    here: NodeId,
    terms: Terms | None,
) -> Decision:
    """The decision about one kind of request. Policy is a plain function of these, so it is asked once for each."""
    return policy.decide(Access(caller, purpose, interaction, type, id, patient), here=here, agreement=terms)


def terms_of(found: Agreement, asker: NodeId, responder: NodeId) -> Terms:
    """An agreement of the directory, narrowed to these two nodes, in the words of policy."""
    # An agreement that names no interactions does not narrow them: then it covers what nodes ask each other.
    interactions = frozenset(found.interactions) or BETWEEN_NODES
    types = frozenset(found.types) or None
    return Terms(found.id, asker, responder, frozenset(found.purposes), interactions, types)


BETWEEN_NODES = frozenset({"$match", "$everything", "$summary", "read", "vread", "search-type"})


def access(asked: Asked, request: Request, patient: str | None = None) -> Access:
    """The request in the words of policy and audit."""
    return Access(
        asked.caller,
        asked.purpose,
        request.interaction,
        request.type,
        request.id,
        patient if patient is not None else _patient(request),
        asked.request_id,
    )


def _patient(request: Request) -> str | None:
    """The patient whom a request is about, as far as its address says."""
    if request.within is not None:
        return request.within[1] if request.within[0] == "Patient" else None
    return request.id if request.type == "Patient" else patient_named(request.params)


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
        raise Denied(decision, absent(request))
    raise Denied(decision, BadInput(Issue("forbidden", "forbidden"), status=403))


def may_look(asked: Asked, request: Request, here: Here) -> bool:
    """Whether who changed a resource may also look at it: a part that was changed does not show the rest."""
    looks = (Request("read", request.type, request.id), Request("search-type", request.type))
    return any(decide(asked, look, here).allowed for look in looks)


def sees(asked: Asked, here: Here) -> Callable[[str], Scope]:
    """What a caller may search of a type: a condition, and a reference inside a resource, must not tell more."""

    def scope(type: str) -> Scope:
        return allowed(asked, Request("search-type", type), here).scope

    return scope
