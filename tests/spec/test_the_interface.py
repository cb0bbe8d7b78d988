"""What R4's HTTP section leaves to a client's wishes and to the operator's choice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from passerelle.fhir.outcome import BadInput
from passerelle.flows.ports import Rules
from tests.spec.country import HCN, Country, condition, patient


@pytest.fixture
def country() -> Country:
    return Country("on")


def ruled(country: Country, **changes: Any) -> Country:
    here = country.nodes["on"]
    country.nodes["on"] = replace(here, rules=replace(here.rules, **changes))
    return country


def test_a_client_chooses_what_comes_back_of_a_change(country):
    body = patient("p1")
    wishes = ("return=minimal", "return=representation", "return=OperationOutcome")
    said = [country.ask("on", "PUT", "Patient/p1", body, headers={"prefer": wish}) for wish in wishes]
    assert [one.status for one in said] == [201, 200, 200]
    assert said[0].answer.body == b""
    assert said[1].json["resourceType"] == "Patient"
    assert (said[2].json["resourceType"], said[2].keys) == ("OperationOutcome", ["done-as-asked"])
    gone = country.ask("on", "DELETE", "Patient/p1", headers={"prefer": wishes[2]})
    assert (gone.status, gone.keys) == (200, ["done-deleted"])


@pytest.mark.parametrize(
    ("since", "status"),
    [
        ("Fri, 31 Dec 2100 23:59:59 GMT", 304),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 200),
        ("yesterday, I think", 200),
    ],
)
def test_what_is_not_modified_is_not_sent_again(country, since, status):
    country.put("on", patient())
    assert country.ask("on", "GET", "Patient/p1", headers={"if-modified-since": since}).status == status


def test_a_tag_counts_before_a_date(country):
    country.put("on", patient())
    headers = {"if-none-match": 'W/"7"', "if-modified-since": "Fri, 31 Dec 2100 23:59:59 GMT"}
    assert country.ask("on", "GET", "Patient/p1", headers=headers).status == 200


def test_a_read_can_be_of_a_part(country):
    country.put("on", patient())
    part = country.ask("on", "GET", "Patient/p1?_elements=birthDate").json
    assert set(part) == {"resourceType", "id", "meta", "birthDate"}
    assert country.ask("on", "GET", "Patient/p1?_summary=maybe").status == 400
    assert country.ask("on", "GET", "Patient/p1?nonsense=1").keys == ["unknown-parameter"]


def test_an_operator_can_ask_that_every_change_names_its_version(country):
    ruled(country, require_if_match=True)
    assert country.ask("on", "PUT", "Patient/p1", patient()).status == 201
    for method, body in (("PUT", patient()), ("DELETE", None)):
        answer = country.ask("on", method, "Patient/p1", body)
        assert (answer.status, answer.keys) == (412, ["if-match-required"])
    assert country.ask("on", "PUT", "Patient/p1", patient(), headers={"if-match": 'W/"1"'}).status == 200


def test_a_star_in_if_match_asks_that_something_is_there(country):
    assert country.ask("on", "PUT", "Patient/p1", patient(), headers={"if-match": "*"}).status == 412
    country.put("on", patient())
    assert country.ask("on", "PUT", "Patient/p1", patient(), headers={"if-match": "*"}).status == 200


def test_an_operator_can_keep_the_choice_of_ids(country):
    ruled(country, update_create=False)
    answer = country.ask("on", "PUT", "Patient/mine", patient("mine"))
    assert (answer.status, answer.keys) == (405, ["update-does-not-create"])


def test_a_reference_to_what_is_not_held_is_accepted_unless_the_operator_is_strict(country):
    assert country.ask("on", "PUT", "Condition/c1", condition("c1", "asthma", "nobody")).status == 201
    ruled(country, strict_references=True)
    answer = country.ask("on", "PUT", "Condition/c2", condition("c2", "asthma", "nobody"))
    assert (answer.status, answer.keys) == (422, ["reference-not-held"])
    assert answer.expressions == ["Condition.subject.reference"]
    country.put("on", patient())
    assert country.ask("on", "PUT", "Condition/c2", condition("c2", "asthma")).status == 201


def test_a_conditional_delete_takes_one_or_where_the_operator_allows_it_all(country):
    country.put("on", patient("a"), patient("b"))
    path = f"Patient?identifier={HCN}|9876543217"
    assert country.ask("on", "DELETE", path).status == 412
    ruled(country, conditional_delete="multiple")
    assert country.ask("on", "DELETE", path).status == 204
    assert country.ask("on", "GET", "Patient").json["total"] == 0
    assert country.ask("on", "DELETE", "Patient").keys == ["no-criteria"]


def test_more_than_an_operator_allows_is_not_deleted_by_one_condition(country):
    ruled(country, conditional_delete="multiple", most_conditional=2)
    country.put("on", *(patient(name) for name in "abc"))
    answer = country.ask("on", "DELETE", f"Patient?identifier={HCN}|9876543217")
    assert (answer.status, answer.keys) == (412, ["too-many-match"])
    assert country.ask("on", "GET", "Patient").json["total"] == 3


def test_a_posted_search_is_a_form(country):
    country.put("on", patient())
    form = {"content-type": "application/x-www-form-urlencoded"}
    found = country.ask("on", "POST", "Patient/_search", b"family=ducharme", headers=form)
    assert (found.status, found.json["total"]) == (200, 1)
    json = {"content-type": "application/fhir+json"}
    with pytest.raises(BadInput) as refused:
        country.ask("on", "POST", "Patient/_search", b"{}", headers=json)
    assert refused.value.status == 415


def test_the_tags_of_a_resource_can_be_read_and_changed(country):
    country.put("on", patient())
    tag = {"system": "urn:x", "code": "seen"}
    given = {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": {"tag": [tag]}}]}
    added = country.ask("on", "POST", "Patient/p1/$meta-add", given)
    assert added.json["parameter"][0]["valueMeta"]["tag"] == [tag]
    again = country.ask("on", "POST", "Patient/p1/$meta-add", given)
    assert again.json["parameter"][0]["valueMeta"]["versionId"] == "2"
    assert country.ask("on", "GET", "Patient/p1/$meta").json["parameter"][0]["valueMeta"]["tag"] == [tag]
    taken = country.ask("on", "POST", "Patient/p1/$meta-delete", given)
    assert "tag" not in taken.json["parameter"][0]["valueMeta"]
    assert country.ask("on", "GET", "Patient/p1/$meta-add").status == 405
    assert country.ask("on", "GET", "Patient/nobody/$meta").status == 404


def test_rules_are_lenient_where_records_arrive_in_any_order():
    assert Rules().strict_references is False
    assert Rules().update_create is True
