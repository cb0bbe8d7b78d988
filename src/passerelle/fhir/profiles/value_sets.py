"""Which codes are in a value set? As far as it lists them, or takes them from code systems that are at hand.

https://hl7.org/fhir/R4/valueset.html#compositions
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from passerelle.values import Json

Listed = Mapping[str, frozenset[str]]
MOST_INSIDE = 8


@dataclass(frozen=True)
class Terminology:
    """The value sets and code systems at hand by address; ``may`` says which systems may be listed."""

    value_sets: Mapping[str, Json]
    code_systems: Mapping[str, Json]
    may: Callable[[str], bool] = lambda system: True


def listed(resource: Json, known: Terminology, depth: int = 0) -> Listed | None:
    """Codes by system; None when they are not all known here."""
    composed = resource.get("compose") or {}
    if depth > MOST_INSIDE or not composed.get("include"):
        return None
    codes: dict[str, set[str]] = {}
    for include in composed["include"]:
        found = _included(include, known, depth)
        if found is None:
            return None
        for system, some in found.items():
            codes.setdefault(system, set()).update(some)
    for exclude in composed.get("exclude", ()):
        found = _included(exclude, known, depth)
        if found is None:
            return None
        for system, some in found.items():
            codes.get(system, set()).difference_update(some)
    return {system: frozenset(some) for system, some in codes.items()}


def _included(include: Json, known: Terminology, depth: int) -> Listed | None:
    found = _of_system(include, known) if "system" in include else None
    if "system" in include and found is None:
        return None
    for url in include.get("valueSet", ()):
        other = known.value_sets.get(url.split("|")[0])
        inside = listed(other, known, depth + 1) if other else None
        if inside is None:
            return None
        found = (
            inside
            if found is None
            else {key: some & inside.get(key, frozenset()) for key, some in found.items()}
        )
    return found


def _of_system(include: Json, known: Terminology) -> Listed | None:
    system = include["system"]
    if not known.may(system):
        return None
    if "concept" in include:
        return {system: frozenset(concept["code"] for concept in include["concept"])}
    definition = known.code_systems.get(system) or {}
    if definition.get("content") != "complete":
        return None
    concepts = definition.get("concept", [])
    for row in include.get("filter", ()):
        if (row.get("property"), row.get("op")) != ("concept", "is-a"):
            return None
        concepts = [each for each in _all(concepts) if each["code"] == row.get("value")]
    return {system: frozenset(each["code"] for each in _all(concepts))}


def _all(concepts: Iterable[Json]) -> Iterator[Json]:
    for concept in concepts:
        yield concept
        yield from _all(concept.get("concept", ()))
