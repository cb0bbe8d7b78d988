"""Batches: each entry for itself. And what a transaction does in which order."""

from __future__ import annotations

import pytest

from tests.spec.country import HCN, Country, condition, patient
from tests.spec.test_transactions import PATIENT, about, bundle, post


@pytest.fixture
def country() -> Country:
    return Country("on")


def entry(method: str, url: str, resource: dict | None = None, **more: str) -> dict:
    made: dict = {"request": {"method": method, "url": url, **more}}
    return {**made, "resource": resource} if resource else made


def statuses(said) -> list[str]:
    return [one["response"]["status"][:3] for one in said.json["entry"]]


def test_an_entry_of_a_batch_that_cannot_be_done_does_not_keep_the_others_from_happening(country):
    country.put("on", patient())
    done = country.ask(
        "on",
        "POST",
        "",
        bundle(
            entry("GET", "Patient/p1"),
            entry("GET", "Pateint/p1"),
            {"resource": patient("x")},
            entry("POST", "Patient"),
            entry("PUT", "Patient/p2", patient("p2")),
            entry("GET", "Patient?nonsense=1"),
            entry("GET", "Patient?family=ducharme&_count=1"),
            entry("DELETE", "Patient/p1"),
            kind="batch",
        ),
    )
    assert done.status == 200
    assert statuses(done) == ["200", "404", "400", "400", "201", "400", "200", "204"]
    assert done.json["entry"][6]["resource"]["total"] == 2
    assert done.json["entry"][1]["response"]["outcome"]["issue"][0]["expression"] == ["Bundle.entry[1]"]
    assert country.ask("on", "GET", "Patient/p2").status == 200


def test_an_operation_can_be_an_entry(country):
    country.put("on", patient(), condition("c1", "asthma"))
    for kind in ("batch", "transaction"):
        done = country.ask("on", "POST", "", bundle(entry("GET", "Patient/p1/$everything"), kind=kind))
        found = done.json["entry"][0]["resource"]["entry"]
        assert {one["resource"]["resourceType"] for one in found} == {"Patient", "Condition"}


def test_what_waits_for_other_nodes_is_not_asked_inside_a_transaction(country):
    country.put("on", patient())
    answer = country.ask("on", "POST", "", bundle(entry("GET", "Patient/p1/$summary")))
    assert (answer.status, answer.keys) == (400, ["operation-not-in-transaction"])


def test_deletions_come_first_so_that_a_condition_finds_nothing_old(country):
    country.put("on", patient("old"))
    number = f"identifier={HCN}|9876543217"
    done = country.ask(
        "on", "POST", "", bundle(post(patient(), ifNoneExist=number), entry("DELETE", "Patient/old"))
    )
    assert statuses(done) == ["201", "204"]
    assert country.ask("on", "GET", "Patient").json["total"] == 1


def test_a_conditional_reference_finds_what_the_same_transaction_creates(country):
    done = country.ask(
        "on",
        "POST",
        "",
        bundle(post(about(f"Patient?identifier={HCN}|9876543217")), post(patient(), PATIENT)),
    )
    assert statuses(done) == ["201", "201"]
    found = country.ask("on", "GET", "Condition").resources[0]
    person = country.ask("on", "GET", "Patient").resources[0]
    assert found["subject"]["reference"] == f"Patient/{person['id']}"


def test_two_entries_that_mean_one_resource_stop_everything(country):
    country.put("on", patient())
    answer = country.ask(
        "on",
        "POST",
        "",
        bundle(
            entry("PUT", "Patient/p1", patient()),
            entry("PUT", f"Patient?identifier={HCN}|9876543217", patient()),
        ),
    )
    assert (answer.status, answer.keys) == (400, ["bundle-twice"])
    assert country.ask("on", "GET", "Patient/p1").json["meta"]["versionId"] == "1"


def test_a_reference_that_asks_for_it_names_the_version_that_was_written(country):
    country.put("on", patient())
    asking = {
        "reference": "Patient/p1",
        "extension": [
            {
                "url": "http://hl7.org/fhir/StructureDefinition/resolve-as-version-specific",
                "valueBoolean": True,
            }
        ],
    }
    done = country.ask(
        "on",
        "POST",
        "",
        bundle(post(condition("x", "asthma", subject=asking)), entry("PUT", "Patient/p1", patient())),
    )
    assert statuses(done) == ["201", "200"]
    assert country.ask("on", "GET", "Condition").resources[0]["subject"] == {
        "reference": "Patient/p1/_history/2"
    }


def test_an_answer_tells_where_each_resource_is_and_holds_it_only_when_asked(country):
    entries = bundle(entry("PUT", "Patient/p1", patient()), entry("GET", "Patient/p1"))
    plain = country.ask("on", "POST", "", entries).json["entry"]
    assert "resource" not in plain[0]
    assert plain[1]["resource"]["id"] == "p1"
    said = plain[0]["response"]
    assert said["location"].endswith("/Patient/p1/_history/1")
    assert said["etag"] == 'W/"1"'
    assert said["lastModified"]
    whole = country.ask("on", "POST", "", entries, headers={"prefer": "return=representation"}).json["entry"]
    assert whole[0]["resource"]["id"] == "p1"
    told = country.ask("on", "POST", "", entries, headers={"prefer": "return=OperationOutcome"}).json["entry"]
    assert told[0]["response"]["outcome"]["resourceType"] == "OperationOutcome"


def test_if_match_counts_in_an_entry(country):
    country.put("on", patient())
    answer = country.ask("on", "POST", "", bundle(entry("PUT", "Patient/p1", patient(), ifMatch='W/"7"')))
    assert (answer.status, answer.keys) == (412, ["version-conflict"])
    assert answer.expressions == ["Bundle.entry[0]"]


def test_a_search_can_be_posted_inside_a_bundle(country):
    country.put("on", patient())
    done = country.ask("on", "POST", "", bundle(entry("POST", "Patient/_search?family=ducharme")))
    assert done.json["entry"][0]["resource"]["total"] == 1


def test_an_address_of_this_server_may_be_whole(country):
    country.put("on", patient())
    done = country.ask("on", "POST", "", bundle(entry("GET", "https://on.example/fhir/Patient/p1")))
    assert statuses(done) == ["200"]
    other = country.ask("on", "POST", "", bundle(entry("GET", "https://qc.example/fhir/Patient/p1")))
    assert other.status == 400
