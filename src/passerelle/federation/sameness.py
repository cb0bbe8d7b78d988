"""When do two sources say the same thing? One table for every type, and a comparison that ignores bookkeeping.

Two resources of one type are the same fact when they carry the same business identifier, or share a code at the
same clinical time, *and* nothing that people act on differs, *and* one says everything that the other says. So
merging hides nothing: the richer one is shown. Where any of this fails both stay.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType

import msgspec

from passerelle.federation.likeness import alike, identifiers, includes, is_reference, near
from passerelle.fhir.clinical import moment
from passerelle.fhir.coding import Pair, concept_names, contradict
from passerelle.fhir.concept import medication_concept
from passerelle.fhir.drug import drug_keys, strength
from passerelle.values import Json, NodeId

Key = tuple[str, ...]


class Fact(msgspec.Struct, frozen=True, gc=False):
    """One resource of one source on its way into an entry. ``time`` is its clinical time as a sortable moment."""

    node: NodeId
    reference: str
    full_url: str
    type: str
    resource: Json
    body: bytes
    time: str
    medication: Json | None = None
    """The Medication resource that it refers to, where the source sent it."""


@dataclass(frozen=True)
class Rule:
    """How the facts of one type are told apart: a row of ``sameness.toml``, which explains the columns."""

    named: tuple[str, ...] = ()
    acted: tuple[str, ...] = ("status",)
    when: str = "day"
    drug: bool = False
    visit: bool = False


_TABLE = tomllib.loads(files("passerelle.federation").joinpath("sameness.toml").read_text("utf-8"))
RULES = {
    type: Rule(
        tuple(row.get("named", ())),
        tuple(row["acted"]),
        row.get("when", "day"),
        row.get("drug", False),
        row.get("visit", False),
    )
    for type, row in _TABLE["rules"].items()
}
STANDING, BY_CONTENT_ONLY, NEVER = (
    frozenset(_TABLE["types"][kind]) for kind in ("standing", "by_content_only", "never")
)
_UNKNOWN = Rule(acted=())
"""A type without a row: the same by business identifier when one says all that the other says, or if identical."""
_IGNORED = frozenset(_TABLE["ignored"]["bookkeeping"] + _TABLE["ignored"]["references"])
_OPEN_SYSTEMS = frozenset(_TABLE["systems"]["open"])


def keys_of(fact: Fact, patient_systems: frozenset[str]) -> Iterator[Key]:
    """By what the fact can be found by others of its kind: its business identifiers, then its codes and time."""
    kind = fact.type
    if kind in NEVER:
        return
    for system, value in sorted(identifiers(fact.resource)):
        if system not in patient_systems:
            yield ("#", kind, system, value)
    rule = RULES.get(kind)
    if rule is None:
        yield ("=", kind, fact.reference)
        return
    time = _when(fact)
    if len(time) >= _LEAST[rule.when]:
        for system, code in names_of(fact, rule):
            yield ("c", kind, time, system, code)


_LEAST = {"any": 0, "day": 10, "minute": 16}
"""How many characters a moment has at least when it is known that exactly."""


def _when(fact: Fact) -> str:
    """The moment that tells facts of this type apart."""
    if fact.type != "AllergyIntolerance":
        return fact.time
    # The recorded date is when somebody wrote it down: the allergy is the same one whenever that was.
    onset = fact.resource.get("onsetDateTime")
    return moment(onset) if onset.__class__ is str else ""


def names_of(fact: Fact, rule: Rule) -> list[Pair]:
    """Its codings as (system, code), sorted; the folded text where there is no coding."""
    if rule.drug:
        return sorted(concept_names(medication_concept(fact.resource, fact.medication)))
    return sorted({name for element in rule.named for name in concept_names(fact.resource.get(element))})


Visits = Mapping[tuple[NodeId, str], str]
"""Of each Encounter, by node and reference, the visit that it is: the same word for the same visit at two sources."""


def same(one: Fact, other: Fact, visits: Visits = MappingProxyType({})) -> bool:
    """Whether two facts of one type that share a key are one fact. Never for two of the same source."""
    if one.node == other.node:
        return False
    if one.type in STANDING:
        return _same_standing(one, other)
    rule = RULES.get(one.type)
    if rule is None:
        return _content(one) == _content(other) or _same_deed(one, other, _UNKNOWN)
    return _same_deed(one, other, rule) and not (rule.visit and _apart(one, other, visits))


def _same_deed(one: Fact, other: Fact, rule: Rule) -> bool:
    return (
        not contradict(_closed(identifiers(one.resource)), _closed(identifiers(other.resource)))
        and _same_name(one, other, rule)
        and near(_when(one), _when(other))
        and all(alike(one.resource.get(name), other.resource.get(name)) for name in rule.acted)
        and richer(one, other) is not None
    )


def _apart(one: Fact, other: Fact, visits: Visits) -> bool:
    """Whether they were done at different visits, where both are known. An identifier in common outweighs that: a copy has the visit at
    which it was copied."""
    if identifiers(one.resource) & identifiers(other.resource):
        return False
    mine, theirs = _visit(one, visits), _visit(other, visits)
    return bool(mine and theirs and mine != theirs)


def _visit(fact: Fact, visits: Visits) -> str:
    for element in ("encounter", "context"):
        named = fact.resource.get(element)
        reference = named.get("reference") if named.__class__ is dict else None
        if reference.__class__ is str:
            return visits.get((fact.node, "/".join(reference.split("/")[-2:])), "")
    return ""


def _closed(found: set[Pair]) -> set[Pair]:
    return {each for each in found if each[0] not in _OPEN_SYSTEMS}


def _same_standing(one: Fact, other: Fact) -> bool:
    mine, theirs = identifiers(one.resource), identifiers(other.resource)
    if mine & theirs and one.type not in BY_CONTENT_ONLY:
        return not contradict(mine, theirs)
    return one.reference == other.reference and _content(one) == _content(other)


def _content(fact: Fact) -> Json:
    return {name: value for name, value in fact.resource.items() if name != "meta"}


def _same_name(one: Fact, other: Fact, rule: Rule) -> bool:
    mine, theirs = set(names_of(one, rule)), set(names_of(other, rule))
    if not rule.drug:
        return not contradict(mine, theirs)
    strengths = {strength(one.resource, one.medication), strength(other.resource, other.medication)} - {""}
    shared = drug_keys(one.resource, one.medication) & drug_keys(other.resource, other.medication)
    return len(strengths) <= 1 and bool(shared) and not contradict(mine, theirs)


def richer(one: Fact, other: Fact) -> Fact | None:
    """The one that says everything that the other says; None if each says something of its own."""
    mine, theirs = _said(one.resource), _said(other.resource)
    if mine == theirs or includes(mine, theirs):
        return one
    return other if includes(theirs, mine) else None


def _said(resource: Json) -> Json:
    return {
        name: value
        for name, value in resource.items()
        if name not in _IGNORED and not name.startswith("_") and not is_reference(value)
    }
