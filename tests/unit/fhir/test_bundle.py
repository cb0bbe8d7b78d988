"""A transaction is understood step by step, and answers carry stored bytes as they are."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from passerelle.fhir import bundle
from passerelle.fhir.intake import Limits
from passerelle.fhir.outcome import BadInput, say
from passerelle.fhir.resource import Stored, decode
from passerelle.fhir.search import Found, parse

BASE = "https://here.example/fhir"
NOW = datetime(2024, 5, 1, 10, 0, tzinfo=UTC)
BABY, MOTHER = (
    "urn:uuid:00000000-0000-4000-8000-000000000001",
    "urn:uuid:00000000-0000-4000-8000-000000000002",
)


def entry(method, url, resource=None, full_url=None, **conditions):
    made = {"request": {"method": method, "url": url, **conditions}}
    if resource:
        made["resource"] = {"resourceType": resource}
    if full_url:
        made["fullUrl"] = full_url
    return made


def transaction(*entries, type="transaction"):
    return {"resourceType": "Bundle", "type": type, "entry": list(entries)}


def refusal(made, limits=Limits()):  # noqa: B008  frozen
    with pytest.raises(BadInput) as refused:
        bundle.steps(made, limits)
    for issue in refused.value.issues:
        assert say(issue, "en") != say(issue, "fr")
    return [(issue.key, issue.expression) for issue in refused.value.issues]


# --- steps ---


def test_a_step_says_what_is_to_be_done_and_under_which_condition():
    made = transaction(
        entry("POST", "Patient", "Patient", BABY, ifNoneExist="identifier=urn:n|1"),
        entry("PUT", "Patient/p1", "Patient", ifMatch='W/"3"'),
        entry("PUT", "Patient?identifier=urn:n|2", "Patient"),
        entry("GET", "Patient/p1/_history/2"),
    )
    first, second, third, fourth = bundle.steps(made, Limits())
    assert (first.method, first.type, first.id, first.full_url) == ("POST", "Patient", None, BABY)
    assert first.if_none_exist == "identifier=urn:n|1"
    assert (second.type, second.id, second.if_match) == ("Patient", "p1", 'W/"3"')
    assert (third.id, third.query) == (None, "identifier=urn:n|2")
    assert (fourth.index, fourth.id, fourth.url) == (3, "p1", "Patient/p1/_history/2")


def test_steps_happen_in_the_order_of_r4_whatever_order_they_came_in():
    made = transaction(
        entry("GET", "Patient/a"),
        entry("PUT", "Patient/b", "Patient"),
        entry("POST", "Patient", "Patient"),
        entry("DELETE", "Patient/c"),
    )
    ordered = bundle.in_order(bundle.steps(made, Limits()))
    assert [step.method for step in ordered] == ["DELETE", "POST", "PUT", "GET"]


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        ({"resourceType": "Patient"}, ("bundle-type", "Bundle.type")),
        (transaction(type="collection"), ("bundle-type", "Bundle.type")),
        ({**transaction(), "entry": {}}, ("not-a-list", "Bundle.entry")),
        (transaction("x"), ("element-required", "Bundle.entry[0].request")),
        (transaction({"request": {"method": "GET"}}), ("element-required", "Bundle.entry[0].request.url")),
        (transaction(entry("FETCH", "Patient/1")), ("bundle-method", "Bundle.entry[0].request.method")),
        (
            transaction(entry("GET", "https://x.example/Patient/1")),
            ("bundle-url", "Bundle.entry[0].request.url"),
        ),
        (transaction(entry("POST", "Patient")), ("element-required", "Bundle.entry[0].resource")),
        (
            transaction(entry("POST", "Patient", "Group")),
            ("type-differs-from-url", "Bundle.entry[0].resource"),
        ),
        (
            transaction(entry("POST", "Patient/1", "Patient")),
            ("bundle-post-id", "Bundle.entry[0].request.url"),
        ),
        (transaction(entry("DELETE", "Patient")), ("bundle-needs-id", "Bundle.entry[0].request.url")),
        (
            transaction(entry("POST", "Patient", "Patient", BABY), entry("POST", "Patient", "Patient", BABY)),
            ("bundle-twice", "Bundle.entry[1].fullUrl"),
        ),
        (
            transaction(entry("PUT", "Patient/1", "Patient"), entry("DELETE", "Patient/1")),
            ("bundle-twice", "Bundle.entry[1].request.url"),
        ),
    ],
)
def test_a_transaction_that_is_not_clear_is_refused_at_its_entry(made, expected):
    assert refusal(made) == [expected]


def test_an_entry_of_a_batch_fails_alone():
    made = transaction(
        entry("POST", "Patient"), entry("GET", "Patient/1"), entry("GET", "Patient/1"), type="batch"
    )
    assert len(bundle.steps(made, Limits())) == 3


def test_too_many_entries_are_refused():
    assert refusal(
        transaction(entry("GET", "Patient/1"), entry("GET", "Patient/2")), Limits(max_entries=1)
    ) == [("too-many-entries", "Bundle.entry")]


def test_a_relative_reference_means_the_entry_beside_it():
    visit = {
        **entry("POST", "Encounter", full_url="http://old.example/fhir/Encounter/e"),
        "resource": {"resourceType": "Encounter", "subject": {"reference": "Patient/1"}},
    }
    made = transaction(entry("POST", "Patient", "Patient", "http://old.example/fhir/Patient/1"), visit)
    _, step = bundle.steps(made, Limits())
    assert step.resource["subject"]["reference"] == "http://old.example/fhir/Patient/1"


# --- references ---

BIRTH = {
    "resourceType": "DocumentReference",
    "text": {"status": "generated", "div": f'<div><a href="{BABY}">baby</a> {BABY}</div>'},
    "masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": BABY},
    "subject": {"reference": BABY},
    "author": [{"reference": MOTHER}, {"reference": "Practitioner?identifier=urn:n|1"}],
    "content": [{"attachment": {"url": BABY}}],
}


def test_references_addresses_and_links_are_rewritten_and_nothing_else():
    written = bundle.rewrite(BIRTH, {BABY: "Patient/b"})
    assert written["subject"]["reference"] == "Patient/b"
    assert written["content"][0]["attachment"]["url"] == "Patient/b"
    assert written["text"]["div"] == f'<div><a href="Patient/b">baby</a> {BABY}</div>'
    assert written["masterIdentifier"]["value"] == BABY
    assert BIRTH["subject"]["reference"] == BABY


def test_a_resource_without_such_references_is_the_same_object():
    assert bundle.rewrite(BIRTH, {"urn:uuid:other": "Patient/x"}) is BIRTH


def test_what_nothing_stands_for_is_named():
    assert bundle.unresolved(BIRTH, {BABY: "Patient/b"}) == ["DocumentReference.author[0].reference"]
    assert bundle.unresolved(BIRTH, {BABY: "Patient/b", MOTHER: "Patient/m"}) == []


def test_conditional_references_are_named_with_their_condition():
    assert bundle.conditional(BIRTH) == [
        ("DocumentReference.author[1].reference", "Practitioner?identifier=urn:n|1")
    ]


# --- answers ---


def stored(body, id="1", version=2, method="PUT"):
    return Stored("Patient", id, version, NOW, method, body)


def test_a_searchset_carries_the_stored_bytes_untouched():
    odd = b'{"resourceType": "Patient",  "id":"1", "x": 1.500}'
    body = bundle.searchset(
        BASE,
        Found((stored(odd),), (stored(b"{}", "2"),), total=7),
        links={"self": f"{BASE}/Patient?name=a", "next": f"{BASE}/Patient?name=a&_cursor=1"},
        outcomes=[{"resourceType": "OperationOutcome"}],
    )
    assert odd in body
    read = json.loads(body)
    assert (read["type"], read["total"]) == ("searchset", 7)
    assert [link["relation"] for link in read["link"]] == ["self", "next"]
    assert [entry["search"]["mode"] for entry in read["entry"]] == ["match", "include", "outcome"]
    assert read["entry"][0]["fullUrl"] == f"{BASE}/Patient/1"


def test_an_empty_answer_has_no_empty_list():
    assert "entry" not in json.loads(bundle.searchset(BASE, Found((), total=0), links={"self": BASE}))


def test_only_a_count_has_no_entries():
    query = parse("Patient", [("_summary", "count")])
    read = json.loads(
        bundle.searchset(BASE, Found((stored(b"{}"),), total=1), links={"self": BASE}, query=query)
    )
    assert (read["total"], "entry" in read) == (1, False)


def test_asked_elements_are_cut_out_and_the_rest_is_marked_as_missing():
    whole = b'{"resourceType":"Patient","id":"1","gender":"female","birthDate":"1990-01-01","name":[{"family":"A"}]}'
    query = parse("Patient", [("_elements", "gender")])
    read = json.loads(
        bundle.searchset(BASE, Found((stored(whole),), total=1), links={"self": BASE}, query=query)
    )
    [found] = [entry["resource"] for entry in read["entry"]]
    assert set(found) == {"resourceType", "id", "gender", "meta"}
    assert found["meta"]["tag"][0]["code"] == "SUBSETTED"


def test_a_history_tells_what_happened_and_a_deletion_has_no_resource():
    found = Found(
        (stored(None, version=3, method="DELETE"), stored(b"{}"), stored(b"{}", version=1, method="POST")),
        total=3,
    )
    read = json.loads(bundle.history(BASE, found, links={"self": BASE}))
    assert [entry["request"]["method"] for entry in read["entry"]] == ["DELETE", "PUT", "POST"]
    assert [entry["response"]["status"][:3] for entry in read["entry"]] == ["204", "200", "201"]
    assert ["resource" in entry for entry in read["entry"]] == [False, True, True]
    assert read["entry"][1]["response"]["etag"] == 'W/"2"'


def test_a_response_tells_each_step_where_its_resource_is():
    done = [
        bundle.Response(201, stored(b"{}", version=1)),
        bundle.Response(200, stored(b'{"a":1}'), resource=b'{"a":1}'),
        bundle.Response(404, outcome=b'{"resourceType":"OperationOutcome"}'),
        bundle.Response(204, stored(None, method="DELETE")),
    ]
    read = decode(bundle.response("transaction", done, base=BASE))
    assert read["type"] == "transaction-response"
    created, looked, missing, deleted = read["entry"]
    assert created["response"]["location"] == f"{BASE}/Patient/1/_history/1"
    assert created["response"]["status"] == "201 Created"
    assert looked["resource"] == {"a": 1}
    assert missing["response"]["outcome"]["resourceType"] == "OperationOutcome"
    assert "location" not in deleted["response"]


def test_a_link_escapes_its_values():
    assert (
        bundle.link(f"{BASE}/Patient", [("identifier", "urn:n|1 2")])
        == f"{BASE}/Patient?identifier=urn%3An%7C1+2"
    )
