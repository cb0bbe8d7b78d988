"""Does a value equal a fixed one, hold a pattern, or have a code of a value set?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from passerelle.fhir.profiles.items import Item

Codes = Mapping[str, frozenset[str]]


def holds(value: Any, pattern: Any) -> bool:
    """Everything that the pattern says is said: https://hl7.org/fhir/R4/elementdefinition-definitions.html#pattern."""
    if isinstance(pattern, dict):
        return isinstance(value, dict) and all(holds(value.get(key), each) for key, each in pattern.items())
    if isinstance(pattern, list):
        return isinstance(value, list) and all(any(holds(one, each) for one in value) for each in pattern)
    return (type(value) is not bool and type(pattern) is not bool and value == pattern) or value is pattern


def coded(item: Item) -> Iterator[tuple[str | None, str | None]]:
    """(system, code) of every coding in a value; a bare code has no system."""
    value = item.value
    if isinstance(value, str):
        yield None, value
    elif isinstance(value, dict):
        codings = value.get("coding") or () if item.type == "CodeableConcept" else (value,)
        yield from ((each.get("system"), each.get("code")) for each in codings if isinstance(each, dict))


def among(item: Item, codes: Codes) -> bool:
    """Whether one coding of a value is of the codes."""
    return any(
        any(code in some for some in codes.values())
        if system is None and item.type != "CodeableConcept"
        else code in codes.get(system or "", ())
        for system, code in coded(item)
    )


def claims(item: Item, codes: Codes) -> bool:
    """Whether a value uses a system of the codes, so that a code of it should have been one of them."""
    return any(system in codes for system, _ in coded(item))
