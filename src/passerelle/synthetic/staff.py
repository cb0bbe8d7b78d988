"""Who cares for them, and where? The places of care of each node and the people who work there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from passerelle.synthetic.dice import Dice, digest
from passerelle.synthetic.geography import Hospital, hospitals, places
from passerelle.synthetic.names import Sex, call, family_name
from passerelle.synthetic.tables import jurisdiction, toml
from passerelle.values import Json, Language, NodeId


@dataclass(frozen=True, slots=True)
class Worker:
    """One professional in one role at one facility; ``ref`` is the reference to the Practitioner."""

    id: str
    role: str
    family: str
    given: str
    sex: Sex
    ref: Json


@dataclass(frozen=True, slots=True)
class Facility:
    """A place of care. ``slug`` names it in the identifier systems of what happens there."""

    node: NodeId
    kind: str
    city: str
    name: str
    street: str
    postal: str
    slug: str
    org: Json
    location: Json
    workers: tuple[Worker, ...]

    def worker(self, role: str, index: int = -1) -> Worker:
        """Who sees the person of this index here in a role: the first one sees the cast (below 0)."""
        able = [each for each in self.workers if each.role == role] or list(self.workers)
        return able[index % len(able)] if index >= 0 else able[0]


def language_of(node: NodeId) -> Language:
    """The language in which a node's facilities are named."""
    return "fr" if node == "qc" else "en"


@lru_cache(maxsize=256)
def facilities(seed: int, node: NodeId) -> tuple[Facility, ...]:
    """Every place of care of a node. Names of places and ids are the same for every seed."""
    return tuple(
        _facility(seed, node, *spot) for kind in toml("staff")["facility"] for spot in _spots(node, kind)
    )


def _spots(node: NodeId, kind: str) -> Iterator[tuple[str, Hospital]]:
    """(kind, where) of every facility of a kind; a made-up one borrows the shape of a hospital's address."""
    table, fr = toml("staff")["facility"][kind], language_of(node)
    if table["every"] == "hospital":
        yield from ((kind, hospital) for hospital in hospitals(node))
        return
    towns = places(node) if table["every"] == "town" else places(node)[:1]
    province = jurisdiction(node)["name"][fr]
    for number, town in enumerate(towns):
        name = _in_french(table["name"][fr].format(city=town.city, province=province))
        street = f"{(number + 1) * 110} {'rue Principale' if fr == 'fr' else 'Main Street'}"
        yield kind, Hospital(node, town.city, name, street, f"{town.prefixes[0]} {number % 9 + 1}A1")


def _in_french(name: str) -> str:
    """The town Val-d’Or keeps its article, a vowel takes the one before it."""
    return name.replace(" de Ottawa", " d’Ottawa")


def _facility(seed: int, node: NodeId, kind: str, spot: Hospital) -> Facility:
    slug = digest("facility", node, kind, spot.city, spot.name)[:10]
    return Facility(
        node,
        kind,
        spot.city,
        spot.name,
        spot.street,
        spot.postal,
        slug,
        {"reference": f"Organization/org-{slug}", "display": spot.name},
        {"reference": f"Location/loc-{slug}", "display": spot.name},
        tuple(
            _worker(seed, node, spot.city, slug, role, number)
            for number, role in enumerate(toml("staff")["facility"][kind]["roles"])
        ),
    )


def _worker(seed: int, node: NodeId, city: str, slug: str, role: str, number: int) -> Worker:
    lead: dict[str, Any] = toml("staff")["physician"][node]
    if role == "family" and number == 0 and city == lead["city"]:
        family, given, sex = lead["family"], lead["given"], lead["sex"]
    else:
        # The first in a role is the same for every seed, because the cast refers to them by name.
        dice = Dice("staff", seed if number == 1 and role == "family" else "any", slug, number)
        family, given, sex = _name(node, dice)
    id = f"prac-{slug}-{number}"
    shown = f"{title(node, role, sex)} {given} {family}".strip()
    return Worker(id, role, family, given, sex, {"reference": f"Practitioner/{id}", "display": shown})


def _name(node: NodeId, dice: Dice) -> tuple[str, str, Sex]:
    """Staff are drawn from the cultures of the province that write their names in one spelling."""
    cultures = {
        name: weight
        for name, weight in toml("regions")[node]["cultures"].items()
        if name not in _OTHER_SPELLINGS
    }
    culture = dice.weighted(tuple(cultures), tuple(cultures.values()))
    sex: Sex = "female" if dice.chance(0.5) else "male"
    name = call(culture, sex, 1975, family_name(culture, dice), dice).names[0]
    return name.family, name.given[0], sex


_OTHER_SPELLINGS = frozenset({"single", "inuit", "chinese"})


def title(node: NodeId, role: str, sex: Sex) -> str:
    """Dr., Dr or Dre for a physician, else nothing."""
    if toml("staff")["role"][role]["code"] != "doctor":
        return ""
    if language_of(node) == "fr":
        return "Dre" if sex == "female" else "Dr"
    return "Dr."


@lru_cache(maxsize=1024)
def facility(seed: int, node: NodeId, kind: str, city: str) -> Facility:
    """The facility of a kind in a town, else the first of that kind in the province."""
    listed = [each for each in facilities(seed, node) if each.kind == kind]
    return next((each for each in listed if each.city == city), listed[0])


@cache
def payer(node: NodeId) -> Json:
    """The reference to the province's health plan."""
    return {
        "reference": f"Organization/plan-{node}",
        "display": jurisdiction(node)["payer"][language_of(node)],
    }


def sid(node: NodeId, place: str, kind: str) -> str:
    """The identifier system of one kind of thing at one organization."""
    return f"https://{node}.passerelle.example/sid/{place}/{kind}"
