"""How far is the job, where is what it made, and stop it: the answers below a job's address.

https://hl7.org/fhir/R4/async.html and https://hl7.org/fhir/uv/bulkdata/export.html. Only who asked for a job is told of
it, and only while they may still do what the job does; for everybody else there is no such job.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlencode

from passerelle.fhir.outcome import BadInput, Issue, operation_outcome
from passerelle.fhir.resource import decode, encode
from passerelle.flows import bulk_import
from passerelle.flows.deciding import Asked, allowed
from passerelle.flows.exchange import Answer, record_of, refused
from passerelle.flows.export_run import manifest
from passerelle.flows.jobs import AREA, Started, milliseconds, owner, unpacked
from passerelle.flows.ports import Here
from passerelle.flows.requests import Request
from passerelle.store.clock import moment
from passerelle.store.job import Job
from passerelle.values import Json, Language


@dataclass(frozen=True)
class File:
    """A file of a job that may be sent to who asks, after its events are written down."""

    job: str
    name: str
    answer: Answer


async def status(asked: Asked, id: str, here: Here) -> Answer:
    """How far a job is; when it is done, what came of it."""
    try:
        job, asked = await _own(asked, id, here)
        event = record_of(asked, here, outcome="0")
        return replace(_said(job, asked.request.language, here), events=(event,))
    except BadInput as bad:
        return refused(asked, here, bad)


async def cancel(asked: Asked, id: str, here: Here) -> Answer:
    """Stop a job, or forget what it made."""
    try:
        job, asked = await _own(asked, id, here)
        now = milliseconds(here)
        await here.store.change(lambda change: change.jobs.cancel(job.id, now))
        return Answer(202, b"", (record_of(asked, here, outcome="0"),))
    except BadInput as bad:
        return refused(asked, here, bad)


async def fetch(asked: Asked, id: str, name: str, here: Here) -> File | Answer:
    """A file that a job made. Its name is looked up in what the job says, never in a folder."""
    try:
        job, asked = await _own(asked, id, here)
        if job.state != "done" or name not in decode(job.result).get("files", {}):
            raise _no_such()
        event = record_of(asked, here, outcome="0", disclosed=True)
        return File(job.id, name, Answer(200, b"", (event,)))
    except BadInput as bad:
        return refused(asked, here, bad)


async def _own(asked: Asked, id: str, here: Here) -> tuple[Job, Asked]:
    """The caller's own job, and the request that asked for it as if it were asked now."""
    job = await here.store.look(lambda view: view.jobs.get(id))
    if job is None or job.state == "cancelled" or job.owner != owner(asked.caller):
        raise _no_such()
    if job.ended and 0 < job.expires <= milliseconds(here):
        raise _no_such()
    again = replace(asked, request=replace(unpacked(job.request).request, language=asked.request.language))
    if again.request.interaction != "bundle":  # each entry of a bundle was decided when it was done
        allowed(again, again.request, here)
    return job, again


def unknown(asked: Asked, here: Here) -> Answer:
    """There is no such job, or it has no such file."""
    return refused(asked, here, _no_such())


def _no_such() -> BadInput:
    return BadInput(Issue("no-such-job", "not-found"), status=404)


def _said(job: Job, language: Language, here: Here) -> Answer:
    if not job.ended:
        headers = {"X-Progress": _progress(job), "Retry-After": str(here.jobs.retry_after)}
        return Answer(202, b"", (), headers)
    expires = {"Expires": format_datetime(moment(job.expires), usegmt=True)} if job.expires else {}
    result = decode(job.result)
    if job.state == "failed":
        issues = [_issue(one) for one in result.get("issues", ())] or [Issue("job-failed", "exception")]
        return Answer(result.get("status", 500), encode(operation_outcome(issues, language)), (), expires)
    address = Started(job.id).address(here)
    return RESULTS[job.kind](job, result, address, expires)


def _progress(job: Job) -> str:
    """At most a hundred characters, as the specification asks."""
    said = decode(job.progress)
    if job.state == "waiting":
        return "waiting"
    return f"{said['count']} done" if isinstance(said.get("count"), int) else "running"


def _issue(said: Mapping[str, Any]) -> Issue:
    return Issue(said["key"], said["code"], said.get("expression"), said.get("details") or {})


def fault(bad: BadInput) -> Json:
    """What a failed job keeps, so that it can be said in the language of whoever asks."""
    issues = [
        {"key": one.key, "code": one.code, "expression": one.expression, "details": dict(one.details)}
        for one in bad.issues
    ]
    return {"status": bad.status, "issues": issues}


def _exported(job: Job, result: Json, address: str, headers: dict[str, str]) -> Answer:
    base = address.partition(f"/{AREA}/")[0]
    body = manifest(result, request=f"{base}/{_path(unpacked(job.request).request)}", address=address)
    return Answer(200, encode(body), (), {**headers, "Content-Type": "application/json"})


def _path(request: Request) -> str:
    """The address that was asked, below the base."""
    places = [place for place in (request.type, request.id, request.interaction) if place]
    query = urlencode(request.params)
    return "/".join(places) + (f"?{query}" if query else "")


def _answered(job: Job, result: Json, address: str, headers: dict[str, str]) -> Answer:
    """The answer of a postponed request, in a Bundle of one response.

    https://hl7.org/fhir/async-bundle.html: R4 says nothing of requests that are no bulk export.
    """
    return Answer(200, result["body"].encode(), (), headers)


def _imported(job: Job, result: Json, address: str, headers: dict[str, str]) -> Answer:
    request = f"{address.partition(f'/{AREA}/')[0]}/$import"
    body = bulk_import.manifest(result, request=request, address=address)
    return Answer(200, encode(body), (), {**headers, "Content-Type": "application/json"})


RESULTS = {"export": _exported, "import": _imported, "request": _answered}
