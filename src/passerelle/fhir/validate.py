"""Is this a resource as R4 defines it? Structure, cardinality, formats, required codes, reference targets and every
invariant from the official definitions.

``check`` is what a write must pass; ``report`` says more, as ``$validate`` does. An issue names the element, never its
value. https://hl7.org/fhir/R4/validation.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Literal

from passerelle.fhir.definitions import resource_types
from passerelle.fhir.faults import Faults, one
from passerelle.fhir.outcome import Issue
from passerelle.fhir.search_known import shown
from passerelle.fhir.validate_fast import accepts
from passerelle.fhir.validate_rules import broken
from passerelle.fhir.validate_shapes import contents
from passerelle.values import Json

if TYPE_CHECKING:
    from passerelle.fhir.profiles import Profiles

MOST_ISSUES = 100
Mode = Literal["create", "update", "delete", "profile"]

_STRUCTURE = "http://hl7.org/fhir/StructureDefinition/"
_UNREADABLE = frozenset(
    {
        *("wrong-json-type", "single-expected", "list-expected", "null-misplaced", "empty-value"),
        *("unknown-type-nearest", "json-too-deep", "shadow-length", "shadow-of-complex"),
    }
)
"""What is not of the kind that R4 gives it cannot be asked about rules."""


def check(resource: Json, *, expect_type: str | None = None) -> tuple[Issue, ...]:
    """The faults of a resource (the first hundred), empty if it is R4; with ``expect_type`` another type is one too."""
    kind = resource.get("resourceType") if isinstance(resource, dict) else None
    if (expect_type is None or kind == expect_type) and accepts(resource):
        return ()
    return tuple(_thorough(resource, expect_type, warnings=False)[:MOST_ISSUES])


def structure(resource: Json) -> tuple[Issue, ...]:
    """The faults of structure alone, no rules asked: whether a resource can be read."""
    if accepts(resource):
        return ()
    root = _root(resource)
    try:
        return tuple(fault.issue(root) for fault in (contents(resource) or [])[:MOST_ISSUES])
    except RecursionError:
        return (one("json-too-deep", limit="?")[0].issue(root),)


def _thorough(resource: Json, expect_type: str | None = None, *, warnings: bool = True) -> list[Issue]:
    """Everything that R4 itself says of a resource."""
    kind = resource.get("resourceType") if isinstance(resource, dict) else None
    root = _root(resource)
    faults: Faults = []
    if expect_type is not None and root != "Resource" and kind != expect_type:
        faults = one("unexpected-type", "invalid", expected=shown(expect_type))
    try:
        faults += contents(resource) or []
        issues = [fault.issue(root) for fault in faults]
        readable = root != "Resource" and not any(_hides_the_rest(issue) for issue in issues)
        return [*issues, *broken(resource, warnings=warnings)] if readable else issues
    except RecursionError:
        return [one("json-too-deep", limit="?")[0].issue(root)]


def _root(resource: Json) -> str:
    kind = resource.get("resourceType") if isinstance(resource, dict) else None
    return kind if isinstance(kind, str) and kind in resource_types() else "Resource"


def _hides_the_rest(issue: Issue) -> bool:
    return issue.key in _UNREADABLE or (issue.expression or "").endswith("resourceType")


def report(
    resource: Json,
    *,
    profile: str | None = None,
    mode: Mode | None = None,
    profiles: Profiles | None = None,
    resolve: Callable[[str], Json | None] | None = None,
) -> tuple[Issue, ...]:
    """All that there is to say of a resource, as ``$validate`` answers: R4, its meaning, and its profiles.

    ``profile`` is one to check besides those that it declares. What is good has one issue, which says so.
    https://hl7.org/fhir/R4/resource-operation-validate.html
    """
    issues = _thorough(resource)
    if not any(_hides_the_rest(issue) for issue in issues):
        issues += _meaning(resource, profile, mode, profiles, resolve)
    distinct = {(issue.key, issue.expression, str(issue.details)): issue for issue in issues}
    kind = resource.get("resourceType") if isinstance(resource, dict) else None
    good = Issue("valid", "informational", kind if isinstance(kind, str) else None, {}, "information")
    return tuple(distinct.values())[:MOST_ISSUES] or (good,)


def _meaning(
    resource: Json,
    profile: str | None,
    mode: Mode | None,
    known: Profiles | None,
    resolve: Callable[[str], Json | None] | None,
) -> Iterator[Issue]:
    # Only who asks for a report pays for what only a report needs.
    from passerelle.fhir import (
        profiles,
        validate_answers,
        validate_bundle,
        validate_conformance,
        validate_extensions,
        validate_narrative,
    )
    from passerelle.fhir.profiles.items import root
    from passerelle.fhir.validate_definitions import vital_sign

    known = known or profiles.IN_THE_BOX
    kind = resource["resourceType"]
    if mode == "update" and "id" not in resource:
        yield Issue("id-missing", "required", f"{kind}.id")
    yield from validate_narrative.issues(resource)
    yield from validate_extensions.issues(resource, known)
    yield from validate_bundle.issues(resource)
    yield from validate_conformance.issues(resource)
    yield from validate_answers.issues(resource, profiles.Surroundings(resource, resolve).resolve)
    if profile and not known.known(profile) and not profile.startswith(_STRUCTURE):
        yield Issue("profile-unknown", "not-found", kind)
        profile = None
    asked = [*profiles.declared(resource), *(url for url in (profile, vital_sign(resource)) if url)]
    yield from profiles.check(resource, known, asked=asked, resolve=resolve)
    for item in profiles.inner_resources(root(resource)):
        if url := vital_sign(item.value):
            yield from profiles.check(item.value, known, asked=[url], resolve=resolve, path=item.path)
