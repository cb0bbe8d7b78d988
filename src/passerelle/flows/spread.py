"""Spread one patient's bundle over several nodes by the facility that made each resource.

A population that was written as one bundle a person says nothing of where each record is kept. This gives every
resource to the node of its facility, as real custodians would hold it: the Patient at each, the practitioners and
organizations wherever they are referred to, and a reference to what another node keeps as an absolute address.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from passerelle.fhir import bundle, compartment
from passerelle.fhir.outcome import BadInput, Issue
from passerelle.values import Json

SHARED = frozenset({"Organization", "Practitioner", "PractitionerRole", "Location", "Medication"})


@dataclass(frozen=True)
class Shelf:
    """One node to keep resources at: its id and the FHIR base that others reach it under."""

    id: str
    base: str


def spread(received: Json, shelves: Sequence[Shelf]) -> Mapping[str, Json]:
    """One transaction for each node that keeps something of this bundle, by node id."""
    resources = _by_url(received)
    homes = _homes(resources, shelves)
    references = {url: f"{r['resourceType']}/{r['id']}" for url, r in resources.items()}
    return {
        shelf.id: _transaction(
            (url, resources[url], _addresses(url, resources[url], shelf, homes, references))
            for url in resources
            if shelf in homes[url]
        )
        for shelf in shelves
        if any(shelf in kept for kept in homes.values())
    }


def whole(received: Json) -> Json:
    """The bundle as one transaction of updates under the ids that its resources already have."""
    only = Shelf("", "")
    return next(
        iter(spread(received, (only,)).values()),
        {"resourceType": "Bundle", "type": "transaction", "entry": []},
    )


def _by_url(received: Json) -> dict[str, Json]:
    if received.get("resourceType") != "Bundle" or not isinstance(received.get("entry"), list):
        raise BadInput(Issue("bundle-expected", "structure", "Bundle.entry"))
    resources: dict[str, Json] = {}
    for index, entry in enumerate(received["entry"]):
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if not isinstance(resource, dict) or not resource.get("id") or not resource.get("resourceType"):
            raise BadInput(Issue("id-missing", "invalid", f"Bundle.entry[{index}].resource.id"))
        resources[entry.get("fullUrl") or f"{resource['resourceType']}/{resource['id']}"] = resource
    return resources


def _homes(resources: Mapping[str, Json], shelves: Sequence[Shelf]) -> dict[str, frozenset[Shelf]]:
    """Where each resource is kept: its encounter's facility, else what refers to it, else the person's first place."""
    facility = {
        url: _facility(r, resources) for url, r in resources.items() if r["resourceType"] not in SHARED
    }
    _inherit(facility, resources)
    home = {url: shelves[_bucket(place, len(shelves))] for url, place in facility.items() if place}
    first = next(iter(home.values()), shelves[0])
    homes = {url: frozenset({home.get(url, first)}) for url in facility}
    everywhere = frozenset().union(*homes.values())
    for url, resource in resources.items():
        if resource["resourceType"] == "Patient":
            homes[url] = everywhere
    return homes | _kept_with(resources, homes)


def _facility(resource: Json, resources: Mapping[str, Json]) -> str | None:
    """The organization that a resource names, itself or through its encounter."""
    named = resource.get("serviceProvider") or {}
    if named.get("reference"):
        return str(named["reference"])
    for encounter in _encounters(resource):
        seen = resources.get(encounter)
        if seen is not None and seen.get("resourceType") == "Encounter":
            return _facility(seen, {})
    return None


def _encounters(resource: Json) -> Iterator[str]:
    for holder in (resource, *resource.get("item", ())):
        given = holder.get("encounter") or holder.get("context") or ()
        for reference in [given] if isinstance(given, dict) else given:
            if reference.get("reference"):
                yield str(reference["reference"])


def _inherit(facility: dict[str, str | None], resources: Mapping[str, Json]) -> None:
    """A resource that names no encounter (a goal, a coverage) is kept with the first one that refers to it."""
    for url, resource in resources.items():
        for reference in compartment.references(resource):
            if facility.get(url) and reference in facility and facility[reference] is None:
                facility[reference] = facility[url]


def _kept_with(
    resources: Mapping[str, Json], homes: Mapping[str, frozenset[Shelf]]
) -> dict[str, frozenset[Shelf]]:
    """Organizations and practitioners, at every node whose resources refer to them."""
    wanted: defaultdict[str, set[Shelf]] = defaultdict(set)
    for url, kept in homes.items():
        for reference in compartment.references(resources[url]):
            wanted[reference] |= kept
    shared = {url for url, r in resources.items() if r["resourceType"] in SHARED}
    somewhere = frozenset({next(iter(sorted(kept, key=lambda s: s.id))) for kept in list(homes.values())[:1]})
    return {url: frozenset(wanted[url]) or somewhere for url in shared}


def _addresses(
    url: str,
    resource: Json,
    shelf: Shelf,
    homes: Mapping[str, frozenset[Shelf]],
    references: Mapping[str, str],
) -> Json:
    mapping = {}
    for reference in compartment.references(resource):
        kept = homes.get(reference)
        if kept is None:
            continue
        away = "" if shelf in kept else min(s.base for s in kept) + "/"
        mapping[reference] = f"{away}{references[reference]}"
    return bundle.rewrite(resource, mapping)


def _transaction(entries: Iterable[tuple[str, Json, Json]]) -> Json:
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "fullUrl": url,
                "resource": written,
                "request": {"method": "PUT", "url": f"{written['resourceType']}/{written['id']}"},
            }
            for url, _, written in entries
        ],
    }


def _bucket(place: str, count: int) -> int:
    """The same facility at the same node, on every machine."""
    return int.from_bytes(hashlib.sha256(place.encode()).digest()[:4], "big") % count
