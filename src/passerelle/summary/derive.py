"""What may only be said in another form? PS-CA has no dispense and no lone device among its entries.

Many Canadian drug systems hold only dispenses, and a summary that left those out would show "no medications" to a
person who takes ten. So a dispense is restated as the MedicationStatement that it supports (``derivedFrom``), with
status ``unknown``: it was handed over, whether it is taken was not recorded. An implanted device is restated as its
DeviceUseStatement. The originals are in the document too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from passerelle.fhir.clinical import clinical_time, moment
from passerelle.fhir.concept import contained_medication
from passerelle.fhir.record import Entry
from passerelle.fhir.resource import encode
from passerelle.fhir.schedule import Schedule
from passerelle.values import Json

DISPENSE_DAYS = 365
"""A dispense older than this no longer says what a person takes."""

_TOLD = frozenset({"completed", "in-progress", "on-hold", "unknown"})

Facts = list[tuple[int, Entry]]
"""Entries with their indexes in the record."""


@dataclass(frozen=True)
class Taking:
    """Which drug a medication entry is about (any name of it), how strong, and how it is taken."""

    drugs: frozenset[str]
    strength: str
    schedule: Schedule

    def same(self, other: Taking) -> bool:
        """Whether both say the same, in whatever language."""
        one_product = not self.drugs.isdisjoint(other.drugs) and self.strength == other.strength
        return one_product and self.schedule.same(other.schedule)


def statements_of(
    dispenses: Facts, listed: Iterable[Entry], now: datetime, taking: Callable[[Entry], Taking]
) -> Facts:
    """For each product and dose the latest recent dispense, restated; none for what is already ``listed`` with that dose.

    The index is that of the dispense.
    """
    told = [taking(entry) for entry in listed]
    since = moment((now - timedelta(days=DISPENSE_DAYS)).isoformat())
    restated = []
    for index, entry in sorted(
        dispenses, key=lambda each: moment(clinical_time(each[1].resource)), reverse=True
    ):
        said = taking(entry)
        recent = not clinical_time(entry.resource) or moment(clinical_time(entry.resource)) >= since
        if recent and entry.resource.get("status", "unknown") in _TOLD and not any(map(said.same, told)):
            told.append(said)
            restated.append((index, restated_as(entry, _statement)))
    return restated


def uses_of(devices: Facts, listed: Iterable[Entry]) -> Facts:
    """For each active device of the person that no DeviceUseStatement mentions, its use, restated."""
    mentioned = {(entry.resource.get("device") or {}).get("reference") for entry in listed}
    return [
        (index, restated_as(entry, _use))
        for index, entry in devices
        if entry.resource.get("patient")
        and entry.resource.get("status", "active") == "active"
        and not any(origin.reference in mentioned or origin.full_url in mentioned for origin in entry.origins)
    ]


def restated_as(entry: Entry, restate: Callable[[Json, str], Json]) -> Entry:
    """An entry of the same origins that says the same in another form."""
    resource = restate(entry.resource, entry.origins[0].reference)
    return replace(entry, type=resource["resourceType"], resource=resource, body=encode(resource))


def _statement(dispense: Json, reference: str) -> Json:
    statement: Json = {"resourceType": "MedicationStatement", "status": "unknown"}
    statement |= dict(_kept(dispense, "meta", "medicationCodeableConcept", "medicationReference", "subject"))
    medication = contained_medication(dispense)
    if medication:
        statement["contained"] = [medication]
    when = dispense.get("whenHandedOver") or dispense.get("whenPrepared")
    if when:
        statement["effectiveDateTime"] = when
    if dispense.get("dosageInstruction"):
        statement["dosage"] = dispense["dosageInstruction"]
    statement["derivedFrom"] = [{"reference": reference, "type": "MedicationDispense"}]
    return statement


def _use(device: Json, reference: str) -> Json:
    use: Json = {"resourceType": "DeviceUseStatement", "status": "active", "subject": device["patient"]}
    return use | dict(_kept(device, "meta")) | {"device": {"reference": reference, "type": "Device"}}


def _kept(resource: Json, *names: str) -> Iterator[tuple[str, Any]]:
    return ((name, resource[name]) for name in names if name in resource)
