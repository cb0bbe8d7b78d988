"""A whole published record (Synthea), split over sources and copied between them, comes back whole."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from passerelle.fhir.record import Record
from passerelle.values import Json
from tests.unit.federation.world import merged, reply


@pytest.fixture(scope="module")
def resources(shared_data: Path) -> list[Json]:
    archive = sorted((shared_data / "synthea-r4").glob("*.tar.xz"))[0]
    with tarfile.open(archive) as opened:
        file = next(opened.extractfile(member) for member in opened if member.name.endswith(".json"))
        assert file is not None
        return [entry["resource"] for entry in json.load(file)["entry"]]


def split(resources: list[Json]) -> tuple[Json, list[Json]]:
    patient = next(each for each in resources if each["resourceType"] == "Patient")
    return patient, [each for each in resources if each is not patient]


def references(record: Record) -> list[str]:
    return sorted({origin.reference for entry in record.entries for origin in entry.origins})


def test_what_one_source_sends_is_all_there(resources: list[Json]) -> None:
    patient, facts = split(resources)
    record = merged(reply("on", *facts, patient=patient))
    assert references(record) == sorted(f"{each['resourceType']}/{each['id']}" for each in facts)
    assert len(record.entries) == len(facts)


def test_two_sources_with_the_same_record_double_nothing(resources: list[Json]) -> None:
    patient, facts = split(resources)
    record = merged(reply("on", *facts, patient=patient), reply("qc", *facts, patient=patient))
    assert len(record.entries) == len(facts)
    assert {len(entry.origins) for entry in record.entries} == {2}
    assert record.conflicts == ()


def test_parts_that_overlap_make_the_whole(resources: list[Json]) -> None:
    patient, facts = split(resources)
    parts = (facts[::2], facts[1::2], facts[::3])
    record = merged(
        *(reply(node, *part, patient=patient) for node, part in zip(("on", "qc", "bc"), parts, strict=True))
    )
    assert references(record) == sorted(f"{each['resourceType']}/{each['id']}" for each in facts)
    assert len(record.entries) == len(facts)
