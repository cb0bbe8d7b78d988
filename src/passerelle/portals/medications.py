"""Which drugs, how taken, who says so, and where the sources do not agree."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from passerelle.fhir.clinical import clinical_time, moment
from passerelle.fhir.coding import folded
from passerelle.fhir.concept import Phrase
from passerelle.fhir.drug import drug_keys
from passerelle.fhir.record import Entry
from passerelle.portals.conflicts import conflict_words
from passerelle.portals.mentions import Mention, Products, Way, Weight, last_words, mention, product_of, ways
from passerelle.portals.reading import Badge, Reading

TYPES = ("MedicationRequest", "MedicationStatement", "MedicationDispense", "MedicationAdministration")
Check = Literal["conflict", "same", "several", "only"]
TONES: Mapping[Check, str] = {"conflict": "bad", "same": "good", "several": "quiet", "only": "care"}


@dataclass(frozen=True)
class Line:
    """One way in which a drug is written down: name and dose, when last, by whom."""

    name: Phrase
    dose: Phrase
    when: str
    badges: tuple[Badge, ...]


@dataclass(frozen=True)
class Drug:
    """All entries of one drug. One line stands for all, or one for each dose where the sources differ; what else was
    written, in other words or in the past, unfolds."""

    lines: tuple[Line, ...]
    folded: tuple[Line, ...]
    badges: tuple[Badge, ...]
    check: Check
    check_words: str
    current: bool
    entries: int

    @property
    def tone(self) -> str:
        return TONES[self.check]


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
    products = _products(reading)
    drugs = [
        _drug(reading, [mention(reading, entry, products) for entry in group])
        for group in _by_drug(entries, products)
    ]
    drugs.sort(key=lambda drug: drug.check != "conflict")
    return Medications(tuple(drugs), len(entries), len(reading.badges(entries)))


def _products(reading: Reading) -> Products:
    return {
        (origin.node, origin.reference): entry.resource
        for entry in reading.record.of_type("Medication")
        for origin in entry.origins
    }


def _by_drug(entries: Iterable[Entry], products: Products) -> list[list[Entry]]:
    """Entries that share any key of a drug stand together; newest group first, newest entry first."""
    groups: list[tuple[set[str], list[Entry]]] = []
    for entry in entries:
        keys = set(drug_keys(entry.resource, product_of(entry, products)))
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


def _drug(reading: Reading, mentions: list[Mention]) -> Drug:
    entries = [each.entry for each in mentions]
    badges = reading.badges(entries)
    kind = next((reading.flags[id(entry)] for entry in entries if id(entry) in reading.flags), "")
    last = {id(each) for each in last_words(mentions)}
    every = ways(mentions)
    now = [way for way in every if any(id(each) in last for each in way)]
    now.sort(key=_weight, reverse=True)
    shown = [way for way in now if _weight(way)] if kind else now[:1]
    lines = {id(way): _line(reading, way, last if kind else None) for way in shown}
    check, words = _check(reading, kind, badges, len(now))
    return Drug(
        lines=tuple(lines.values()),
        folded=tuple(line for way in every for line in _folded(reading, way, lines.get(id(way)))),
        badges=badges,
        check=check,
        check_words=words,
        current=any(map(_weight, every)),
        entries=len(entries),
    )


def _weight(way: Way) -> Weight:
    return max(each.weight for each in way)


def _line(reading: Reading, way: Way, last: Container[int] | None = None) -> Line:
    """One way to take a drug; with ``last``, from those sources only whose last word it is."""
    own = reading.closest(each.own_dose for each in way)
    language = reading.speech.language
    dose = reading.closest(each.dose(language) for each in way) if own.foreign(language) else own
    said = [each for each in way if last is None or (each.weight and id(each) in last)]
    nodes = frozenset().union(*(each.nodes for each in said))
    newest = next(each for each in way if each.nodes & nodes)
    return Line(
        name=reading.marked(reading.closest(each.name for each in way)),
        dose=reading.marked(dose),
        when=reading.speech.dated(clinical_time(newest.entry.resource)),
        badges=reading.badges(each.entry for each in said),
    )


def _folded(reading: Reading, way: Way, shown: Line | None) -> Iterator[Line]:
    """What unfolds of one way: its line if that is not shown, and every other wording of it, as it was written."""
    line = shown or _line(reading, way)
    if shown is None:
        yield line
    wordings: dict[tuple[str, str], Way] = {}
    for each in way:
        wordings.setdefault((folded(each.own_name.text), folded(each.own_dose.text)), []).append(each)
    wordings.pop((folded(line.name.text), folded(line.dose.text)), None)
    for same in wordings.values():
        written = reading.marked(same[0].own_name), reading.marked(same[0].own_dose)
        when = reading.speech.dated(clinical_time(same[0].entry.resource))
        yield Line(*written, when, reading.badges(each.entry for each in same))


def _check(reading: Reading, kind: str, badges: tuple[Badge, ...], ways_now: int) -> tuple[Check, str]:
    speech = reading.speech
    if kind:
        return "conflict", conflict_words(kind, speech)
    if len(badges) == 1:
        return "only", speech("check-only", source=badges[0].name)
    check: Check = "same" if ways_now == 1 else "several"
    key = "check-same" if check == "same" else "check-several"
    return check, speech(key, n=speech.number(len(badges)))
