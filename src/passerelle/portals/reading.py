"""One record while a person reads it: which sources there are, what they are called, and whose fact is whose."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from passerelle.fhir.clinical import called, clinical_time, moment
from passerelle.fhir.coding import Pair, codings, folded, telling
from passerelle.fhir.concept import Phrase, own_words, said, translation
from passerelle.fhir.record import ANSWERS, Entry, Record, Source, State
from passerelle.portals.sent import objects, text
from passerelle.portals.speech import Speech
from passerelle.portals.viewing import Viewer
from passerelle.values import Json


@dataclass(frozen=True)
class Badge:
    """Which source says so: a short mark for the eye, the whole name for a screen reader."""

    mark: str
    name: str


@dataclass(frozen=True)
class Item:
    """One line of a list: what, when, who says so, and more words about it. ``lang`` is set for words in another
    language than that of the page."""

    what: str
    when: str
    badges: tuple[Badge, ...]
    details: tuple[Phrase, ...] = ()
    lang: str = ""
    flag: str = ""
    """A difference between sources, in words; such a line never folds away."""

    @property
    def detail(self) -> str:
        return " · ".join(phrase.text for phrase in self.details)


@dataclass(frozen=True)
class Reading:
    """A record, the voice that reads it, and what is still to come. ``wave`` numbers the ids on the page."""

    record: Record
    speech: Speech
    viewer: Viewer
    waiting: tuple[Source, ...] = ()
    wave: int = 0
    final: bool = True

    @cached_property
    def sources(self) -> tuple[Source, ...]:
        """Every source asked, in one order that does not change while they answer."""
        known = {source.node: source for source in self.waiting}
        known |= {source.node: source for source in self.record.sources}
        return tuple(
            sorted(known.values(), key=lambda source: _alphabetical(source.name[self.speech.language]))
        )

    @cached_property
    def names(self) -> Mapping[str, str]:
        return {source.node: source.name[self.speech.language] for source in self.sources}

    @property
    def answered(self) -> int:
        return sum(source.state in ANSWERS for source in self.sources)

    @property
    def holding(self) -> int:
        return sum(source.state is State.ANSWERED for source in self.sources)

    @property
    def settled(self) -> bool:
        """Nothing is missing and nothing more is coming: only then may an absence be told as one."""
        return self.final and self.record.complete and not any(_open(source) for source in self.sources)

    def id(self, name: str) -> str:
        """An id that no other wave of the same page has."""
        return f"w{self.wave}-{name}"

    def badges(self, entries: Iterable[Entry]) -> tuple[Badge, ...]:
        """The sources that say these things, each once, in the order of the source table."""
        nodes = {origin.node for entry in entries for origin in entry.origins}
        known = [node for node in self.names if node in nodes]
        return tuple(badge(node, self.names[node]) for node in known) + tuple(
            badge(node, node) for node in sorted(nodes.difference(known))
        )

    def said(self, concept: Any, resource: Json) -> Phrase:
        """What a concept of this resource says, in the language of the page where anything in the record tells that."""
        found = said(concept, self.speech.language, resource.get("language"))
        if found.lang == self.speech.language:
            return found
        mentions = (each for each in objects(concept) if own_words(each) == found.text)
        names = ((pair, folded(found.text)) for each in mentions for pair in sorted(telling(codings(each))))
        known = next((self._translations[name] for name in names if name in self._translations), "")
        return Phrase(known, self.speech.language) if known else found

    @cached_property
    def _translations(self) -> Mapping[tuple[Pair, str], str]:
        """What words mean on this page, by their code and by the words: a short mention is read by the whole concept
        elsewhere. By both, since a code alone may say less than the words."""
        concepts = [
            concept
            for entry in self.record.entries
            for member in ("code", "vaccineCode", "reasonCode")
            for concept in objects(entry.resource.get(member))
        ]
        return {
            (pair, folded(own_words(concept))): known
            for concept in concepts
            if (known := translation(concept, self.speech.language))
            for pair in telling(codings(concept))
        }

    def name(self, entries: Iterable[Entry]) -> Phrase:
        """What one line is called: in the language of the page if any of its entries has these words."""
        return self.closest(map(self.called, entries))

    def called(self, entry: Entry) -> Phrase:
        """What one entry is called, read once."""
        found = self._called.get(id(entry))
        if found is None:
            found = self._called[id(entry)] = called(entry.resource, self.speech.language)
        return found

    @cached_property
    def _called(self) -> dict[int, Phrase]:
        return {}

    def closest(self, phrases: Iterable[Phrase]) -> Phrase:
        """The first phrase in the language of the page, else the first that is not known to be in another."""
        listed = iter(phrases)
        best = next(listed)
        for phrase in listed:
            if (near := self._distance(best)) == 0:
                break
            best = phrase if self._distance(phrase) < near else best
        return best

    def _distance(self, phrase: Phrase) -> int:
        if phrase.weak:
            return 3
        return 2 if phrase.foreign(self.speech.language) else 0 if phrase.lang else 1

    def marked(self, phrase: Phrase) -> Phrase:
        """The phrase with a ``lang`` only where it needs one on this page."""
        return replace(phrase, lang=phrase.foreign(self.speech.language))

    def newest(self, entries: Iterable[Entry]) -> list[Entry]:
        """Newest first; what has no date comes last."""
        return sorted(entries, key=lambda entry: moment(clinical_time(entry.resource)), reverse=True)

    @cached_property
    def flags(self) -> Mapping[int, str]:
        """The kind of conflict in which an entry stands, by the identity of the entry."""
        entries = self.record.entries
        return {
            id(entries[index]): conflict.kind
            for conflict in self.record.conflicts
            for index in conflict.entries
            if index < len(entries)
        }


def badge(node: str, name: str) -> Badge:
    """A short node id is its own mark (``ON``); a longer one is shown by its name."""
    return Badge(node.upper() if len(node) <= 4 else name, name)


def code_of(concept: Any) -> str:
    """The first code of a CodeableConcept, or a plain code."""
    if isinstance(concept, list):
        return code_of(concept[0]) if concept else ""
    if isinstance(concept, dict):
        codings = objects(concept.get("coding")) or [concept]
        return next(filter(None, (text(coding.get("code")) for coding in codings)), "")
    return concept if isinstance(concept, str) else ""


def _alphabetical(name: str) -> str:
    """A name as a dictionary sorts it: Île-du-Prince-Édouard stands under I."""
    letters = unicodedata.normalize("NFD", name.casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def _open(source: Source) -> bool:
    return source.state not in (State.ANSWERED, State.EMPTY)
