"""What does each entry of one drug say, in whose words, and is it still said?"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum

from passerelle.fhir.clinical import called, clinical_time, moment
from passerelle.fhir.concept import Phrase, medication_concept, own_words
from passerelle.fhir.dosage import dosing, written_dosing
from passerelle.fhir.drug import strength
from passerelle.fhir.record import Entry
from passerelle.fhir.schedule import Schedule, schedule
from passerelle.portals.reading import Reading
from passerelle.portals.sent import first_object, text
from passerelle.values import Json, Language, NodeId

PAST = frozenset(
    {"completed", "stopped", "cancelled", "entered-in-error", "not-taken", "not-done", "declined"}
)
RECORDS_OF_THE_PAST = ("MedicationDispense", "MedicationAdministration")
"""A completed dispense says that the drug was handed over, not that it is no longer taken."""
_STILL_TAKEN = timedelta(days=180)

Products = Mapping[tuple[NodeId, str], Json]
"""The Medication resources that came along, by node and reference."""


class Weight(IntEnum):
    """How much an entry says about what is taken now."""

    PAST = 0
    HANDED_OVER = 1  # not long ago, even on an order that has ended
    TO_BE_TAKEN = 2  # an order or a statement that has not ended, or one in a conflict


@dataclass(frozen=True)
class Mention:
    """One entry: which product, how strong and how taken, and in which words its source wrote that."""

    entry: Entry
    name: Phrase
    strength: str
    schedule: Schedule
    own_name: Phrase
    own_dose: Phrase
    weight: Weight

    @property
    def time(self) -> str:
        return moment(clinical_time(self.entry.resource))

    def dose(self, language: Language) -> Phrase:
        """How it is taken, for a reader."""
        return dosing(self.entry.resource, language)

    @property
    def nodes(self) -> frozenset[NodeId]:
        return frozenset(origin.node for origin in self.entry.origins)

    def agrees(self, other: Mention) -> bool:
        """Whether both are the same product strength, taken in the same way, however worded."""
        if self.strength != other.strength or not self.schedule.same(other.schedule):
            return False
        # Where no dosage is given, all that is left to compare is what is written elsewhere.
        return bool(self.schedule.words or self.schedule.doses) or self.own_dose.text == other.own_dose.text


Way = list[Mention]
"""Mentions that agree, newest first: one way to take a drug."""


def mention(reading: Reading, entry: Entry, products: Products) -> Mention:
    resource, language = entry.resource, reading.speech.language
    product = product_of(entry, products)
    name = called(resource, language, product)
    own = own_words(medication_concept(resource, product))
    return Mention(
        entry,
        name=name,
        strength=strength(resource, product),
        schedule=schedule(resource),
        own_name=Phrase(own, text(resource.get("language"))) if own else name,
        own_dose=written_dosing(resource, language),
        weight=_weight(reading, entry),
    )


def product_of(entry: Entry, products: Products) -> Json | None:
    """The Medication that an entry refers to, where its source sent it."""
    reference = text(first_object(entry.resource.get("medicationReference")).get("reference"))
    wanted = "/".join(reference.split("/")[-2:])
    found = (products.get((origin.node, wanted)) for origin in entry.origins)
    return next(filter(None, found), None)


def _weight(reading: Reading, entry: Entry) -> Weight:
    if id(entry) in reading.flags:
        return Weight.TO_BE_TAKEN
    if entry.type in RECORDS_OF_THE_PAST:
        lately = (reading.record.assembled.date() - _STILL_TAKEN).isoformat()
        when = moment(clinical_time(entry.resource))[:10]
        return Weight.HANDED_OVER if when >= lately else Weight.PAST
    return Weight.PAST if text(entry.resource.get("status")) in PAST else Weight.TO_BE_TAKEN


def ways(mentions: Iterable[Mention]) -> list[Way]:
    """The mentions by way, in the order in which they come."""
    found: list[Way] = []
    known: dict[Hashable, int] = {}
    wordings: list[Way] = []  # one mention for each wording of a way: a thousand renewals are compared as one
    for each in mentions:
        wording = (each.strength, each.schedule, each.own_dose.text)
        place = known.get(wording)
        if place is None:
            agreeing = (index for index, way in enumerate(wordings) if all(map(each.agrees, way)))
            place = known[wording] = next(agreeing, len(found))
            if place == len(found):
                found.append([])
                wordings.append([])
            wordings[place].append(each)
        found[place].append(each)
    return found


def last_words(mentions: Iterable[Mention]) -> list[Mention]:
    """What each source says now: what is to be taken, else what it handed over lately, else its newest entry."""
    listed = list(mentions)
    kept: dict[int, Mention] = {}
    for node in {node for each in listed for node in each.nodes}:
        own = [each for each in listed if node in each.nodes]
        weight = max(each.weight for each in own)
        said = [each for each in own if each.weight == weight]
        newest = max(own, key=lambda each: each.time)
        kept |= {id(each): each for each in ([newest] if weight is Weight.PAST else said)}
    return [each for each in listed if id(each) in kept]
