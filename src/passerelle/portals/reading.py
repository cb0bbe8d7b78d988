"""One record while a person reads it: which sources there are, what they are called, and whose fact is whose."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from passerelle.fhir.clinical import clinical_time, moment, title
from passerelle.fhir.concept import concept_text
from passerelle.fhir.record import ANSWERS, Entry, Record, Source, State
from passerelle.portals.sent import objects, text
from passerelle.portals.speech import Speech
from passerelle.portals.viewing import Viewer
from passerelle.values import LANGUAGES, Json


@dataclass(frozen=True)
class Badge:
    """Which source says so: a short mark for the eye, the whole name for a screen reader."""

    mark: str
    name: str


@dataclass(frozen=True)
class Item:
    """One line of a list: what, when, more words about it, who says so, and in which language it is written."""

    what: str
    when: str
    badges: tuple[Badge, ...]
    detail: str = ""
    lang: str = ""
    flag: str = ""
    """A difference between sources, in words; such a line never folds away."""
    count: int = 1


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
        return tuple(sorted(known.values(), key=lambda source: source.name[self.speech.language]))

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

    def title(self, entry: Entry) -> str:
        return title(entry.resource, self.speech.language)

    def text(self, concept: Any) -> str:
        return concept_text(concept, self.speech.language)

    def lang(self, resource: Json) -> str:
        """The ``lang`` of a resource's own words, where it says so and they are not in the language of the page.

        A resource that carries a translation for this page is shown by that, so it is not foreign.
        """
        own = text(resource.get("language"))
        base = own.split("-")[0].lower()
        if not own or base == self.speech.language:
            return ""
        for language in LANGUAGES:
            if base == language and title(resource, language) != title(resource, self.speech.language):
                return ""
        return own

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


def _open(source: Source) -> bool:
    return source.state not in (State.ANSWERED, State.EMPTY)
