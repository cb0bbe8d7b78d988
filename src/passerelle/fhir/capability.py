"""What can this server do? A CapabilityStatement made from what is implemented, never written by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from passerelle.fhir.codes import RESTFUL_SECURITY
from passerelle.fhir.definitions import resource_types
from passerelle.fhir.search import Parameter, parameters
from passerelle.values import Json

TYPE_INTERACTIONS = (
    "read",
    "vread",
    "update",
    "patch",
    "delete",
    "history-instance",
    "history-type",
    "create",
    "search-type",
)
ADDED_TO = ("read", "vread", "history-instance", "history-type", "create", "search-type")
"""What can be done with what nobody may change: audit events."""
SYSTEM_INTERACTIONS = ("transaction", "batch", "search-system", "history-system")
COMPARTMENTS = ("Device", "Encounter", "Patient", "Practitioner", "RelatedPerson")
FORMATS = ("application/fhir+json", "application/fhir+xml", "json", "xml")
PATCH_FORMATS = ("application/json-patch+json", "application/fhir+json", "application/fhir+xml")

Operations = Callable[[str | None], Sequence[tuple[str, str]]]
"""For a resource type, or None for the whole server: (name without $, canonical URL of its definition)."""


@dataclass(frozen=True)
class Interface:
    """What the operator decided about the interface, as far as a client has to know it."""

    require_if_match: bool = False
    conditional_delete: Literal["single", "multiple"] = "single"
    update_create: bool = True
    strict_references: bool = False
    formats: Sequence[str] = FORMATS
    patch_formats: Sequence[str] = PATCH_FORMATS
    instantiates: Sequence[str] = ()


@dataclass(frozen=True)
class Server:
    """One server: its address and name, and where a client asks for a token."""

    base: str
    name: str
    version: str
    date: str
    """The day of this statement."""
    authorize: str
    token: str


def statement(server: Server, operations: Operations, interface: Interface = Interface()) -> Json:
    """The statement of one server."""
    said: Json = {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": server.date,
        "name": "".join(word for word in server.name.title() if word.isalnum()),
        "title": server.name,
        "kind": "instance",
        "software": {"name": "Passerelle", "version": server.version},
        "implementation": {"description": server.name, "url": server.base},
        "fhirVersion": "4.0.1",
        "format": list(interface.formats),
        "patchFormat": list(interface.patch_formats),
        "rest": [_rest(server, operations, interface)],
    }
    if interface.instantiates:
        said["instantiates"] = list(interface.instantiates)
    return said


def _rest(server: Server, operations: Operations, interface: Interface) -> Json:
    rest: Json = {
        "mode": "server",
        "documentation": "Every interaction is decided by role, scope and purpose, and is noted in the audit trail. "
        "Parameters that are not understood are refused, or with Prefer: handling=lenient left out and named.",
        "security": _security(server),
        "resource": [_resource(type, operations(type), interface) for type in sorted(resource_types())],
        "interaction": [{"code": code} for code in SYSTEM_INTERACTIONS],
        "searchParam": [_parameter("Resource", each) for each in _common()],
        "compartment": [f"http://hl7.org/fhir/CompartmentDefinition/{_dashed(one)}" for one in COMPARTMENTS],
    }
    if system := operations(None):
        rest["operation"] = _operations(system)
    return rest


def _dashed(type: str) -> str:
    """The id that R4 gives to a type's compartment definition."""
    return {"RelatedPerson": "relatedPerson"}.get(type, type.lower())


@cache
def _common() -> tuple[Parameter, ...]:
    """What every type understands."""
    return tuple(each for each in parameters("Basic").values() if each.name.startswith("_"))


def _security(server: Server) -> Json:
    """SMART App Launch, in the form that clients from before smart-configuration read too."""
    return {
        "extension": [
            {
                "url": "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris",
                "extension": [
                    {"url": "token", "valueUri": server.token},
                    {"url": "authorize", "valueUri": server.authorize},
                ],
            }
        ],
        "cors": True,
        "service": [
            {"coding": [{"system": RESTFUL_SECURITY, "code": "SMART-on-FHIR", "display": "SMART-on-FHIR"}]}
        ],
    }


def _resource(type: str, operations: Sequence[tuple[str, str]], interface: Interface) -> Json:
    fixed = type == "AuditEvent"
    said: Json = {
        "type": type,
        "profile": f"http://hl7.org/fhir/StructureDefinition/{type}",
        "interaction": [{"code": code} for code in (ADDED_TO if fixed else TYPE_INTERACTIONS)],
        "versioning": "versioned-update" if interface.require_if_match else "versioned",
        "readHistory": True,
        "updateCreate": interface.update_create,
        "conditionalCreate": not fixed,
        "conditionalRead": "full-support",
        "conditionalUpdate": not fixed,
        "conditionalDelete": "not-supported" if fixed else interface.conditional_delete,
        "referencePolicy": ["literal", "logical", *(["enforced"] if interface.strict_references else [])],
        **_includes(type),
        "searchParam": [_parameter(type, each) for each in parameters(type).values()],
    }
    if operations:
        said["operation"] = _operations(operations)
    return said


def _includes(type: str) -> Json:
    """What a search of a type can bring along, in both directions."""
    forward = [f"{type}:{each.name}" for each in parameters(type).values() if each.kind == "reference"]
    backward = _pointing().get(type, ())
    return {
        **({"searchInclude": ["*", *forward]} if forward else {}),
        **({"searchRevInclude": list(backward)} if backward else {}),
    }


@cache
def _pointing() -> Mapping[str, Sequence[str]]:
    """For each type, the reference parameters of all types that may point to it."""
    found: dict[str, list[str]] = {}
    for type in sorted(resource_types()):
        for each in parameters(type).values():
            if each.kind == "reference":
                for target in each.targets:
                    found.setdefault(target, []).append(f"{type}:{each.name}")
    return found


_SAYS: Mapping[str, str] = {
    "token": "code, system|code, |code or system|.",
    "string": "Begins with the text; case and accents do not matter.",
    "date": "A date of any precision, perhaps after eq, ne, gt, lt, ge, le, sa, eb or ap.",
    "number": "A number, perhaps after eq, ne, gt, lt, ge, le, sa, eb or ap.",
    "quantity": "number, number|system|code or number||unit, perhaps after a prefix. UCUM units are compared as amounts.",
    "reference": "id, Type/id or an address; chained with a dot.",
    "uri": "The whole address.",
    "special": "See the specification.",
}


def _parameter(type: str, parameter: Parameter) -> Json:
    composite = bool(parameter.parts)
    says = "The parts with dollar signs between them." if composite else _SAYS[parameter.kind]
    if parameter.targets and parameter.kind == "reference":
        shown = parameter.targets if len(parameter.targets) <= _MOST_TARGETS else ("any of many types",)
        says = f"{says} Leads to: {', '.join(shown)}."
    return {
        "name": parameter.name,
        "type": "composite" if composite else parameter.kind,
        "documentation": says,
    }


_MOST_TARGETS = 12


def _operations(operations: Sequence[tuple[str, str]]) -> list[Json]:
    return [{"name": name, "definition": definition} for name, definition in operations]
