"""The person at the top of every wave: name, birth, numbers, and allergies that nobody may overlook."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from passerelle.fhir.clinical import human_name
from passerelle.fhir.coding import folded
from passerelle.fhir.concept import Phrase
from passerelle.fhir.record import Entry
from passerelle.portals.grouping import other_words, together
from passerelle.portals.numbers import HealthNumber, health_numbers
from passerelle.portals.reading import Badge, Reading, code_of
from passerelle.portals.sent import objects, text
from passerelle.portals.speech import Speech
from passerelle.values import Json

SHOWN_IN_BANNER = 4

_NO_KNOWN = frozenset({"no-known-allergies", "716186003"})
"""What says "asked, and none known": the IPS absent-unknown code and the SNOMED CT code of the IPS examples."""
_NOT_ASKED = frozenset({"no-allergy-info", "1287211007"})
_NO_KNOWN_KINDS = frozenset({"no-known-drug-allergies", "no-known-medication-allergies", "409137002"})
"""Narrower than all allergies, so never the banner's whole answer."""
_RULED_OUT = frozenset({"refuted", "entered-in-error"})
_PAST = frozenset({"inactive", "resolved"})


@dataclass(frozen=True)
class Warned:
    """One allergy in the banner: the substance with its reactions, and which sources say so."""

    name: Phrase
    others: tuple[Phrase, ...]
    """What sources call it that may say more, or something else: what has one code is not always one thing."""
    reactions: tuple[Phrase, ...]
    badges: tuple[Badge, ...]

    @property
    def text(self) -> str:
        named = " / ".join(phrase.text for phrase in (self.name, *self.others))
        return " – ".join(filter(None, (named, ", ".join(phrase.text for phrase in self.reactions))))

    @property
    def sources(self) -> int:
        return len(self.badges)

    @property
    def agreement(self) -> str:
        """The message that counts the sources: they agree only where they say it in the same words, or in translation."""
        return "sources-say" if self.others else "sources-agree"


@dataclass(frozen=True)
class Banner:
    """Who this is. ``none_known`` holds the sources that say so, and only when nothing else may be missing."""

    name: str
    born: str
    age: str
    sex: str
    died: str
    numbers: tuple[HealthNumber, ...]
    allergies: tuple[Warned, ...]
    more_allergies: int
    none_known: tuple[Badge, ...]


def banner(reading: Reading) -> Banner:
    """Everything above the record's heading."""
    patient, speech = reading.record.patient or {}, reading.speech
    warned = warnings(reading)
    return Banner(
        name=person_name(patient, speech),
        born=speech.dated(text(patient.get("birthDate"))),
        age=age(patient, speech, reading.record.assembled.date()),
        sex=sex(patient, speech),
        died=died(patient, speech),
        numbers=health_numbers(patient),
        allergies=warned[:SHOWN_IN_BANNER],
        more_allergies=max(0, len(warned) - SHOWN_IN_BANNER),
        none_known=_none_known(reading) if reading.settled and not warned else (),
    )


def person_name(patient: Json, speech: Speech) -> str:
    return human_name(patient.get("name")) or speech("name-unknown")


def age(patient: Json, speech: Speech, today: date) -> str:
    """The age today; none for somebody who died, whose age today means nothing."""
    return "" if _dead(patient) else speech.age(text(patient.get("birthDate")), today)


def sex(patient: Json, speech: Speech) -> str:
    known = {"female": "sex-female", "male": "sex-male", "other": "sex-other"}
    return speech(known.get(str(patient.get("gender")), "sex-unknown"))


def died(patient: Json, speech: Speech) -> str:
    """When the person died, or only that they did."""
    if not _dead(patient):
        return ""
    return speech.dated(text(patient.get("deceasedDateTime"))) or speech("died-unknown-date")


def _dead(patient: Json) -> bool:
    return bool(patient.get("deceasedDateTime")) or patient.get("deceasedBoolean") is True


def is_absence(allergy: Json) -> bool:
    """Whether an AllergyIntolerance only says that there is none, or that nobody asked."""
    return code_of(allergy.get("code")) in _NO_KNOWN | _NOT_ASKED | _NO_KNOWN_KINDS


def is_current(allergy: Json) -> bool:
    """Whether an allergy still warns: a status that is missing or unknown warns."""
    ruled_out = code_of(allergy.get("verificationStatus")) in _RULED_OUT
    return not ruled_out and code_of(allergy.get("clinicalStatus")) not in _PAST


def warnings(reading: Reading) -> tuple[Warned, ...]:
    """The current allergies, most dangerous first, the same substance once. One in a conflict stands alone."""
    listed = reading.record.of_type("AllergyIntolerance")
    current = [entry for entry in listed if not is_absence(entry.resource) and is_current(entry.resource)]
    ordered = sorted(together(reading, current, "code"), key=lambda group: not any(map(_dangerous, group)))
    return tuple(_warned(reading, entries) for entries in ordered)


def reactions(reading: Reading, allergies: Iterable[Entry]) -> tuple[Phrase, ...]:
    """The manifestations of an allergy, each once."""
    said = [
        reading.marked(reading.said(manifestation, allergy.resource))
        for allergy in allergies
        for reaction in objects(allergy.resource.get("reaction"))
        for manifestation in objects(reaction.get("manifestation"))
    ]
    return tuple({folded(phrase.text): phrase for phrase in said if phrase.text}.values())


def _warned(reading: Reading, entries: list[Entry]) -> Warned:
    name = reading.name(entries)
    others = map(reading.marked, other_words(reading, entries, name))
    return Warned(reading.marked(name), tuple(others), reactions(reading, entries), reading.badges(entries))


def _dangerous(entry: Entry) -> bool:
    severities = {text(reaction.get("severity")) for reaction in objects(entry.resource.get("reaction"))}
    return entry.resource.get("criticality") == "high" or "severe" in severities


def _none_known(reading: Reading) -> tuple[Badge, ...]:
    said = [
        entry
        for entry in reading.record.of_type("AllergyIntolerance")
        if code_of(entry.resource.get("code")) in _NO_KNOWN and is_current(entry.resource)
    ]
    return reading.badges(said)
