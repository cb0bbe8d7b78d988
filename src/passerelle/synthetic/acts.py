"""Immunizations, procedures, imaging and documents."""

from __future__ import annotations

from base64 import b64encode
from functools import cache

from passerelle.synthetic.chart import Chart
from passerelle.synthetic.concept import DIN, LOINC, coded, status
from passerelle.synthetic.dice import digest
from passerelle.synthetic.geography import day_text
from passerelle.synthetic.tables import toml
from passerelle.synthetic.visits import Visit
from passerelle.values import Json, Language

_CVX = "http://hl7.org/fhir/sid/cvx"
_DCM = "http://dicom.nema.org/resources/ontology/DCM"


@cache
def vaccine_concept(key: str, language: Language) -> Json:
    """The vaccine with the DIN of a product where the table has one."""
    table = toml("vaccines")[key]
    codes = ((DIN, table["din"]),) if table["din"] else ()
    return coded((*codes, (_CVX, table["cvx"])), table["en"], table["fr"], language)


def vaccinate(chart: Chart, day: int, key: str, dose: int, *, identifier: Json | None = None) -> Json:
    """Write an Immunization given by public health."""
    at = chart.at("health-unit")
    body: Json = {
        "status": "completed",
        "vaccineCode": vaccine_concept(key, chart.language),
        "patient": chart.subject,
        "occurrenceDateTime": chart.day(day),
        "primarySource": True,
        "location": at.location,
        "lotNumber": f"{key[:2].upper()}{day % 9973:04d}",
        "performer": [{"actor": at.workers[0].ref}],
        "protocolApplied": [{"doseNumberPositiveInt": dose}],
    }
    return chart.add("Immunization", "immunization", at.slug, body, identifier)


def procedure(chart: Chart, at: Visit, key: str, reason: Json | None = None) -> Json:
    """Write a Procedure done at a visit."""
    table = toml("procedures")[key]
    codes = ((LOINC, table["loinc"]),) if "loinc" in table else ()
    body: Json = {
        "status": "completed",
        "code": coded(codes, table["en"], table["fr"], chart.language),
        "subject": chart.subject,
        "encounter": at.ref,
        "performedDateTime": chart.time(at.day, at.minute + 10),
        "performer": [{"actor": at.worker.ref}],
        "location": at.at.location,
    }
    if reason is not None:
        body["reasonCode"] = [reason]
    return chart.add("Procedure", "procedure", at.at.slug, body)


def imaging(chart: Chart, day: int, key: str, finding: str, *, encounter: Json | None = None) -> Json:
    """Write an ImagingStudy and the radiologist's DiagnosticReport; return the report's reference."""
    table, says = toml("imaging")[key], toml("imaging")["finding"][finding]
    at = chart.at("hospital")
    codes = ((LOINC, table["loinc"]),) if table["loinc"] else ()
    concept = coded(codes, table["en"], table["fr"], chart.language)
    common: Json = {"encounter": encounter} if encounter is not None else {}
    uid = f"2.25.{int(digest('study', chart.base, len(chart.resources)), 16)}"
    started = chart.time(day, 660)
    study: Json = {
        "status": "available",
        "modality": [{"system": _DCM, "code": table["modality"]}],
        "subject": chart.subject,
        **common,
        "started": started,
        "numberOfSeries": 1,
        "numberOfInstances": table["images"],
        "procedureCode": [concept],
        "description": concept["text"],
        "location": at.location,
        "series": [_series(table["modality"], table["sop"], table["images"], uid, started)],
    }
    name = {"system": "urn:dicom:uid", "value": f"urn:oid:{uid}"}
    made = chart.add(
        "ImagingStudy", "http://hl7.org/fhir/StructureDefinition/ImagingStudy", at.slug, study, name
    )
    body: Json = {
        "status": "final",
        "category": [status("v2-0074", "RAD", "Radiology")],
        "code": concept,
        "subject": chart.subject,
        **common,
        "effectiveDateTime": started,
        "issued": chart.time(day, 900),
        "performer": [at.org],
        "resultsInterpreter": [at.worker("radiologist").ref],
        "imagingStudy": [made],
        "conclusion": says[chart.language],
    }
    return chart.add("DiagnosticReport", "diagnosticreport", at.slug, body)


def _series(modality: str, sop: str, images: int, uid: str, started: str) -> Json:
    return {
        "uid": f"{uid}.1",
        "number": 1,
        "modality": {"system": _DCM, "code": modality},
        "numberOfInstances": images,
        "started": started,
        "instance": [{"uid": f"{uid}.1.1", "sopClass": _sop(sop), "number": 1}],
    }


@cache
def _sop(uid: str) -> Json:
    return {"system": "urn:ietf:rfc:3986", "code": f"urn:oid:{uid}"}


def document(chart: Chart, at: Visit, kind: str, problem: str, *, day: int = 0) -> Json:
    """Write a DocumentReference with a short letter inside. ``problem`` is the words of what it is about."""
    table = toml("documents")[kind]
    day = day or at.day
    text = table["text"][chart.language].format(problem=problem, date=day_text(day))
    written = chart.time(day, 1050)
    concept = coded(((LOINC, table["loinc"]),), table["en"], table["fr"], chart.language)
    body: Json = {
        "status": "current",
        "docStatus": "final",
        "type": concept,
        "category": [coded((), "Clinical note", "Note clinique", chart.language)],
        "subject": chart.subject,
        "date": written,
        "author": [at.worker.ref],
        "custodian": at.at.org,
        "description": f"{concept['text']} – {problem}",
        "content": [
            {
                "attachment": {
                    "contentType": "text/plain; charset=utf-8",
                    "language": f"{chart.language}-CA",
                    "data": b64encode(text.encode()).decode(),
                    "title": concept["text"],
                    "creation": written,
                }
            }
        ],
        "context": {"encounter": [at.ref]},
    }
    return chart.add("DocumentReference", "documentreference", at.at.slug, body)
