"""The federate road: locate → ask everyone until the deadline → merge → one record with its gaps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from passerelle.federation import questions
from passerelle.federation.directory import NodeEntry
from passerelle.federation.locate import locate
from passerelle.federation.merge import merge
from passerelle.fhir import health_number
from passerelle.fhir.record import Record, Reply, Source, State
from passerelle.flows.ports import Heard, Here, Nothing, Wire
from passerelle.values import Caller, Json, NodeId, Purpose


@dataclass(frozen=True)
class Question:
    """Whose record is wanted, by whom and why. ``only`` narrows it to some nodes (to try one again)."""

    caller: Caller
    purpose: Purpose
    demographics: Json
    """What is known of the person, shaped as a Patient."""
    deadline: float | None = None
    only: frozenset[NodeId] | None = None


@dataclass(frozen=True)
class Said:
    """One source's answer so far, and its reply when it holds a record."""

    source: Source
    reply: Reply | None = None


async def federate(question: Question, here: Here) -> Record:
    """Ask everyone and wait until all have answered or the deadline has passed."""
    said: dict[NodeId, Said] = {}
    async for answer in ask_everyone(question, here):
        said[answer.source.node] = answer
    return assemble(said, here)


def assemble(said: Mapping[NodeId, Said], here: Here) -> Record:
    """The record made of what was said so far."""
    replies = [answer.reply for answer in said.values() if answer.reply is not None]
    return merge(replies, [answer.source for answer in said.values()], now=here.now())


async def ask_everyone(question: Question, here: Here) -> AsyncIterator[Said]:
    """Each source's answer as it arrives; who has not answered at the deadline is given as silent.

    A source may be given twice: when another source knew the number that its own province gave the person,
    it is asked once more with that number.
    """
    asked, not_asked = locate(here.directory(), here.id, question.purpose)
    if question.only is not None:
        asked = tuple(entry for entry in asked if entry.id in question.only)
        not_asked = tuple(source for source in not_asked if source.node in question.only)
    for source in not_asked:
        yield Said(source)
    async for said in _Asking(question, here, {entry.id: entry for entry in asked}).answers():
        yield said


def sources_to_ask(question: Question, here: Here) -> tuple[Source, ...]:
    """Everyone who will be asked or may not be, before the first answer."""
    asked, not_asked = locate(here.directory(), here.id, question.purpose)
    return tuple(described(entry, State.WAITING) for entry in asked) + not_asked


class _Asking:
    """One question on its way to many: what is still out, what came back, and which numbers were learned."""

    def __init__(self, question: Question, here: Here, entries: Mapping[NodeId, NodeEntry]) -> None:
        self.question = question
        self.here = here
        self.entries = entries
        self.start = here.timer()
        self.deadline = question.deadline or here.deadline
        self.out: dict[asyncio.Task[Said], NodeEntry] = {}
        self.unsure: set[NodeId] = set()
        self.numbers = numbers_of(question.demographics)
        self.told: dict[NodeId, frozenset[tuple[str, str]]] = {}

    async def answers(self) -> AsyncIterator[Said]:
        for entry in self.entries.values():
            self._ask(entry)
        try:
            while self.out:
                done, _ = await asyncio.wait(
                    self.out, timeout=self._left(), return_when=asyncio.FIRST_COMPLETED
                )
                if not done:
                    break
                for task in done:
                    entry = self.out.pop(task)
                    said = task.result()
                    self._learn(entry, said)
                    yield said
            for entry in self.out.values():
                yield Said(described(entry, State.SILENT, self._elapsed(), reason="deadline"))
        finally:
            for task in self.out:
                task.cancel()

    def _ask(self, entry: NodeEntry) -> None:
        self.unsure.discard(entry.id)
        self.told[entry.id] = self.numbers
        self.out[asyncio.create_task(self._ask_one(entry))] = entry

    def _learn(self, entry: NodeEntry, said: Said) -> None:
        """Who answered "nobody" or "perhaps" is asked once more when another source knew the number that its own
        province gave this person: a name misspelt there, or changed since, then no longer hides the record."""
        if said.reply is not None:
            self.numbers |= numbers_of(questions.patient_of(said.reply))
        elif said.source.state in (State.EMPTY, State.UNCERTAIN):
            self.unsure.add(entry.id)
        for id_ in sorted(self.unsure):
            if self._new_here(self.entries[id_]):
                self._ask(self.entries[id_])

    def _new_here(self, entry: NodeEntry) -> bool:
        issued = health_number.systems()
        return any(
            issued.get(system) == entry.jurisdiction for system, _ in self.numbers - self.told[entry.id]
        )

    async def _ask_one(self, entry: NodeEntry) -> Said:
        demographics = with_numbers(self.question.demographics, self.numbers)
        matched = await self._send(entry, Wire("POST", "Patient/$match", questions.match_body(demographics)))
        if isinstance(matched, Nothing):
            return Said(described(entry, State.SILENT, self._elapsed(), reason=matched.reason))
        person = questions.read_match(matched.status, matched.body)
        if person.id is None:
            return Said(described(entry, person.state, self._elapsed(), reason=person.reason))
        sent = await self._send(entry, Wire("GET", f"Patient/{person.id}/$everything"))
        if isinstance(sent, Nothing):
            return Said(described(entry, State.SILENT, self._elapsed(), reason=sent.reason))
        reply = questions.read_everything(
            sent.status, sent.body, node=entry.id, base=entry.fhir, seconds=self._elapsed(), patient=person.id
        )
        if not isinstance(reply, Reply):
            return Said(described(entry, reply.state, self._elapsed(), reason=reply.reason))
        return Said(described(entry, State.ANSWERED, reply.seconds, items=len(reply.entries)), reply)

    async def _send(self, entry: NodeEntry, wire: Wire) -> Heard | Nothing:
        return await self.here.sources.ask(
            entry, wire, self.question.caller, self.question.purpose, self._left()
        )

    def _elapsed(self) -> float:
        return self.here.timer() - self.start

    def _left(self) -> float:
        return max(0.0, self.deadline - self._elapsed())


def described(
    entry: NodeEntry, state: State, seconds: float | None = None, *, items: int = 0, reason: str = ""
) -> Source:
    """A source in the words of a record."""
    return Source(entry.id, entry.name, state, seconds, items, reason, entry.fhir)


def numbers_of(patient: Json) -> frozenset[tuple[str, str]]:
    """The health numbers that a Patient carries, as (system, value)."""
    issued = health_number.systems()
    found = ((i.get("system"), i.get("value")) for i in patient.get("identifier", ()))
    return frozenset((system, value) for system, value in found if system in issued and value)


def with_numbers(patient: Json, numbers: frozenset[tuple[str, str]]) -> Json:
    """The same person with every number known so far."""
    more = sorted(numbers - numbers_of(patient))
    if not more:
        return patient
    added = [{"system": system, "value": value} for system, value in more]
    return {**patient, "identifier": [*patient.get("identifier", ()), *added]}
