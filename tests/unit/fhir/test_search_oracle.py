"""Searches agree with the truth tables that another server's project publishes."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from passerelle.fhir.search import matches, parse

R4_SAYS_OTHERWISE = {
    # That server takes an equal date to mean that the intervals overlap. R4 says that the range of the search
    # value fully contains the range of the target, so that a whole year is not equal to one of its days.
    ("date", "1980-05-11"): [3, 4, 5],
    ("date", "1980-05-11T16:32:15"): [4, 5],
    ("date", "1980-05-11T16:32:15.5000001"): [],
}


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
        expected = R4_SAYS_OTHERWISE.get(tuple(case["query"][0]), case["expect"])
        if found != expected:
            wrong.append((case["query"], expected, found))
    assert wrong == []
    assert suite["cases"]
