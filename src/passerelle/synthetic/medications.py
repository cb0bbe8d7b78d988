"""What is prescribed, dispensed and taken."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from passerelle.synthetic.chart import Chart
from passerelle.synthetic.concept import ATC, DIN, HL7, coded, quantity
from passerelle.synthetic.tables import rows, toml
from passerelle.synthetic.visits import Visit
from passerelle.values import Json, Language, NodeId


@dataclass(frozen=True, slots=True)
class Prescription:
    """A prescription that was written down; ``identifier`` is what copies of it elsewhere carry as well."""

    drug: str
    day: int
    ref: Json
    identifier: Json
    node: NodeId


@cache
def _drugs() -> dict[str, dict[str, str]]:
    return {row["key"]: row for row in rows("drugs")}


def drug_text(key: str, language: Language) -> str:
    """The product in words, such as ``Ramipril 5 mg capsule``."""
    drug = _drugs()[key]
    form: str = toml("medication_words")["form"][drug["form"]][language]
    shown = "" if drug["form"] in {"inhaler", "pen"} else f" {form}"
    return f"{drug[language]} {drug['strength']}{shown}"


@lru_cache(maxsize=256)
def drug_concept(key: str, language: Language) -> Json:
    """The product with its DIN and ATC code, as far as the table has them."""
    drug = _drugs()[key]
    codes = [(DIN, drug["din"])] if drug["din"].startswith("0") else []
    if drug["din"].startswith("8"):
        codes = [(f"{HL7}v3-hc-npn", drug["din"])]
    if drug["atc"]:
        codes.append((ATC, drug["atc"]))
    return coded(tuple(codes), drug_text(key, "en"), drug_text(key, "fr"), language)


@lru_cache(maxsize=256)
def dosage(key: str, language: Language) -> list[Json]:
    """The dosage instruction, in words and structured."""
    drug = _drugs()[key]
    words = toml("medication_words")
    form: dict[str, Any] = words["form"][drug["form"]]
    often = words["often"]["weekly" if drug["times"] == "0.14" else drug["times"]]
    take = form["take" if drug["amount"] == "1" else "take_more"][language]
    instruction: Json = {
        "text": take.format(amount=drug["amount"], often=often[language]),
        "timing": {"repeat": _repeat(drug["times"])},
        "route": coded((), form["route"]["en"], form["route"]["fr"], language),
        "doseAndRate": [{"doseQuantity": quantity(int(drug["amount"]), form[language], form["ucum"])}],
    }
    if drug["times"] == "0":
        del instruction["timing"]
        instruction["asNeededBoolean"] = True
    return [instruction]


def _repeat(times: str) -> Json:
    if times == "0.14":
        return {"frequency": 1, "period": 1, "periodUnit": "wk"}
    return {"frequency": int(times), "period": 1, "periodUnit": "d"}


def prescribe(
    chart: Chart, at: Visit, drug: str, reason: Json | None = None, *, state: str = "active", refills: int = 3
) -> Prescription:
    """Write a MedicationRequest at a visit."""
    days = int(_drugs()[drug]["days"])
    body: Json = {
        "status": state,
        "intent": "order",
        "medicationCodeableConcept": drug_concept(drug, chart.language),
        "subject": chart.subject,
        "encounter": at.ref,
        "authoredOn": chart.time(at.day, at.minute),
        "requester": at.worker.ref,
        "dosageInstruction": dosage(drug, chart.language),
        "dispenseRequest": {
            "numberOfRepeatsAllowed": refills,
            "quantity": _supply(drug, chart.language),
            "expectedSupplyDuration": quantity(days, "day", "d"),
        },
    }
    if reason is not None:
        body["reasonCode"] = [reason]
    ref = chart.add("MedicationRequest", "medicationrequest", at.at.slug, body)
    return Prescription(drug, at.day, ref, chart.last()["identifier"][0], chart.node)


@lru_cache(maxsize=256)
def _supply(key: str, language: Language) -> Json:
    drug = _drugs()[key]
    form = toml("medication_words")["form"][drug["form"]]
    if drug["times"] in {"0", "0.14"}:
        count = 12 if drug["times"] == "0.14" else 30
    else:
        count = int(drug["amount"]) * int(drug["times"]) * int(drug["days"])
    return quantity(count, form[language], form["ucum"])


def dispense(chart: Chart, drug: str, day: int, order: Prescription | None = None) -> Json:
    """Write a MedicationDispense by the pharmacy that this person uses."""
    at = chart.at("pharmacy")
    body: Json = {
        "status": "completed",
        "medicationCodeableConcept": drug_concept(drug, chart.language),
        "subject": chart.subject,
        "performer": [{"actor": at.workers[0].ref}, {"actor": at.org}],
        "quantity": _supply(drug, chart.language),
        "daysSupply": quantity(int(_drugs()[drug]["days"]), "day", "d"),
        "whenHandedOver": chart.time(day, 1020),
        "dosageInstruction": dosage(drug, chart.language),
    }
    if order is not None:
        body["authorizingPrescription"] = [order.ref]
    return chart.add("MedicationDispense", "medicationdispense", at.slug, body)


def taking(
    chart: Chart,
    drug: str,
    since: int,
    *,
    said: int,
    until: int | None = None,
    identifier: Json | None = None,
) -> Json:
    """Write a MedicationStatement: what the person says to take, or a copy of what another node prescribed."""
    period = {"start": chart.day(since)}
    if until is not None:
        period["end"] = chart.day(until)
    body: Json = {
        "status": "active" if until is None else "completed",
        "medicationCodeableConcept": drug_concept(drug, chart.language),
        "subject": chart.subject,
        "effectivePeriod": period,
        "dateAsserted": chart.time(said, 620),
        "informationSource": chart.subject,
        "dosage": dosage(drug, chart.language),
    }
    at = chart.at("clinic")
    return chart.add("MedicationStatement", "medicationstatement", at.slug, body, identifier)
