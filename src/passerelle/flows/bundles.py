"""A Bundle of requests: a transaction, all or nothing; or a batch, each entry for itself."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from passerelle.fhir import bundle, compartment, intake
from passerelle.fhir.outcome import BadInput, Issue, operation_outcome
from passerelle.fhir.resource import encode
from passerelle.fhir.search import Scope
from passerelle.flows import interact
from passerelle.flows.deciding import Asked, allowed
from passerelle.flows.doing import aside, checked, do
from passerelle.flows.interact import Done
from passerelle.flows.listing import listing
from passerelle.flows.ports import Here
from passerelle.flows.requests import Request, understand
from passerelle.flows.transaction import transaction
from passerelle.values import Json, Language


@dataclass(frozen=True)
class Bundled:
    """What became of a Bundle: which kind it was, the answer, and the one patient that it was about, if it was one."""

    kind: str
    body: bytes = field(repr=False)
    patient: str | None


@dataclass(frozen=True)
class Understood:
    """A Bundle read and checked: its steps and each one's own request."""

    kind: str
    steps: tuple[bundle.Step, ...]
    requests: tuple[Request, ...]
    patient: str | None


async def perform(asked: Asked, here: Here) -> Bundled:
    """Do everything that a Bundle asks for."""
    body = asked.request.body
    read = await aside(len(body), lambda: _understood(body, asked.request.language, here))
    done = await (_transaction if read.kind == "transaction" else _batch)(asked, read, here)
    return Bundled(read.kind, bundle.response(read.kind, done, base=here.base), read.patient)


def _understood(body: bytes, language: Language, here: Here) -> Understood:
    received: Json = intake.read_json(body, here.limits)
    steps = bundle.steps(received, here.limits)
    requests = tuple(_request_of(step, language) for step in steps)
    if received["type"] == "transaction":
        for step in steps:
            _check(step, here)
    patients = {p for step in steps if step.resource for p in compartment.patients(step.resource)}
    return Understood(received["type"], steps, requests, patients.pop() if len(patients) == 1 else None)


def _check(step: bundle.Step, here: Here) -> None:
    try:
        if step.resource is not None:
            checked(step.resource, step.type, here)
    except BadInput as bad:
        raise interact.at_entry(step.index, bad) from bad


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


async def _transaction(asked: Asked, read: Understood, here: Here) -> tuple[bundle.Response, ...]:
    scopes = tuple(
        _scope_of(asked, step, request, here) for step, request in zip(read.steps, read.requests, strict=True)
    )
    done = await here.store.change(
        lambda change: transaction(read.steps, read.requests, scopes, change, here.new_id)
    )
    return tuple(_response(item, here) for item in done)


def _scope_of(asked: Asked, step: bundle.Step, request: Request, here: Here) -> Scope:
    """Each entry is decided by itself and sees within its own scope."""
    try:
        return allowed(asked, request, here).scope
    except BadInput as bad:
        raise interact.at_entry(step.index, bad) from bad


async def _batch(asked: Asked, read: Understood, here: Here) -> tuple[bundle.Response, ...]:
    pairs = zip(read.steps, read.requests, strict=True)
    return tuple([await _batch_entry(asked, step, request, here) for step, request in pairs])


async def _batch_entry(asked: Asked, step: bundle.Step, request: Request, here: Here) -> bundle.Response:
    try:
        if request.interaction.startswith("$") or request.interaction == "bundle":
            raise BadInput(Issue("unknown-operation", "not-supported"), status=400)
        scope = allowed(asked, request, here).scope
        if step.resource is not None:
            request = replace(request, body=encode(step.resource))
        return _response(await do(request, scope, here), here)
    except BadInput as bad:
        placed = interact.at_entry(step.index, bad)
        outcome = operation_outcome(placed.issues, asked.request.language)
        return bundle.Response(placed.status, outcome=encode(outcome))


def _response(done: Done, here: Here) -> bundle.Response:
    if done.found is not None:
        return bundle.Response(200, resource=listing(done, here))
    return bundle.Response(
        done.status,
        stored=done.stored,
        resource=done.stored.body if done.stored and done.status == 200 else None,
    )
