"""Create, update, patch and delete, by id and by condition (https://hl7.org/fhir/R4/http.html)."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Callable
from typing import Any

from passerelle.fhir import intake, patch
from passerelle.fhir.outcome import BadInput, Issue
from passerelle.fhir.resource import Stored, decode
from passerelle.fhir.search import EVERYTHING
from passerelle.flows.ports import Change
from passerelle.flows.reach import Done, Reach, absent, gone, id_of, type_of
from passerelle.flows.requests import Request
from passerelle.flows.searching import all_that_match, the_one
from passerelle.values import FHIR_ID, Json

Write = Callable[[Request, Json, Change, Reach], Done]
Patch = Callable[[Json], Json]


def create(request: Request, resource: Json, change: Change, reach: Reach) -> Done:
    """Create; with If-None-Exist only when nothing matches (one match: that one, several: 412)."""
    type_ = type_of(request)
    if request.if_none_exist is not None:
        existing = the_one(type_, request.if_none_exist, change, reach)
        if existing is not None:
            return Done(200, existing)
    return Done(201, change.put(type_, reach.new_id(), resource, created=True))


def update(request: Request, resource: Json, change: Change, reach: Reach) -> Done:
    """Update, or create under the id that the client chose. If-Match must name the current version."""
    type_, id_ = type_of(request), id_of(request)
    if resource.get("id") != id_:
        key = "id-mismatch" if "id" in resource else "id-missing"
        raise BadInput(Issue(key, "invalid", f"{type_}.id"))
    return write(request, resource, id_, change, reach)


def conditional_update(request: Request, resource: Json, change: Change, reach: Reach) -> Done:
    """Update the one that matches; none: create, under the id of the resource if it has one; several: 412."""
    type_ = type_of(request)
    existing = the_one(type_, request.params, change, reach)
    named = resource.get("id")
    if existing is None:
        if named is not None:
            return write(request, resource, str(named), change, reach)
        return Done(201, change.put(type_, reach.new_id(), resource, created=True))
    if named is not None and named != existing.id:
        raise BadInput(Issue("id-mismatch", "invalid", f"{type_}.id"))
    return write(request, {**resource, "id": existing.id}, existing.id, change, reach)


def write(request: Request, resource: Json, id_: str, change: Change, reach: Reach) -> Done:
    """The next version of a resource, or its first."""
    type_ = type_of(request)
    stored = change.read(type_, id_, reach.scope)
    if stored is None:
        _may_be_made(type_, id_, change, reach)
    check_version(request, stored, reach)
    created = stored is None or stored.deleted
    return Done(201 if created else 200, change.put(type_, id_, resource, created=created))


def _may_be_made(type_: str, id_: str, change: Change, reach: Reach) -> None:
    if reach.scope != EVERYTHING and change.read(type_, id_) is not None:
        # It exists, but this caller may not see it: neither overwrite it nor tell.
        raise BadInput(Issue("forbidden", "forbidden"), status=403)
    if not reach.rules.update_create:
        raise BadInput(Issue("update-does-not-create", "not-supported"), status=405)
    if not FHIR_ID.fullmatch(id_):
        raise BadInput(Issue("id-malformed", "value", f"{type_}.id"))


def check_version(request: Request, stored: Stored | None, reach: Reach) -> None:
    """If-Match must name the current version, and must be there at all where the operator wants it."""
    current = stored if stored is not None and not stored.deleted else None
    tags = request.if_match
    if tags is None:
        if reach.rules.require_if_match and current is not None:
            raise BadInput(Issue("if-match-required", "required"), status=412)
        return
    if tags.strip() == "*":
        matched = current is not None
    elif not tags.strip().startswith(('W/"', '"')):
        raise BadInput(Issue("if-match-malformed", "value"), status=400)
    else:
        named = [tag.strip().removeprefix("W/") for tag in tags.split(",")]
        matched = current is not None and f'"{current.version}"' in named
    if not matched:
        raise BadInput(Issue("version-conflict", "conflict"), status=412)


# --- patch --------------------------------------------------------------------------------------------------

JSON_PATCH = "application/json-patch+json"
_PARAMETERS = frozenset({"application/fhir+json", "application/json", "text/json", ""})


def patch_of(content_type: str, body: bytes, limits: intake.Limits) -> Patch:
    """What a patch does, read before the store is touched: a JSON Patch or a FHIRPath Patch.

    https://hl7.org/fhir/R4/http.html#patch and https://hl7.org/fhir/R4/fhirpatch.html
    """
    if content_type == JSON_PATCH:
        operations = intake.read_json_value(body, limits)
        return lambda resource: patch.json_patch(resource, operations)
    if content_type not in _PARAMETERS:
        raise BadInput(Issue("patch-format", "not-supported"), status=415)
    parameters = intake.read_json(body, limits)
    if parameters.get("resourceType") != "Parameters":
        raise BadInput(Issue("parameters-expected", "structure", "Parameters"))
    return lambda resource: patch.fhirpath_patch(resource, parameters)


def patch_in_entry(resource: Json, limits: intake.Limits) -> Patch:
    """The patch that an entry of a Bundle carries: a Binary with a JSON Patch, or Parameters."""
    if resource.get("resourceType") == "Parameters":
        return lambda given: patch.fhirpath_patch(given, resource)
    if resource.get("resourceType") != "Binary" or resource.get("contentType") != JSON_PATCH:
        raise BadInput(Issue("patch-format", "not-supported"), status=415)
    try:
        body = b64decode(str(resource.get("data") or ""), validate=True)
    except (NotBase64, ValueError):
        raise BadInput(Issue("primitive-format", "value", "Binary.data", {"type": "base64Binary"})) from None
    return patch_of(JSON_PATCH, body, limits)


def patched(request: Request, patch: Patch, change: Change, reach: Reach) -> tuple[Stored, Json]:
    """The version that a patch starts from and what it makes of it. Nothing is written yet."""
    if request.id is None:
        stored = the_one(type_of(request), request.params, change, reach)
    else:
        stored = change.read(type_of(request), request.id, reach.scope)
    if stored is None:
        raise absent(request) if request.id else BadInput(Issue("no-match", "not-found"), status=404)
    if stored.body is None:
        raise gone(stored)
    check_version(request, stored, reach)
    made = patch(decode(stored.body))
    for name, kept in (("resourceType", stored.type), ("id", stored.id)):
        if made.get(name) != kept:
            raise BadInput(
                Issue("patch-identity", "business-rule", f"{stored.type}.{name}", {"element": name}),
                status=422,
            )
    return stored, made


# --- delete -------------------------------------------------------------------------------------------------


def delete(request: Request, change: Change, reach: Reach) -> Done:
    """Delete; what is already absent stays absent without an error."""
    stored = change.read(type_of(request), id_of(request), reach.scope)
    if stored is None or stored.deleted:
        return Done(204, stored if stored is not None else None, kind="none")
    check_version(request, stored, reach)
    return Done(204, change.delete(stored.type, stored.id), kind="none")


def conditional_delete(request: Request, change: Change, reach: Reach) -> Done:
    """Delete the one that matches, or all of them where the operator allows it."""
    if reach.rules.conditional_delete == "multiple":
        found = all_that_match(type_of(request), request.params, change, reach)
        done = [change.delete(one.type, one.id) for one in found]
        return Done(204, done[0] if len(done) == 1 else None, kind="none")
    existing = the_one(type_of(request), request.params, change, reach)
    if existing is None:
        return Done(204, kind="none")
    check_version(request, existing, reach)
    return Done(204, change.delete(existing.type, existing.id), kind="none")


WRITES: dict[str, Write] = {
    "create": create,
    "update": update,
    "conditional-update": conditional_update,
}
DELETES: dict[str, Any] = {"delete": delete, "conditional-delete": conditional_delete}
