"""The exchange road: caller → decide → query within scope → store → answer + audit event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from passerelle import audit
from passerelle.fhir import compartment
from passerelle.fhir.outcome import BadInput, Issue, operation_outcome
from passerelle.fhir.resource import Stored, decode, encode
from passerelle.flows.bundles import perform
from passerelle.flows.deciding import Asked, Denied, access, allowed, may_look
from passerelle.flows.doing import do, reach_of
from passerelle.flows.jobs import postpone
from passerelle.flows.listing import listing
from passerelle.flows.operation import Result
from passerelle.flows.operations import found, operate
from passerelle.flows.ports import Here
from passerelle.flows.reach import Done
from passerelle.flows.receipts import receipts
from passerelle.flows.requests import Request
from passerelle.flows.saying import headers, said
from passerelle.policy import Decision
from passerelle.store.errors import StoreTimeoutError
from passerelle.values import Json

__all__ = ["Answer", "Asked", "exchange", "refused"]


@dataclass(frozen=True)
class Answer:
    """What to say, and the events that must be durable before it is said: that of the request, then one for each
    other node that sent data for it."""

    status: int
    body: bytes = field(repr=False)
    events: tuple[Json, ...] = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)


async def exchange(asked: Asked, here: Here) -> Answer:
    """Answer one FHIR request with what this caller may see, or say why not."""
    request = asked.request
    try:
        if request.prefer.later and _may_wait(request):
            return await _later(asked, here)
        if request.interaction == "bundle":
            return await _bundle(asked, here)
        if request.interaction[0] == "$":
            return await _operation(asked, here)
        decision = allowed(asked, request, here)
        done = await do(request, reach_of(asked, decision, here), here)
        return _say(asked, done, decision, here)
    except BadInput as bad:
        return refused(asked, here, bad)
    except StoreTimeoutError:
        return refused(asked, here, BadInput(Issue("query-timeout", "timeout"), status=503))


def _may_wait(request: Request) -> bool:
    """Whether the answer is worth a job of its own; whoever asks for less is answered at once, as R4 allows. The bulk
    operations are jobs in their own way."""
    kind = request.interaction
    return kind == "bundle" or kind.startswith("search") or (kind[0] == "$" and kind not in _JOBS_THEMSELVES)


_JOBS_THEMSELVES = frozenset({"$export", "$import"})


async def _later(asked: Asked, here: Here) -> Answer:
    """Write the request down and say where its answer will be. Who may not ask is told at once, and not later."""
    decision = None
    if asked.request.interaction != "bundle":
        if asked.request.interaction[0] == "$":
            found(asked.request)
        decision = allowed(asked, asked.request, here)
    started = await postpone(asked, here)
    event = record_of(asked, here, outcome="0", decision=decision)
    return Answer(202, b"", (event,), dict(started.headers(here)))


async def _bundle(asked: Asked, here: Here) -> Answer:
    done = await perform(asked, here)
    asked = replace(asked, request=replace(asked.request, interaction=done.kind))
    return Answer(200, done.body, (record_of(asked, here, outcome="0", patient=done.patient),))


async def _operation(asked: Asked, here: Here) -> Answer:
    found(asked.request)
    decision = allowed(asked, asked.request, here)
    result = await operate(asked, reach_of(asked, decision, here), here)
    event = record_of(
        asked, here, outcome="0", patient=result.patient, decision=decision, disclosed=result.disclosed
    )
    return Answer(result.status, result.body, (event, *_received(asked, result, here)), dict(result.headers))


def _received(asked: Asked, result: Result, here: Here) -> tuple[Json, ...]:
    if result.record is None:
        return ()
    about = access(asked, asked.request, result.patient)
    return receipts(result.record, about, here, token_id=asked.token_id, line=asked.line)


def _say(asked: Asked, done: Done, decision: Decision, here: Here) -> Answer:
    event = record_of(asked, here, outcome="0", patient=_patient(done), decision=decision, stored=done.stored)
    if done.found is not None:
        return Answer(200, listing(done, here, asked.request), (event,))
    request = asked.request
    blind = request.interaction == "patch" and not may_look(asked, request, here)
    status, body = said(request, done, blind=blind)
    return Answer(status, body, (event,), headers(request, done, here.base))


def refused(asked: Asked, here: Here, bad: BadInput) -> Answer:
    """A refusal or a fault, said in the caller's language; it has its event too."""
    outcome = operation_outcome(bad.issues, asked.request.language, asked.request_id)
    decision = bad.decision if isinstance(bad, Denied) else None
    event = record_of(asked, here, outcome="8" if bad.status >= 500 else "4", decision=decision)
    # RFC 9110: whoever is told that a method is not allowed is told which are.
    methods = bad.issues[0].details.get("methods") if bad.status == 405 else None
    return Answer(bad.status, encode(outcome), (event,), {"Allow": methods} if methods else {})


def record_of(
    asked: Asked,
    here: Here,
    *,
    outcome: str,
    patient: str | None = None,
    decision: Decision | None = None,
    stored: Stored | None = None,
    disclosed: bool = False,
) -> Json:
    """The audit event of one request."""
    return audit.event(
        access(asked, asked.request, patient),
        outcome=outcome,
        recorded=here.now(),
        here=here.id,
        entity=stored.reference if stored else None,
        reasons=decision.reasons if decision else (),
        query=asked.request.params,
        token_id=asked.token_id,
        disclosed=disclosed,
        line=asked.line,
    )


def _patient(done: Done) -> str | None:
    """The one patient that an interaction was about, if it was one."""
    stored = done.stored
    if done.patient is not None or stored is None:
        return done.patient
    if stored.type == "Patient":
        return stored.id
    patients = compartment.patients(decode(stored.body)) if stored.body else ()
    return patients[0] if len(patients) == 1 else None
