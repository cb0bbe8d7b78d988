"""Do definitions make sense? Profiles about elements that exist, expressions that can be read, vital signs.

https://hl7.org/fhir/R4/structuredefinition.html , https://hl7.org/fhir/R4/observation-vitalsigns.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from passerelle.fhir.definitions import structure
from passerelle.fhir.fhirpath import FhirPathError, parse
from passerelle.fhir.outcome import Issue
from passerelle.fhir.primitives import PRIMITIVES
from passerelle.fhir.profiles.items import Item, elements
from passerelle.fhir.profiles.shorthand import below as place_below


def _profile(item: Item) -> Iterator[Issue]:
    """A differential names elements of the type that it constrains, and its rules can be read."""
    value = item.value
    for part in ("differential", "snapshot"):
        for at, element in enumerate((value.get(part) or {}).get("element") or ()):
            path = f"{item.path}.{part}.element[{at}]"
            yield from _rules(element, path)
            constrains = part == "differential" and value.get("derivation") == "constraint"
            if constrains and not _exists(value.get("type"), element.get("path", "")):
                yield Issue("definition-element", "invalid", f"{path}.path")
    yield from _one_of_each(value, item.path)


def _exists(type: Any, path: str) -> bool:
    """Whether a path leads to an element of a type; unknown types are not judged."""
    first, *steps = path.split(".")
    if not isinstance(type, str) or structure(type) is None:
        return True
    if first != type:
        return False
    place: tuple[str, str] | None = (type, "")
    for step in steps:
        if place is None:
            return True
        name = step.removesuffix("[x]")
        known = elements(*place)
        if name not in known and not any(
            name in dict(each.json_names()) for each in known.values() if each.choice
        ):
            return _any_resource(place, name)
        place = place_below(place, step)
    return True


def _any_resource(place: tuple[str, str], name: str) -> bool:
    """Below an element that may be any resource, what every resource has."""
    return name in ("id", "meta", "implicitRules", "language") and place[0] == "Resource"


def _rules(element: Mapping[str, Any], path: str) -> Iterator[Issue]:
    for at, rule in enumerate(element.get("constraint") or ()):
        if not _readable(rule.get("expression")):
            yield Issue("expression-unreadable", "invalid", f"{path}.constraint[{at}].expression")


def _readable(expression: Any) -> bool:
    if not isinstance(expression, str):
        return True
    try:
        parse(expression)
    except FhirPathError:
        return False
    return True


def _one_of_each(value: Mapping[str, Any], path: str) -> Iterator[Issue]:
    """A constraint is of a type that there is, that of what it is derived from."""
    kind, base = value.get("type"), str(value.get("baseDefinition", "")).rpartition("/")[2]
    if value.get("derivation") != "constraint" or value.get("kind") == "logical" or not isinstance(kind, str):
        return
    known = structure(kind) is not None or kind in PRIMITIVES or ":" in kind
    if not known or (structure(base) is not None and base != kind):
        yield Issue("definition-type", "value", f"{path}.type")


def _search_parameter(item: Item) -> Iterator[Issue]:
    if not _readable(item.value.get("expression")):
        yield Issue("expression-unreadable", "invalid", f"{item.path}.expression")


def _code_system(item: Item) -> Iterator[Issue]:
    """As many concepts as it says; none where it says that they are elsewhere."""
    value = item.value
    concepts, content = value.get("concept") or [], value.get("content")
    if content == "complete" and value.get("count", _count(concepts)) != _count(concepts):
        yield Issue("concepts-count", "value", f"{item.path}.count")
    if content == "not-present" and concepts:
        yield Issue("concepts-unexpected", "value", f"{item.path}.concept")
    if (content == "supplement") != ("supplements" in value):
        yield Issue("concepts-supplement", "value", f"{item.path}.content")


def _count(concepts: list[Any]) -> int:
    return sum(1 + _count(each.get("concept") or []) for each in concepts)


Look = Callable[[Item], Iterator[Issue]]
DEFINITIONS: Mapping[str, Look] = {
    "StructureDefinition": _profile,
    "SearchParameter": _search_parameter,
    "CodeSystem": _code_system,
}
"""What is looked at in each type of resource."""

VITAL_SIGNS: Mapping[str, str] = {
    "85353-1": "vitalspanel",
    "9279-1": "resprate",
    "8867-4": "heartrate",
    "2708-6": "oxygensat",
    "8310-5": "bodytemp",
    "8302-2": "bodyheight",
    "9843-4": "headcircum",
    "29463-7": "bodyweight",
    "39156-5": "bmi",
    "85354-9": "bp",
}
"""The profile that R4 asks of an Observation by its LOINC code."""


def vital_sign(resource: Mapping[str, Any]) -> str | None:
    """The address of the profile that an Observation must keep because of what it measures."""
    code = resource.get("code")
    if resource.get("resourceType") != "Observation" or not isinstance(code, dict):
        return None
    codings = (each for each in code.get("coding") or () if each.get("system") == "http://loinc.org")
    name = next((VITAL_SIGNS[each["code"]] for each in codings if each.get("code") in VITAL_SIGNS), None)
    return f"http://hl7.org/fhir/StructureDefinition/{name}" if name else None
