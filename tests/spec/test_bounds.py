"""What somebody sends to keep a node busy costs them more than the node."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager

import pytest

from tests.spec.country import Country, condition, patient

SECONDS = 2.0


@contextmanager
def soon(seconds: float = SECONDS):
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < seconds


@pytest.fixture(scope="module")
def country() -> Country:
    made = Country("on")
    made.put("on", patient(), *(condition(f"c{n}", "asthma") for n in range(50)))
    return made


def test_a_bundle_of_a_hundred_thousand_entries_is_refused_by_the_limit(country):
    entry = {
        "resource": {"resourceType": "Basic", "code": {"text": "x"}},
        "request": {"method": "POST", "url": "Basic"},
    }
    body = json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": [entry] * 100_000}).encode()
    with soon(10.0):
        answer = country.ask("on", "POST", "", body)
    assert (answer.status, answer.keys) == (413, ["too-many-entries"])
    assert answer.expressions == ["Bundle.entry"]
    assert country.ask("on", "GET", "Basic").json["total"] == 0


@pytest.mark.parametrize(
    "path",
    [
        "Condition?" + "subject." * 100 + "family=x",
        "Condition?" + "subject:Patient.link:Patient." * 100 + "family=x",
        "Patient?" + "_has:Condition:subject:" * 100 + "code=x",
        "Patient?_id=" + ",".join(str(n) for n in range(100_000)),
        "Patient?" + "&".join(f"family=x{n}" for n in range(5_000)),
        "Patient?family=" + "a" * 1_000_000,
        "Patient?_include=" + "Patient:link&_include=" * 2_000 + "Patient:link",
        "Patient?_sort=" + ",".join(["family"] * 5_000),
        "Patient?_elements=" + ",".join(["name"] * 50_000),
        "Patient/" + "a" * 1_000_000,
        "Patient" + "/x" * 10_000,
    ],
)
def test_a_question_that_is_much_too_long_is_answered_or_refused_at_once(country, path):
    from passerelle.fhir.outcome import BadInput

    with soon():
        try:
            answer = country.ask("on", "GET", path)
        except BadInput as bad:
            assert 400 <= bad.status < 500
            return
    assert answer.status == 200 or 400 <= answer.status < 500


@pytest.mark.parametrize(
    "value",
    [
        "(a+)+$",
        "a*" * 2_000,
        "^(([a-z])+.)+[A-Z]([a-z])+$" + "a" * 200,
        "%25_%25" * 500,
        "\\" * 999,
        "é" * 3_000,
    ],
)
def test_what_looks_like_a_pattern_is_text(country, value):
    from urllib.parse import quote

    with soon():
        for name in ("family", "family:contains", "family:exact", "identifier", "_id", "name:missing"):
            assert country.ask("on", "GET", f"Patient?{name}={quote(value)}").status in (200, 400)


def test_includes_that_go_round_in_circles_come_to_an_end(country):
    ring = [
        patient(f"r{n}", link=[{"other": {"reference": f"Patient/r{(n + 1) % 5}"}, "type": "seealso"}])
        for n in range(5)
    ]
    country.put("on", *ring)
    with soon():
        found = country.ask(
            "on", "GET", "Patient?_id=r0&_include:iterate=Patient:link&_revinclude:iterate=Patient:link"
        )
    assert found.status == 200
    ids = [one["id"] for one in found.resources]
    assert sorted(ids) == [f"r{n}" for n in range(5)]


def test_a_bundle_of_faults_names_only_so_many(country):
    entries = [
        {
            "resource": {"resourceType": "Patient", "gender": "x"},
            "request": {"method": "POST", "url": "Patient"},
        }
    ] * 2_000
    with soon():
        answer = country.ask(
            "on", "POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        )
    assert answer.status == 422
    assert len(answer.json["issue"]) <= 100


@pytest.mark.parametrize(
    "entry",
    [
        None,
        7,
        [],
        {},
        {"request": None},
        {"request": {"method": "GET"}},
        {"request": {"method": "get", "url": "Patient"}},
        {"request": {"method": "POST", "url": "Patient"}},
        {"request": {"method": "POST", "url": "Patient/1"}, "resource": {"resourceType": "Patient"}},
        {"request": {"method": "PUT", "url": "Patient"}, "resource": {"resourceType": "Patient"}},
        {
            "request": {"method": "PUT", "url": "Patient/x"},
            "resource": {"resourceType": "Patient", "id": "y"},
        },
        {"request": {"method": "PUT", "url": "Patient/x"}, "resource": {"resourceType": "Patient"}},
        {"request": {"method": "POST", "url": "Patient"}, "resource": {"resourceType": "Group"}},
        {"request": {"method": "DELETE", "url": "Patient"}},
        {"request": {"method": "PATCH", "url": "Patient/p1"}, "resource": {"resourceType": "Patient"}},
        {"request": {"method": "GET", "url": "http://elsewhere.example/Patient"}},
        {"request": {"method": "GET", "url": "Patient?nonsense=1"}},
        {"request": {"method": "GET", "url": "../Patient"}},
        {"request": {"method": "GET", "url": "Patient", "ifMatch": 7}},
        {"request": {"method": "GET", "url": "Patient"}, "fullUrl": 7},
        {
            "request": {"method": "POST", "url": "Patient", "ifNoneExist": "nonsense=1"},
            "resource": {"resourceType": "Patient"},
        },
        {
            "request": {"method": "POST", "url": "Patient", "ifNoneExist": ""},
            "resource": {"resourceType": "Patient"},
            "x": 1,
        },
    ],
)
def test_a_transaction_with_an_entry_that_cannot_be_understood_leaves_nothing_behind(entry):
    country = Country("on")
    good = {"resource": {"resourceType": "Patient"}, "request": {"method": "POST", "url": "Patient"}}
    body = {"resourceType": "Bundle", "type": "transaction", "entry": [good, entry]}
    answer = country.ask("on", "POST", "", body)
    if isinstance(entry, dict) and "x" in entry:
        assert answer.status == 200
        return
    assert 400 <= answer.status < 500
    assert answer.json["resourceType"] == "OperationOutcome"
    assert any(place.startswith("Bundle.entry[1]") for place in answer.expressions)
    assert country.ask("on", "GET", "Patient").json["total"] == 0


def test_an_operator_says_how_far_a_chain_may_go(country):
    from dataclasses import replace

    here = country.nodes["on"]
    short = Country("on")
    short.nodes["on"] = replace(here, rules=replace(here.rules, deepest_chain=1))
    assert short.ask("on", "GET", "Condition?subject:Patient.family=x").status == 200
    assert short.ask("on", "GET", "Condition?subject:Patient.link:Patient.family=x").status == 400
