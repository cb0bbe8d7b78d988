"""Who cares for them, and where? The organizations, places and professionals of each node."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from passerelle.synthetic.concept import HL7, coded, meta, status
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
    shown = f"{_title(node, role, sex)} {given} {family}".strip()
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


def _title(node: NodeId, role: str, sex: Sex) -> str:
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


@lru_cache(maxsize=64)
def shared(seed: int, node: NodeId) -> tuple[Json, ...]:
    """The Organizations, Locations, Practitioners and PractitionerRoles of a node.

    Everything that the records of ``population(seed, …)`` and of the cast refer to at this node is here, with the
    same ids for every seed; the seed chooses the names of the second physician of each clinic.
    """
    found: list[Json] = [_payer(node)]
    for each in facilities(seed, node):
        found += (_organization(each), _location(each))
        for worker in each.workers:
            found += (_practitioner(each, worker), _role(each, worker))
    return tuple(found)


def physician(node: NodeId) -> Json:
    """The Practitioner who has this node's physician login: same id and name for every seed."""
    lead = toml("staff")["physician"][node]
    clinic = facility(0, node, "clinic", lead["city"])
    return _practitioner(clinic, clinic.workers[0])


@cache
def payer(node: NodeId) -> Json:
    """The reference to the province's health plan."""
    return {
        "reference": f"Organization/plan-{node}",
        "display": jurisdiction(node)["payer"][language_of(node)],
    }


def _payer(node: NodeId) -> Json:
    name = jurisdiction(node)["payer"]
    return {
        "resourceType": "Organization",
        "id": f"plan-{node}",
        "meta": meta("organization"),
        "identifier": [{"system": sid(node, "plan", "organization"), "value": f"plan-{node}"}],
        "active": True,
        "type": [status("organization-type", "pay", "Payer")],
        "name": name[language_of(node)],
        "alias": [name["en" if language_of(node) == "fr" else "fr"]],
    }


def sid(node: NodeId, place: str, kind: str) -> str:
    """The identifier system of one kind of thing at one organization."""
    return f"https://{node}.passerelle.example/sid/{place}/{kind}"


def _organization(at: Facility) -> Json:
    return {
        "resourceType": "Organization",
        "id": f"org-{at.slug}",
        "meta": meta("organization"),
        "identifier": [{"system": sid(at.node, "plan", "organization"), "value": at.slug}],
        "active": True,
        "type": [status("organization-type", "prov", "Healthcare Provider")],
        "name": at.name,
        "telecom": [{"system": "phone", "value": _phone(at), "use": "work"}],
        "address": [_address(at)],
    }


def _location(at: Facility) -> Json:
    table = toml("staff")["facility"][at.kind]
    codes = ((f"{HL7}v3-RoleCode", table["location"]),) if table["location"] else ()
    return {
        "resourceType": "Location",
        "id": f"loc-{at.slug}",
        "meta": meta("location"),
        "identifier": [{"system": sid(at.node, "plan", "location"), "value": at.slug}],
        "status": "active",
        "name": at.name,
        "mode": "instance",
        "type": [coded(codes, table["type"]["en"], table["type"]["fr"], language_of(at.node))],
        "telecom": [{"system": "phone", "value": _phone(at), "use": "work"}],
        "address": _address(at),
        "managingOrganization": at.org,
    }


def _phone(at: Facility) -> str:
    return f"+1-{toml('regions')[at.node]['area']}-555-01{int(at.slug[:4], 16) % 100:02d}"


def _address(at: Facility) -> Json:
    lines = {"line": [at.street]} if at.street else {}
    return {
        "use": "work",
        **lines,
        "city": at.city,
        "state": at.node.upper(),
        "postalCode": at.postal,
        "country": "CA",
    }


def _practitioner(at: Facility, worker: Worker) -> Json:
    role = toml("staff")["role"][worker.role]
    title = _title(at.node, worker.role, worker.sex)
    name: Json = {"use": "official", "family": worker.family, "given": [worker.given]}
    if title:
        name["prefix"] = [title]
    return {
        "resourceType": "Practitioner",
        "id": worker.id,
        "meta": meta("practitioner"),
        "identifier": [_license(at, worker, role["license"])],
        "active": True,
        "name": [name],
        "gender": worker.sex,
        "qualification": [{"code": {"text": role[language_of(at.node)]}}],
        "communication": [{"coding": [{"system": "urn:ietf:bcp:47", "code": f"{language_of(at.node)}-CA"}]}],
    }


def _license(at: Facility, worker: Worker, kind: str) -> Json:
    return {
        "use": "official",
        "type": status("v2-0203", "LN", "License number"),
        "system": f"https://fhir.infoway-inforoute.ca/NamingSystem/ca-{at.node}-license-{kind}",
        "value": str(10_000 + int(digest("license", worker.id)[:8], 16) % 89_999),
    }


def _role(at: Facility, worker: Worker) -> Json:
    role = toml("staff")["role"][worker.role]
    code = coded(((f"{HL7}practitioner-role", role["code"]),), role["en"], role["fr"], language_of(at.node))
    return {
        "resourceType": "PractitionerRole",
        "id": worker.id.replace("prac-", "role-"),
        "meta": meta("practitionerrole"),
        "active": True,
        "practitioner": worker.ref,
        "organization": at.org,
        "code": [code],
        "location": [at.location],
        "telecom": [{"system": "phone", "value": _phone(at), "use": "work"}],
    }
