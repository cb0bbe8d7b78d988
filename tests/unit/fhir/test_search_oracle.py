"""Searches agree with the truth tables that another server's project publishes."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from passerelle.fhir.search import matches, parse


@pytest.mark.parametrize(
    "kind", ["composite", "date", "number", "quantity", "reference", "string", "token", "uri"]
)
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
