"""Pages go on where the one before ended, whatever is written between them."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from passerelle.fhir.search import parse
from tests.engines.conftest import Opener

SORTS = ("", "birthdate", "-birthdate", "family,-birthdate", "-_id", "_lastUpdated")


def person(number: int) -> dict:
    return {
        "resourceType": "Patient",
        "id": f"p{number:02}",
        "name": [{"family": ("Roy", "Li", "Côté")[number % 3]}],
        **({"birthDate": f"19{50 + number % 4}"} if number % 5 else {}),
    }


@pytest.mark.parametrize("sort", SORTS)
def test_what_is_created_between_two_pages_does_not_appear_and_nothing_is_lost(new_store: Opener, sort: str):
    async def walk() -> tuple[list[str], list[str]]:
        store = new_store()
        await store.load([person(number) for number in range(17)])
        query = parse("Patient", [("_sort", sort)] if sort else [], default_count=4)
        whole = await store.look(lambda view: view.search(replace(query, count=100)))
        shown: list[str] = []
        added = 20
        while True:
            page = await store.look(lambda view, query=query: view.search(query))
            shown += [one.id for one in page.matches]
            await store.load([person(added), person(added + 1)])
            added += 2
            if page.next is None:
                await store.close()
                return [one.id for one in whole.matches], shown
            query = replace(query, after=page.next)

    whole, shown = asyncio.run(walk())
    assert shown == whole
    assert len(shown) == 17


def test_what_is_deleted_between_two_pages_is_only_left_out(new_store: Opener):
    async def walk() -> list[str]:
        store = new_store()
        await store.load([person(number) for number in range(6)])
        query = parse("Patient", [("_count", "2")])
        first = await store.look(lambda view: view.search(query))
        await store.change(lambda change: (change.delete("Patient", "p04"), change.delete("Patient", "p02")))
        rest = await store.look(lambda view: view.search(replace(query, after=first.next, count=10)))
        await store.close()
        return [one.id for one in (*first.matches, *rest.matches)]

    assert asyncio.run(walk()) == ["p05", "p04", "p03", "p01", "p00"]
