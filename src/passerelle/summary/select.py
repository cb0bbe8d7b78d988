"""Which facts of the record go into which section, and which others must come along so that references resolve?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from passerelle.fhir.clinical import clinical_time, drug_keys, moment, schedule, strength
from passerelle.fhir.record import Entry, Record
from passerelle.summary import derive
from passerelle.summary.references import Places, references
from passerelle.summary.sections import Section, section_for, sections
from passerelle.summary.vocabulary import vocabulary
from passerelle.values import Json


@dataclass(frozen=True, eq=False)
class Fact:
    """One entry of a section. ``index`` is its place in the record, or that of what it restates."""

    index: int
    entry: Entry
    profile: str
    restated: bool = False


@dataclass(frozen=True)
class Chosen:
    """What one section holds: its facts, newest first, and what it leaves out."""

    section: Section
    facts: tuple[Fact, ...]
    older: int
    """How many facts beyond the section's limit are not listed."""
    none_known: tuple[Entry, ...]
    """Explicit statements that there is nothing of this kind."""


@dataclass(frozen=True)
class Selection:
    """Every section with what it holds, and how many clinical facts have no place in a summary."""

    chosen: tuple[Chosen, ...]
    unsorted: int

    def facts(self) -> list[Fact]:
        return [fact for chosen in self.chosen for fact in chosen.facts]


@dataclass
class _Heap:
    facts: list[Fact] = field(default_factory=list)
    none_known: list[Entry] = field(default_factory=list)


def select(record: Record, places: Places, now: datetime, limits: Mapping[str, int]) -> Selection:
    """Sort the record's facts into the sections; ``limits`` override those of the table."""
    heaps = {section.key: _Heap() for section in sections()}
    unsorted = 0
    for index, entry in enumerate(record.entries):
        found = section_for(entry.resource, now)
        if found is None:
            unsorted += entry.type not in vocabulary("background")
            continue
        section, take = found
        if section.says_none(entry.resource):
            heaps[section.key].none_known.append(entry)
        elif not section.says_nothing(entry.resource):
            heaps[section.key].facts.append(Fact(index, entry, take.profile))
    _restate(record, places, now, heaps)
    return Selection(tuple(_chosen(section, heaps[section.key], limits) for section in sections()), unsorted)


def _restate(record: Record, places: Places, now: datetime, heaps: Mapping[str, _Heap]) -> None:
    def of(type_: str) -> derive.Facts:
        return [(index, entry) for index, entry in enumerate(record.entries) if entry.type == type_]

    def taking(entry: Entry) -> derive.Taking:
        product = referred(entry, "medicationReference", record, places)
        return derive.Taking(
            drugs=drug_keys(entry.resource, product),
            strength=strength(entry.resource, product),
            schedule=schedule(entry.resource),
        )

    medications, devices = heaps["medications"].facts, heaps["devices"].facts
    told = derive.statements_of(of("MedicationDispense"), [fact.entry for fact in medications], now, taking)
    used = derive.uses_of(of("Device"), [fact.entry for fact in devices])
    medications += [Fact(index, entry, "medicationstatement-ca-ps", restated=True) for index, entry in told]
    devices += [Fact(index, entry, "deviceusestatement-uv-ips", restated=True) for index, entry in used]


def _chosen(section: Section, heap: _Heap, limits: Mapping[str, int]) -> Chosen:
    newest = sorted(heap.facts, key=lambda fact: moment(clinical_time(fact.entry.resource)), reverse=True)
    limit = limits.get(section.key, section.limit)
    kept = newest if limit is None else newest[:limit]
    return Chosen(section, tuple(kept), len(newest) - len(kept), tuple(heap.none_known))


def carried(facts: Iterable[Fact], record: Record, places: Places) -> list[int]:
    """The places of everything that the facts, and the person, refer to and that may come along, in order."""
    waiting = [(fact.entry.resource, fact.entry.origins[:1]) for fact in facts]
    waiting.append(
        (record.patient or {}, tuple(origin for entry in record.patients for origin in entry.origins))
    )
    reached: dict[int, None] = {}
    while waiting:
        resource, origins = waiting.pop()
        for reference in references(resource):
            place = places.find(reference, origins)
            if (
                place is None
                or place < 0
                or place in reached
                or record.entries[place].type not in vocabulary("carried")
            ):
                continue
            reached[place] = None
            waiting.append((record.entries[place].resource, record.entries[place].origins[:1]))
    return sorted(reached)


def referred(entry: Entry, name: str, record: Record, places: Places) -> Json | None:
    """The resource of the record that one reference of an entry leads to, if it is there."""
    reference = (entry.resource.get(name) or {}).get("reference")
    place = places.find(reference, entry.origins[:1]) if isinstance(reference, str) else None
    return None if place is None or place < 0 else record.entries[place].resource
