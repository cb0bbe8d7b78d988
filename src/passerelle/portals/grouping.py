"""Which entries are one line? What two sources say in two languages is one thing with two marks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field

from passerelle.fhir.coding import Pair, codings, contradict, folded, telling
from passerelle.fhir.concept import Phrase, own_words, translation
from passerelle.fhir.record import Entry
from passerelle.portals.reading import Reading
from passerelle.portals.sent import first_object
from passerelle.values import LANGUAGES


@dataclass(eq=False)
class _Line:
    """Entries that say the same, and everything by which they say it."""

    place: int
    entries: list[Entry] = field(default_factory=list)
    codes: set[Pair] = field(default_factory=set)
    words: set[str] = field(default_factory=set)
    marks: set[Pair] = field(default_factory=set)


def nothing(_: Entry) -> tuple[()]:
    """Nothing tells these entries apart but what they are called."""
    return ()


def together(
    reading: Reading,
    entries: Iterable[Entry],
    element: str,
    apart: Callable[[Entry], Hashable] = nothing,
    marks: Callable[[Entry], Iterable[Pair]] = nothing,
) -> list[list[Entry]]:
    """The entries by line, in the order in which they come: those that share a code or words of ``element``.

    Never in one line: what stands in a conflict; what ``apart`` gives different values for; what has different
    ``marks`` of one kind (two lot numbers are two needles); two codes of one system under different words.
    """
    lines: list[_Line] = []
    known: dict[Hashable, list[_Line]] = defaultdict(list)
    for entry in entries:
        mine = _Line(len(lines), [], *_names(reading, entry, element), set(marks(entry)))
        stands_alone = id(entry) in reading.flags
        names = [] if stands_alone else [(apart(entry), name) for name in (*mine.codes, *mine.words)]
        found = [line for name in names for line in known[name] if _can_be_one(line, mine)]
        line = min(found, key=lambda each: each.place, default=mine)
        if line is mine:
            lines.append(mine)
        _join(line, entry, mine)
        for name in names:
            if line not in known[name]:
                known[name].append(line)
    return [line.entries for line in lines]


def _names(reading: Reading, entry: Entry, element: str) -> tuple[set[Pair], set[str]]:
    concept = first_object(entry.resource.get(element))
    words = {own_words(concept), *(translation(concept, language) for language in LANGUAGES)} - {""}
    title = reading.called(entry)
    if not words and not title.weak:
        words = {title.text}
    return telling(codings(concept)), {folded(each) for each in words}


def _can_be_one(line: _Line, mine: _Line) -> bool:
    if contradict(line.marks, mine.marks):
        return False
    return not line.words.isdisjoint(mine.words) or not contradict(line.codes, mine.codes)


def _join(line: _Line, entry: Entry, mine: _Line) -> None:
    line.entries.append(entry)
    line.codes |= mine.codes
    line.words |= mine.words
    line.marks |= mine.marks


def other_words(reading: Reading, entries: Iterable[Entry], shown: Phrase) -> tuple[Phrase, ...]:
    """What else the entries of one line are called, each once: a code in common does not make two words one."""
    said = {folded(phrase.text): phrase for phrase in map(reading.called, entries) if not phrase.weak}
    said.pop(folded(shown.text), None)
    return tuple(said.values())
