"""The plain lists of a record: problems, allergies, immunizations, visits, imaging, documents and the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from passerelle.fhir.clinical import clinical_time, type_name
from passerelle.fhir.coding import Pair
from passerelle.fhir.concept import Phrase, own_words
from passerelle.fhir.record import Entry
from passerelle.portals.conflicts import conflict_words
from passerelle.portals.grouping import other_words, together
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
    return _listing(
        reading,
        together(reading, current, "code", _statuses),
        together(reading, over, "code", lambda entry: (_statuses(entry), _day(entry))),
        _status_details,
    )


def allergies(reading: Reading) -> Listing:
    """Current allergies; those that are past or ruled out unfold. What says that there is none is not here."""
    known, _ = _parted(
        reading.record.of_type("AllergyIntolerance"), lambda entry: not is_absence(entry.resource)
    )
    current, over = _parted(
        reading.newest(known), lambda entry: is_current(entry.resource) or id(entry) in reading.flags
    )
    shown, past = (together(reading, listed, "code", _statuses) for listed in (current, over))
    return _listing(reading, shown, past, _allergy_details)


def _parted(entries: Iterable[Entry], first: Callable[[Entry], bool]) -> tuple[list[Entry], list[Entry]]:
    yes: list[Entry] = []
    no: list[Entry] = []
    for entry in entries:
        (yes if first(entry) else no).append(entry)
    return yes, no


def allergy_statements(reading: Reading) -> tuple[Item, ...]:
    """What sources say instead of an allergy: none known, or nobody asked. Always with whose word it is."""
    said = [entry for entry in reading.record.of_type("AllergyIntolerance") if is_absence(entry.resource)]
    return tuple(_item(reading, [entry], nothing_more) for entry in said)


def immunizations(reading: Reading) -> Listing:
    """Newest first. One vaccine on one day is one line, unless two lots or two doses of a series are named."""
    entries = reading.newest(reading.record.of_type("Immunization"))
    groups = together(reading, entries, "vaccineCode", lambda e: (_statuses(e), _day(e)), _needles)
    return _newest_first(reading, groups, 12, _status_details)


def _needles(entry: Entry) -> Iterator[Pair]:
    if lot := text(entry.resource.get("lotNumber")):
        yield "lot", lot.casefold()
    for applied in objects(entry.resource.get("protocolApplied")):
        yield from ((name, str(value)) for name, value in applied.items() if name.startswith("doseNumber"))


def visits(reading: Reading) -> Listing:
    return _each(reading, reading.record.of_type("Encounter"), 8, _visit_details)


def procedures(reading: Reading) -> Listing:
    return _each(reading, reading.record.of_type("Procedure"), 8, _status_details)


def imaging(reading: Reading) -> Listing:
    entries = [
        e for e in reading.record.of_type("ImagingStudy", "DiagnosticReport") if is_imaging(e.resource)
    ]
    return _each(reading, entries, 8, _report_details)


def documents(reading: Reading) -> Listing:
    entries = [
        entry
        for entry in reading.record.of_type("DocumentReference", "Composition", "DiagnosticReport")
        if not is_imaging(entry.resource)
    ]
    return _each(reading, entries, 8, _report_details)


def others(reading: Reading) -> Listing:
    """Whatever has no section of its own: nothing that a source sent is left out."""
    entries = [entry for entry in reading.record.entries if entry.type not in _ELSEWHERE | _BACKGROUND]
    return _each(reading, entries, 0, _type_details)


Group = list[Entry]
"""The entries of one line."""
Details = Callable[[Reading, Group], Iterable[Phrase]]


def _each(reading: Reading, entries: Iterable[Entry], shown: int, details: Details) -> Listing:
    """One line for every entry, newest first."""
    return _newest_first(reading, [[entry] for entry in reading.newest(entries)], shown, details)


def _newest_first(reading: Reading, groups: list[Group], shown: int, details: Details) -> Listing:
    flagged = [group for group in groups if id(group[0]) in reading.flags]
    plain = [group for group in groups if id(group[0]) not in reading.flags]
    return _listing(reading, flagged + plain[:shown], plain[shown:], details)


def _listing(reading: Reading, shown: list[Group], folded: list[Group], details: Details) -> Listing:
    items = tuple(_item(reading, group, details) for group in shown)
    unfolded = tuple(_item(reading, group, details) for group in folded) if reading.final else ()
    return Listing(items, unfolded, len(shown) + len(folded))


def _item(reading: Reading, entries: Group, details: Details) -> Item:
    kind = next((reading.flags[id(entry)] for entry in entries if id(entry) in reading.flags), "")
    dated = [time for entry in entries if (time := clinical_time(entry.resource))]
    name = reading.name(entries)
    others = (
        replace(each, text=reading.speech("quoted", words=each.text))
        for each in other_words(reading, entries, name)
    )
    more = (phrase for phrase in (*others, *details(reading, entries)) if phrase.text)
    return Item(
        what=name.text,
        when=reading.speech.dated(dated[-1] if dated else None),
        badges=reading.badges(entries),
        details=tuple(dict.fromkeys(reading.marked(phrase) for phrase in more)),
        lang=name.foreign(reading.speech.language),
        flag=conflict_words(kind, reading.speech) if kind else "",
    )


def _is_over(entry: Entry) -> bool:
    resource = entry.resource
    over = code_of(resource.get("clinicalStatus")) in _RESOLVED or "abatementDateTime" in resource
    return over or code_of(resource.get("verificationStatus")) in _RULED_OUT


def _statuses(entry: Entry) -> tuple[str, ...]:
    """The message keys of what is worth saying about a status."""
    resource = entry.resource
    codes = [code_of(resource.get(name)) for name in ("clinicalStatus", "verificationStatus", "status")]
    return tuple(dict.fromkeys(_STATUS_WORDS[code] for code in codes if code in _STATUS_WORDS))


def _day(entry: Entry) -> str:
    """The day, in the time zone in which it was written down."""
    return (clinical_time(entry.resource) or "")[:10]


def nothing_more(_: Reading, __: Group) -> Iterator[Phrase]:
    yield from ()


def _status_details(reading: Reading, entries: Group) -> Iterator[Phrase]:
    keys = dict.fromkeys(key for entry in entries for key in _statuses(entry))
    yield Phrase(", ".join(reading.speech(key) for key in keys))


def _allergy_details(reading: Reading, entries: Group) -> Iterator[Phrase]:
    yield from reactions(reading, entries)
    if any(entry.resource.get("criticality") == "high" for entry in entries):
        yield Phrase(reading.speech("status-high-risk"))
    yield from _status_details(reading, entries)


def _visit_details(reading: Reading, entries: Group) -> Iterator[Phrase]:
    resource, name = entries[0].resource, reading.name(entries)
    reason = reading.said(resource.get("reasonCode"), resource)
    where = text(first_object(resource.get("serviceProvider")).get("display"))
    yield from (phrase for phrase in (reason, Phrase(where)) if phrase.text != name.text)


def _report_details(reading: Reading, entries: Group) -> Iterator[Phrase]:
    resource, own = entries[0].resource, text(entries[0].resource.get("language"))
    yield from _own_title(reading, entries)
    yield Phrase(text(resource.get("conclusion")), own)
    if resource["resourceType"] == "ImagingStudy":
        yield reading.said(resource.get("modality"), resource)
    named = resource.get("performer") or resource.get("author") or resource.get("interpreter") or ()
    yield Phrase(", ".join(filter(None, (text(each.get("display")) for each in objects(named)))))
    yield from _status_details(reading, entries)


def _own_title(reading: Reading, entries: Group) -> Iterator[Phrase]:
    """What its author called it, where the line shows a concept in the reader's language that may say less."""
    resource, shown = entries[0].resource, reading.name(entries)
    own = Phrase(
        text(resource.get("description")) or text(resource.get("title")), text(resource.get("language"))
    )
    concepts = (*objects(resource.get("procedureCode")), *objects(resource.get("type")))
    told = {"", shown.text, *map(own_words, concepts)}
    if own.foreign(reading.speech.language) and own.text not in told:
        yield replace(own, text=reading.speech("quoted", words=own.text))


def _type_details(reading: Reading, entries: Group) -> Iterator[Phrase]:
    yield Phrase(type_name(entries[0].type, reading.speech.language))
