"""An invented person whose record lies in many places: the values that page tests are made of."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

from passerelle.fhir.record import Conflict, Entry, Gap, Origin, Record, Source, State
from passerelle.fhir.resource import encode
from passerelle.portals.viewing import FoundPatient, Paths, Viewer
from passerelle.values import Json, Language, NodeId, Purpose

NOW = datetime(2026, 3, 20, 9, 5, tzinfo=timezone(timedelta(hours=-5)))
HANDLE = "h7Qm2xV9"
ON_NUMBER = "https://fhir.infoway-inforoute.ca/NamingSystem/ca-on-patient-hcn"
QC_NUMBER = "https://fhir.infoway-inforoute.ca/NamingSystem/ca-qc-patient-healthcare-id"
BC_NUMBER = "https://fhir.infoway-inforoute.ca/NamingSystem/ca-bc-patient-healthcare-id"

NAMES = {
    "on": {"en": "Ontario", "fr": "Ontario"},
    "qc": {"en": "Québec", "fr": "Québec"},
    "bc": {"en": "British Columbia", "fr": "Colombie-Britannique"},
    "mb": {"en": "Manitoba", "fr": "Manitoba"},
    "ab": {"en": "Alberta", "fr": "Alberta"},
    "ns": {"en": "Nova Scotia", "fr": "Nouvelle-Écosse"},
    "nl": {"en": "Newfoundland and Labrador", "fr": "Terre-Neuve-et-Labrador"},
    "nt": {"en": "Northwest Territories", "fr": "Territoires du Nord-Ouest"},
}

CLINICIAN = Viewer(
    "Dr. A. Chen", "Family physician", "Maplewood Family Health Team", "clinician", Purpose.TREAT
)
PATIENT = Viewer("Marie-Ève Tremblay", kind="patient", purpose=Purpose.PATRQT)


def paths(language: Language) -> Paths:
    """Links as a node would give them."""
    other = "fr" if language == "en" else "en"
    return Paths(
        toggle=f"/{other}/page",
        assets="/static/",
        home=f"/{language}/",
        find=f"/{language}/find",
        toggle_find=f"/{other}/find",
        open_record=f"/{language}/record",
        reload=f"/{language}/record/{HANDLE}",
        retry=f"/{language}/record/{HANDLE}/again",
        sign_in=f"/{language}/sign-in",
        sign_out=f"/{language}/sign-out",
        outside=f"/{language}/sign-in/outside",
        authorize=f"/{language}/authorize",
    )


def source(node: str, state: State, seconds: float | None = None, items: int = 0, reason: str = "") -> Source:
    return Source(NodeId(node), NAMES[node], state, seconds, items, reason, f"https://{node}.example/fhir")


def gap(node: str, reason: str, *, retryable: bool = False) -> Gap:
    return Gap(NodeId(node), NAMES[node], reason, retryable)


def entry(resource: Json, *nodes: str) -> Entry:
    """A fact with its origins, the first of which wrote it."""
    reference = f"{resource['resourceType']}/{resource['id']}"
    origins = tuple(
        Origin(NodeId(node), reference, f"https://{node}.example/fhir/{reference}") for node in nodes
    )
    return Entry(resource["resourceType"], resource, encode(resource), origins)


def concept(text: str, code: str = "", system: str = "http://loinc.org") -> Json:
    return (
        {"text": text, "coding": [{"system": system, "code": code, "display": text}]}
        if code
        else {"text": text}
    )


def medication(
    id: str, name: str, dose: str, when: str, *, status: str = "active", language: str = ""
) -> Json:
    made: Json = {
        "resourceType": "MedicationRequest",
        "id": id,
        "status": status,
        "intent": "order",
        "medicationCodeableConcept": {"text": name},
        "authoredOn": when,
        "dosageInstruction": [{"text": dose}],
    }
    return made | ({"language": language} if language else {})


def allergy(id: str, substance: str, reaction: str = "", *, criticality: str = "high") -> Json:
    made: Json = {
        "resourceType": "AllergyIntolerance",
        "id": id,
        "code": {"text": substance},
        "criticality": criticality,
        "clinicalStatus": {"coding": [{"code": "active"}]},
        "recordedDate": "2012-05-03",
    }
    return made | ({"reaction": [{"manifestation": [{"text": reaction}]}]} if reaction else {})


def no_known_allergies(id: str) -> Json:
    system = "http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips"
    return {
        "resourceType": "AllergyIntolerance",
        "id": id,
        "code": concept("No known allergies", "no-known-allergies", system),
    }


def result(
    id: str,
    name: str,
    code: str,
    value: str,
    unit: str,
    when: str,
    *,
    low: str = "",
    high: str = "",
    flag: str = "",
) -> Json:
    made: Json = {
        "resourceType": "Observation",
        "id": id,
        "status": "final",
        "category": [{"coding": [{"code": "laboratory"}]}],
        "code": concept(name, code),
        "effectiveDateTime": when,
        "valueQuantity": {
            "value": Decimal(value),
            "unit": unit,
            "code": unit,
            "system": "http://unitsofmeasure.org",
        },
    }
    limits = {end: {"value": Decimal(text)} for end, text in (("low", low), ("high", high)) if text}
    if limits:
        made["referenceRange"] = [limits]
    if flag:
        made["interpretation"] = [{"coding": [{"code": flag}]}]
    return made


def problem(id: str, name: str, onset: str, *, status: str = "active", language: str = "") -> Json:
    made: Json = {
        "resourceType": "Condition",
        "id": id,
        "code": {"text": name},
        "onsetDateTime": onset,
        "clinicalStatus": {"coding": [{"code": status}]},
    }
    return made | ({"language": language} if language else {})


def visit(id: str, kind: str, when: str, where: str, reason: str = "", *, language: str = "") -> Json:
    made: Json = {
        "resourceType": "Encounter",
        "id": id,
        "status": "finished",
        "type": [{"text": kind}],
        "period": {"start": when},
        "serviceProvider": {"display": where},
    }
    made |= {"reasonCode": [{"text": reason}]} if reason else {}
    return made | ({"language": language} if language else {})


def imaging(id: str, what: str, when: str, modality: str) -> Json:
    return {
        "resourceType": "ImagingStudy",
        "id": id,
        "status": "available",
        "description": what,
        "started": when,
        "modality": [{"code": modality}],
    }


def immunization(id: str, what: str, when: str) -> Json:
    made: Json = {"resourceType": "Immunization", "id": id, "status": "completed"}
    return made | {"vaccineCode": {"text": what}, "occurrenceDateTime": when}


def document(id: str, what: str, when: str, who: str) -> Json:
    return {
        "resourceType": "DocumentReference",
        "id": id,
        "status": "current",
        "description": what,
        "date": when,
        "author": [{"display": who}],
    }


def person(name: str = "Marie-Ève Tremblay", birth: str = "1961-03-14") -> Json:
    given, _, family = name.rpartition(" ")
    return {
        "resourceType": "Patient",
        "id": "merged",
        "name": [{"use": "official", "family": family, "given": [given]}],
        "gender": "female",
        "birthDate": birth,
        "identifier": [
            {"system": ON_NUMBER, "value": "5584486674"},
            {"system": QC_NUMBER, "value": "TREM61531419"},
            {"system": BC_NUMBER, "value": "9698658215"},
        ],
        "address": [{"city": "Gatineau", "state": "QC"}],
    }


def _series(
    prefix: str, name: str, code: str, unit: str, rows: list[tuple[str, str, str]], **limits: str
) -> list[Entry]:
    return [
        entry(result(f"{prefix}{index}", name, code, value, unit, when, **limits), node)
        for index, (node, when, value) in enumerate(rows)
    ]


def _laboratory() -> list[Entry]:
    hba1c = [
        ("on", "2019-03-12", "8.6"), ("on", "2020-02-10", "8.1"), ("qc", "2021-01-19", "7.9"), ("on", "2022-02-01", "7.7"),
        ("qc", "2023-03-08", "7.5"), ("on", "2024-02-14", "7.2"), ("on", "2025-03-03", "7.3"), ("qc", "2026-02-19", "7.4"),
    ]  # fmt: skip
    creatinine = [
        ("on", f"{2017 + n // 2}-0{3 + n % 2 * 5}-11", str(78 + n * 3 + n % 3 * 2)) for n in range(17)
    ]
    creatinine += [("bc", "2021-05-20", "95"), ("qc", "2023-06-02", "109"), ("mb", "2025-01-15", "128")]
    egfr = [
        ("on", "2022-02-01", "61"),
        ("qc", "2023-03-08", "57"),
        ("on", "2025-03-03", "52"),
        ("qc", "2026-02-19", "49"),
    ]
    potassium = [("on", "2024-02-14", "4.6"), ("mb", "2025-01-15", "5.0"), ("on", "2025-03-03", "5.4")]
    ldl = [("on", "2020-02-10", "3.1"), ("bc", "2021-05-20", "2.4"), ("qc", "2026-02-19", "1.9")]
    return [
        *_series("a1c", "Hemoglobin A1c", "4548-4", "%", hba1c, high="7.0"),
        *_series("crea", "Creatinine", "14682-9", "umol/L", creatinine, low="50", high="100"),
        *_series("egfr", "eGFR", "62238-1", "mL/min/{1.73_m2}", egfr, low="60"),
        *_series("k", "Potassium", "2823-3", "mmol/L", potassium, low="3.5", high="5.0"),
        *_series("ldl", "LDL cholesterol", "39469-2", "mmol/L", ldl, high="2.0"),
        entry(result("tsh", "TSH", "11579-0", "2.10", "mU/L", "2024-02-14", low="0.40", high="4.00"), "on"),
        entry(result("inr", "INR", "6301-6", "1.1", "1", "2025-11-02"), "qc"),
        entry(
            {
                "resourceType": "Observation",
                "id": "bp",
                "status": "final",
                "category": [{"coding": [{"code": "vital-signs"}]}],
                "code": concept("Blood pressure", "85354-9"),
                "effectiveDateTime": "2026-03-02",
                "component": [
                    {"code": {"text": "Systolic"}, "valueQuantity": {"value": 138, "unit": "mm[Hg]"}},
                    {"code": {"text": "Diastolic"}, "valueQuantity": {"value": 84, "unit": "mm[Hg]"}},
                ],
            },
            "on",
        ),
    ]


def _visits() -> list[Entry]:
    made = [
        entry(
            visit(
                f"v{n}",
                "Office visit",
                f"{2016 + n // 3}-0{2 + n % 3 * 3}-1{n % 9}",
                "Maplewood Family Health Team",
            ),
            "on",
        )
        for n in range(29)
    ]
    made += [
        entry(visit("vq1", "Urgence", "2026-01-11T23:47:00-05:00", "Hôpital Sainte-Rose", "Douleur thoracique", language="fr-CA"), "qc"),
        entry(visit("vq2", "Consultation en cardiologie", "2023-06-02", "Hôpital Sainte-Rose", language="fr-CA"), "qc"),
        entry(visit("vb1", "Walk-in clinic", "2021-05-20", "Kitsilano Clinic", "Fever"), "bc"),
    ]  # fmt: skip
    return made


def _medications() -> list[Entry]:
    return [
        entry(medication("m1", "Metformin 500 mg", "1 tablet, twice a day", "2026-03-02"), "on", "bc"),
        entry(
            medication(
                "m2", "Metformine 500 mg", "1 comprimé, deux fois par jour", "2026-02-20", language="fr-CA"
            ),
            "qc",
        ),
        entry(
            medication(
                "m3", "Apixaban 5 mg", "1 comprimé, deux fois par jour", "2026-02-20", language="fr-CA"
            ),
            "qc",
        ),
        entry(medication("m4", "Ramipril 10 mg", "1 capsule, once a day", "2026-03-02"), "on"),
        entry(medication("m5", "Ramipril 5 mg", "1 capsule, once a day", "2024-11-15"), "bc"),
        entry(medication("m6", "Atorvastatin 40 mg", "1 tablet at bedtime", "2026-03-02"), "on", "qc"),
        entry(
            medication(
                "m7", "Amoxicillin 500 mg", "1 capsule, 3 times a day", "2021-05-20", status="completed"
            ),
            "bc",
        ),
        *(
            entry(
                medication(
                    f"old{n}",
                    "Gliclazide 30 mg",
                    "1 tablet a day",
                    f"{2016 + n}-09-0{n + 1}",
                    status="stopped",
                ),
                "on",
            )
            for n in range(5)
        ),
    ]


def _entries() -> tuple[Entry, ...]:
    return (
        *_medications(),
        entry(allergy("a1", "Penicillin", "anaphylaxis"), "on", "qc"),
        entry(allergy("a2", "Sulfonamides", "rash", criticality="low"), "bc"),
        entry(no_known_allergies("a3"), "mb"),
        entry(problem("c1", "Type 2 diabetes", "2014"), "on", "qc"),
        entry(problem("c2", "High blood pressure", "2011-06"), "on", "qc", "bc"),
        entry(problem("c3", "Fibrillation auriculaire", "2023-06-02", language="fr-CA"), "qc"),
        entry(problem("c4", "Chronic kidney disease, stage 3", "2022-02-01"), "on"),
        entry(problem("c5", "Pneumonia", "2021-05-20", status="resolved"), "bc"),
        *_laboratory(),
        *_visits(),
        entry(imaging("i1", "Chest X-ray", "2021-05-20", "DX"), "bc"),
        entry(imaging("i2", "Échographie cardiaque", "2023-06-02", "US"), "qc"),
        entry(imaging("i3", "Renal ultrasound", "2022-03-15", "US"), "on"),
        entry(immunization("im1", "Influenza, inactivated", "2025-10-21"), "on"),
        entry(immunization("im2", "COVID-19 mRNA", "2024-10-04"), "on", "qc"),
        entry(immunization("im3", "Tdap", "2018-04-30"), "bc"),
        entry(document("d1", "Discharge summary", "2026-01-13", "Dre S. Gagnon"), "qc"),
        entry(document("d2", "Nephrology consultation", "2022-04-02", "Dr. R. Singh"), "on"),
        entry(
            {"resourceType": "CarePlan", "id": "cp", "status": "active", "intent": "plan", "title": "Diabetes care plan"}, "on"
        ),
    )  # fmt: skip


ANSWERED = (
    source("on", State.ANSWERED, 0.4, 142),
    source("qc", State.ANSWERED, 1.1, 88),
    source("bc", State.ANSWERED, 0.9, 31),
    source("mb", State.ANSWERED, 2.1, 6),
    source("ab", State.EMPTY, 0.6),
)
MISSING = (
    source("ns", State.SILENT, 3.0, reason="deadline"),
    source("nl", State.REFUSED, 0.7, reason="refused-here"),
)


def record() -> Record:
    """Marie-Ève's record: four provinces hold one, one is silent, one refuses, two drugs disagree on a dose."""
    entries = _entries()
    ids = [each.resource["id"] for each in entries]
    return Record(
        patient=person(),
        patients=tuple(entry(person(), node) for node in ("on", "qc", "bc", "mb")),
        entries=entries,
        sources=ANSWERED + MISSING,
        gaps=(gap("ns", "deadline", retryable=True), gap("nl", "refused-here")),
        conflicts=(Conflict("dose", "ramipril", (ids.index("m4"), ids.index("m5"))),),
        assembled=NOW,
    )


def complete_record() -> Record:
    """The same record with every source answering in full."""
    return replace(record(), sources=ANSWERED, gaps=())


def partial_record(*nodes: str) -> Record:
    """What is known when only these nodes have answered."""
    whole = record()
    entries = tuple(each for each in whole.entries if each.origins[0].node in nodes)
    known = tuple(each for each in whole.sources if each.node in nodes)
    patient = whole.patient if entries else None
    return replace(whole, patient=patient, entries=entries, sources=known, gaps=(), conflicts=())


def waiting(*nodes: str) -> tuple[Source, ...]:
    return tuple(source(node, State.WAITING) for node in nodes)


def found() -> tuple[FoundPatient, ...]:
    """Two candidates: the person, and somebody like her."""
    twin = person("Marie Tremblay", "1961-03-14") | {"identifier": [], "address": []}
    return (
        FoundPatient("c4f1", person(), "certain", ANSWERED[:3]),
        FoundPatient("9e02", twin, "possible", ANSWERED[3:4]),
    )


NOBODY = Record(
    None, (), (), (source("ab", State.EMPTY, 0.6),), (), (), datetime(2026, 3, 20, 14, 5, tzinfo=UTC)
)
