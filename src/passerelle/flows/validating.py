"""``$validate``: all that there is to say of a resource, whether it was sent or is held here.

https://hl7.org/fhir/R4/resource-operation-validate.html. The answer is an OperationOutcome with status 200, however bad
the resource is: it was validated as asked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from passerelle.fhir import intake, validate
from passerelle.fhir.outcome import BadInput, Issue, operation_outcome
from passerelle.fhir.resource import decode, encode
from passerelle.fhir.search_values import reference as relative
from passerelle.flows.operation import named, only_known
from passerelle.flows.ports import View
from passerelle.flows.reach import Done, Reach, absent, bad_value, gone, type_of
from passerelle.flows.requests import Request
from passerelle.values import FHIR_ID, Json

MODES = frozenset({"create", "update", "delete", "profile"})


def validated(request: Request, view: View, reach: Reach) -> Done:
    """What is wrong with the resource that was sent, or with the one that the address names."""
    resource, profile, mode = _asked(request, reach)
    if mode is not None and mode not in MODES:
        raise bad_value("mode")
    held = _held(request, view, reach) if request.id is not None else None
    if mode == "delete":
        return _said(request, (Issue("valid", "informational", severity="information"),))
    if resource is None and held is None:
        raise BadInput(Issue("element-required", "required", "Parameters.parameter", {"element": "resource"}))
    sought = resource if resource is not None else held or {}
    issues = validate.report(
        sought,
        profile=profile,
        mode=cast(validate.Mode | None, mode),
        profiles=reach.profiles,
        resolve=_finder(view, reach),
    )
    return _said(request, (*_of_another_type(request, sought), *issues))


def _asked(request: Request, reach: Reach) -> tuple[Json | None, str | None, str | None]:
    """The resource, the profile and the mode, from the address and from the body."""
    only_known(request.params, {"mode", "profile", "resource"})
    said: dict[str, object] = dict(request.params)
    resource: Json | None = None
    if request.body and request.method == "POST":
        sent = intake.read_json(request.body, reach.limits)
        if sent.get("resourceType") == "Parameters" and request.type != "Parameters":
            said |= named(sent, {"mode", "profile", "resource"})
            given = said.get("resource")
            resource = given if isinstance(given, dict) else None
        else:
            resource = sent
    texts = [said.get(name) for name in ("profile", "mode")]
    if not all(text is None or isinstance(text, str) for text in texts):
        raise bad_value("profile" if not isinstance(texts[0], str) else "mode")
    return resource, cast(str | None, texts[0]), cast(str | None, texts[1])


def _held(request: Request, view: View, reach: Reach) -> Json:
    """The resource that the address names. Who may not look at it may not learn what it is like either."""
    stored = view.read(type_of(request), request.id or "", reach.sees(type_of(request)))
    if stored is None:
        raise absent(request)
    if stored.body is None:
        raise gone(stored)
    return decode(stored.body)


def _finder(view: View, reach: Reach) -> Callable[[str], Json | None]:
    """Finds what a reference leads to, within what this caller may search."""

    def find(literal: str) -> Json | None:
        type_, _, id_ = relative(literal, reach.base).partition("/")
        if not type_ or not FHIR_ID.fullmatch(id_):
            return None
        try:
            stored = view.read(type_, id_, reach.sees(type_))
        except BadInput:  # out of sight is not known
            return None
        return decode(stored.body) if stored is not None and stored.body is not None else None

    return find


def _of_another_type(request: Request, resource: Json) -> tuple[Issue, ...]:
    if resource.get("resourceType") == request.type or request.type is None:
        return ()
    return (Issue("unexpected-type", "invalid", "Resource", {"expected": request.type}),)


def _said(request: Request, issues: tuple[Issue, ...]) -> Done:
    return Done(200, body=encode(operation_outcome(issues, request.language)))
