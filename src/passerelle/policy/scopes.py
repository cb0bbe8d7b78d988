"""What does a token's scope let its holder ask? SMART App Launch 1 and 2, and the IHE and CA:FeX names.

A scope that is not understood grants nothing: one with a search restriction (``?category=…``) too, for granting the
whole type instead would widen it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from passerelle.policy.roles import NO_TYPES, Types, both, either

# https://hl7.org/fhir/smart-app-launch/scopes-and-launch-context.html: the letters stand in this order.
_SMART = re.compile(r"(patient|user|system)/(\*|[A-Z][A-Za-z]{1,63})\.(read|write|\*|c?r?u?d?s?)")
_FIRST_VERSION = {"read": "rs", "write": "cud", "*": "cruds"}

LETTERS = {
    "create": "c",
    "read": "r",
    "vread": "r",
    "history-instance": "r",
    "update": "u",
    "patch": "u",
    "conditional-update": "us",
    "conditional-patch": "us",
    "delete": "d",
    "conditional-delete": "ds",
    "search-type": "s",
    "search-system": "s",
    "history-type": "s",
    "history-system": "s",
    "$everything": "rs",
    "$summary": "rs",
    "$record": "rs",
    "$match": "s",
    "$find": "s",
    "$ihe-pix": "s",
    "$export": "rs",
    "$import": "cu",
    "$validate": "",
    "$meta": "r",
    "$meta-add": "ru",
    "$meta-delete": "ru",
    "transaction": "",
    "batch": "",
}
"""The SMART letters that an interaction needs. A bundle needs none itself: each of its entries is decided alone."""

_DOCUMENTS = frozenset({"DocumentReference", "List", "Binary", "Bundle", "Composition", "Patient"})
_CLINICAL = frozenset(
    {
        "AllergyIntolerance",
        "Condition",
        "DiagnosticReport",
        "Encounter",
        "Immunization",
        "Medication",
        "MedicationRequest",
        "MedicationStatement",
        "Observation",
        "Procedure",
        "Provenance",
    }
)
_NAMED: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "ITI-66": (frozenset({"search-type"}), frozenset({"List"})),
    "ITI-67": (frozenset({"search-type"}), frozenset({"DocumentReference"})),
    "ITI-68": (frozenset({"read"}), frozenset({"Binary", "Bundle"})),
    "ITI-78": (frozenset({"search-type", "read"}), frozenset({"Patient"})),
    "ITI-83": (frozenset({"$ihe-pix"}), frozenset({"Patient"})),
    "ITI-119": (frozenset({"$match"}), frozenset({"Patient"})),
    "PCC-44": (frozenset({"search-type"}), _CLINICAL),
    "CAFEX-2": (frozenset({"search-type"}), _DOCUMENTS | _CLINICAL),
    "CAFEX-3": (frozenset({"read", "$summary"}), _DOCUMENTS | _CLINICAL),
}
"""IHE transactions and CA:FeX interactions used as scopes (IUA, ITI-71): the interactions and types of each."""


@dataclass(frozen=True)
class Grant:
    """What one scope lets its holder do. ``level`` is empty for a named transaction, which any caller may hold."""

    level: str
    types: Types
    letters: str = ""
    interactions: frozenset[str] = frozenset()


@lru_cache(maxsize=1024)
def grant(scope: str) -> Grant | None:
    """Read one scope; None when it grants nothing here."""
    if scope in _NAMED:
        interactions, types = _NAMED[scope]
        return Grant("", types, "", interactions)
    parts = _SMART.fullmatch(scope)
    if parts is None:
        return None
    level, type, verbs = parts.groups()
    letters = _FIRST_VERSION.get(verbs, verbs)
    return Grant(level, None if type == "*" else frozenset({type}), letters) if letters else None


@lru_cache(maxsize=4096)
def covered(scopes: tuple[str, ...], levels: frozenset[str], interaction: str) -> Types:
    """The types that these scopes let a caller touch in this way, counting only scopes of these levels."""
    grants = [g for g in map(grant, scopes) if g and (g.level in levels or not g.level)]
    needed = LETTERS.get(interaction)
    if needed is None or not grants:
        return NO_TYPES
    named = _union(g.types for g in grants if interaction in g.interactions)
    by_letters: Types = None if any(g.letters for g in grants) else NO_TYPES
    for letter in needed:
        by_letters = both(by_letters, _union(g.types for g in grants if letter in g.letters))
    return either(named, by_letters)


def narrowed(requested: Iterable[str], registered: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the requested scopes that lie within what was registered, in the order requested, each once."""
    return tuple(
        dict.fromkeys(scope for scope in requested if scope in registered or _within(scope, registered))
    )


def _within(scope: str, registered: tuple[str, ...]) -> bool:
    asked = grant(scope)
    if asked is None or not asked.letters:
        return False
    wider = [g for g in map(grant, registered) if g and g.level == asked.level]
    held = [_union(g.types for g in wider if letter in g.letters) for letter in asked.letters]
    return all(types is None or (asked.types is not None and asked.types <= types) for types in held)


def _union(parts: Iterable[Types]) -> Types:
    types: Types = NO_TYPES
    for part in parts:
        types = either(types, part)
    return types
