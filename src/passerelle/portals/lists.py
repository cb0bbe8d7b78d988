"""The plain lists of a record: problems, allergies, immunizations, visits, imaging, documents and the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from passerelle.fhir.clinical import clinical_time, type_name
from passerelle.fhir.record import Entry
from passerelle.portals.conflicts import conflict_words
from passerelle.portals.medications import TYPES as MEDICATION_TYPES
from passerelle.portals.person import is_absence, is_current, reactions
from passerelle.portals.reading import Item, Reading, code_of
from passerelle.portals.sent import first_object, objects, text
from passerelle.values import Json

_RESOLVED = frozenset({"inactive", "remission", "resolved"})
_RULED_OUT = frozenset({"refuted", "entered-in-error"})
_IMAGING_CATEGORIES = frozenset({"RAD", "IMG", "imaging", "LP29684-5", "CT", "MR", "NMR", "US", "XRC", "CUS"})

_STATUS_WORDS = {
    "inactive": "status-inactive",
    "remission": "status-remission",
    "resolved": "status-resolved",
    "refuted": "status-refuted",
    "entered-in-error": "status-in-error",
    "unconfirmed": "status-unconfirmed",
    "provisional": "status-unconfirmed",
    "not-done": "status-not-done",
    "high": "status-high-risk",
    "preliminary": "status-preliminary",
}

_ELSEWHERE = frozenset(
    {
        "AllergyIntolerance",
        "Condition",
        "Encounter",
        "ImagingStudy",
        "Immunization",
        "Observation",
        "Procedure",
    }
    | {"DiagnosticReport", "DocumentReference", "Composition", "Medication", *MEDICATION_TYPES}
)
"""Shown by a section of their own, or through the resources that refer to them."""
_BACKGROUND = frozenset(
    {
        "Organization",
        "Practitioner",
        "PractitionerRole",
        "Location",
        "Provenance",
        "Patient",
        "RelatedPerson",
        "Specimen",
    }
    | {"Device", "AuditEvent", "Consent"}
)
"""Who, where and how; named by the facts that they belong to."""


@dataclass(frozen=True)
class Listing:
    """One list: what is shown at once, and what unfolds. The unfolded part is sent with the last wave only."""

    items: tuple[Item, ...]
    folded: tuple[Item, ...] = ()
    total: int = 0


def is_imaging(resource: Json) -> bool:
    if resource["resourceType"] == "ImagingStudy":
        return True
    codes = {code_of(category) for category in objects(resource.get("category"))}
    return resource["resourceType"] == "DiagnosticReport" and not codes.isdisjoint(_IMAGING_CATEGORIES)


def problems(reading: Reading) -> Listing:
    """Current problems, conflicts first; those that are over unfold."""
    entries = reading.newest(reading.record.of_type("Condition"))
    current, over = _parted(entries, lambda entry: not _is_over(entry) or id(entry) in reading.flags)
    current.sort(key=lambda entry: id(entry) not in reading.flags)
    return _listing(reading, current, over, detail=_status_detail, merge_same=True)


def allergies(reading: Reading) -> Listing:
    """Current allergies; those that are past or ruled out unfold. What says that there is none is not here."""
    known, _ = _parted(
        reading.record.of_type("AllergyIntolerance"), lambda entry: not is_absence(entry.resource)
    )
    current, over = _parted(
        reading.newest(known), lambda entry: is_current(entry.resource) or id(entry) in reading.flags
    )
    return _listing(reading, current, over, detail=_allergy_detail)


def _parted(entries: Iterable[Entry], first: Callable[[Entry], bool]) -> tuple[list[Entry], list[Entry]]:
    yes: list[Entry] = []
    no: list[Entry] = []
    for entry in entries:
        (yes if first(entry) else no).append(entry)
    return yes, no


def allergy_statements(reading: Reading) -> tuple[Item, ...]:
    """What sources say instead of an allergy: none known, or nobody asked. Always with whose word it is."""
    said = [entry for entry in reading.record.of_type("AllergyIntolerance") if is_absence(entry.resource)]
    return tuple(_item(reading, [entry], lambda *_: "") for entry in said)


def immunizations(reading: Reading) -> Listing:
    return _newest_first(reading, reading.record.of_type("Immunization"), 12, _status_detail)


def visits(reading: Reading) -> Listing:
    return _newest_first(reading, reading.record.of_type("Encounter"), 8, _visit_detail)


def procedures(reading: Reading) -> Listing:
    return _newest_first(reading, reading.record.of_type("Procedure"), 8, _status_detail)


def imaging(reading: Reading) -> Listing:
    entries = [
        e for e in reading.record.of_type("ImagingStudy", "DiagnosticReport") if is_imaging(e.resource)
    ]
    return _newest_first(reading, entries, 8, _report_detail)


def documents(reading: Reading) -> Listing:
    entries = [
        entry
        for entry in reading.record.of_type("DocumentReference", "Composition", "DiagnosticReport")
        if not is_imaging(entry.resource)
    ]
    return _newest_first(reading, entries, 8, _report_detail)


def others(reading: Reading) -> Listing:
    """Whatever has no section of its own: nothing that a source sent is left out."""
    entries = [entry for entry in reading.record.entries if entry.type not in _ELSEWHERE | _BACKGROUND]
    return _newest_first(reading, entries, 0, lambda _, entry: type_name(entry.type, reading.speech.language))


Detail = Callable[[Reading, Entry], str]


def _newest_first(reading: Reading, entries: Iterable[Entry], shown: int, detail: Detail) -> Listing:
    ordered = reading.newest(entries)
    flagged = [entry for entry in ordered if id(entry) in reading.flags]
    plain = [entry for entry in ordered if id(entry) not in reading.flags]
    return _listing(reading, flagged + plain[:shown], plain[shown:], detail=detail)


def _listing(
    reading: Reading, shown: list[Entry], folded: list[Entry], *, detail: Detail, merge_same: bool = False
) -> Listing:
    groups = _same_words(reading, shown) if merge_same else [[entry] for entry in shown]
    items = tuple(_item(reading, group, detail) for group in groups)
    unfolded = tuple(_item(reading, [entry], detail) for entry in folded) if reading.final else ()
    return Listing(items, unfolded, len(shown) + len(folded))


def _same_words(reading: Reading, entries: list[Entry]) -> list[list[Entry]]:
    """Entries with the same words on one line, unless they stand in a conflict."""
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        apart = f"{id(entry)}" if id(entry) in reading.flags else ""
        groups.setdefault(reading.title(entry).casefold() + apart, []).append(entry)
    return list(groups.values())


def _item(reading: Reading, entries: list[Entry], detail: Detail) -> Item:
    kind = next((reading.flags[id(entry)] for entry in entries if id(entry) in reading.flags), "")
    oldest = entries[-1]
    return Item(
        what=reading.title(entries[0]),
        when=reading.speech.dated(clinical_time(oldest.resource)),
        badges=reading.badges(entries),
        detail=detail(reading, entries[0]),
        lang=reading.lang(entries[0].resource),
        flag=conflict_words(kind, reading.speech) if kind else "",
        count=len(entries),
    )


def _is_over(entry: Entry) -> bool:
    resource = entry.resource
    over = code_of(resource.get("clinicalStatus")) in _RESOLVED or "abatementDateTime" in resource
    return over or code_of(resource.get("verificationStatus")) in _RULED_OUT


def _status_detail(reading: Reading, entry: Entry) -> str:
    resource = entry.resource
    codes = [code_of(resource.get(name)) for name in ("clinicalStatus", "verificationStatus", "status")]
    words = [reading.speech(_STATUS_WORDS[code]) for code in codes if code in _STATUS_WORDS]
    return ", ".join(dict.fromkeys(words))


def _allergy_detail(reading: Reading, entry: Entry) -> str:
    high = [reading.speech("status-high-risk")] if entry.resource.get("criticality") == "high" else []
    parts = [reactions(reading, entry.resource), *high, _status_detail(reading, entry)]
    return " · ".join(filter(None, parts))


def _visit_detail(reading: Reading, entry: Entry) -> str:
    resource = entry.resource
    reason = reading.text(resource.get("reasonCode"))
    where = text(first_object(resource.get("serviceProvider")).get("display"))
    return " · ".join(part for part in (reason, where) if part and part != reading.title(entry))


def _report_detail(reading: Reading, entry: Entry) -> str:
    resource = entry.resource
    named = resource.get("performer") or resource.get("author") or resource.get("interpreter") or ()
    who = filter(None, (text(each.get("display")) for each in objects(named)))
    conclusion = text(resource.get("conclusion"))
    modality = reading.text(resource.get("modality")) if resource["resourceType"] == "ImagingStudy" else ""
    return " · ".join(filter(None, [conclusion, modality, ", ".join(who), _status_detail(reading, entry)]))
