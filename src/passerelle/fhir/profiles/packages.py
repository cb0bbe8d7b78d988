"""Which profiles are known here? Those in the box, and those of the packages that the operator supplies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from passerelle.fhir.profiles import data, snapshot
from passerelle.fhir.profiles.model import Profile, profile
from passerelle.fhir.profiles.value_sets import Listed, Terminology, listed
from passerelle.values import Json

_BOX = ("ips.jsonl", "ca-baseline.jsonl", "r4-profiles.jsonl", "passerelle.jsonl")


@dataclass(frozen=True)
class Profiles:
    """Definitions by address. Each is compiled when a resource first asks for it."""

    definitions: Mapping[str, Json] = field(default_factory=dict)
    terminology: Terminology = field(default_factory=lambda: Terminology({}, {}))
    _compiled: dict[str, Profile | None] = field(default_factory=dict, compare=False, repr=False)
    _codes: dict[str, Listed | None] = field(default_factory=dict, compare=False, repr=False)

    def definition(self, url: str) -> Json | None:
        """The trimmed definition of an address, its version ignored."""
        plain = url.split("|")[0]
        if found := self.definitions.get(plain):
            return found
        rows = (data.lines(name).get(plain) for name in _BOX)
        return next((row for row in rows if row is not None), None)

    def known(self, url: str) -> bool:
        plain = url.split("|")[0]
        return plain in self.definitions or any(plain in data.lines(name).places for name in _BOX)

    def profile(self, url: str) -> Profile | None:
        """The compiled profile of an address, or None if nobody here knows it."""
        plain = url.split("|")[0]
        if plain not in self._compiled:
            found = self.definition(plain)
            self._compiled[plain] = (
                profile(found, snapshot.elements(found, self.definition)) if found else None
            )
        return self._compiled[plain]

    def codes(self, url: str) -> Listed | None:
        """The codes of a value set, or None if they cannot be listed here."""
        plain = url.split("|")[0]
        if plain not in self._codes:
            supplied = self.terminology.value_sets.get(plain)
            self._codes[plain] = listed(supplied, self.terminology) if supplied else data.codes(plain)
        return self._codes[plain]


def load(files: Iterable[Json]) -> Profiles:
    """Profiles from the StructureDefinitions, ValueSets and CodeSystems of packages, over those in the box."""
    definitions: dict[str, Json] = {}
    value_sets: dict[str, Json] = {}
    code_systems: dict[str, Json] = {}
    for each in files:
        url = each.get("url")
        if not isinstance(url, str):
            continue
        if each.get("resourceType") == "StructureDefinition" and each.get("derivation") == "constraint":
            definitions[url] = snapshot.trimmed(each)
        elif each.get("resourceType") == "ValueSet":
            value_sets[url] = each
        elif each.get("resourceType") == "CodeSystem":
            code_systems[url] = each
    return Profiles(definitions, Terminology(value_sets, code_systems))


IN_THE_BOX = Profiles()
"""Base R4, the Canadian Baseline and the International Patient Summary."""
