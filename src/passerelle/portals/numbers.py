"""Health numbers as people read them: the province beside the number, never one without the other."""

from __future__ import annotations

import re
from dataclasses import dataclass

from passerelle.fhir.health_number import normalise, systems
from passerelle.portals.sent import objects, text
from passerelle.values import Json

_GROUPS = {
    re.compile(r"([A-Z]{4})(\d{4})(\d{4})"),
    re.compile(r"(\d{4})(\d{3})(\d{3})"),
    re.compile(r"(\d{3})(\d{3})(\d{3})"),
    re.compile(r"(\d{3})(\d{3})(\d{3})(\d{3})"),
}
"""How the digits stand on the cards; a number of another shape is shown as it is."""


@dataclass(frozen=True)
class HealthNumber:
    """One health number: the code of whose it is, and its digits in groups."""

    jurisdiction: str
    shown: str


def health_numbers(patient: Json) -> tuple[HealthNumber, ...]:
    """The health numbers of a Patient that are still in use, each once, in the order of the Patient."""
    found = (_health_number(identifier) for identifier in objects(patient.get("identifier")))
    return tuple(dict.fromkeys(number for number in found if number))


def _health_number(identifier: Json) -> HealthNumber | None:
    system, value = text(identifier.get("system")), text(identifier.get("value"))
    province = systems().get(system)
    if not province or not value or identifier.get("use") == "old":
        return None
    return HealthNumber(province.upper(), grouped(normalise(system, value).value))


def grouped(number: str) -> str:
    """A number in groups that the eye can compare, joined so that no line breaks inside."""
    for shape in _GROUPS:
        found = shape.fullmatch(number)
        if found:
            return "\u00a0".join(found.groups())
    return number
