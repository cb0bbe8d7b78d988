"""Searches agree with the truth tables that another server's project publishes."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal

import pytest

from passerelle.fhir.search import matches, parse
from passerelle.store.memory import MemoryStore
from passerelle.store.sqlite import SqliteStore

KINDS = ["composite", "date", "number", "quantity", "reference", "string", "token", "uri"]


@pytest.mark.parametrize("kind", KINDS)
def test_each_query_finds_exactly_the_resources_that_must_match(kind, shared_data):
    suite = json.loads((shared_data / "search-oracle" / f"{kind}.json").read_text(), parse_float=Decimal)
    wrong = []
    for case in suite["cases"]:
        type = case.get("search_type", suite["search_type"])
        query = parse(type, [(name, value) for name, value in case["query"] + suite["always"]])
        found = [at for at, resource in enumerate(suite["resources"]) if matches(resource, query)]
        if found != case["expect"]:
            wrong.append((case["query"], case["expect"], found))
    assert wrong == []
    assert suite["cases"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("engine", ["memory", "sqlite"])
def test_a_store_finds_them_too(kind, engine, shared_data, tmp_path):
    suite = json.loads((shared_data / "search-oracle" / f"{kind}.json").read_text(), parse_float=Decimal)
    store = MemoryStore() if engine == "memory" else SqliteStore.open(tmp_path / "node.sqlite")
    wrong = asyncio.run(_asked(store, suite))
    assert wrong == []


async def _asked(store, suite):
    await store.load({**resource, "id": str(at)} for at, resource in enumerate(suite["resources"]))
    wrong = []
    for case in suite["cases"]:
        type = case.get("search_type", suite["search_type"])
        query = parse(type, [(name, value) for name, value in case["query"] + suite["always"]])
        found = await store.look(lambda view, query=query: view.search(query))
        ids = sorted(int(one.id) for one in found.matches)
        if ids != case["expect"] or found.total != len(ids):
            wrong.append((case["query"], case["expect"], ids))
    await store.close()
    return wrong
