"""What can this server do? A CapabilityStatement made from what is implemented, never written by hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from passerelle.fhir.codes import RESTFUL_SECURITY
from passerelle.fhir.definitions import resource_types
from passerelle.fhir.search_parse import parameters
from passerelle.fhir.search_terms import Parameter
from passerelle.values import Json

TYPE_INTERACTIONS = (
    "read",
    "vread",
    "update",
    "delete",
    "history-instance",
    "history-type",
    "create",
    "search-type",
)
SYSTEM_INTERACTIONS = ("transaction", "batch", "history-system")

Operations = Mapping[str, Sequence[tuple[str, str]]]
"""Per resource type ("" for the whole server): (name without $, canonical URL of its definition)."""


def statement(
    *,
    base: str,
    name: str,
    version: str,
    date: str,
    operations: Operations,
    authorize: str,
    token: str,
    types: Iterable[str] | None = None,
    interactions: Sequence[str] = TYPE_INTERACTIONS,
    system_interactions: Sequence[str] = SYSTEM_INTERACTIONS,
) -> Json:
    """The statement of one server. ``base`` is its FHIR address, ``date`` the day of this statement."""
    served = sorted(resource_types() if types is None else types)
    rest: Json = {
        "mode": "server",
        "security": _security(authorize, token),
        "resource": [_resource(type, interactions, operations.get(type, ())) for type in served],
        "interaction": [{"code": code} for code in system_interactions],
        "searchParam": [
            _parameter(each) for each in parameters("Basic").values() if each.name.startswith("_")
        ],
    }
    if "" in operations:
        rest["operation"] = _operations(operations[""])
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": date,
        "name": "".join(word for word in name.title() if word.isalnum()),
        "title": name,
        "kind": "instance",
        "software": {"name": "Passerelle", "version": version},
        "implementation": {"description": name, "url": base},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "rest": [rest],
    }


def _security(authorize: str, token: str) -> Json:
    """SMART App Launch, in the form that clients from before smart-configuration read too."""
    return {
        "extension": [
            {
                "url": "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris",
                "extension": [
                    {"url": "token", "valueUri": token},
                    {"url": "authorize", "valueUri": authorize},
                ],
            }
        ],
        "service": [
            {"coding": [{"system": RESTFUL_SECURITY, "code": "SMART-on-FHIR", "display": "SMART-on-FHIR"}]}
        ],
    }


def _resource(type: str, interactions: Sequence[str], operations: Sequence[tuple[str, str]]) -> Json:
    known = parameters(type)
    references = [f"{type}:{each.name}" for each in known.values() if each.kind == "reference"]
    said: Json = {
        "type": type,
        "profile": f"http://hl7.org/fhir/StructureDefinition/{type}",
        "interaction": [{"code": code} for code in interactions],
        "versioning": "versioned-update",
        "readHistory": "vread" in interactions,
        "updateCreate": "update" in interactions,
        "conditionalCreate": "create" in interactions,
        "conditionalUpdate": "update" in interactions,
        "conditionalDelete": "single" if "delete" in interactions else "not-supported",
        "referencePolicy": ["literal", "logical"],
        "searchParam": [_parameter(each) for each in known.values()],
    }
    if references:
        said["searchInclude"] = ["*", *references]
    if operations:
        said["operation"] = _operations(operations)
    return said


def _parameter(parameter: Parameter) -> Json:
    return {"name": parameter.name, "type": "composite" if parameter.parts else parameter.kind}


def _operations(operations: Sequence[tuple[str, str]]) -> list[Json]:
    return [{"name": name, "definition": definition} for name, definition in operations]
