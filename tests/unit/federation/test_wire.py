"""A record crosses the wire whole."""

from __future__ import annotations

import pytest

from passerelle.federation.reading import NotARecordError
from passerelle.federation.terms import NODE, TAG
from passerelle.federation.wire import read_record, record_bundle
from passerelle.fhir.record import Record, State
from passerelle.fhir.resource import decode
from passerelle.values import Json, Language
from tests.unit.federation.world import (
    NOW,
    allergy,
    base,
    concept,
    glucose,
    merged,
    prescription,
    reply,
    source,
)

AUTHOR: Json = {
    "resourceType": "Organization",
    "name": "Ontario",
    "identifier": [{"system": "x", "value": "on"}],
}


def record() -> Record:
    here = reply(
        "on",
        glucose("a", valueQuantity={"value": 5.5, "unit": "mmol/L"}),
        prescription("r"),
        allergy("n", code=concept("http://snomed.info/sct", "716186003")),
        patient={"resourceType": "Patient", "id": "p", "birthDate": "1980-01-02", "gender": "female"},
    )
    there = reply(
        "qc",
        glucose("b", valueQuantity={"value": 5.5, "unit": "mmol/L"}),
        prescription("r", "Metformin 850 mg"),
        allergy("a"),
        patient={"resourceType": "Patient", "id": "p", "birthDate": "1980-02-01", "gender": "female"},
        partial="withheld",
    )
    silent = source("bc", State.SILENT, reason="deadline", seconds=1.5)
    refused = source("ab", State.REFUSED, reason="no-agreement")
    return merged(here, there, also=(silent, refused, source("mb", State.EMPTY, seconds=0.2)))


def bundle(language: Language = "en") -> Json:
    return decode(record_bundle(record(), base=base("on"), author=AUTHOR, now=NOW, language=language))


def by_mode(mode: str) -> list[Json]:
    return [entry for entry in bundle()["entry"] if entry["search"]["mode"] == mode]


def test_what_was_written_is_what_is_read() -> None:
    written = record_bundle(record(), base=base("on"), author=AUTHOR, now=NOW, language="en")
    assert read_record(written) == record()


def test_it_is_written_the_same_twice() -> None:
    assert bundle() == bundle()


def test_the_merged_patient_comes_first_and_the_total_counts_the_matches() -> None:
    first, matches = bundle()["entry"][0], by_mode("match")
    assert first["resource"]["resourceType"] == "Patient"
    assert bundle()["total"] == len(matches) == 1 + len(record().entries)


def test_the_bytes_of_a_source_are_spliced_in_as_they_came() -> None:
    written = record_bundle(record(), base=base("on"), author=AUTHOR, now=NOW, language="en")
    assert all(entry.body in written for entry in record().entries)


def test_every_entry_is_the_target_of_one_provenance_for_each_origin() -> None:
    provenances = [e["resource"] for e in by_mode("include") if e["resource"]["resourceType"] == "Provenance"]
    assert [p["extension"][0]["valueString"] for p in provenances] == ["on", "qc"]
    for entry in record().entries:
        naming = [p for p in provenances if {"reference": entry.origins[0].full_url} in p["target"]]
        assert len(naming) == len(entry.origins)
        whats = {e["what"]["reference"] for p in naming for e in p["entity"]}
        assert {origin.full_url for origin in entry.origins} <= whats


def test_each_gap_is_one_outcome_that_a_machine_can_read() -> None:
    said = {
        entry["resource"]["extension"][0]["valueString"]: entry["resource"]["issue"][0]["code"]
        for entry in by_mode("outcome")
        if entry["resource"]["extension"][0]["url"] == NODE
    }
    assert said == {"ab": "forbidden", "bc": "timeout", "qc": "suppressed"}


def test_a_gap_is_said_in_both_languages_with_the_name_of_the_source_in_each() -> None:
    details = bundle("fr")["entry"][-2]["resource"]["issue"][0]["details"]
    other = details["_text"]["extension"][0]["extension"]
    assert details["text"].startswith("Le nœud bc")
    assert [part.get("valueCode") or part["valueString"].split(" did")[0] for part in other] == [
        "en",
        "The bc node",
    ]


def test_a_conflict_points_at_the_entries_that_disagree() -> None:
    issues = [e["resource"] for e in by_mode("include") if e["resource"]["resourceType"] == "DetectedIssue"]
    kinds = [issue["code"]["coding"][0]["code"] for issue in issues]
    assert sorted(kinds) == ["allergy", "birth-date", "dose"]
    dose = issues[kinds.index("dose")]
    assert {"reference": f"{base('on')}/MedicationRequest/r"} in dose["implicated"]
    assert {"reference": f"{base('qc')}/MedicationRequest/r"} in dose["implicated"]


def test_the_bundle_says_whether_the_record_is_whole() -> None:
    assert bundle()["meta"]["tag"] == [{"system": TAG, "code": "partial"}]


def test_an_empty_record_crosses_too() -> None:
    nobody = merged(also=(source("on", State.EMPTY),))
    assert (
        read_record(record_bundle(nobody, base=base("on"), author=AUTHOR, now=NOW, language="fr")) == nobody
    )


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"resourceType":"Bundle","meta":{},"entry":[]}', b"\xff", b"[1]"]
)
def test_what_is_not_a_record_is_not_read_as_one(body: bytes) -> None:
    with pytest.raises(NotARecordError):
        read_record(body)
