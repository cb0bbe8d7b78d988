"""Stores and questions made from a seed, and whether two engines give the same answers.

``case(seed)`` is what is written and what is asked. ``answer`` asks one engine and walks every page to the end.
``same`` says whether two answers agree: ids, order, totals, pages and what was included.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from random import Random
from typing import Any

from passerelle.fhir.outcome import BadInput
from passerelle.fhir.search import EVERYTHING, Query, Scope
from tests.engines.asked import Asker, Question
from tests.engines.invented import IDS, TYPES, Inventor, Json, resource

START = 1_700_000_000_000
"""The clock of a case when it begins, in milliseconds."""
MOST_PAGES = 60


@dataclass(frozen=True)
class Step:
    """One write. ``resource`` None is a deletion, or with ``purge`` an erasure, if there is something."""

    type: str
    id: str
    resource: Json | None
    purge: bool = False


@dataclass(frozen=True)
class Case:
    """What is written, in some changes one after the other, and what is asked then."""

    seed: int
    changes: tuple[tuple[Step, ...], ...]
    questions: tuple[Question, ...]


def case(seed: int, questions: int = 50, resources: int = 60) -> Case:
    """One store and what is asked of it; the same for the same seed."""
    chance = Random(f"passerelle {seed}")
    make = Inventor(chance)
    types = ("Patient", "Patient", "Observation", "Observation", *chance.sample(TYPES, 4))
    steps = [_step(make, types) for _ in range(resources)]
    last = {(step.type, step.id): step.resource for step in steps}
    ask = Asker(chance, [one for one in last.values() if one])
    third = len(steps) // 3
    changes = (tuple(steps[:third]), tuple(steps[third : 2 * third]), tuple(steps[2 * third :]))
    return Case(seed, changes, tuple(ask.question() for _ in range(questions)))


def _step(make: Inventor, types: tuple[str, ...]) -> Step:
    type, id = make.one(types), make.one(IDS)
    fate = make.chance.random()
    if fate < 0.07:
        return Step(type, id, None, purge=fate < 0.02)
    return Step(type, id, resource(make, type))


# --- one engine -------------------------------------------------------------------------------------------------


async def write(store: Any, asked: Case, clock: list[int]) -> None:
    """Write a case; ``clock`` is the moment that the store reads, and goes on between the changes."""
    for steps in asked.changes:
        clock[0] += 1000
        await store.change(lambda change, steps=steps: take(change, steps))


def take(change: Any, steps: tuple[Step, ...]) -> None:
    for step in steps:
        if step.resource is not None:
            change.put(step.type, step.id, step.resource, created=False)
            continue
        there = change.read(step.type, step.id)
        if there is not None and step.purge:
            change.purge(step.type, step.id)
        elif there is not None:
            change.delete(step.type, step.id)


@dataclass(frozen=True)
class Page:
    """What one page says."""

    matches: tuple[tuple[str, int], ...]
    """References and versions, in order."""
    included: tuple[tuple[str, int], ...]
    total: int | None
    last: bool


Answer = tuple[Page, ...] | str
"""Every page, or the key of the message that refused."""


async def answer(store: Any, query: Query) -> Answer:
    return await store.look(lambda view: walk(view, query))


def walk(view: Any, query: Query) -> Answer:
    """Every page of a search."""
    pages = []
    try:
        while True:
            found = view.search(query)
            pages.append(_page(found))
            if found.next is None:
                return tuple(pages)
            if len(pages) > MOST_PAGES:
                return "endless"
            query = replace(query, after=found.next)
    except BadInput as refused:
        return refused.issues[0].key


def _page(found: Any) -> Page:
    matches, included = (
        tuple((one.reference, one.version) for one in some) for some in (found.matches, found.included)
    )
    return Page(matches, included, found.total, found.next is None)


def same(a: Answer, b: Answer) -> bool:
    """Whether two answers agree. A later page may leave out the total."""
    if isinstance(a, str) or isinstance(b, str) or len(a) != len(b):
        return a == b
    for number, (one, other) in enumerate(zip(a, b, strict=True)):
        silent = number > 0 and None in (one.total, other.total)
        if replace(one, total=None) != replace(other, total=None):
            return False
        if one.total != other.total and not silent:
            return False
    return True


# --- what is not a search ---------------------------------------------------------------------------------------

Look = Callable[[Any], Any]


def looks(asked: Case) -> list[tuple[str, Look]]:
    """Histories, whole records, scans and look-ups of a case, each with a name."""
    chance = Random(f"looks {asked.seed}")
    scope = chance.choice((EVERYTHING, Asker(chance).scope(), Scope(compartment="1")))
    moments = [datetime.fromtimestamp((START + 1000 * n) / 1000, UTC) for n in range(5)]
    day, later = datetime(2020, 2, 29, tzinfo=UTC), datetime(2020, 6, 1, tzinfo=UTC)
    made: list[tuple[str, Look]] = []
    for id in IDS:
        made.append((f"everything {id}", lambda view, id=id: _refs(view.everything(id, scope=scope))))
        made.append(
            (
                f"everything {id} in a period",
                lambda view, id=id: _refs(view.everything(id, start=day, end=later, since=moments[2])),
            )
        )
        made.append((f"history of {id}", lambda view, id=id: _history(view, "Patient", id, scope=scope)))
    made.append(("history", lambda view: _history(view, scope=scope, count=3)))
    made.append(("history since", lambda view: _history(view, "Observation", since=moments[2])))
    made.append(("history at", lambda view: _history(view, at=(moments[1], moments[2]))))
    for type in ("Patient", "Observation", "Encounter"):
        made.append((f"scan {type}", lambda view, type=type: _scan(view, type, scope=scope)))
        made.append((f"scan {type} until", lambda view, type=type: _scan(view, type, until=moments[2])))
    everyone = [f"{type}/{id}" for type in TYPES for id in IDS]
    made.append(("find", lambda view: sorted(_refs(view.find(everyone, scope)))))
    return made


def _refs(found: Any) -> list[tuple[str, int]]:
    return [(one.reference, one.version) for one in found]


def _history(view: Any, *of: str, count: int = 50, **more: Any) -> list[Any]:
    pages, after = [], None
    while True:
        found = view.history(*of, count=count, after=after, **more)
        pages.append(([(one.reference, one.version, one.method) for one in found.matches], found.total))
        after = found.next
        if after is None or len(pages) > MOST_PAGES:
            return pages


def _scan(view: Any, type: str, **more: Any) -> list[Any]:
    parts, after = [], 0
    while True:
        found = view.scan(type, after=after, count=3, **more)
        parts += found.bodies
        if found.last is None or len(parts) > 1000:
            return parts
        after = found.last
