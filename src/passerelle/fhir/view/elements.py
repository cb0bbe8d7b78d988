"""Which elements has a type, under which JSON name, and may there be several? Asked of the definitions of R4."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from passerelle.fhir import definitions
from passerelle.fhir.definitions import Element
from passerelle.fhir.view.terms import sort_of


@dataclass(frozen=True, slots=True)
class Place:
    """Where an element of a name may lie: its JSON name, its type and whether it repeats."""

    key: str
    kind: str
    many: bool


_ID = (Place("id", "string", False),)
_EXTENSION = (Place("extension", "Extension", True),)


@cache
def places(kind: str) -> Mapping[str, tuple[Place, ...]]:
    """The elements of a type by their FHIRPath name; a choice has one place for each of its types."""
    owner, _, part = kind.partition(".")
    structure = definitions.structure(owner)
    if structure is None or part not in structure.parts:
        return {}
    found: dict[str, tuple[Place, ...]] = {}
    if part or structure.kind != "resource":
        found = {"id": _ID, "extension": _EXTENSION}
    for element in structure.parts[part]:
        found[element.name.removesuffix("[x]")] = tuple(_places(owner, element))
    return found


def _places(owner: str, element: Element) -> list[Place]:
    return [
        Place(key, f"{owner}.{kind[1:]}" if kind.startswith("#") else kind, element.many)
        for key, kind in element.json_names()
    ]


def is_primitive(kind: str) -> bool:
    """Whether a value of this type is a plain JSON value."""
    return sort_of(kind) != "complex"
