"""Make a dictionary for the compression of bodies, from invented people and from what FHIR itself says.

Usage: python tools/train_dictionary.py NUMBER [kilobytes]

Writes src/passerelle/store/dictionaries/NUMBER.zstd-dict. The same program makes the same bytes. A dictionary that was
released never changes: use the next number, and name it in ``passerelle.store.packing``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

import zstandard

from passerelle.fhir.definitions import Element, resource_types, structure
from passerelle.fhir.resource import encode
from passerelle.store.filing import addressed, refers_in
from passerelle.synthetic import population

FOLDER = Path(__file__).resolve().parent.parent / "src" / "passerelle" / "store" / "dictionaries"

SYSTEMS = [
    "http://loinc.org",
    "http://snomed.info/sct",
    "http://www.nlm.nih.gov/research/umls/rxnorm",
    "http://unitsofmeasure.org",
    "http://hl7.org/fhir/sid/icd-10",
    "http://hl7.org/fhir/sid/icd-10-cm",
    "http://hl7.org/fhir/sid/cvx",
    "http://hl7.org/fhir/sid/us-npi",
    "http://terminology.hl7.org/CodeSystem/observation-category",
    "http://terminology.hl7.org/CodeSystem/condition-clinical",
    "http://terminology.hl7.org/CodeSystem/condition-ver-status",
    "http://terminology.hl7.org/CodeSystem/condition-category",
    "http://terminology.hl7.org/CodeSystem/v3-ActCode",
    "http://terminology.hl7.org/CodeSystem/v3-ParticipationType",
    "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus",
    "http://terminology.hl7.org/CodeSystem/v2-0203",
    "http://terminology.hl7.org/CodeSystem/v2-0074",
    "http://terminology.hl7.org/CodeSystem/claim-type",
    "http://terminology.hl7.org/CodeSystem/processpriority",
    "http://terminology.hl7.org/CodeSystem/adjudication",
    "http://terminology.hl7.org/CodeSystem/ex-diagnosistype",
    "http://terminology.hl7.org/CodeSystem/claimcareteamrole",
    "http://terminology.hl7.org/CodeSystem/organization-type",
    "http://terminology.hl7.org/CodeSystem/location-physical-type",
    "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical",
    "http://terminology.hl7.org/CodeSystem/provenance-participant-type",
    "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification",
    "http://terminology.hl7.org/CodeSystem/referencerange-meaning",
    "http://terminology.hl7.org/CodeSystem/v3-NullFlavor",
    "http://terminology.hl7.org/CodeSystem/v3-Confidentiality",
    "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation",
    "http://terminology.hl7.org/CodeSystem/diagnostic-role",
    "http://terminology.hl7.org/CodeSystem/ex-USCLS",
    "http://terminology.hl7.org/CodeSystem/payment-type",
    "http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient",
    "http://hl7.org/fhir/us/core/StructureDefinition/us-core-condition",
    "http://hl7.org/fhir/us/core/StructureDefinition/us-core-encounter",
    "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race",
    "http://hl7.org/fhir/us/core/StructureDefinition/us-core-observation-lab",
    "http://dicom.nema.org/resources/ontology/DCM",
    "http://hl7.org/fhir/us/core/StructureDefinition/us-core-diagnosticreport-lab",
    "urn:ietf:rfc:3986",
    "urn:ietf:bcp:47",
    "urn:oid:2.16.840.1.113883",
]
"""Addresses that records everywhere say."""

WORDS = [
    "active",
    "final",
    "completed",
    "finished",
    "resolved",
    "confirmed",
    "in-progress",
    "order",
    "official",
    "usual",
    "home",
    "work",
    "phone",
    "email",
    "laboratory",
    "vital-signs",
    "survey",
    "social-history",
    "exam",
    "imaging",
    "procedure",
    "encounter-diagnosis",
    "problem-list-item",
    "outpatient",
    "inpatient",
    "ambulatory",
    "emergency",
    "AMB",
    "EMER",
    "IMP",
    "WELLNESS",
    "PPRF",
    "primary",
    "mg",
    "mL",
    "mmol/L",
    "mmol/l",
    "mg/dL",
    "g/dL",
    "kg",
    "cm",
    "kg/m2",
    "mm[Hg]",
    "/min",
    "%",
    "Cel",
    "{score}",
    "10*3/uL",
    "10*6/uL",
    "fL",
    "pg",
    "U/L",
    "mEq/L",
    "male",
    "female",
    "married",
    "unmarried",
    "English",
    "French",
    "community",
    "institutional",
    "pharmacy",
    "professional",
    "instance",
    "complete",
    "generated",
    "additional",
    "Blood",
    "pressure",
    "panel",
    "with",
    "all",
    "children",
    "optional",
    "Systolic",
    "blood",
    "pressure",
    "Diastolic",
    "blood",
    "pressure",
    "Body",
    "Weight",
    "Body",
    "Height",
    "Heart",
    "rate",
    "Respiratory",
    "rate",
    "Body",
    "mass",
    "index",
    "(BMI)",
    "[Ratio]",
    "[Mass/volume]",
    "in",
    "Blood",
    "Serum",
    "or",
    "Plasma",
    "[Moles/volume]",
    "(finding)",
    "(disorder)",
    "(procedure)",
]
_MOST_DEPTH = 3


def main(number: str, kilobytes: str = "112") -> None:
    samples: list[Any] = list(_samples())
    dictionary = zstandard.train_dictionary(
        int(kilobytes) * 1024, samples, k=1024, d=8, dict_id=int(number), level=3, threads=1
    )
    path = FOLDER / f"{number}.zstd-dict"
    path.write_bytes(dictionary.as_bytes())
    print(f"{path.name}: {len(dictionary)} bytes from {len(samples)} bodies")


def _samples() -> Iterator[bytes]:
    """Bodies as they are kept: invented records, and one of each type with everything that it may say."""
    chance = Random("dictionary")
    for person in population(2, 150, today=date(2026, 3, 2)):
        for resources in person.records.values():
            yield from (_kept(resource, chance) for resource in resources)
    # What the first dictionary says was chosen by hand: it is worth keeping, so it comes often.
    first = (FOLDER / "1.zstd-dict").read_bytes()
    yield from [first[start : start + 1000] for start in range(0, len(first), 1000)] * 200
    for _ in range(6):
        for type in sorted(resource_types()):
            yield _kept({"resourceType": type, **_parts(chance, type, "", 0)}, chance)


def _kept(resource: dict[str, Any], chance: Random) -> bytes:
    type, version = resource["resourceType"], str(chance.choice((1, 1, 1, 2)))
    at = f"202{chance.randrange(4, 10)}-{chance.randrange(1, 13):02}-{chance.randrange(1, 29):02}T{_time(chance)}Z"
    body = encode(addressed(resource, type, resource.get("id") or _uuid(chance), int(version), at))
    return b"\n".join([body, " ".join(refers_in(body, "")).encode()])


def _parts(chance: Random, name: str, part: str, depth: int) -> dict[str, Any]:
    """An invented value for about half of the elements of a type or a part of one."""
    found = structure(name)
    made: dict[str, Any] = {}
    for element in found.parts.get(part, ()) if found else ():
        if depth and chance.random() < 0.5:
            continue
        json_name, type = chance.choice(element.json_names())
        if json_name in (
            "id",
            "extension",
            "modifierExtension",
            "contained",
            "text",
            "implicitRules",
            "meta",
        ):
            continue
        value = _value(chance, name, part, element, type, depth)
        if value not in (None, {}):
            made[json_name] = [value] if element.many else value
    return made


def _value(chance: Random, name: str, part: str, element: Element, type: str, depth: int) -> Any:
    if type.startswith("#"):
        return _parts(chance, name, type[1:], depth + 1) if depth < _MOST_DEPTH else None
    if type == "Reference":
        return {"reference": f"{chance.choice(element.targets or ('Patient', 'Encounter'))}/{_uuid(chance)}"}
    if type == "CodeableConcept":
        return {"coding": [_coding(chance)], "text": _words(chance)}
    if type == "Coding":
        return _coding(chance)
    if type == "Period":
        return {"start": _moment(chance), "end": _moment(chance)}
    if type in ("Quantity", "Money", "Age", "Duration", "SimpleQuantity"):
        unit = chance.choice(WORDS)
        return {
            "value": chance.randrange(1000) / 10,
            "unit": unit,
            "system": "http://unitsofmeasure.org",
            "code": unit,
        }
    if type == "Identifier":
        return {"system": chance.choice(SYSTEMS), "value": _uuid(chance)}
    if type[:1].isupper():
        return _parts(chance, type, "", depth + 1) if depth < _MOST_DEPTH else None
    return _plain(chance, type)


def _plain(chance: Random, type: str) -> Any:
    match type:
        case "boolean":
            return chance.random() < 0.5
        case "integer" | "positiveInt" | "unsignedInt":
            return chance.randrange(1, 10)
        case "decimal":
            return chance.randrange(1000) / 10
        case "date":
            return _moment(chance)[:10]
        case "dateTime" | "instant":
            return _moment(chance)
        case "uri" | "url" | "canonical":
            return chance.choice(SYSTEMS)
    return chance.choice(WORDS)


def _coding(chance: Random) -> dict[str, str]:
    return {"system": chance.choice(SYSTEMS), "code": str(chance.randrange(10**5)), "display": _words(chance)}


def _words(chance: Random) -> str:
    return " ".join(chance.choices(WORDS, k=chance.randrange(1, 4)))


def _uuid(chance: Random) -> str:
    text = f"{chance.getrandbits(128):032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def _moment(chance: Random) -> str:
    year, zone = chance.randrange(1990, 2027), chance.choice(("Z", "-05:00", "-04:00", ".000Z", "+00:00"))
    return f"{year}-{chance.randrange(1, 13):02}-{chance.randrange(1, 29):02}T{_time(chance)[:8]}{zone}"


def _time(chance: Random) -> str:
    return f"{chance.randrange(24):02}:{chance.randrange(60):02}:{chance.randrange(60):02}.{chance.randrange(1000):03}"


if __name__ == "__main__":
    main(*sys.argv[1:])
