"""R4's RESTful interactions as plain functions over one snapshot (https://hl7.org/fhir/R4/http.html).

Each takes the request, the resource that came with it, and a view of the store, and returns what was done;
what cannot be done is raised as BadInput with the status that the specification gives it. Nothing here waits,
so a whole transaction runs inside one atomic change.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from passerelle.fhir import bundle, search
from passerelle.fhir.outcome import BadInput, Issue
from passerelle.fhir.resource import Stored
from passerelle.fhir.search import Found, Query, Scope
from passerelle.flows.ports import Change, Ids, View
from passerelle.flows.requests import Params, Request, parameters
from passerelle.values import Json


@dataclass(frozen=True)
class Done:
    """What an interaction did or found."""

    status: int
    stored: Stored | None = None
    found: Found | None = None
    query: Query | None = None
    kind: Literal["resource", "searchset", "history", "none"] = "resource"
    patient: str | None = None
    """The one patient that this was about, where there is one (for the audit event)."""


Look = Callable[[Request, View, Scope], Done]


def read(request: Request, view: View, scope: Scope) -> Done:
    stored = view.read(_type(request), _id(request), scope)
    if stored is None:
        raise absent(request)
    if stored.deleted:
        raise BadInput(Issue("gone", "deleted", details={"reference": stored.reference}), status=410)
    if request.if_none_match and _has(request.if_none_match, stored.etag):
        return Done(304, stored, kind="none")
    return Done(200, stored)


def _has(tags: str, etag: str) -> bool:
    """Whether If-None-Match names this version: a list, weak or strong alike (RFC 9110 13.1.2). Clients that send
    the bare version id are understood, because all that they can lose is an answer that they already have."""
    return tags.strip() == "*" or _bare(etag) in map(_bare, tags.split(","))


def _bare(tag: str) -> str:
    return tag.strip().removeprefix("W/").strip('"')


def vread(request: Request, view: View, scope: Scope) -> Done:
    stored = view.vread(_type(request), _id(request), request.version or 0, scope)
    if stored is None:
        raise absent(request)
    if stored.deleted:
        raise BadInput(Issue("gone", "deleted", details={"reference": stored.reference}), status=410)
    return Done(200, stored)


def history(request: Request, view: View, scope: Scope) -> Done:
    count, offset, since = _history_parameters(request.params)
    found = view.history(request.type, request.id, scope=scope, since=since, count=count, offset=offset)
    if request.id and not found.matches and view.read(_type(request), _id(request), scope) is None:
        raise absent(request)
    return Done(200, found=found, kind="history", query=Query(request.type or "", count=count, offset=offset))


def search_type(request: Request, view: View, scope: Scope) -> Done:
    query = search.parse(_type(request), request.params).within(scope)
    found = view.search(query)
    return Done(200, found=found, query=query, kind="searchset", patient=_patient_named(query))


def create(request: Request, resource: Json, change: Change, scope: Scope, new_id: Ids) -> Done:
    """Create; with If-None-Exist only when nothing matches (one match: that one, several: 412)."""
    if request.if_none_exist is not None:
        existing = the_one(_type(request), request.if_none_exist, change, scope)
        if existing is not None:
            return Done(200, existing)
    return Done(201, change.put(_type(request), new_id(), resource, created=True))


def update(request: Request, resource: Json, change: Change, scope: Scope, new_id: Ids) -> Done:
    """Update, or create under the id that the client chose. If-Match must name the current version."""
    type_, id_ = _type(request), _id(request)
    if resource.get("id") != id_:
        key = "id-mismatch" if "id" in resource else "id-missing"
        raise BadInput(Issue(key, "invalid", f"{type_}.id"))
    return write(request, resource, type_, id_, change, scope)


def conditional_update(request: Request, resource: Json, change: Change, scope: Scope, new_id: Ids) -> Done:
    type_ = _type(request)
    existing = the_one(type_, request.params, change, scope)
    named = resource.get("id")
    if existing is None:
        if named is not None:
            return write(request, resource, type_, str(named), change, scope)
        return Done(201, change.put(type_, new_id(), resource, created=True))
    if named is not None and named != existing.id:
        raise BadInput(Issue("id-mismatch", "invalid", f"{type_}.id"))
    return write(request, resource, type_, existing.id, change, scope)


def delete(request: Request, change: Change, scope: Scope) -> Done:
    """Delete; what is already absent stays absent without an error."""
    stored = change.read(_type(request), _id(request), scope)
    if stored is None or stored.deleted:
        return Done(204, kind="none")
    _check_version(request, stored)
    return Done(204, change.delete(stored.type, stored.id), kind="none")


def conditional_delete(request: Request, change: Change, scope: Scope) -> Done:
    existing = the_one(_type(request), request.params, change, scope)
    if existing is None:
        return Done(204, kind="none")
    return Done(204, change.delete(existing.type, existing.id), kind="none")


def resolved(resource: Json, mapping: dict[str, str], view: View, scope: Scope) -> Json:
    """The resource with every reference inside a transaction made literal.

    A conditional reference (``Patient?identifier=…``) must match exactly one resource; a ``urn:uuid`` must be
    the fullUrl of an entry (https://hl7.org/fhir/R4/http.html#trules).
    """
    conditional = {}
    for expression, reference in bundle.conditional(resource):
        type_, _, query = reference.partition("?")
        found = _conditional_target(type_, query, expression, view, scope)
        conditional[reference] = found.reference
    rewritten = bundle.rewrite(resource, {**mapping, **conditional})
    dangling = bundle.unresolved(rewritten, {})
    if dangling:
        raise BadInput(*(Issue("reference-unresolved", "not-found", expression) for expression in dangling))
    return rewritten


def _conditional_target(type_: str, query: str, expression: str, view: View, scope: Scope) -> Stored:
    try:
        found = the_one(type_, parameters(query), view, scope)
    except BadInput as bad:
        raise BadInput(
            *(Issue(i.key, i.code, expression, i.details) for i in bad.issues), status=bad.status
        ) from bad
    if found is None:
        raise BadInput(Issue("no-match", "not-found", expression), status=412)
    return found


def the_one(type_: str, params: Params, view: View, scope: Scope) -> Stored | None:
    """The only resource that matches, None if none does; several: 412, no criteria: 412."""
    query = search.parse(type_, params).within(scope)
    if not query.clauses:
        raise BadInput(Issue("no-criteria", "invalid"), status=412)
    matches = view.search(query).matches
    if len(matches) > 1:
        raise BadInput(Issue("several-match", "multiple-matches"), status=412)
    return matches[0] if matches else None


def absent(request: Request) -> BadInput:
    """Absent, and out of scope, look the same."""
    return BadInput(
        Issue("not-found", "not-found", details={"reference": f"{request.type}/{request.id}"}), status=404
    )


def at_entry(index: int, bad: BadInput) -> BadInput:
    """The same fault, its place told from the Bundle."""
    prefix = f"Bundle.entry[{index}]"
    issues = (
        Issue(
            i.key,
            i.code,
            f"{prefix}.resource.{i.expression}" if i.expression else prefix,
            i.details,
            i.severity,
        )
        for i in bad.issues
    )
    return BadInput(*issues, status=bad.status)


def write(request: Request, resource: Json, type_: str, id_: str, change: Change, scope: Scope) -> Done:
    stored = change.read(type_, id_, scope)
    if stored is None and change.read(type_, id_) is not None:
        # It exists, but this caller may not see it: neither overwrite it nor tell.
        raise BadInput(Issue("forbidden", "forbidden"), status=403)
    _check_version(request, stored)
    created = stored is None or stored.deleted
    return Done(201 if created else 200, change.put(type_, id_, resource, created=created))


def _check_version(request: Request, stored: Stored | None) -> None:
    if request.if_match is None:
        return
    if not request.if_match.strip().startswith(('W/"', '"')):
        raise BadInput(Issue("if-match-malformed", "value"), status=400)
    current = f'"{stored.version}"' if stored is not None and not stored.deleted else None
    if request.if_match.strip().removeprefix("W/") != current:
        raise BadInput(Issue("version-conflict", "conflict"), status=412)


def _history_parameters(params: Params) -> tuple[int, int, datetime | None]:
    count, offset, since = 50, 0, None
    for name, value in params:
        if name == "_count" and value.isdigit():
            count = min(int(value), 1000)
        elif name == "_offset" and value.isdigit():
            offset = int(value)
        elif name == "_since":
            since = _since(value)
        elif name not in ("_format", "_pretty"):
            raise BadInput(
                Issue(
                    "unknown-parameter",
                    "not-supported",
                    details={"parameter": _plain(name), "known": "_count, _offset, _since"},
                )
            )
    return count, offset, since


def _since(value: str) -> datetime:
    try:
        moment: datetime | None = datetime.fromisoformat(value)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise BadInput(Issue("bad-parameter-value", "value", details={"parameter": "_since"}))
    return moment


def _plain(name: str) -> str:
    return name[:40] if name.replace("_", "").replace("-", "").isalnum() and name.isascii() else "?"


def _patient_named(query: Query) -> str | None:
    """The one Patient that a search names, where it names one."""
    for clause in query.clauses:
        if clause.name in ("patient", "subject", "_id") and len(clause.values) == 1:
            value = clause.values[0]
            if clause.name == "_id":
                return value if query.type == "Patient" else None
            return value.rpartition("/")[2] if value.startswith("Patient/") or "/" not in value else None
    return None


def _type(request: Request) -> str:
    assert request.type is not None  # noqa: S101  the roads table gives every such request a type
    return request.type


def _id(request: Request) -> str:
    assert request.id is not None  # noqa: S101  the roads table gives every such request an id
    return request.id


LOOKS: dict[str, Look] = {
    "read": read,
    "vread": vread,
    "history-instance": history,
    "history-type": history,
    "history-system": history,
    "search-type": search_type,
}
