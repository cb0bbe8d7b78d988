"""A Bundle of requests: a transaction, all or nothing; or a batch, each entry for itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache

from passerelle.fhir import bundle, compartment, intake
from passerelle.fhir.outcome import BadInput, Issue, operation_outcome
from passerelle.fhir.resource import encode
from passerelle.flows import changing
from passerelle.flows.deciding import Asked, allowed, may_look
from passerelle.flows.doing import aside, checked, do, reach_of
from passerelle.flows.listing import listing
from passerelle.flows.operations import IN_TRANSACTIONS, operate
from passerelle.flows.ports import Here
from passerelle.flows.preferences import Preferences
from passerelle.flows.reach import Done, Reach, at_entry
from passerelle.flows.requests import Request, understand
from passerelle.flows.saying import done_outcome
from passerelle.flows.transaction import Entry, transaction
from passerelle.policy import Decision
from passerelle.values import Json, Language


@dataclass(frozen=True)
class Bundled:
    """What became of a Bundle: which kind it was, the answer, and the one patient that it was about, if it was one."""

    kind: str
    body: bytes = field(repr=False)
    patient: str | None


@dataclass(frozen=True)
class Understood:
    """A Bundle read and checked: its steps, and the request that each one is or what is wrong with it."""

    kind: str
    steps: tuple[bundle.Step, ...]
    requests: tuple[Request | BadInput, ...]
    patches: dict[int, changing.Patch] = field(repr=False)
    patient: str | None
    pin: bool = False
    conditional: frozenset[int] = frozenset()
    """The entries whose resources hold a conditional reference."""


async def perform(asked: Asked, here: Here) -> Bundled:
    """Do everything that a Bundle asks for."""
    body = asked.request.body
    read = await aside(len(body), lambda: _understood(body, asked, here))
    done = await (_transaction if read.kind == "transaction" else _batch)(asked, read, here)
    return Bundled(read.kind, bundle.response(read.kind, done, base=here.base), read.patient)


def _understood(body: bytes, asked: Asked, here: Here) -> Understood:
    received: Json = intake.read_json(body, here.limits)
    steps = bundle.steps(received, here.limits, here.base)
    requests = tuple([_request_of(step, asked) for step in steps])
    patches: dict[int, changing.Patch] = {}
    if received["type"] == "transaction":
        for step, request in zip(steps, requests, strict=True):
            if isinstance(request, BadInput):
                raise request
            _check(step, request, patches, here)
    whose = _whose(steps)
    return Understood(
        received["type"],
        steps,
        requests,
        patches,
        whose,
        bundle.PINNING.encode() in body,
        _conditional(steps) if b"?" in body or b"\\u003" in body else frozenset(),
    )


def _whose(steps: tuple[bundle.Step, ...]) -> str | None:
    """The one patient that all resources are about, if it is one. Those of a batch were not checked yet."""
    about = [
        step.resource
        for step in steps
        if step.resource
        and step.resource.get("resourceType") == step.type
        and isinstance(step.resource.get("id"), str | None)
    ]
    patients = {patient for resource in about for patient in compartment.patients(resource)}
    return patients.pop() if len(patients) == 1 else None


def _conditional(steps: tuple[bundle.Step, ...]) -> frozenset[int]:
    return frozenset(step.index for step in steps if step.resource and bundle.conditional(step.resource))


def _check(step: bundle.Step, request: Request, patches: dict[int, changing.Patch], here: Here) -> None:
    """Everything of an entry that can be checked before the store is touched."""
    if step.resource is None or request.interaction.startswith("$"):
        return
    try:
        if step.method == "PATCH":
            patches[step.index] = changing.patch_in_entry(step.resource, here.limits)
        else:
            checked(step.resource, step.type, here)
    except BadInput as bad:
        raise at_entry(step.index, bad) from bad


def _request_of(step: bundle.Step, asked: Asked) -> Request | BadInput:
    """An entry's own request, in the same words as a request over HTTP; or what is wrong with it."""
    if step.issues:
        return BadInput(*step.issues)
    prefer, language = asked.request.prefer, asked.request.language
    headers = {
        "if-match": step.if_match,
        "if-none-match": step.if_none_match,
        "if-none-exist": step.if_none_exist,
        "if-modified-since": step.if_modified_since,
    }
    given = {name: value for name, value in headers.items() if value}
    try:
        if not given and step.method == "POST" and "/" not in step.url:
            return _create(step.url, prefer, language)
        path, _, query = step.url.partition("?")
        request = understand(step.method, path, query, b"", given, language)
    except BadInput as bad:
        return at_entry(step.index, bad)
    return replace(request, prefer=prefer)


@lru_cache(maxsize=2048)
def _create(url: str, prefer: Preferences, language: Language) -> Request:
    """What most entries ask for, and all that create a resource of one type ask for alike."""
    path, _, query = url.partition("?")
    return replace(understand("POST", path, query, language=language), prefer=prefer)


async def _transaction(asked: Asked, read: Understood, here: Here) -> tuple[bundle.Response, ...]:
    reach = _reaching(asked, here)
    entries = tuple(
        [
            _entry(asked, step, request, read, here, reach)
            for step, request in zip(read.steps, read.requests, strict=True)
            if isinstance(request, Request)
        ]
    )
    done = await here.store.change(
        lambda change: transaction(entries, change, operations=IN_TRANSACTIONS, pin=read.pin)
    )
    return tuple(
        [_response(asked, entry.request, item, here) for entry, item in zip(entries, done, strict=True)]
    )


def _reaching(asked: Asked, here: Here) -> Callable[[Decision], Reach]:
    """How far each decision reaches, made once for all that were decided alike."""
    made: dict[int, tuple[Decision, Reach]] = {}

    def reach(decision: Decision) -> Reach:
        known = made.get(id(decision))
        if known is None:
            # INVARIANT: the decision is kept with its reach, so that no other can ever have its id.
            known = made[id(decision)] = decision, reach_of(asked, decision, here)
        return known[1]

    return reach


def _entry(
    asked: Asked,
    step: bundle.Step,
    request: Request,
    read: Understood,
    here: Here,
    reach: Callable[[Decision], Reach],
) -> Entry:
    """Each entry is decided by itself and sees within its own scope; equal decisions are one and reach equally far."""
    try:
        if request.type == "AuditEvent":
            raise BadInput(Issue("audit-events-alone", "not-supported"))
        decision = allowed(asked, request, here)
    except BadInput as bad:
        raise at_entry(step.index, bad) from bad
    if request.interaction.startswith("$") and step.resource is not None:
        request = replace(request, body=encode(step.resource))
    return Entry(step, request, reach(decision), read.patches.get(step.index), step.index in read.conditional)


async def _batch(asked: Asked, read: Understood, here: Here) -> tuple[bundle.Response, ...]:
    """Some at a time: R4 lets no entry of a batch depend on another, and writes that wait together are synced together."""
    done: list[bundle.Response] = []
    for start in range(0, len(read.steps), TOGETHER):
        some = slice(start, start + TOGETHER)
        pairs = zip(read.steps[some], read.requests[some], strict=True)
        done += await asyncio.gather(*(_batch_entry(asked, step, request, here) for step, request in pairs))
    return tuple(done)


TOGETHER = 32
"""How many entries of a batch are under way at once."""


async def _batch_entry(
    asked: Asked, step: bundle.Step, request: Request | BadInput, here: Here
) -> bundle.Response:
    try:
        if isinstance(request, BadInput):
            return _refusal(request, asked)
        return await _one(asked, step, request, here)
    except BadInput as bad:
        return _refusal(at_entry(step.index, bad), asked)


async def _one(asked: Asked, step: bundle.Step, request: Request, here: Here) -> bundle.Response:
    decision = allowed(asked, request, here)
    reach = reach_of(asked, decision, here)
    if step.method == "PATCH" and step.resource is not None:
        from passerelle.flows.doing import patch_with

        patch = changing.patch_in_entry(step.resource, here.limits)
        done = await here.store.change(lambda change: patch_with(request, patch, change, reach))
        return _response(asked, request, done, here)
    if step.resource is not None:
        request = replace(request, body=encode(step.resource), content_type="application/fhir+json")
    if request.interaction.startswith("$"):
        result = await operate(replace(asked, request=request), reach, here)
        return bundle.Response(200, resource=result.body)
    return _response(asked, request, await do(request, reach, here), here)


def _refusal(bad: BadInput, asked: Asked) -> bundle.Response:
    outcome = operation_outcome(bad.issues, asked.request.language)
    return bundle.Response(bad.status, outcome=encode(outcome))


def _response(asked: Asked, request: Request, done: Done, here: Here) -> bundle.Response:
    if done.found is not None:
        return bundle.Response(200, resource=listing(done, here, request))
    outcome = None
    resource = done.body or (done.stored.body if done.stored is not None and done.kind != "none" else None)
    if request.changes:
        outcome = _wished(request.prefer, done, request)
        if request.prefer.returns != "representation" or (
            request.interaction == "patch" and not may_look(asked, request, here)
        ):
            resource = None
    return bundle.Response(done.status, stored=done.stored, resource=resource, outcome=outcome)


def _wished(prefer: Preferences, done: Done, request: Request) -> bytes | None:
    return done_outcome(done, request.language) if prefer.returns == "OperationOutcome" else None
