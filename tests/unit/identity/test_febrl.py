"""On the misspelt people of the Febrl sets (invented, published with the true answer) certainty is never wrong."""

from __future__ import annotations

import csv
from collections import defaultdict
from itertools import combinations
from pathlib import Path

import pytest

from passerelle.identity.match import score
from passerelle.values import Json


def people(file: Path) -> dict[str, Json]:
    with file.open(encoding="utf-8") as rows:
        read = [{key.strip(): value.strip() for key, value in row.items()} for row in csv.DictReader(rows)]
    return {row["rec_id"]: patient(row) for row in read}


def patient(row: dict[str, str]) -> Json:
    born = row["date_of_birth"]
    return {
        "resourceType": "Patient",
        "id": row["rec_id"],
        "name": [{"family": row["surname"], "given": [row["given_name"]] if row["given_name"] else []}],
        "birthDate": f"{born[:4]}-{born[4:6]}-{born[6:]}" if born else None,
        "address": [{"postalCode": row["postcode"]}],
    }


def pairs(found: dict[str, Json]) -> set[tuple[str, str]]:
    """Everybody who shares a birth date, a family name or a postal code with somebody."""
    shared: dict[tuple[str, str], list[str]] = defaultdict(list)
    for id, person in found.items():
        shared["born", str(person["birthDate"])].append(id)
        shared["family", person["name"][0]["family"]].append(id)
        shared["place", person["address"][0]["postalCode"]].append(id)
    return {pair for (_, value), ids in shared.items() if value for pair in combinations(sorted(ids), 2)}


@pytest.mark.parametrize("name", ["dataset1.csv", "dataset3.csv"])
def test_whoever_is_certainly_the_same_is_the_same(shared_data: Path, name: str) -> None:
    found = people(shared_data / "linkage" / "febrl" / name)
    certain = [(a, b) for a, b in pairs(found) if score(found[a], found[b]).grade == "certain"]
    wrong = [(a, b) for a, b in certain if a.split("-")[1] != b.split("-")[1]]
    assert wrong == []
    assert len(certain) > 50


def test_most_of_the_misspelt_are_found_and_hardly_anybody_else(shared_data: Path) -> None:
    found = people(shared_data / "linkage" / "febrl" / "dataset1.csv")
    kinds = [(a.split("-")[1] == b.split("-")[1], score(found[a], found[b]).grade) for a, b in pairs(found)]
    likely = [same for same, grade in kinds if grade in ("certain", "probable")]
    same = sum(1 for is_same, _ in kinds if is_same)
    assert sum(likely) / len(likely) > 0.99
    assert sum(likely) / same > 0.8
