"""Invented people and the records that several sources hold of them, built by hand."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from passerelle.fhir.record import Conflict, Entry, Gap, Origin, Record, Source, State
from passerelle.fhir.resource import encode
from passerelle.summary.compose import compose
from passerelle.values import Json, Language, NodeId

NOW = datetime(2026, 3, 9, 14, 5, tzinfo=UTC)

NAMES = {
    "on": {"en": "Ontario Health Network", "fr": "Réseau de santé de l’Ontario"},
    "qc": {"en": "Québec Health Network", "fr": "Réseau de santé du Québec"},
    "nu": {"en": "Nunavut Health Network", "fr": "Réseau de santé du Nunavut"},
}

DEVICE: Json = {
    "resourceType": "Device",
    "deviceName": [{"name": "Passerelle", "type": "user-friendly-name"}],
}

LABORATORY = [
    {
        "coding": [
            {"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory"}
        ]
    }
]


def base(node: str) -> str:
    return f"https://{node}.example/fhir"


def source(node: str, state: State = State.ANSWERED, **more: Any) -> Source:
    return Source(NodeId(node), NAMES[node], state, base=base(node), **more)


def origin(node: str, reference: str) -> Origin:
    return Origin(NodeId(node), reference, f"{base(node)}/{reference}")


def entry(resource: Json, *nodes: str) -> Entry:
    """A fact that each of these nodes states, under the same id at each."""
    reference = f"{resource['resourceType']}/{resource['id']}"
    origins = tuple(origin(node, reference) for node in nodes or ("on",))
    return Entry(resource["resourceType"], resource, encode(resource), origins)


def patient(**more: Any) -> Json:
    return {
        "resourceType": "Patient",
        "id": "p1",
        "identifier": [
            {
                "system": "https://fhir.infoway-inforoute.ca/NamingSystem/ca-on-patient-hcn",
                "value": "9876543217",
            }
        ],
        "name": [{"family": "Tremblay", "given": ["Océane"]}],
        "gender": "female",
        "birthDate": "1987-04-23",
    } | more


def fact(type_: str, id_: str, **elements: Any) -> Json:
    whom = (
        "patient"
        if type_ in ("AllergyIntolerance", "Immunization", "FamilyMemberHistory", "Consent")
        else "subject"
    )
    return {"resourceType": type_, "id": id_, whom: {"reference": "Patient/p1"}} | elements


def statement(id_: str, drug: str, dose: str = "", **more: Any) -> Json:
    dosage = {"dosage": [{"text": dose}]} if dose else {}
    elements = {
        "status": "active",
        "medicationCodeableConcept": {"text": drug},
        "effectiveDateTime": "2026-01-02",
    }
    return fact("MedicationStatement", id_, **(elements | dosage | more))


def allergy(id_: str, called: str, /, **more: Any) -> Json:
    system = "http://terminology.hl7.org/CodeSystem/allergyintolerance-"
    elements = {
        "clinicalStatus": {"coding": [{"system": f"{system}clinical", "code": "active"}]},
        "verificationStatus": {"coding": [{"system": f"{system}verification", "code": "confirmed"}]},
        "code": {"text": called},
        "criticality": "high",
        "recordedDate": "2019-06",
    }
    return fact("AllergyIntolerance", id_, **(elements | more))


def condition(id_: str, called: str, status: str = "active", /, **more: Any) -> Json:
    system = "http://terminology.hl7.org/CodeSystem/condition-clinical"
    coded = {"clinicalStatus": {"coding": [{"system": system, "code": status}]}} if status else {}
    return fact("Condition", id_, **(coded | {"code": {"text": called}, "onsetDateTime": "2015"} | more))


def result(id_: str, when: str = "2026-02-01T09:05:00-05:00", value: Any = None, **more: Any) -> Json:
    quantity = {
        "value": value or 41,
        "unit": "mmol/mol",
        "system": "http://unitsofmeasure.org",
        "code": "mmol/mol",
    }
    elements = {
        "status": "final",
        "category": LABORATORY,
        "code": {"coding": [{"system": "http://loinc.org", "code": "59261-8"}], "text": "HbA1c"},
        "effectiveDateTime": when,
        "valueQuantity": quantity,
    }
    return fact("Observation", id_, **(elements | more))


def none_known(id_: str = "none") -> Json:
    return allergy(
        id_, "No known allergy", code={"coding": [{"system": "http://snomed.info/sct", "code": "716186003"}]}
    )


def record(
    *entries: Entry,
    sources: Sequence[Source] | None = None,
    who: Json | None = None,
    gaps: Sequence[Gap] = (),
    conflicts: Sequence[Conflict] = (),
) -> Record:
    """A record of one person; by default Ontario and Québec answered and both hold something."""
    person = who or patient()
    asked = tuple(sources if sources is not None else (source("on"), source("qc")))
    holders = [each.node for each in asked if each.state is State.ANSWERED]
    patients = tuple(entry(person, node) for node in holders)
    return Record(person, patients, tuple(entries), asked, tuple(gaps), tuple(conflicts), NOW)


def ids() -> Callable[[], str]:
    """Fresh UUIDs, the same in every run."""
    numbers = iter(range(1, 100_000))
    return lambda: str(uuid.UUID(int=(0xABCD << 64) | next(numbers), version=4))


def full_record() -> Record:
    """A record with something in many sections, one dose conflict and one silent source."""
    entries = (
        entry(statement("m1", "Metformin 500 mg", "500 mg, two times a day"), "on"),
        entry(statement("m2", "Metformin 500 mg", "850 mg, two times a day"), "qc"),
        entry(allergy("a1", "Penicillin", reaction=[{"manifestation": [{"text": "Hives"}]}]), "on", "qc"),
        entry(condition("c1", "Type 2 diabetes"), "on"),
        entry(condition("c2", "Appendicitis", "resolved"), "qc"),
        entry(result("o1", performer=[{"reference": "Organization/lab"}]), "on"),
        entry({"resourceType": "Organization", "id": "lab", "name": "Harbour Laboratory"}, "on"),
        entry(
            fact(
                "Immunization",
                "i1",
                status="completed",
                vaccineCode={"text": "Influenza"},
                occurrenceDateTime="2025-10-20",
            ),
            "qc",
        ),
        entry(
            fact(
                "Procedure",
                "pr1",
                status="completed",
                code={"text": "Appendectomy"},
                performedDateTime="2009-08",
            ),
            "qc",
        ),
        entry(fact("Encounter", "e1", status="finished"), "on"),
    )
    return record(
        *entries,
        sources=(source("on"), source("qc"), source("nu", State.SILENT, reason="deadline")),
        gaps=(Gap(NodeId("nu"), NAMES["nu"], "deadline", retryable=True),),
        conflicts=(Conflict("dose", "Metformin 500 mg", (0, 1)),),
    )


def summary(made: Record, language: Language = "en", **more: Any) -> Json:
    """The record's summary, written by a device."""
    return compose(made, author=more.pop("author", DEVICE), language=language, now=NOW, new_id=ids(), **more)


def resources(bundle: Json, type_: str) -> list[Json]:
    return [each["resource"] for each in bundle["entry"] if each["resource"]["resourceType"] == type_]


def composition(bundle: Json) -> Json:
    return bundle["entry"][0]["resource"]


def section(bundle: Json, loinc: str) -> Json | None:
    """One section of the document, by its LOINC code."""
    found = (each for each in composition(bundle)["section"] if each["code"]["coding"][0]["code"] == loinc)
    return next(found, None)


MEDICATIONS, ALLERGIES, PROBLEMS, RESULTS, PAST = "10160-0", "48765-2", "11450-4", "30954-2", "11348-0"
