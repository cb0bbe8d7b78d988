"""How an interaction is said: status, headers and body, as the client prefers them.

https://hl7.org/fhir/R4/http.html#ops
"""

from __future__ import annotations

from datetime import UTC

from passerelle.fhir.outcome import Issue, operation_outcome
from passerelle.fhir.resource import Stored, encode
from passerelle.flows.reach import Done
from passerelle.flows.requests import Request
from passerelle.values import Language


def said(request: Request, done: Done, *, blind: bool = False) -> tuple[int, bytes]:
    """The status and the body of what was done; without the resource for one who may change it and not look at it."""
    if request.changes:
        if request.prefer.returns == "OperationOutcome":
            return (200 if done.status == 204 else done.status), done_outcome(done, request.language)
        if request.prefer.returns == "minimal" or blind:
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
    """The moment of a version as HTTP writes it (RFC 9110, 5.6.7); the library's way costs five times as much."""
    at = stored.instant.astimezone(UTC)
    day = f"{_DAYS[at.weekday()]}, {at.day:02d} {_MONTHS[at.month - 1]} {at.year:04d}"
    return f"{day} {at.hour:02d}:{at.minute:02d}:{at.second:02d} GMT"


_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
