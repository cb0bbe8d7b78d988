"""Conditions and allergies."""

from __future__ import annotations

from typing import Any

from passerelle.synthetic.chart import Chart
from passerelle.synthetic.concept import ICD9, brief, coded, status
from passerelle.synthetic.tables import toml
from passerelle.synthetic.visits import Visit
from passerelle.values import Json, Language

_RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
# The code that CA Baseline names for an explicit "no known allergy".
_NO_KNOWN = (("http://snomed.info/sct", "716186003"),)


def problem_concept(key: str, language: Language) -> Json:
    """The concept of an illness of ``data/problems.toml`` or ``data/acute.toml``."""
    table: dict[str, Any] = toml("problems").get(key) or toml("acute")[key]
    return coded(((ICD9, table["icd9"]),), table["en"], table["fr"], language)


def problem_brief(key: str, language: Language) -> Json:
    """The same concept, short, for the reason of something."""
    table: dict[str, Any] = toml("problems").get(key) or toml("acute")[key]
    return brief(((ICD9, table["icd9"]),), table[language])


def condition(
    chart: Chart, at: Visit, key: str, onset: int, *, ended: int | None = None, listed: bool = True
) -> Json:
    """Write a Condition: on the problem list, or the diagnosis of one encounter."""
    category = "problem-list-item" if listed else "encounter-diagnosis"
    body: Json = {
        "clinicalStatus": status("condition-clinical", "active" if ended is None else "resolved"),
        "verificationStatus": status("condition-ver-status", "confirmed"),
        "category": [status("condition-category", category)],
        "code": problem_concept(key, chart.language),
        "subject": chart.subject,
        "encounter": at.ref,
        "onsetDateTime": chart.day(onset),
        "recordedDate": chart.time(at.day, at.minute),
        "recorder": at.worker.ref,
        "asserter": at.worker.ref,
    }
    if ended is not None:
        body["abatementDateTime"] = chart.day(ended)
    return chart.add("Condition", "condition", at.at.slug, body)


def allergy(
    chart: Chart, at: Visit, key: str, reaction: str, *, severe: bool = False, since: int = 0
) -> Json:
    """Write an AllergyIntolerance with its reaction."""
    table, shown = toml("allergies")[key], toml("allergies")["reaction"][reaction]
    codes = ((_RXNORM, table["rxnorm"]),) if table["rxnorm"] else ()
    body: Json = {
        "clinicalStatus": status("allergyintolerance-clinical", "active"),
        "verificationStatus": status("allergyintolerance-verification", "confirmed"),
        "type": "allergy",
        "category": [table["category"]],
        "criticality": "high" if severe else "low",
        "code": coded(codes, table["en"], table["fr"], chart.language),
        "patient": chart.subject,
        "recordedDate": chart.time(at.day, at.minute),
        "recorder": at.worker.ref,
        "reaction": [
            {
                "manifestation": [coded((), shown["en"], shown["fr"], chart.language)],
                "severity": shown["severity"],
            }
        ],
    }
    if since:
        body["onsetDateTime"] = chart.day(since)
    return chart.add("AllergyIntolerance", "allergyintolerance", at.at.slug, body)


def no_known_allergies(chart: Chart, at: Visit) -> Json:
    """Write that allergies were asked for and none is known."""
    body: Json = {
        "clinicalStatus": status("allergyintolerance-clinical", "active"),
        "verificationStatus": status("allergyintolerance-verification", "confirmed"),
        "code": coded(_NO_KNOWN, "No known allergy", "Aucune allergie connue", chart.language),
        "patient": chart.subject,
        "recordedDate": chart.time(at.day, at.minute),
        "recorder": at.worker.ref,
    }
    return chart.add("AllergyIntolerance", "allergyintolerance", at.at.slug, body)
