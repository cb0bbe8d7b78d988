"""The reference store answers generated searches with exactly what the definition says, page by page."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from passerelle.fhir.resource import decode
from passerelle.fhir.search import Query, matches, within
from passerelle.store.memory import MemoryStore
from tests.engines.generated import START, answer, case, write


class Everything:
    """A world made of plain resources, each looked at one by one."""

    def __init__(self, resources, scope):
        from passerelle.fhir.search import Seen

        self.seen = {f"{r['resourceType']}/{r['id']}": Seen.of(r) for r in resources if within(r, scope)}

    def at(self, reference):
        return self.seen.get(reference)

    def pointing(self, type, rows, reference):
        return [
            seen
            for seen in self.seen.values()
            if seen.type == type and any(row.name in rows and row.text == reference for row in seen.rows)
        ]


@pytest.fixture(params=range(12), scope="module")
def told(request):
    """A store, its questions, and everything that is in it."""
    clock = [START]
    made, store = case(request.param), MemoryStore(clock=lambda: clock[0])
    asyncio.run(write(store, made, clock))
    everything = asyncio.run(store.look(lambda view: view.search(Query("", count=1000)))).matches
    return store, made, [decode(one.body) for one in everything]


def test_a_search_finds_exactly_what_matches(told):
    store, made, resources = told
    for question in made.questions:
        whole = replace(question.query, count=1000, summary=None, include=(), revinclude=())
        [page] = asyncio.run(answer(store, whole))
        world = Everything(resources, whole.scope)
        expected = {f"{r['resourceType']}/{r['id']}" for r in resources if matches(r, whole, world)}
        assert {reference for reference, _ in page.matches} == expected, str(question)
        assert page.total == (len(expected) if whole.total else None)


def test_pages_together_are_the_whole_in_its_order(told):
    store, made, _ = told
    for question in made.questions:
        if question.query.summary == "count":
            continue
        [whole] = asyncio.run(answer(store, replace(question.query, count=1000, include=(), revinclude=())))
        pages = asyncio.run(answer(store, replace(question.query, count=2, include=(), revinclude=())))
        assert [match for page in pages for match in page.matches] == list(whole.matches), str(question)


def test_nothing_that_is_out_of_scope_is_shown_or_comes_along(told):
    store, made, resources = told
    for question in made.questions:
        pages = asyncio.run(answer(store, question.query))
        seen = {f"{r['resourceType']}/{r['id']}" for r in resources if within(r, question.query.scope)}
        for page in pages:
            assert {reference for reference, _ in (*page.matches, *page.included)} <= seen, str(question)
