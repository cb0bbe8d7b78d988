"""How an interaction is said: status, headers and body, as the client prefers them.

https://hl7.org/fhir/R4/http.html#ops
"""

from __future__ import annotations

from email.utils import format_datetime

from passerelle.fhir.outcome import Issue, operation_outcome
from passerelle.fhir.resource import Stored, encode
from passerelle.flows.reach import Done
from passerelle.flows.requests import Request
from passerelle.values import Language


def said(request: Request, done: Done) -> tuple[int, bytes]:
    """The status and the body of what was done."""
    if request.changes:
        if request.prefer.returns == "OperationOutcome":
            return (200 if done.status == 204 else done.status), done_outcome(done, request.language)
        if request.prefer.returns == "minimal":
            return done.status, b""
    if done.kind == "none" or done.stored is None:
        return done.status, b""
    return done.status, done.body or done.stored.body or b""


def done_outcome(done: Done, language: Language) -> bytes:
    """That it was done, as an OperationOutcome."""
    key = {201: "done-created", 204: "done-deleted"}.get(done.status, "done-as-asked")
    return encode(operation_outcome([Issue(key, "informational", severity="information")], language))


def headers(request: Request, done: Done, base: str) -> dict[str, str]:
    """What the headers say of the version that was read or written. A conditional create that found one says where."""
    stored = done.stored
    if stored is None:
        return {}
    found = {"ETag": stored.etag, "Last-Modified": last_modified(stored)}
    if done.status == 201 or request.interaction == "create":
        found["Location"] = f"{base}/{stored.reference}/_history/{stored.version}"
    return found


def last_modified(stored: Stored) -> str:
    return format_datetime(stored.instant, usegmt=True)
