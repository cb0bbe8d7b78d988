"""Reading one version, and the history of one, of a type and of everything.

https://hl7.org/fhir/R4/http.html#read and https://hl7.org/fhir/R4/http.html#history
"""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

from passerelle.fhir.outcome import BadInput, Issue
from passerelle.fhir.resource import Stored, decode, encode
from passerelle.fhir.search import Query
from passerelle.fhir.subset import subset
from passerelle.flows.ports import View
from passerelle.flows.reach import (
    Done,
    Reach,
    absent,
    bad_value,
    gone,
    id_of,
    period,
    type_of,
    unknown_parameter,
    whole,
)
from passerelle.flows.requests import Params, Request

_NO_MATTER = frozenset({"_format", "_pretty"})
_NOT_MODIFIED = 304


def read(request: Request, view: View, reach: Reach) -> Done:
    """The current version; 410 when it is deleted, 304 when the client has it already."""
    stored = view.read(type_of(request), id_of(request), reach.scope)
    if stored is None:
        raise absent(request)
    if stored.body is None:
        raise gone(stored)
    if _unchanged(request, stored):
        return Done(_NOT_MODIFIED, stored, kind="none")
    return Done(200, stored, body=_part(request, stored.body) if request.params else None)


def vread(request: Request, view: View, reach: Reach) -> Done:
    """One version, the current one or an earlier one."""
    stored = view.vread(type_of(request), id_of(request), request.version or 0, reach.scope)
    if stored is None:
        raise absent(request)
    if stored.body is None:
        raise gone(stored)
    return Done(200, stored, body=_part(request, stored.body) if request.params else None)


def _unchanged(request: Request, stored: Stored) -> bool:
    """Whether the client has this version already. If-Modified-Since counts only without If-None-Match, and a date that
    cannot be read says nothing (RFC 9110, 13.1.3 and 13.2.2)."""
    if request.if_none_match:
        return _has(request.if_none_match, stored.etag)
    if not request.if_modified_since:
        return False
    try:
        known = parsedate_to_datetime(request.if_modified_since)
    except ValueError:
        return False
    if known.tzinfo is None:
        known = known.replace(tzinfo=UTC)
    return stored.instant.replace(microsecond=0) <= known


def _has(tags: str, etag: str) -> bool:
    """Whether If-None-Match names this version: a list, weak or strong alike (RFC 9110 13.1.2). Clients that send
    the bare version id are understood, because all that they can lose is an answer that they already have."""
    return tags.strip() == "*" or _bare(etag) in map(_bare, tags.split(","))


def _bare(tag: str) -> str:
    return tag.strip().removeprefix("W/").strip('"')


_SUMMARIES = frozenset({"true", "text", "data", "false"})


def _part(request: Request, body: bytes) -> bytes | None:
    """The part that ``_summary`` or ``_elements`` asks for; None for the whole."""
    summary: str | None = None
    elements: tuple[str, ...] = ()
    for name, value in request.params:
        if name == "_summary":
            if value not in _SUMMARIES:
                raise bad_value(name)
            summary = value if value != "false" else None
        elif name == "_elements":
            elements += tuple(part.strip().partition(".")[0] for part in value.split(",") if part.strip())
        elif name not in _NO_MATTER and not request.prefer.lenient:
            raise unknown_parameter(name, "_elements, _format, _pretty, _summary")
    if not summary and not elements:
        return None
    return encode(subset(decode(body), elements, summary))


def history(request: Request, view: View, reach: Reach) -> Done:
    """Versions, newest first: of one resource, one type, or everything."""
    asked = _asked(request.params, reach.rules.most_in_page)
    found = view.history(request.type, request.id, scope=reach.scope, **asked)
    if request.id and not found.matches and view.read(type_of(request), request.id, reach.scope) is None:
        raise absent(request)
    query = Query(request.type or "", count=asked["count"])
    return Done(200, found=found, kind="history", query=query, patient=_whose(request))


def _whose(request: Request) -> str | None:
    return request.id if request.type == "Patient" else None


def _asked(params: Params, most: int) -> dict[str, Any]:
    """The parameters of a history in the words of the store; what was not said is left out."""
    said: dict[str, Any] = {"count": min(50, most)}
    for name, value in params:
        if name == "_count":
            said["count"] = min(whole(name, value), most)
        elif name == "_since":
            said["since"] = period(name, value)[0]
        elif name == "_at":
            said["at"] = period(name, value)
        elif name == "_cursor":
            said["after"] = value
        elif name not in _NO_MATTER:
            raise unknown_parameter(name, "_at, _count, _cursor, _since")
    if "since" in said and "at" in said:
        # R4: at most one of the two.
        raise BadInput(Issue("one-of-two", "invalid", details={"one": "_since", "other": "_at"}))
    return said
