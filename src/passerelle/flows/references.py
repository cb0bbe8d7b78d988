"""Where do the references of a resource lead that is about to be written? Made literal, or refused.

https://hl7.org/fhir/R4/http.html#trules
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from passerelle.fhir import bundle
from passerelle.fhir.definitions import resource_types
from passerelle.fhir.outcome import BadInput, Issue
from passerelle.fhir.resource import Stored
from passerelle.fhir.search_values import reference as relative
from passerelle.flows.ports import View
from passerelle.flows.reach import Reach
from passerelle.flows.requests import parameters
from passerelle.flows.searching import the_one
from passerelle.values import FHIR_ID, Json

MOST_ISSUES = 50
NOTHING: Mapping[str, str] = {}


def resolved(
    resource: Json,
    view: View,
    reach: Reach,
    mapping: Mapping[str, str] = NOTHING,
    versions: Mapping[str, int] | None = None,
) -> Json:
    """The resource with every reference inside a transaction made literal.

    A conditional reference (``Patient?identifier=…``) must match exactly one resource; a ``urn:uuid`` must be
    the fullUrl of an entry. ``versions`` are those of what the transaction writes, for the references that ask to name
    a version.
    """
    if resource.get("resourceType") == "Bundle":
        return resource  # a document or collection: its references are between its own entries
    rewritten, left = bundle.linked(resource, mapping)
    if left:
        rewritten = _looked_up(rewritten, view, reach)
    if versions is not None:
        rewritten = bundle.pinned(rewritten, versions)
    return rewritten


def _looked_up(resource: Json, view: View, reach: Reach) -> Json:
    """The resource with its conditional references made literal; what leads nowhere is refused."""
    targets: dict[str, str] = {}
    for expression, text in bundle.conditional(resource):
        if text not in targets:
            targets[text] = _conditional_target(text, expression, view, reach).reference
    rewritten = bundle.rewrite(resource, targets) if targets else resource
    dangling = bundle.unresolved(rewritten, {})
    if dangling:
        raise BadInput(*(Issue("reference-unresolved", "not-found", at) for at in dangling[:MOST_ISSUES]))
    return rewritten


def _conditional_target(literal: str, expression: str, view: View, reach: Reach) -> Stored:
    type_, _, query = literal.partition("?")
    try:
        found = the_one(type_, parameters(query), view, reach)
    except BadInput as bad:
        issues = (replace(issue, expression=expression) for issue in bad.issues)
        raise BadInput(*issues, status=bad.status) from bad
    if found is None:
        raise BadInput(Issue("no-match", "not-found", expression), status=412)
    return found


def must_lead_somewhere(
    resource: Json, view: View, reach: Reach, made: Collection[str] = frozenset()
) -> None:
    """Where the operator wants it, every literal reference to this server must lead to what is held here.

    ``made`` are the references of what the same transaction writes. The rest is looked up in one question.
    """
    if not reach.rules.strict_references:
        return
    sought: dict[str, str] = {}
    for expression, literal in bundle.literal(resource):
        text = relative(literal, reach.base)
        type_, _, id_ = text.partition("/")
        if type_ in resource_types() and FHIR_ID.fullmatch(id_) and text not in made:
            sought.setdefault(text, expression)
    if not sought:
        return
    held = {stored.reference for stored in view.find(list(sought))}
    missing = [expression for text, expression in sought.items() if text not in held]
    if missing:
        issues = (Issue("reference-not-held", "not-found", at) for at in missing[:MOST_ISSUES])
        raise BadInput(*issues, status=422)
