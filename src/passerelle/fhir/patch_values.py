"""What does a part of a Parameters resource say, as an element of some type?

A value of a named type stands in the part as it is. One of no type of its own, such as a contact of a Patient, is
told by parts of the part, one for each of its elements.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from passerelle.fhir.definitions import resource_types
from passerelle.fhir.patch_result import copied
from passerelle.fhir.primitives import PRIMITIVES
from passerelle.values import Json


@dataclass(frozen=True, slots=True)
class Given:
    """One element: its value and, for a primitive, its id and extensions."""

    value: Any
    shadow: Json | None = None


def given(part: Mapping[str, Any], type: str) -> Given | None:
    """What a part says, for an element of a type; None when it says nothing that could be one."""
    if isinstance(part.get("part"), list):
        return _anonymous(part["part"], type)
    if isinstance(part.get("resource"), dict):
        return Given(copied(part["resource"])) if type == "Resource" or type in resource_types() else None
    names = {name.lstrip("_") for name in part if name.lstrip("_").startswith("value")}
    if len(names) != 1:
        return None
    name = names.pop()
    value, shadow = part.get(name), part.get(f"_{name}")
    if not _fits(value, name.removeprefix("value"), type):
        return None
    return Given(copied(value), copied(shadow) if isinstance(shadow, dict) else None)


def _fits(value: Any, kind: str, type: str) -> bool:
    """Whether a value may stand where an element of a type does. Of a primitive the form counts and not its name:
    what is sent as a string may well be a code."""
    holds = PRIMITIVES.get(type)
    if holds is not None:
        return value is None or holds(value)
    return isinstance(value, dict) and bool(value) and (kind == type or {kind, type} <= _QUANTITIES)


_QUANTITIES = frozenset({"Quantity", "Age", "Count", "Distance", "Duration"})


def _anonymous(parts: list[Any], type: str) -> Given | None:
    # Here and not above: places are made of values, too.
    from passerelle.fhir.patch_places import Place, element_of

    value: Json = {}
    for part in parts:
        name = part.get("name") if isinstance(part, dict) else None
        kinds = [key.lstrip("_")[5:] for key in part if key.lstrip("_").startswith("value")] if name else []
        found = element_of(type, name, kinds[0] if kinds else "") if isinstance(name, str) else None
        if found is None:
            return None
        element, key, inner = found
        said = given(part, inner)
        place = Place(value, key, element.many)
        if said is None or (len(place) and not element.many):
            return None
        place.insert(len(place), said)
    return Given(value) if value else None
