"""Which drugs, how taken, who says so, and where the sources do not agree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Literal

from passerelle.fhir.clinical import clinical_time, moment, title
from passerelle.fhir.concept import concept_text, medication_concept
from passerelle.fhir.dosage import dose_text
from passerelle.fhir.drug import drug_keys
from passerelle.fhir.record import Entry
from passerelle.portals.conflicts import conflict_words
from passerelle.portals.reading import Badge, Reading
from passerelle.portals.sent import first_object, text
from passerelle.values import Json

TYPES = ("MedicationRequest", "MedicationStatement", "MedicationDispense", "MedicationAdministration")
_PAST = frozenset(
    {"completed", "stopped", "cancelled", "entered-in-error", "not-taken", "not-done", "declined"}
)
_RECORDS_OF_THE_PAST = ("MedicationDispense", "MedicationAdministration")
"""A completed dispense says that the drug was handed over, not that it is no longer taken."""
_STILL_TAKEN = timedelta(days=180)

Check = Literal["conflict", "same", "several", "only"]
TONES: Mapping[Check, str] = {"conflict": "bad", "same": "good", "several": "quiet", "only": "care"}


@dataclass(frozen=True)
class Line:
    """One way in which a drug is written down: name and dose, when last, by whom."""

    name: str
    dose: str
    when: str
    badges: tuple[Badge, ...]
    lang: str = ""


@dataclass(frozen=True)
class Drug:
    """All entries of one drug. A drug in conflict shows every line; otherwise the newest stands for all."""

    lines: tuple[Line, ...]
    badges: tuple[Badge, ...]
    check: Check
    check_words: str
    current: bool
    entries: int

    @property
    def tone(self) -> str:
        return TONES[self.check]

    @property
    def folded(self) -> tuple[Line, ...]:
        return () if self.check == "conflict" else self.lines[1:]


@dataclass(frozen=True)
class Medications:
    """The medication list in numbers and groups. A drug in conflict is never among the past ones."""

    drugs: tuple[Drug, ...]
    entries: int
    sources: int

    @cached_property
    def current(self) -> tuple[Drug, ...]:
        return tuple(drug for drug in self.drugs if drug.current or drug.check == "conflict")

    @cached_property
    def past(self) -> tuple[Drug, ...]:
        return tuple(drug for drug in self.drugs if not drug.current and drug.check != "conflict")

    @cached_property
    def differences(self) -> int:
        return sum(drug.check == "conflict" for drug in self.drugs)


def medications(reading: Reading) -> Medications:
    """Group every medication entry by drug: conflicts first, then the newest."""
    entries = reading.record.of_type(*TYPES)
    catalogue = _medication_resources(reading)
    groups = _by_drug(entries, catalogue)
    drugs = [_drug(reading, group, catalogue) for group in groups]
    drugs.sort(key=lambda drug: drug.check != "conflict")
    return Medications(tuple(drugs), len(entries), len(reading.badges(entries)))


def _medication_resources(reading: Reading) -> Mapping[tuple[str, str], Json]:
    """The Medication resources that came along, by node and reference."""
    return {
        (origin.node, origin.reference): entry.resource
        for entry in reading.record.of_type("Medication")
        for origin in entry.origins
    }


def _medication_of(entry: Entry, known: Mapping[tuple[str, str], Json]) -> Json | None:
    reference = text(first_object(entry.resource.get("medicationReference")).get("reference"))
    wanted = "/".join(reference.split("/")[-2:])
    found = (known.get((origin.node, wanted)) for origin in entry.origins)
    return next(filter(None, found), None)


def _by_drug(entries: Iterable[Entry], known: Mapping[tuple[str, str], Json]) -> list[list[Entry]]:
    """Entries that share any key of a drug stand together; newest group first, newest entry first."""
    groups: list[tuple[set[str], list[Entry]]] = []
    for entry in entries:
        keys = set(drug_keys(entry.resource, _medication_of(entry, known)))
        members = [entry]
        apart = []
        for other in groups:
            if keys & other[0]:
                keys |= other[0]
                members = other[1] + members
            else:
                apart.append(other)
        groups = [*apart, (keys, members)]
    sorted_groups = [sorted(members, key=_time, reverse=True) for _, members in groups]
    return sorted(sorted_groups, key=lambda members: _time(members[0]), reverse=True)


def _time(entry: Entry) -> str:
    return moment(clinical_time(entry.resource))


def _drug(reading: Reading, entries: list[Entry], known: Mapping[tuple[str, str], Json]) -> Drug:
    badges = reading.badges(entries)
    lines = _lines(reading, entries, known)
    check, words = _check(reading, entries, badges, lines)
    current = _are_current(entries, reading.record.assembled.date())
    return Drug(lines, badges, check, words, current, len(entries))


def _are_current(entries: list[Entry], today: date) -> bool:
    """Whether the drug may be taken now: an order or a statement that has not ended says so, and so does a drug that
    was handed over not long ago, even on an order that has ended."""
    lately = (today - _STILL_TAKEN).isoformat()
    return any(
        _time(entry)[:10] >= lately
        if entry.type in _RECORDS_OF_THE_PAST
        else text(entry.resource.get("status")) not in _PAST
        for entry in entries
    )


def _lines(reading: Reading, entries: list[Entry], known: Mapping[tuple[str, str], Json]) -> tuple[Line, ...]:
    """Each way of writing once, newest first; the entries are already in that order."""
    ways: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        name = _drug_name(reading, entry, known)
        dose = dose_text(entry.resource, reading.speech.language)
        ways.setdefault((name, dose), []).append(entry)
    return tuple(
        Line(
            name,
            dose,
            reading.speech.dated(clinical_time(same[0].resource)),
            reading.badges(same),
            reading.lang(same[0].resource),
        )
        for (name, dose), same in ways.items()
    )


def _drug_name(reading: Reading, entry: Entry, known: Mapping[tuple[str, str], Json]) -> str:
    concept = medication_concept(entry.resource, _medication_of(entry, known))
    language = reading.speech.language
    return concept_text(concept, language) or title(entry.resource, language)


def _check(
    reading: Reading, entries: list[Entry], badges: tuple[Badge, ...], lines: tuple[Line, ...]
) -> tuple[Check, str]:
    speech = reading.speech
    kind = next((reading.flags[id(entry)] for entry in entries if id(entry) in reading.flags), None)
    if kind:
        return "conflict", conflict_words(kind, speech)
    if len(badges) == 1:
        return "only", speech("check-only", source=badges[0].name)
    doses = {line.dose for line in lines}
    check: Check = "same" if len(doses) == 1 else "several"
    key = "check-same" if check == "same" else "check-several"
    return check, speech(key, n=speech.number(len(badges)))
