"""The exchange road: caller → decide → query within scope → store → answer + audit event."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from passerelle import audit, policy
from passerelle.federation.directory import Agreement, agreement
from passerelle.fhir import bundle, compartment, intake, search, validate
from passerelle.fhir.outcome import BadInput, Issue, operation_outcome
from passerelle.fhir.resource import Stored, decode, encode
from passerelle.flows import interact
from passerelle.flows.interact import Done
from passerelle.flows.operations import OPERATIONS, Result
from passerelle.flows.ports import Change, Here
from passerelle.flows.requests import Request, understand
from passerelle.flows.transaction import transaction
from passerelle.policy import Decision, Terms
from passerelle.values import Access, Caller, Json, Language, NodeId, Purpose


@dataclass(frozen=True)
class Asked:
    """One request with who asked it and why, as the edge understood it."""

    caller: Caller
    purpose: Purpose
    request: Request
    request_id: str
    token_id: str = ""


@dataclass(frozen=True)
class Answer:
    """What to say, and the event that must be durable before it is said."""

    status: int
    body: bytes = field(repr=False)
    event: Json = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)


async def exchange(asked: Asked, here: Here) -> Answer:
    """Answer one FHIR request with what this caller may see, or say why not."""
    try:
        return await _answer(asked, here)
    except BadInput as bad:
        return refused(asked, here, bad)


async def _answer(asked: Asked, here: Here) -> Answer:
    request = asked.request
    if request.interaction == "bundle":
        return await _bundle(asked, here)
    decision = decide(asked, request, here)
    _must_be_allowed(decision, request)
    if request.interaction.startswith("$"):
        return await _operation(asked, decision, here)
    done = await _do(request, decision, here)
    return _say(asked, done, decision, here)


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
    if patient is None and request.type == "Patient":
        patient = request.id
    return Access(
        asked.caller, asked.purpose, request.interaction, request.type, request.id, patient, asked.request_id
    )


def _must_be_allowed(decision: Decision, request: Request) -> None:
    if decision.allowed:
        return
    if decision.absent:
        raise interact.absent(request)
    raise BadInput(Issue("forbidden", "forbidden"), status=403)


async def _do(request: Request, decision: Decision, here: Here) -> Done:
    store = here.ledger if request.type == "AuditEvent" else here.store
    look = interact.LOOKS.get(request.interaction)
    if look is not None:
        return await store.look(lambda view: look(request, view, decision.scope))
    if request.type == "AuditEvent":
        raise BadInput(Issue("method-not-allowed", "not-supported", details={"methods": "GET"}), status=405)
    work = prepared(request, decision, here)
    return await store.change(work)


def prepared(request: Request, decision: Decision, here: Here) -> Callable[[Change], Done]:
    """The change that a request asks for, its resource read and checked before the store is touched."""
    scope = decision.scope
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


async def _bundle(asked: Asked, here: Here) -> Answer:
    """A transaction, all or nothing; or a batch, each entry for itself."""
    received = intake.read_json(asked.request.body, here.limits)
    steps = bundle.steps(received, here.limits)
    kind = str(received.get("type"))
    requests = tuple(_request_of(step, asked.request.language) for step in steps)
    asked = replace(asked, request=replace(asked.request, interaction=kind))
    if kind == "transaction":
        done = await _transaction(asked, steps, requests, here)
    else:
        done = tuple(
            [
                await _batch_entry(asked, step, request, here)
                for step, request in zip(steps, requests, strict=True)
            ]
        )
    body = bundle.response(kind, done, base=here.base)
    patients = sorted({p for step in steps if step.resource for p in compartment.patients(step.resource)})
    event = record_of(asked, here, outcome="0", patient=patients[0] if len(patients) == 1 else None)
    return Answer(200, body, event)


def _request_of(step: bundle.Step, language: Language) -> Request:
    """An entry's own request, in the same words as a request over HTTP."""
    headers = {
        "if-match": step.if_match,
        "if-none-match": step.if_none_match,
        "if-none-exist": step.if_none_exist,
    }
    try:
        path, _, query = step.url.partition("?")
        request = understand(step.method, path, query, b"", {k: v for k, v in headers.items() if v})
    except BadInput as bad:
        raise interact.at_entry(step.index, bad) from bad
    return replace(request, language=language)


async def _transaction(
    asked: Asked, steps: tuple[bundle.Step, ...], requests: tuple[Request, ...], here: Here
) -> tuple[bundle.Response, ...]:
    scope = search.EVERYTHING
    for step, request in zip(steps, requests, strict=True):
        try:
            decision = decide(asked, request, here)
            _must_be_allowed(decision, request)
            scope = decision.scope
            if step.resource is not None:
                checked(step.resource, step.type, here)
        except BadInput as bad:
            raise interact.at_entry(step.index, bad) from bad
    done = await here.store.change(lambda change: transaction(steps, requests, change, scope, here.new_id))
    return tuple(_response(item, here) for item in done)


async def _batch_entry(asked: Asked, step: bundle.Step, request: Request, here: Here) -> bundle.Response:
    try:
        if request.interaction.startswith("$") or request.interaction == "bundle":
            raise BadInput(Issue("unknown-operation", "not-supported"), status=400)
        decision = decide(asked, request, here)
        _must_be_allowed(decision, request)
        if step.resource is not None:
            request = replace(request, body=encode(step.resource))
        return _response(await _do(request, decision, here), here)
    except BadInput as bad:
        placed = interact.at_entry(step.index, bad)
        outcome = operation_outcome(placed.issues, asked.request.language)
        return bundle.Response(placed.status, outcome=encode(outcome))


def _response(done: Done, here: Here) -> bundle.Response:
    if done.found is not None:
        return bundle.Response(200, resource=_listing(done, here, ""))
    return bundle.Response(
        done.status,
        stored=done.stored,
        resource=done.stored.body if done.stored and done.status == 200 else None,
    )


async def _operation(asked: Asked, decision: Decision, here: Here) -> Answer:
    operate = OPERATIONS.get((asked.request.interaction, asked.request.type, asked.request.id is not None))
    if operate is None:
        raise BadInput(Issue("unknown-operation", "not-supported"), status=404)
    result: Result = await operate(asked.request, asked.caller, asked.purpose, decision.scope, here)
    event = record_of(
        asked, here, outcome="0", patient=result.patient, decision=decision, disclosed=result.disclosed
    )
    return Answer(200, result.body, event)


def _say(asked: Asked, done: Done, decision: Decision, here: Here) -> Answer:
    event = record_of(asked, here, outcome="0", patient=_patient(done), decision=decision, stored=done.stored)
    if done.found is not None:
        return Answer(200, _listing(done, here, asked.request.interaction, asked.request), event)
    headers = _headers(done, here)
    if done.stored is None or done.stored.body is None or done.kind == "none":
        return Answer(done.status, b"", event, headers)
    body = done.stored.body
    if "return=minimal" in asked.request.prefer and asked.request.changes:
        body = b""
    return Answer(done.status, body, event, headers)


def _headers(done: Done, here: Here) -> dict[str, str]:
    if done.stored is None:
        return {}
    stored = done.stored
    headers = {"ETag": stored.etag, "Last-Modified": stored.instant.strftime("%a, %d %b %Y %H:%M:%S GMT")}
    if done.status == 201:
        headers["Location"] = f"{here.base}/{stored.reference}/_history/{stored.version}"
    return headers


def _listing(done: Done, here: Here, interaction: str, request: Request | None = None) -> bytes:
    assert done.found is not None and done.query is not None  # noqa: S101  a listing always has both
    links = _links(done, request, here) if request else (f"{here.base}/{done.query.type}", None)
    if done.kind == "history":
        return bundle.history(here.base, done.found, self_link=links[0], next_link=links[1])
    return bundle.searchset(here.base, done.found, self_link=links[0], next_link=links[1], query=done.query)


def _links(done: Done, request: Request, here: Here) -> tuple[str, str | None]:
    assert done.query is not None and done.found is not None  # noqa: S101  as above
    place = "/".join(part for part in (request.type, request.id) if part)
    place += "/_history" if done.kind == "history" else ""
    here_link = bundle.link(f"{here.base}/{place}", request.params)
    if not done.found.more:
        return here_link, None
    onward = tuple(p for p in request.params if p[0] != "_offset")
    return here_link, bundle.link(
        f"{here.base}/{place}", (*onward, ("_offset", str(done.query.offset + done.query.count)))
    )


def refused(asked: Asked, here: Here, bad: BadInput) -> Answer:
    """A refusal or a fault, said in the caller's language; it has its event too."""
    outcome = operation_outcome(bad.issues, asked.request.language, asked.request_id)
    event = record_of(asked, here, outcome="8" if bad.status >= 500 else "4")
    return Answer(bad.status, encode(outcome), event)


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
    )


def _patient(done: Done) -> str | None:
    if done.patient is not None or done.stored is None or done.stored.body is None:
        return done.patient
    if done.stored.type == "Patient":
        return done.stored.id
    patients = compartment.patients(decode(done.stored.body))
    return patients[0] if len(patients) == 1 else None
