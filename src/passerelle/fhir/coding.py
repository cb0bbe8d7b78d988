"""Which codes and words name a thing, and can two of them name one?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from passerelle.values import Json

Pair = tuple[str, str]
"""A system and what is said in it: a code, an identifier, or folded words."""

_SAYING_NOTHING = frozenset(
    {
        "http://terminology.hl7.org/CodeSystem/v3-NullFlavor",
        "http://hl7.org/fhir/v3/NullFlavor",
        "urn:oid:2.16.840.1.113883.5.1008",
        "http://terminology.hl7.org/CodeSystem/data-absent-reason",
        "http://hl7.org/fhir/data-absent-reason",
    }
)
"""Their codes say why there is no code. Peanut and latex, both coded "no information", are not one allergy."""


def codings(concept: Json) -> set[Pair]:
    """The codings of a CodeableConcept, or of a Coding, as (system, code)."""
    listed = concept.get("coding") or (concept,)
    if listed.__class__ not in (list, tuple):
        return set()
    return {
        (str(each.get("system", "")), each["code"])
        for each in listed
        if each.__class__ is dict and each.get("code").__class__ is str
    }


def telling(pairs: Iterable[Pair]) -> set[Pair]:
    """Those of the codings that say what something is, and not only that this is not said."""
    return {pair for pair in pairs if pair[0] not in _SAYING_NOTHING}


def concept_names(concept: Any) -> list[Pair]:
    """The codings of a concept, or of each of a list; the folded text where no coding tells anything."""
    if concept.__class__ is list:
        return [name for each in concept for name in concept_names(each)]
    if concept.__class__ is not dict:
        return []
    names = telling(codings(concept))
    words = folded(concept.get("text"))
    return [("text", words)] if words and not names else list(names)


def folded(text: Any) -> str:
    """Words without their case and their spacing; "" for anything that is no text."""
    return " ".join(text.casefold().split()) if text.__class__ is str else ""


def contradict(mine: set[Pair], theirs: set[Pair]) -> bool:
    """Whether both use one system and share nothing in it: two codes, two numbers, two things."""
    if mine & theirs and len(mine) == len(theirs) == 1:
        return False
    shared = {system for system, _ in mine} & {system for system, _ in theirs}
    return any(_within(mine, system).isdisjoint(_within(theirs, system)) for system in shared)


def _within(pairs: set[Pair], system: str) -> set[str]:
    return {value for each, value in pairs if each == system}
