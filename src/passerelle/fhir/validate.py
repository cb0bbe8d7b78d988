"""Is this a resource as R4 defines it? Structure, cardinality, formats and reference targets from the official
definitions, with the codes of the elements that matter.

Profiles, invariants and terminology are other questions. An issue names the element, never its value.
"""

from __future__ import annotations

from passerelle.fhir.definitions import resource_types
from passerelle.fhir.faults import Faults, one
from passerelle.fhir.outcome import Issue
from passerelle.fhir.search_known import shown
from passerelle.fhir.validate_fast import accepts
from passerelle.fhir.validate_shapes import contents
from passerelle.values import Json

MOST_ISSUES = 100


def check(resource: Json, *, expect_type: str | None = None) -> tuple[Issue, ...]:
    """The faults of a resource (the first hundred), empty if it is R4; with ``expect_type`` another type is one too."""
    kind = resource.get("resourceType") if isinstance(resource, dict) else None
    if (expect_type is None or kind == expect_type) and accepts(resource):
        return ()
    root = kind if isinstance(kind, str) and kind in resource_types() else "Resource"
    faults: Faults = []
    if expect_type is not None and root != "Resource" and kind != expect_type:
        faults = one("unexpected-type", "invalid", expected=shown(expect_type))
    try:
        faults += contents(resource) or []
    except RecursionError:
        faults += one("json-too-deep", limit="?")
    return tuple(fault.issue(root) for fault in faults[:MOST_ISSUES])
