"""Why is a section empty? The hardest sentence of a summary: "none known" and "we do not know" must never meet.

The codes are those of http://terminology.hl7.org/CodeSystem/list-empty-reason, chosen by their definitions:

- ``nilknown`` is a positive statement by a clinician, "not a default position asserted by a computer system". So it
  is given only when some source recorded that none are known *and* every source answered without reserve.
- ``unavailable``: the information cannot be obtained. Given whenever any source was silent, refused, was unsure of
  the person, or sent something unreadable, whatever the others said: the reader can try again.
- ``notasked``: nobody has looked into it, as far as anyone recorded. Given when every source answered and none
  recorded anything, not even that there is nothing: the reader should ask the patient. It is kept apart from
  ``unavailable`` because the two ask for different actions.
- ``withheld``: given only when the caller of ``compose`` says that policy allows revealing it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from passerelle.fhir.record import Entry, Record
from passerelle.summary.statements import gaps
from passerelle.summary.wording import listed, say
from passerelle.values import Json, Language

EMPTY_REASON = "http://terminology.hl7.org/CodeSystem/list-empty-reason"
REASONS = frozenset({"nilknown", "notasked", "withheld", "unavailable", "notstarted", "closed"})

Reason = Literal["nilknown", "notasked", "withheld", "unavailable"]


@dataclass(frozen=True)
class Emptiness:
    """The reason and the sentence that says it."""

    code: Reason
    text: str

    def element(self) -> Json:
        return {"coding": [{"system": EMPTY_REASON, "code": self.code}], "text": self.text}


def emptiness(
    none_known: Iterable[Entry], record: Record, language: Language, *, withheld: bool
) -> Emptiness:
    """Why a section without entries is empty; ``none_known`` are the explicit statements that there is nothing."""
    said = source_names(none_known, record, language)
    missing = listed(dict.fromkeys(gap.name[language] for gap in gaps(record)), language)
    if withheld:
        return Emptiness("withheld", say("empty-withheld", language))
    if missing and said:
        return Emptiness(
            "unavailable", say("empty-unavailable-none-known", language, said=said, name=missing)
        )
    if missing:
        return Emptiness("unavailable", say("empty-unavailable", language, name=missing))
    if said:
        return Emptiness("nilknown", say("empty-nilknown", language, name=said))
    return Emptiness("notasked", say("empty-notasked", language))


def source_names(entries: Iterable[Entry], record: Record, language: Language) -> str:
    """The names of the sources that said these things, in one phrase."""
    names = {source.node: source.name[language] for source in record.sources}
    nodes = dict.fromkeys(origin.node for entry in entries for origin in entry.origins)
    return listed((names.get(node, node) for node in nodes), language)
