"""Patches: by id, by condition, and inside a Bundle."""

from __future__ import annotations

import base64
import json

import pytest

from tests.spec.country import HCN, Country, patient
from tests.spec.test_batches import entry, statuses
from tests.spec.test_transactions import bundle

JSON_PATCH = {"content-type": "application/json-patch+json"}
FHIR = {"content-type": "application/fhir+json"}


def step(value: str = "male", **changes) -> dict:
    return {"op": "replace", "path": "/gender", "value": value, **changes}


def parameters(kind: str, path: str, value: dict) -> dict:
    parts = [{"name": "type", "valueCode": kind}, {"name": "path", "valueString": path}]
    return {
        "resourceType": "Parameters",
        "parameter": [{"name": "operation", "part": [*parts, {"name": "value", **value}]}],
    }


@pytest.fixture
def country() -> Country:
    made = Country("on")
    made.put("on", patient())
    return made


def test_a_json_patch_makes_a_version(country):
    answer = country.ask("on", "PATCH", "Patient/p1", [step()], headers=JSON_PATCH)
    assert (answer.status, answer.json["gender"]) == (200, "male")
    assert answer.answer.headers["ETag"] == 'W/"2"'


def test_a_fhirpath_patch_makes_a_version(country):
    given = parameters("replace", "Patient.gender", {"valueCode": "male"})
    answer = country.ask("on", "PATCH", "Patient/p1", given, headers=FHIR)
    assert (answer.status, answer.json["gender"]) == (200, "male")


def test_a_patch_by_condition_means_exactly_one(country):
    path = f"Patient?identifier={HCN}|9876543217"
    assert country.ask("on", "PATCH", path, [step()], headers=JSON_PATCH).status == 200
    assert country.ask("on", "PATCH", "Patient?family=nobody", [step()], headers=JSON_PATCH).status == 404
    country.put("on", patient("p2"))
    assert country.ask("on", "PATCH", path, [step()], headers=JSON_PATCH).status == 412


@pytest.mark.parametrize(
    ("steps", "status"),
    [
        ([step("unsure")], 422),
        ([step(path="/id", value="p2")], 422),
        ([step(path="/resourceType", value="Group")], 422),
        ([step(op="jump")], 400),
        ([step(path="/nobody/0")], 422),
        ({"op": "add"}, 400),
        ([{"op": "test", "path": "/gender", "value": "male"}], 422),
    ],
)
def test_a_patch_that_cannot_be_done_changes_nothing(country, steps, status):
    answer = country.ask("on", "PATCH", "Patient/p1", steps, headers=JSON_PATCH)
    assert (answer.status, answer.json["resourceType"]) == (status, "OperationOutcome")
    assert country.ask("on", "GET", "Patient/p1").json["meta"]["versionId"] == "1"


def test_a_patch_names_its_version_and_its_format(country):
    stale = {**JSON_PATCH, "if-match": 'W/"7"'}
    assert country.ask("on", "PATCH", "Patient/p1", [step()], headers=stale).status == 412
    merge = {"content-type": "application/merge-patch+json"}
    assert country.ask("on", "PATCH", "Patient/p1", {"gender": "male"}, headers=merge).status == 415
    assert country.ask("on", "PATCH", "Patient/nobody", [step()], headers=JSON_PATCH).status == 404
    country.ask("on", "DELETE", "Patient/p1")
    assert country.ask("on", "PATCH", "Patient/p1", [step()], headers=JSON_PATCH).status == 410


@pytest.mark.parametrize("kind", ["batch", "transaction"])
def test_a_patch_can_be_an_entry(country, kind):
    binary = {
        "resourceType": "Binary",
        "contentType": "application/json-patch+json",
        "data": base64.b64encode(json.dumps([step()]).encode()).decode(),
    }
    done = country.ask("on", "POST", "", bundle(entry("PATCH", "Patient/p1", binary), kind=kind))
    assert statuses(done) == ["200"]
    given = parameters("replace", "Patient.gender", {"valueCode": "other"})
    done = country.ask("on", "POST", "", bundle(entry("PATCH", "Patient/p1", given), kind=kind))
    assert statuses(done) == ["200"]
    read = country.ask("on", "GET", "Patient/p1").json
    assert (read["gender"], read["meta"]["versionId"]) == ("other", "3")
