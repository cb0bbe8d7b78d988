"""What does FHIRPath need to know of R4? Which elements a type has, and which type is a kind of which.

The facts come from the definitions; here they take the shape that walking needs. A part of a structure is named by
its path, as R4 does: ``Patient.contact`` is the type of a contact, and it is a BackboneElement.
https://hl7.org/fhir/R4/fhirpath.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from passerelle.fhir import definitions
from passerelle.fhir.definitions import Element
from passerelle.fhir.primitives import PRIMITIVES

PRIMITIVE_NAMES = frozenset(PRIMITIVES)
QUANTITIES = frozenset({"Quantity", "Age", "Count", "Distance", "Duration", "SimpleQuantity"})
"""The types that are read as a System.Quantity."""

_PARENTS: Mapping[str, str] = {
    **dict.fromkeys(("boolean", "decimal", "integer", "string", "uri", "base64Binary", "instant"), "Element"),
    **dict.fromkeys(("date", "dateTime", "time", "xhtml", "BackboneElement"), "Element"),
    **dict.fromkeys(("code", "id", "markdown"), "string"),
    **dict.fromkeys(("url", "canonical", "oid", "uuid"), "uri"),
    **dict.fromkeys(("unsignedInt", "positiveInt"), "integer"),
    **dict.fromkeys(("Age", "Count", "Distance", "Duration", "MoneyQuantity", "SimpleQuantity"), "Quantity"),
    **dict.fromkeys(("Timing", "Dosage", "ElementDefinition"), "BackboneElement"),
    **dict.fromkeys(("DomainResource", "Bundle", "Parameters", "Binary"), "Resource"),
}
_ROOTS = frozenset({"Element", "Resource"})
SYSTEM_TYPES = frozenset(
    {"Any", "Boolean", "String", "Integer", "Long", "Decimal", "Date", "DateTime", "Time", "Quantity"}
)


@dataclass(frozen=True, slots=True)
class Field:
    """Where the elements of one name lie in JSON."""

    key: str
    """The JSON name; for a choice its stem."""
    type: str
    """The FHIR type, or "" when it depends on what is there."""
    shadow: str = ""
    """For a primitive the name of its other half (``_birthDate``)."""
    resource: bool = False
    choices: Mapping[str, Field] | None = None
    """For a choice every possible JSON name, those with an underscore too."""


def fields(type: str) -> Mapping[str, Field] | None:
    """The elements of a type by their FHIRPath name; None for a type that R4 does not define."""
    return _fields(type)


@cache
def _fields(type: str) -> Mapping[str, Field] | None:
    if type in PRIMITIVE_NAMES:
        return {"id": _ELEMENT_ID, "extension": _EXTENSION}
    owner, _, part = type.partition(".")
    structure = definitions.structure(owner)
    if structure is None or part not in structure.parts:
        return None
    found = {} if structure.kind == "resource" and not part else {"id": _ELEMENT_ID, "extension": _EXTENSION}
    for element in structure.parts[part]:
        found[element.name.removesuffix("[x]")] = _field(owner, element)
    return found


def _field(owner: str, element: Element) -> Field:
    if not element.choice:
        return _plain(owner, element.name, element.types[0])
    choices: dict[str, Field] = {}
    for key, kind in element.json_names():
        field = _plain(owner, key, kind)
        choices[key] = field
        if field.shadow:
            choices[field.shadow] = field
    return Field(element.name.removesuffix("[x]"), "", choices=choices)


def _plain(owner: str, key: str, kind: str) -> Field:
    if kind.startswith("#"):
        return Field(key, f"{owner}.{kind[1:]}")
    if kind == "Resource":
        return Field(key, "", resource=True)
    return Field(key, kind, f"_{key}" if kind in PRIMITIVE_NAMES else "")


_ELEMENT_ID = Field("id", "string", "_id")
_EXTENSION = Field("extension", "Extension")


def possible_types(field: Field) -> frozenset[str]:
    """The types that an element may have; empty when any resource may stand there."""
    if field.choices is not None:
        return frozenset(choice.type for choice in field.choices.values())
    return frozenset({field.type} - {""})


@cache
def ancestors(type: str) -> frozenset[str]:
    """A FHIR type and all that it is a kind of."""
    return frozenset(_line(type))


def _line(type: str) -> Iterator[str]:
    while type:
        yield type
        type = "" if type in _ROOTS else _parent(type)


def _parent(type: str) -> str:
    if type in _PARENTS:
        return _PARENTS[type]
    owner, _, part = type.partition(".")
    structure = definitions.structure(owner)
    if structure is None:
        return ""
    if part:
        return "BackboneElement" if structure.kind == "resource" else "Element"
    return "DomainResource" if structure.kind == "resource" else "Element"


@cache
def is_fhir_type(name: str) -> bool:
    """Whether R4 has a type of that name."""
    return name in _PARENTS or name in _ROOTS or definitions.structure(name) is not None


def public_name(type: str) -> str:
    """The name that a type has for people: a part of a structure is a BackboneElement or an Element."""
    return _parent(type) if "." in type else type
