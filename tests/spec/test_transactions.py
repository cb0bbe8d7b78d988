"""Transactions: all of it or nothing, and references that find each other."""

from __future__ import annotations

import pytest

from tests.spec.country import HCN, Country, condition, patient

PATIENT = "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"
CONDITION = "urn:uuid:44f9f0a5-7d0f-4d1c-9a53-f2b0a1e1c0de"


@pytest.fixture
def country() -> Country:
    return Country("on")


def bundle(*entries: dict, kind: str = "transaction") -> dict:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


def post(resource: dict, full_url: str | None = None, **request: str) -> dict:
    body = {key: value for key, value in resource.items() if key != "id"}
    entry = {"resource": body, "request": {"method": "POST", "url": resource["resourceType"], **request}}
    return {**entry, "fullUrl": full_url} if full_url else entry


def about(reference: str) -> dict:
    return condition("x", "asthma", subject={"reference": reference})


def test_references_between_entries_find_each_other_in_any_order(country):
    done = country.ask("on", "POST", "", bundle(post(about(PATIENT), CONDITION), post(patient(), PATIENT)))
    assert done.status == 200
    assert [entry["response"]["status"][:3] for entry in done.json["entry"]] == ["201", "201"]
    found = country.ask("on", "GET", "Condition").resources[0]
    person = country.ask("on", "GET", "Patient").resources[0]
    assert found["subject"]["reference"] == f"Patient/{person['id']}"


def test_a_conditional_reference_finds_the_one_who_is_meant(country):
    country.put("on", patient())
    done = country.ask("on", "POST", "", bundle(post(about(f"Patient?identifier={HCN}|9876543217"))))
    assert done.status == 200
    assert country.ask("on", "GET", "Condition").resources[0]["subject"]["reference"] == "Patient/p1"


def test_a_conditional_create_that_matches_stands_for_what_is_there(country):
    country.put("on", patient())
    entries = (post(patient(), PATIENT, ifNoneExist=f"identifier={HCN}|9876543217"), post(about(PATIENT)))
    done = country.ask("on", "POST", "", bundle(*entries))
    assert [entry["response"]["status"][:3] for entry in done.json["entry"]] == ["200", "201"]
    assert country.ask("on", "GET", "Patient").json["total"] == 1
    assert country.ask("on", "GET", "Condition").resources[0]["subject"]["reference"] == "Patient/p1"


@pytest.mark.parametrize(
    ("reference", "key", "status"),
    [
        ("urn:uuid:11111111-2222-3333-4444-555555555555", "reference-unresolved", 400),
        (f"Patient?identifier={HCN}|0000000000", "no-match", 412),
        ("Patient?birthdate=1970-05-06", "several-match", 412),
    ],
)
def test_a_reference_that_leads_nowhere_or_to_several_stops_everything(country, reference, key, status):
    country.put("on", patient("a"), patient("b"))
    answer = country.ask("on", "POST", "", bundle(post(patient("c")), post(about(reference))))
    assert (answer.status, answer.keys) == (status, [key])
    assert answer.expressions == ["Bundle.entry[1].resource.Condition.subject.reference"]
    assert country.ask("on", "GET", "Patient").json["total"] == 2
    assert country.ask("on", "GET", "Condition").json["total"] == 0


def test_one_bad_resource_stops_everything_and_is_named(country):
    answer = country.ask(
        "on", "POST", "", bundle(post(patient(), PATIENT), post({"resourceType": "Condition", "code": 7}))
    )
    assert answer.status == 422
    assert any(place.startswith("Bundle.entry[1].resource.Condition") for place in answer.expressions)
    assert country.ask("on", "GET", "Patient").json["total"] == 0


def test_a_batch_does_what_it_can(country):
    entries = (
        post(patient()),
        {"request": {"method": "GET", "url": "Patient/nobody"}},
        {"request": {"method": "GET", "url": "Patient?nmae=x"}},
    )
    done = country.ask("on", "POST", "", bundle(*entries, kind="batch"))
    assert [entry["response"]["status"][:3] for entry in done.json["entry"]] == ["201", "404", "400"]
    assert country.ask("on", "GET", "Patient").json["total"] == 1


def test_deletes_come_before_creates_and_reads_come_last(country):
    country.put("on", patient())
    entries = (
        {"request": {"method": "GET", "url": "Patient?_summary=count"}},
        post(patient("new")),
        {"request": {"method": "DELETE", "url": "Patient/p1"}},
    )
    done = country.ask("on", "POST", "", bundle(*entries))
    assert done.json["entry"][0]["resource"]["total"] == 1
    assert country.ask("on", "GET", "Patient/p1").status == 410


def test_two_entries_about_one_resource_are_refused(country):
    put = {"resource": patient(), "request": {"method": "PUT", "url": "Patient/p1"}}
    answer = country.ask("on", "POST", "", bundle(put, put))
    assert (answer.status, answer.keys) == (400, ["bundle-twice"])


def test_if_match_inside_a_transaction_is_kept(country):
    country.put("on", patient())
    stale = {
        "resource": patient(gender="male"),
        "request": {"method": "PUT", "url": "Patient/p1", "ifMatch": 'W/"7"'},
    }
    answer = country.ask("on", "POST", "", bundle(post(condition("x", "asthma")), stale))
    assert (answer.status, answer.keys) == (412, ["version-conflict"])
    assert country.ask("on", "GET", "Condition").json["total"] == 0
