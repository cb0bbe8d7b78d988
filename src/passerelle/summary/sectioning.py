"""One section of the document, and the document's own words about itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from passerelle.fhir.record import Record
from passerelle.fhir.speech import date_text
from passerelle.summary.details import row
from passerelle.summary.emptiness import emptiness, source_names
from passerelle.summary.narrative import bullets, narrative, paragraphs, table
from passerelle.summary.references import Places
from passerelle.summary.select import Chosen, Fact, Selection, referred
from passerelle.summary.statements import (
    CONFLICT,
    WITHHELD,
    Statement,
    conflict_statements,
    coverage,
    gap_statements,
    left_out,
    note,
)
from passerelle.summary.wording import say
from passerelle.values import Json, Language

LOINC = "http://loinc.org"


@dataclass(frozen=True)
class Teller:
    """Everything that is needed to speak about one record."""

    record: Record
    places: Places
    language: Language
    now: str
    """The instant of composition."""
    urls: Mapping[int, str]
    """The addresses in the document, by index in the record."""
    withheld: frozenset[str]

    def notes(self, statements: list[Statement]) -> list[Json]:
        return [note(statement, self.now, self.urls.get) for statement in statements]


def section(chosen: Chosen, teller: Teller, addresses: Mapping[Fact, str]) -> Json | None:
    """A section with its table, or with the reason why it is empty; None for an optional one with nothing to say."""
    withheld = chosen.section.key in teller.withheld
    told = emptiness(chosen.none_known, teller.record, teller.language, withheld=withheld)
    nothing_to_say = not chosen.facts and told.code not in ("nilknown", "withheld")
    if nothing_to_say and not chosen.section.required:
        return None
    statements = _statements(chosen, teller, withheld=withheld)
    said = [_table(chosen, teller)] if chosen.facts else paragraphs([told.text])
    words = [statement.text for statement in statements]
    made: Json = {"extension": teller.notes(statements)} if statements else {}
    made |= {
        "title": chosen.section.title[teller.language],
        "code": {
            "coding": [{"system": LOINC, "code": chosen.section.loinc}],
            "text": chosen.section.title["en"],
        },
        "text": narrative(teller.language, *said, *bullets(words)),
    }
    if chosen.facts:
        return made | {"entry": [{"reference": addresses[fact]} for fact in chosen.facts]}
    return made | {"emptyReason": told.element()}


def _table(chosen: Chosen, teller: Teller) -> str:
    lines = []
    for fact in chosen.facts:
        name = "device" if fact.entry.type == "DeviceUseStatement" else "medicationReference"
        named = referred(fact.entry, name, teller.record, teller.places)
        sources = source_names([fact.entry], teller.record, teller.language)
        lines.append((row(fact.entry.resource, teller.language, named), sources))
    return table(lines, teller.language)


def _statements(chosen: Chosen, teller: Teller, *, withheld: bool) -> list[Statement]:
    """What a reader of this one section must know."""
    language, record = teller.language, teller.record
    here = {fact.index for fact in chosen.facts}
    statements = [each for each in conflict_statements(record, language) if here & set(each.about)]
    if chosen.facts and chosen.none_known:
        names = source_names(chosen.none_known, record, language)
        statements.append(Statement(say("conflict-none-known", language, name=names), CONFLICT))
    if chosen.facts and withheld:
        statements.append(Statement(say("some-withheld", language), WITHHELD))
    return [*statements, *left_out("older", chosen.older, language), *gap_statements(record, language)]


def composition_text(teller: Teller, selection: Selection, now: datetime) -> Json:
    """The document's narrative: how it came about, what may be missing, where the sources differ."""
    record, language = teller.record, teller.language
    missing = gap_statements(record, language)
    opening = [
        say("assembled", language, when=date_text(now.isoformat(), language)),
        coverage(record, language).text,
        say("incomplete" if missing else "complete", language),
    ]
    others = conflict_statements(record, language) + left_out("unsorted", selection.unsorted, language)
    words = [statement.text for statement in (*missing, *others)]
    return narrative(language, *paragraphs(opening), *bullets(words))


def composition_notes(teller: Teller, selection: Selection) -> list[Json]:
    """The same for machines."""
    record, language = teller.record, teller.language
    statements = [
        coverage(record, language),
        *gap_statements(record, language),
        *conflict_statements(record, language),
    ]
    return teller.notes(statements + list(left_out("unsorted", selection.unsorted, language)))
