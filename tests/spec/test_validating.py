"""``$validate``: what is wrong with a resource, said without keeping it."""

from __future__ import annotations

import pytest

from passerelle.values import Caller, NodeId, Purpose
from tests.spec.country import Country, patient


@pytest.fixture
def country() -> Country:
    made = Country("on")
    made.put("on", patient())
    return made


def severities(said) -> set[str]:
    return {issue["severity"] for issue in said.json["issue"]}


def parameters(**values) -> dict:
    return {
        "resourceType": "Parameters",
        "parameter": [
            {"name": name, ("resource" if name == "resource" else "valueCode"): value}
            for name, value in values.items()
        ],
    }


def test_a_good_resource_is_said_to_be_good_and_is_not_kept(country):
    answer = country.ask("on", "POST", "Patient/$validate", patient("new"))
    assert (answer.status, answer.json["resourceType"]) == (200, "OperationOutcome")
    assert "error" not in severities(answer)
    assert country.ask("on", "GET", "Patient/new").status == 404


def test_what_is_wrong_is_said_with_its_place(country):
    wrong = {"resourceType": "Patient", "gender": "unsure"}
    for body in (wrong, parameters(resource=wrong, mode="create")):
        answer = country.ask("on", "POST", "Patient/$validate", body)
        assert (answer.status, "error" in severities(answer)) == (200, True)
        assert "Patient.gender" in answer.expressions


def test_another_type_than_the_address_says_is_wrong(country):
    body = {"resourceType": "Basic", "code": {"text": "x"}}
    assert "unexpected-type" in country.ask("on", "POST", "Patient/$validate", body).keys


def test_what_is_held_can_be_validated(country):
    for method in ("GET", "POST"):
        assert "error" not in severities(country.ask("on", method, "Patient/p1/$validate"))
    assert country.ask("on", "GET", "Patient/nobody/$validate").status == 404
    assert country.ask("on", "GET", "Patient/p1/$validate?mode=delete").status == 200
    assert country.ask("on", "GET", "Patient/p1/$validate?mode=maybe").status == 400
    assert country.ask("on", "GET", "Patient/p1/$validate?nonsense=1").status == 400
    assert country.ask("on", "POST", "Patient/$validate", parameters(mode="create")).status == 400


def test_who_may_not_look_at_a_resource_does_not_learn_what_it_is_like(country):
    writer = Caller("w", "service", "service", NodeId("on"), scopes=("system/Patient.c",))
    ask = {"caller": writer, "purpose": Purpose.TREAT}
    assert country.ask("on", "POST", "Patient/$validate", patient("new"), **ask).status == 200
    assert country.ask("on", "GET", "Patient/p1/$validate", **ask).status == 403
