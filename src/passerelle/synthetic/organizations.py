"""The Organizations, Locations, Practitioners and PractitionerRoles of each node."""

from __future__ import annotations

from functools import lru_cache

from passerelle.synthetic.concept import HL7, coded, meta, status
from passerelle.synthetic.dice import digest
from passerelle.synthetic.staff import Facility, Worker, facilities, facility, language_of, sid, title
from passerelle.synthetic.tables import jurisdiction, toml
from passerelle.values import Json, NodeId


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
    called = title(at.node, worker.role, worker.sex)
    name: Json = {"use": "official", "family": worker.family, "given": [worker.given]}
    if called:
        name["prefix"] = [called]
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
