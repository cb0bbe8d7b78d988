"""Encounters and what is measured at them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from passerelle.synthetic.chart import Chart
from passerelle.synthetic.concept import HL7, LOINC, coded, quantity, status
from passerelle.synthetic.geography import stamp
from passerelle.synthetic.labs import number
from passerelle.synthetic.staff import Facility, Worker
from passerelle.synthetic.tables import toml
from passerelle.values import Json

_CLASSES = {"AMB": "ambulatory", "VR": "virtual", "EMER": "emergency", "IMP": "inpatient encounter"}


@dataclass(frozen=True, slots=True)
class Visit:
    """A visit that was written down: when, where, with whom, and the reference to its Encounter."""

    day: int
    minute: int
    at: Facility
    worker: Worker
    ref: Json


def visit(
    chart: Chart, day: int, kind: str, reason: Json | None = None, *, city: str = "", minute: int = 0
) -> Visit:
    """Write an Encounter of a kind in ``data/encounters.toml``, for a reason (a concept) where there is one."""
    table = toml("encounters")[kind]
    at = chart.at(table["at"], city)
    worker = at.worker(table["role"], chart.life.index)
    minute = minute or 480 + (day * 37) % 480
    body: Json = {
        "status": "finished",
        "class": {"system": f"{HL7}v3-ActCode", "code": table["class"], "display": _CLASSES[table["class"]]},
        "type": [coded((), table["en"], table["fr"], chart.language)],
        "subject": chart.subject,
        "participant": [_attender(chart, worker)],
        "period": _period(chart, day, minute, table["minutes"]),
        "location": [{"location": at.location}],
        "serviceProvider": at.org,
    }
    if reason is not None:
        body["reasonCode"] = [reason]
    if table["class"] == "IMP":
        body["hospitalization"] = {"dischargeDisposition": status("discharge-disposition", "home", "Home")}
    return Visit(day, minute, at, worker, chart.add("Encounter", "encounter", at.slug, body))


def _attender(chart: Chart, worker: Worker) -> Json:
    return {"type": [status("v3-ParticipationType", "ATND", "attender")], "individual": worker.ref}


def _period(chart: Chart, day: int, minute: int, length: int) -> Json:
    days, end = divmod(minute + length, 1440)
    return {"start": stamp(chart.node, day, minute), "end": stamp(chart.node, day + days, end)}


def blood_pressure(chart: Chart, at: Visit, systolic: int, diastolic: int) -> None:
    """A blood pressure as the R4 profile shapes it."""
    parts = (
        ("8480-6", "Systolic blood pressure", "Tension artérielle systolique", systolic),
        ("8462-4", "Diastolic blood pressure", "Tension artérielle diastolique", diastolic),
    )
    component = [
        {
            "code": coded(((LOINC, code),), en, fr, chart.language),
            "valueQuantity": quantity(value, "mmHg", "mm[Hg]"),
        }
        for code, en, fr, value in parts
    ]
    code = coded(((LOINC, "85354-9"),), "Blood pressure", "Tension artérielle", chart.language)
    _observe(
        chart, at, "vital-signs", code, {"component": component}, "http://hl7.org/fhir/StructureDefinition/bp"
    )


def measure(chart: Chart, at: Visit, key: str, value: int) -> None:
    """A vital sign of ``data/vitals.toml``; ``value`` counts its last digit."""
    table = toml("vitals")[key]
    code = coded(((LOINC, table["loinc"]),), table["en"], table["fr"], chart.language)
    amount = quantity(number(value, table["decimals"]), table["unit"], table["ucum"])
    profile = "http://hl7.org/fhir/StructureDefinition/vitalsigns"
    _observe(chart, at, "vital-signs", code, {"valueQuantity": amount}, profile)


def smoking(chart: Chart, at: Visit, answer: str) -> None:
    """Tobacco use, as a LOINC answer: never, former or current."""
    code, en, fr = _TOBACCO[answer]
    asked = coded(((LOINC, "72166-2"),), "Tobacco smoking status", "Usage du tabac", chart.language)
    said = coded(((LOINC, code),), en, fr, chart.language)
    _observe(chart, at, "social-history", asked, {"valueCodeableConcept": said}, "observation")


_TOBACCO = {
    "never": ("LA18978-9", "Never smoker", "N’a jamais fumé"),
    "former": ("LA15920-4", "Former smoker", "Ex-fumeur"),
    "current": ("LA18976-3", "Current every day smoker", "Fume chaque jour"),
}


def pregnant(chart: Chart, at: Visit) -> None:
    """That the person is pregnant, as a LOINC answer."""
    asked = coded(((LOINC, "82810-3"),), "Pregnancy status", "État de grossesse", chart.language)
    said = coded(((LOINC, "LA15173-0"),), "Pregnant", "Enceinte", chart.language)
    _observe(chart, at, "social-history", asked, {"valueCodeableConcept": said}, "observation")


@lru_cache(maxsize=8)
def category(code: str) -> list[Json]:
    """The category of an Observation."""
    return [status("observation-category", code)]


def _observe(chart: Chart, at: Visit, kind: str, code: Json, value: Json, profile: str) -> None:
    body: Json = {
        "status": "final",
        "category": category(kind),
        "code": code,
        "subject": chart.subject,
        "encounter": at.ref,
        "effectiveDateTime": chart.time(at.day, at.minute),
        "performer": [at.worker.ref],
        **value,
    }
    chart.add("Observation", profile, at.at.slug, body)
