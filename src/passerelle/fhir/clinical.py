"""What a clinical resource is about, in words: when it happened, what it is called, and how it is taken.

These readings are shared by the merge, the summary and the pages, so that one fact has one name everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from passerelle.fhir.concept import (
    Phrase,
    base_language,
    concept_text,
    medication_concept,
    objects,
    said,
    text_of,
)
from passerelle.fhir.dosage import dose_text, dosing
from passerelle.fhir.drug import drug_key, drug_keys, strength
from passerelle.fhir.schedule import schedule
from passerelle.fhir.words import catalogue
from passerelle.values import Json, Language

__all__ = [
    "called",
    "clinical_time",
    "concept_text",
    "dose_text",
    "dosing",
    "drug_key",
    "drug_keys",
    "human_name",
    "moment",
    "schedule",
    "strength",
    "title",
    "type_name",
]

_TIMES: dict[str, tuple[str, ...]] = {
    "AllergyIntolerance": ("onsetDateTime", "onsetPeriod", "recordedDate", "lastOccurrence"),
    "Appointment": ("start", "created"),
    "CarePlan": ("period", "created"),
    "Claim": ("billablePeriod", "created"),
    "Condition": ("onsetDateTime", "onsetPeriod", "recordedDate"),
    "DiagnosticReport": ("effectiveDateTime", "effectivePeriod", "issued"),
    "DocumentReference": ("date",),
    "Encounter": ("period",),
    "ExplanationOfBenefit": ("billablePeriod", "created"),
    "Goal": ("startDate", "statusDate"),
    "ImagingStudy": ("started",),
    "Immunization": ("occurrenceDateTime", "recorded"),
    "MedicationAdministration": ("effectiveDateTime", "effectivePeriod"),
    "MedicationDispense": ("whenHandedOver", "whenPrepared"),
    "MedicationRequest": ("authoredOn",),
    "MedicationStatement": ("effectiveDateTime", "effectivePeriod", "dateAsserted"),
    "Observation": ("effectiveDateTime", "effectiveInstant", "effectivePeriod", "issued"),
    "Procedure": ("performedDateTime", "performedPeriod"),
    "ServiceRequest": ("occurrenceDateTime", "occurrencePeriod", "authoredOn"),
}
"""Where each type keeps its clinical time, best first; a Period counts from its start."""

_ANY_TIME = (
    *("effectiveDateTime", "effectivePeriod", "occurrenceDateTime", "occurrencePeriod", "period"),
    *("date", "dateTime", "authored", "authoredOn", "created", "sent", "start", "recorded", "issued"),
)
"""For a type that is not in the table."""

_TIMELESS = frozenset(
    {"Patient", "Person", "Practitioner", "PractitionerRole", "RelatedPerson", "Organization", "Location"}
    | {"Medication", "Device", "Group", "HealthcareService", "Substance"}
)
"""These say what is, not what happened."""

_CONCEPTS: dict[str, tuple[str, ...]] = {
    "CarePlan": ("title", "category", "description"),
    "Composition": ("title", "type"),
    "Consent": ("scope", "category"),
    "DocumentReference": ("description", "type", "category"),
    "Encounter": ("type", "reasonCode", "class"),
    "Goal": ("description",),
    "ImagingStudy": ("description", "procedureCode", "modality"),
    "Immunization": ("vaccineCode",),
    "Medication": ("code",),
    "Organization": ("name", "type"),
    "Location": ("name", "type"),
    "Patient": ("name",),
    "Practitioner": ("name",),
    "PractitionerRole": ("code", "specialty"),
    "Device": ("deviceName", "type"),
}
"""Which element names a resource, best first; the other types have ``code``."""


def clinical_time(resource: Json) -> str | None:
    """The FHIR date or dateTime, as written, at which the thing happened or was true; None if it has none.

    Never ``meta.lastUpdated``: when a server wrote a resource says nothing about the person.
    """
    kind = resource.get("resourceType", "")
    if kind in _TIMELESS:
        return None
    for name in _TIMES.get(kind, _ANY_TIME):
        value = resource.get(name)
        if value.__class__ is dict:
            value = value.get("start") or value.get("end")
        if value.__class__ is str and value:
            return str(value)
    return None


def moment(time: str | None) -> str:
    """A FHIR date or dateTime as a string that sorts in time and is equal for equal instants; "" for none.

    A dateTime is brought to UTC; a partial date stays partial (the day is not the midnight of that day).
    """
    if not time:
        return ""
    if len(time) <= 10:
        return time
    try:
        parsed = datetime.fromisoformat(time)
    except ValueError:
        return time
    if parsed.tzinfo is None:
        return parsed.isoformat()
    return parsed.astimezone(UTC).replace(tzinfo=None).isoformat()


def title(resource: Json, language: Language) -> str:
    """What a resource is called in a list; at worst the name of its type."""
    return called(resource, language).text


def called(resource: Json, language: Language, medication: Json | None = None) -> Phrase:
    """``title`` with its language. ``medication`` is the Medication that the resource refers to, if at hand."""
    kind, own = text_of(resource.get("resourceType")), text_of(resource.get("language"))
    if "medicationCodeableConcept" in resource or "medicationReference" in resource:
        named = [said(medication_concept(resource, medication), language, own)]
    else:
        named = list(_names(resource, _CONCEPTS.get(kind, ("code",)), language))
    found = [phrase for phrase in named if phrase.text]
    return found[0] if found else Phrase(type_name(kind, language), language, weak=True)


def _names(resource: Json, elements: Iterable[str], language: Language) -> Iterator[Phrase]:
    """What each element calls the resource. Free text in another language than the reader's gives way to a concept
    that is in theirs."""
    own = text_of(resource.get("language"))
    held = []
    for element in elements:
        value = resource.get(element)
        if isinstance(value, str):
            found = said({"text": value, "_text": resource.get(f"_{element}")}, language, own)
            held += [found] if found.foreign(language) else []
        elif isinstance(value, list) and value and isinstance(value[0], dict) and _is_name(value[0]):
            found = Phrase(human_name(value))
        else:
            found = said(value, language, own)
        if not held or base_language(found.lang) == language:
            yield found
    yield from held


def _is_name(value: Json) -> bool:
    return not value.keys().isdisjoint(("family", "given", "name")) or (
        "text" in value and "coding" not in value and "use" in value
    )


def human_name(names: Any) -> str:
    """The name to show out of a list of HumanNames: the official one first, never an old one before a current."""
    rank = {"official": 0, "usual": 1, "old": 9, "maiden": 8}
    for name in sorted(objects(names), key=lambda each: rank.get(str(each.get("use")), 5)):
        parts = name.get("given")
        given = " ".join(text_of(part) for part in parts) if isinstance(parts, list) else ""
        shown = f"{given} {text_of(name.get('family'))}".strip()
        shown = shown or text_of(name.get("text")) or text_of(name.get("name"))
        if shown:
            return shown
    return ""


def type_name(kind: str, language: Language) -> str:
    """The name of a resource type for a reader, or the type itself where we have no word for it."""
    words = catalogue("passerelle.fhir", "clinical_words.toml")
    key = f"type-{kind}"
    return words.say(key, language) if key in words.messages else kind
