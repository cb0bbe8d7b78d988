"""Invented sources and what they hold."""

from __future__ import annotations

from datetime import UTC, datetime

from passerelle.federation.merge import merge
from passerelle.fhir.record import Record, Reply, Source, State
from passerelle.fhir.resource import encode
from passerelle.values import Json, NodeId

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
LOINC = "http://loinc.org"
DIN = "http://hl7.org/fhir/NamingSystem/ca-hc-din"
ATC = "http://www.whocc.no/atc"
LAB = "https://lab.example/accession"
CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
NUMBER = "https://fhir.infoway-inforoute.ca/NamingSystem/ca-on-patient-hcn"


def base(node: str) -> str:
    return f"https://{node}.example/fhir"


def name(node: str) -> dict[str, str]:
    return {"en": f"The {node} node", "fr": f"Le nœud {node}"}


def source(node: str, state: State = State.ANSWERED, **more: object) -> Source:
    return Source(NodeId(node), name(node), state, base=base(node), **more)  # type: ignore[arg-type]


def reply(node: str, *resources: Json, patient: Json | None = None, partial: str = "") -> Reply:
    person = patient or {"resourceType": "Patient", "id": f"p-{node}"}
    listed = tuple((f"{base(node)}/{r['resourceType']}/{r['id']}", encode(r)) for r in (person, *resources))
    return Reply(NodeId(node), base(node), 0.25, listed, partial=partial)


def merged(*replies: Reply, also: tuple[Source, ...] = ()) -> Record:
    return merge(replies, [*(source(each.node, seconds=each.seconds) for each in replies), *also], now=NOW)


def concept(system: str, code: str, text: str = "", *others: tuple[str, str]) -> Json:
    codings = [{"system": s, "code": c} for s, c in ((system, code), *others)]
    return {"coding": codings, **({"text": text} if text else {})}


def glucose(id: str, value: float = 5.5, when: str = "2026-03-01T10:00:00-05:00", **more: object) -> Json:
    return {
        "resourceType": "Observation",
        "id": id,
        "status": "final",
        "code": concept(LOINC, "2345-7", "Glucose"),
        "effectiveDateTime": when,
        "valueQuantity": {"value": value, "unit": "mmol/L", "code": "mmol/L"},
        **more,
    }


def prescription(id: str, text: str = "Metformin 500 mg", dose: int = 1, **more: object) -> Json:
    return {
        "resourceType": "MedicationRequest",
        "id": id,
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": {"text": text},
        "authoredOn": "2026-01-15",
        "dosageInstruction": [
            {
                "timing": {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}},
                "doseAndRate": [{"doseQuantity": {"value": dose, "unit": "tablet"}}],
            }
        ],
        **more,
    }


def condition(id: str, status: str = "active", **more: object) -> Json:
    return {
        "resourceType": "Condition",
        "id": id,
        "clinicalStatus": concept(CLINICAL, status),
        "code": {"text": "Asthma"},
        "onsetDateTime": "2011-05-01",
        **more,
    }


def allergy(id: str, text: str = "Penicillin", **more: object) -> Json:
    return {"resourceType": "AllergyIntolerance", "id": id, "code": {"text": text}, **more}


def origins(record: Record) -> list[list[str]]:
    """For each entry ``node:Type/id`` of its origins, sorted."""
    return [sorted(f"{o.node}:{o.reference}" for o in entry.origins) for entry in record.entries]
