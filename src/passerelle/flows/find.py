"""Who is meant? Ask every source whom it knows by these words, and put the same person's entries together."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from passerelle.federation import questions
from passerelle.federation.directory import NodeEntry
from passerelle.federation.locate import locate
from passerelle.federation.merge import merge
from passerelle.fhir.record import Reply, Source, State
from passerelle.fhir.resource import encode
from passerelle.flows.federate import Question, described, numbers_of
from passerelle.flows.ports import Here, Nothing, Wire
from passerelle.identity import match
from passerelle.values import Json

GRADES = ("certain", "probable", "possible")
MOST = 5
"""Candidates that one source is asked for: who has more must say more about the person."""


@dataclass(frozen=True)
class Candidate:
    """One entry of one source."""

    source: Source
    patient: Json = field(repr=False)
    grade: str


@dataclass(frozen=True)
class Person:
    """Entries of several sources that are certainly one person, made into one Patient."""

    patient: Json = field(repr=False)
    grade: str
    sources: tuple[Source, ...]


@dataclass(frozen=True)
class Search:
    """Whom the sources know, best first, and the sources that could not say."""

    people: tuple[Person, ...]
    unheard: tuple[Source, ...]


async def find(question: Question, here: Here) -> Search:
    """Ask everyone at once until the deadline; then group what came back by person."""
    asked, not_asked = locate(here.directory(), here.id, question.purpose)
    start = here.timer()
    heard = await asyncio.gather(*(_ask(entry, question, here, start) for entry in asked))
    candidates = [candidate for found in heard if isinstance(found, list) for candidate in found]
    unheard = tuple(found for found in heard if isinstance(found, Source))
    persons = [_person(group, here) for group in together(candidates)]
    people = sorted(persons, key=lambda p: (GRADES.index(p.grade), -len(p.sources)))
    return Search(tuple(people), unheard + not_asked)


async def _ask(entry: NodeEntry, question: Question, here: Here, start: float) -> list[Candidate] | Source:
    wire = Wire(
        "POST", questions.MATCH_PATH, questions.match_body(question.demographics, MOST, only_certain=False)
    )
    heard = await here.sources.ask(
        entry, wire, question.caller, question.purpose, question.deadline or here.deadline
    )
    seconds = here.timer() - start
    if isinstance(heard, Nothing):
        return described(entry, State.SILENT, seconds, reason=heard.reason)
    if heard.status == 403:
        return described(entry, State.REFUSED, seconds, reason="refused-here")
    if heard.status != 200:
        return described(entry, State.FAULTY, seconds, reason="not-a-record")
    source = described(entry, State.ANSWERED, seconds)
    return [Candidate(source, patient, grade) for patient, grade in questions.read_candidates(heard.body)]


def together(candidates: Sequence[Candidate]) -> list[list[Candidate]]:
    """Groups of entries that are certainly one person. Two entries of one source are never put together: that is
    the source's own steward's decision."""
    groups: list[list[Candidate]] = []
    for candidate in candidates:
        group = next((g for g in groups if _same_person(candidate, g)), None)
        if group is None:
            groups.append([candidate])
        else:
            group.append(candidate)
    return groups


def _same_person(candidate: Candidate, group: Iterable[Candidate]) -> bool:
    members = list(group)
    if any(member.source.node == candidate.source.node for member in members):
        return False
    mine = numbers_of(candidate.patient)
    return any(
        mine & numbers_of(member.patient) or match.score(candidate.patient, member.patient).grade == "certain"
        for member in members
    )


def _person(group: list[Candidate], here: Here) -> Person:
    grade = min((member.grade for member in group), key=GRADES.index)
    replies = [_as_reply(member) for member in group]
    sources = tuple(member.source for member in group)
    return Person(merge(replies, sources, now=here.now()).patient or {}, grade, sources)


def _as_reply(member: Candidate) -> Reply:
    """A source's Patient alone, so that people are made of their entries as records are."""
    url = f"{member.source.base}/Patient/{member.patient.get('id')}"
    return Reply(
        member.source.node, member.source.base, member.source.seconds or 0.0, ((url, encode(member.patient)),)
    )
