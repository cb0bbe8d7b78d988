"""Where do the sources speak of the same thing and not agree? Every entry stays; the reader is told.

Only two *different* sources conflict: what one custodian writes twice is its own affair.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from itertools import combinations
from typing import Any

from passerelle.federation.likeness import alike, identifiers, near
from passerelle.federation.sameness import Fact
from passerelle.fhir.clinical import moment, title
from passerelle.fhir.coding import Pair, codings, concept_names, contradict
from passerelle.fhir.concept import concept_text, medication_concept
from passerelle.fhir.drug import drug_keys, strength
from passerelle.fhir.record import Conflict
from passerelle.fhir.schedule import schedule

Group = list[Fact]
Members = list[int]
"""Indexes of groups, which are the indexes of the entries to come."""

_MOST = 200
"""Of how many entries about one thing every pair is compared."""


def conflicts_among(groups: Sequence[Group]) -> tuple[Conflict, ...]:
    """Every disagreement between sources, by kind, then by the newest entry concerned."""
    by_type: dict[str, Members] = defaultdict(list)
    for index, group in enumerate(groups):
        by_type[group[0].type].append(index)
    found = [
        *_differing(groups, _drugs_taken(groups, by_type), _drug_names, _dose_differs, "dose"),
        *_differing(groups, by_type["Condition"], _names, _status_differs, "status"),
        *_differing(groups, by_type["AllergyIntolerance"], _names, _status_differs, "status"),
        *_differing(groups, by_type["AllergyIntolerance"], _names, _criticality_differs, "criticality"),
        *_no_known_allergy(groups, by_type["AllergyIntolerance"]),
        *_differing(groups, by_type["Observation"], _numbers, _value_differs, "value"),
    ]
    return tuple(sorted(set(found), key=lambda each: (each.kind, each.entries)))


def _differing(
    groups: Sequence[Group],
    members: Iterable[int],
    names: Callable[[Fact], Iterable[Hashable]],
    differs: Callable[[Fact, Fact], bool],
    kind: str,
) -> Iterator[Conflict]:
    """One conflict for each thing about which two sources differ, with the entries that take part in it."""
    for listed in _about_one_thing(groups, members, names):
        apart: set[int] = set()
        for a, b in combinations(listed[:_MOST], 2):
            if _two_sources(groups[a], groups[b]) and differs(groups[a][0], groups[b][0]):
                apart |= {a, b}
        if apart:
            yield Conflict(kind, _about(groups[min(apart)][0]), tuple(sorted(apart)))


def _about_one_thing(
    groups: Sequence[Group], members: Iterable[int], names: Callable[[Fact], Iterable[Hashable]]
) -> list[Members]:
    """The members by thing: two that share a name speak of one thing, and so on along the chain (union-find)."""
    leader: dict[int, int] = {}
    first: dict[Hashable, int] = {}

    def lead(index: int) -> int:
        while leader[index] != index:
            leader[index] = leader[leader[index]]
            index = leader[index]
        return index

    for index in members:
        leader[index] = index
        for name in names(groups[index][0]):
            a, b = lead(first.setdefault(name, index)), lead(index)
            leader[max(a, b)] = min(a, b)
    things: dict[int, Members] = defaultdict(list)
    for index in sorted(leader):
        things[lead(index)].append(index)
    return [listed for listed in things.values() if len(listed) > 1]


def _two_sources(one: Group, other: Group) -> bool:
    return len({fact.node for fact in (*one, *other)}) > 1


def _about(fact: Fact) -> str:
    return concept_text(medication_concept(fact.resource, fact.medication), "en") or title(
        fact.resource, "en"
    )


def _names(fact: Fact) -> list[Pair]:
    return concept_names(fact.resource.get("code"))


_TAKEN = ("active", "on-hold", "intended")


def _drugs_taken(groups: Sequence[Group], by_type: dict[str, Members]) -> Members:
    listed = by_type["MedicationRequest"] + by_type["MedicationStatement"]
    return sorted(index for index in listed if groups[index][0].resource.get("status") in _TAKEN)


def _drug_names(fact: Fact) -> frozenset[str]:
    return drug_keys(fact.resource, fact.medication)


def _dose_differs(one: Fact, other: Fact) -> bool:
    """Strength, dose and rate are compared where both say them; the words only where nothing else can be."""
    if _both_differ(strength(one.resource, one.medication), strength(other.resource, other.medication)):
        return True
    mine, theirs = schedule(one.resource), schedule(other.resource)
    if mine.comparable(theirs):
        return mine.differs(theirs)
    return _both_differ(mine.words, theirs.words)


def _both_differ(one: object, other: object) -> bool:
    return bool(one) and bool(other) and one != other


_ACTIVE = frozenset({"active", "recurrence", "relapse"})
_OVER = frozenset({"inactive", "resolved", "remission"})
_DENIED = frozenset({"refuted", "entered-in-error"})


def _codes(fact: Fact, element: str) -> set[str]:
    concept = fact.resource.get(element)
    return {code for _, code in codings(concept)} if isinstance(concept, dict) else set()


def _status_differs(one: Fact, other: Fact) -> bool:
    """Active here and over there; refuted here and believed there. An error that was withdrawn says nothing."""
    if any("entered-in-error" in _codes(fact, "verificationStatus") for fact in (one, other)):
        return False
    refuted = ["refuted" in _codes(fact, "verificationStatus") for fact in (one, other)]
    if any(refuted):
        return not all(refuted)
    for active, over in ((one, other), (other, one)):
        if _codes(active, "clinicalStatus") & _ACTIVE and _codes(over, "clinicalStatus") & _OVER:
            return not _earlier_episode(over, active)
    return False


def _earlier_episode(over: Fact, active: Fact) -> bool:
    """Whether the one that is over had ended before the active one began: then both can be true."""
    ended, began = over.resource.get("abatementDateTime"), active.resource.get("onsetDateTime")
    if not isinstance(ended, str) or not isinstance(began, str):
        return False
    return moment(ended)[:10] <= moment(began)[:10]


def _criticality_differs(one: Fact, other: Fact) -> bool:
    mine, theirs = (fact.resource.get("criticality") for fact in (one, other))
    return (mine, theirs) in (("low", "high"), ("high", "low")) and not any(
        _denied(fact) for fact in (one, other)
    )


def _denied(fact: Fact) -> bool:
    return bool(_codes(fact, "verificationStatus") & _DENIED)


_NO_KNOWN = {
    "716186003": "",  # SNOMED CT: no known allergy
    "409137002": "medication",  # no known drug allergy
    "429625007": "food",  # no known food allergy
    "428607008": "environment",  # no known environmental allergy
    "no-known-allergies": "",  # absent-unknown-uv-ips
    "no-known-medication-allergies": "medication",
    "no-known-food-allergies": "food",
    "no-known-environmental-allergies": "environment",
}
"""What says that somebody has no allergy, and of which category ("" is any)."""


def _no_known_allergy(groups: Sequence[Group], members: Members) -> Iterator[Conflict]:
    """One source says that there is no allergy, another knows one."""
    none_known: dict[int, str] = {}
    allergies: Members = []
    for index in members:
        fact = groups[index][0]
        said = {_NO_KNOWN[code] for _, code in _names(fact) if code in _NO_KNOWN}
        if _denied(fact) or _codes(fact, "clinicalStatus") & _OVER:
            continue
        if said:
            none_known[index] = min(said)
        else:
            allergies.append(index)
    for none, category in none_known.items():
        against = [
            index
            for index in allergies
            if _two_sources(groups[none], groups[index]) and _of_category(groups[index][0], category)
        ]
        if against:
            yield Conflict("allergy", _about(groups[against[0]][0]), tuple(sorted([none, *against])))


def _of_category(fact: Fact, category: str) -> bool:
    """An allergy without a category may be of any."""
    listed = fact.resource.get("category")
    return not category or not isinstance(listed, list) or not listed or category in listed


def _numbers(fact: Fact) -> list[Hashable]:
    """A laboratory's number with the code: one accession number may cover a whole panel."""
    return [(number, name) for number in identifiers(fact.resource) for name in _names(fact)]


def _value_differs(one: Fact, other: Fact) -> bool:
    values = [_values(fact) for fact in (one, other)]
    return (
        all(values)
        and near(one.time, other.time)
        and not alike(*values)
        and not contradict(*map(set, map(_names, (one, other))))
    )


def _values(fact: Fact) -> dict[str, Any]:
    return {
        name: value
        for name, value in fact.resource.items()
        if name.startswith("value") or name == "component"
    }
