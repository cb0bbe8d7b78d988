"""One Patient made from all."""

from __future__ import annotations

from passerelle.values import Json
from tests.unit.federation.world import NUMBER, merged, reply


def person(id: str, updated: str = "2026-01-01T00:00:00Z", **more: object) -> Json:
    return {"resourceType": "Patient", "id": id, "meta": {"lastUpdated": updated}, **more}


def patient_of(*people: Json) -> Json:
    nodes = ("on", "qc", "bc", "ab")
    record = merged(*(reply(node, patient=each) for node, each in zip(nodes, people, strict=False)))
    assert record.patient is not None
    return record.patient


def kinds(*people: Json) -> list[str]:
    nodes = ("on", "qc", "bc", "ab")
    record = merged(*(reply(node, patient=each) for node, each in zip(nodes, people, strict=False)))
    return [conflict.kind for conflict in record.conflicts]


def test_every_number_name_phone_and_address_stands_once_however_written() -> None:
    here = person(
        "a",
        identifier=[{"system": NUMBER, "value": "9876-543-217"}],
        name=[{"family": "Côté", "given": ["Zoé"]}],
        telecom=[{"system": "phone", "value": "(416) 555-0199"}],
        address=[{"line": ["1 Main St."], "city": "Toronto", "postalCode": "M5V 1A1"}],
    )
    there = person(
        "b",
        identifier=[{"system": NUMBER, "value": "9876543217"}],
        name=[{"family": "COTE", "given": ["Zoe"]}],
        telecom=[{"system": "phone", "value": "+1 416 555 0199"}],
        address=[{"line": ["1 main st"], "city": "TORONTO", "postalCode": "M5V1A1"}],
    )
    patient = patient_of(here, there)
    assert [len(patient[name]) for name in ("identifier", "name", "telecom", "address")] == [1, 1, 1, 1]


def test_the_most_recent_name_comes_first_and_a_former_one_last() -> None:
    old = person("a", "2019-01-01T00:00:00Z", name=[{"family": "Roy"}])
    new = person(
        "b", "2025-01-01T00:00:00Z", name=[{"family": "Roy-Blais"}, {"use": "old", "family": "Lavoie"}]
    )
    assert [name["family"] for name in patient_of(old, new)["name"]] == ["Roy-Blais", "Roy", "Lavoie"]


def test_the_birth_date_of_the_majority_is_shown_and_the_difference_is_said() -> None:
    people = [
        person("a", birthDate="1980-02-03"),
        person("b", birthDate="1980-03-02"),
        person("c", birthDate="1980-02-03"),
    ]
    assert patient_of(*people)["birthDate"] == "1980-02-03"
    assert kinds(*people) == ["birth-date"]


def test_at_a_tie_the_most_recent_source_is_believed() -> None:
    old = person("a", "2019-01-01T00:00:00Z", gender="male")
    new = person("b", "2025-01-01T00:00:00Z", gender="female")
    assert patient_of(old, new)["gender"] == "female"
    assert kinds(old, new) == ["gender"]


def test_knowing_less_is_not_a_conflict() -> None:
    more = person("a", birthDate="1980-02-03", gender="female", deceasedDateTime="2026-05-05")
    less = person("b", birthDate="1980", gender="unknown", deceasedBoolean=True)
    assert kinds(more, less) == []


def test_a_source_that_says_alive_contradicts_a_death() -> None:
    assert kinds(person("a", deceasedDateTime="2026-05-05"), person("b", deceasedBoolean=False)) == [
        "deceased"
    ]
    assert kinds(person("a", deceasedDateTime="2026-05-05"), person("b")) == []
    assert (
        patient_of(person("a", deceasedDateTime="2026-05-05"), person("b"))["deceasedDateTime"]
        == "2026-05-05"
    )


def test_the_merged_patient_leads_to_the_patient_of_every_source() -> None:
    links = [link["other"]["reference"] for link in patient_of(person("a"), person("b"))["link"]]
    assert sorted(links) == ["https://on.example/fhir/Patient/a", "https://qc.example/fhir/Patient/b"]
