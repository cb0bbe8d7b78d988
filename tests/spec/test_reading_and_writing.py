"""Reading and writing over R4's REST interface."""

from __future__ import annotations

import pytest

from tests.spec.country import HCN, Country, condition, patient


@pytest.fixture
def country() -> Country:
    return Country("on")


def without_id(resource: dict) -> dict:
    return {key: value for key, value in resource.items() if key != "id"}


def test_what_was_created_is_read_back_with_its_digits_and_its_version(country):
    raw = b'{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":1.50,"unit":"mg"}}'
    created = country.ask("on", "POST", "Observation", raw)
    assert created.status == 201
    id_ = created.json["id"]
    assert created.answer.headers["Location"].endswith(f"/Observation/{id_}/_history/1")
    read = country.ask("on", "GET", f"Observation/{id_}")
    assert b'"value":1.50' in read.answer.body
    assert (read.answer.headers["ETag"], read.json["meta"]["versionId"]) == ('W/"1"', "1")


def test_an_update_makes_a_version_and_the_old_one_stays_readable(country):
    country.put("on", patient())
    assert country.ask("on", "PUT", "Patient/p1", patient(gender="male")).status == 200
    assert country.ask("on", "GET", "Patient/p1").json["gender"] == "male"
    assert country.ask("on", "GET", "Patient/p1/_history/1").json["gender"] == "female"
    history = country.ask("on", "GET", "Patient/p1/_history").json
    assert [entry["resource"]["meta"]["versionId"] for entry in history["entry"]] == ["2", "1"]


def test_an_update_of_what_is_not_there_creates_it_under_the_clients_id(country):
    assert country.ask("on", "PUT", "Patient/mine", patient("mine")).status == 201
    assert country.ask("on", "GET", "Patient/mine").status == 200


def test_a_deleted_resource_is_gone_and_can_come_back(country):
    country.put("on", patient())
    assert country.ask("on", "DELETE", "Patient/p1").status == 204
    gone = country.ask("on", "GET", "Patient/p1")
    assert (gone.status, gone.keys) == (410, ["gone"])
    assert country.ask("on", "GET", "Patient?_id=p1").json["total"] == 0
    assert country.ask("on", "DELETE", "Patient/p1").status == 204
    assert country.ask("on", "PUT", "Patient/p1", patient()).status == 201
    assert country.ask("on", "GET", "Patient/p1").json["meta"]["versionId"] == "3"


def test_if_match_lets_only_the_version_it_names_be_replaced(country):
    country.put("on", patient())
    first = country.ask("on", "PUT", "Patient/p1", patient(gender="male"), headers={"if-match": 'W/"1"'})
    second = country.ask("on", "PUT", "Patient/p1", patient(gender="other"), headers={"if-match": 'W/"1"'})
    assert (first.status, second.status, second.keys) == (200, 412, ["version-conflict"])
    assert country.ask("on", "GET", "Patient/p1").json["gender"] == "male"
    assert country.ask("on", "PUT", "Patient/p1", patient(), headers={"if-match": "1"}).status == 400


def test_if_none_exist_creates_once(country):
    condition_ = f"identifier={HCN}|9876543217"
    first = country.ask("on", "POST", "Patient", without_id(patient()), headers={"if-none-exist": condition_})
    again = country.ask("on", "POST", "Patient", without_id(patient()), headers={"if-none-exist": condition_})
    assert (first.status, again.status) == (201, 200)
    assert first.json["id"] == again.json["id"]
    assert again.answer.headers["Location"] == first.answer.headers["Location"]
    assert country.ask("on", "GET", "Patient").json["total"] == 1


def test_if_none_exist_refuses_when_several_match(country):
    country.put("on", patient("a"), patient("b"))
    answer = country.ask(
        "on", "POST", "Patient", without_id(patient()), headers={"if-none-exist": "birthdate=1970-05-06"}
    )
    assert (answer.status, answer.keys) == (412, ["several-match"])
    assert country.ask("on", "GET", "Patient").json["total"] == 2


def test_if_none_match_answers_not_modified(country):
    country.put("on", patient())
    answer = country.ask("on", "GET", "Patient/p1", headers={"if-none-match": 'W/"1"'})
    assert (answer.status, answer.answer.body) == (304, b"")


def test_a_conditional_update_finds_its_resource(country):
    country.put("on", patient())
    path = f"Patient?identifier={HCN}|9876543217"
    assert country.ask("on", "PUT", path, without_id(patient(gender="male"))).status == 200
    assert country.ask("on", "GET", "Patient/p1").json["gender"] == "male"
    assert country.ask("on", "PUT", path, patient("other")).keys == ["id-mismatch"]
    assert country.ask("on", "PUT", "Patient?identifier=x|nobody", without_id(patient())).status == 201


def test_a_search_pages_through_everything_once(country):
    country.put("on", patient(), *(condition(f"c{n}", f"problem {n}") for n in range(7)))
    seen: list[str] = []
    path = "Condition?patient=p1&_count=3"
    while path:
        page = country.ask("on", "GET", path).json
        assert page["total"] == 7
        seen += [entry["resource"]["id"] for entry in page["entry"]]
        following = [link["url"] for link in page["link"] if link["relation"] == "next"]
        path = following[0].removeprefix("https://on.example/fhir/") if following else ""
    assert sorted(seen) == [f"c{n}" for n in range(7)]


@pytest.mark.parametrize(
    "path",
    [
        "Patient?nmae=x",
        "Patient?birthdate:wrong=2000",
        "Patient?birthdate=yesterday",
        "Patient?_include=Patient:nobody",
    ],
)
def test_a_misspelt_search_is_refused_and_never_ignored(country, path):
    answer = country.ask("on", "GET", path)
    assert answer.status == 400
    assert answer.json["resourceType"] == "OperationOutcome"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "Pateint/p1", 404),
        ("GET", "Patient/p1/nonsense", 404),
        ("PUT", "Patient/p1/_history/1", 405),
        ("GET", "Patient/no such id", 400),
        ("GET", "Patient/p1/$nothing", 404),
        ("POST", "Patient/p1", 405),
    ],
)
def test_an_address_that_means_nothing_says_so(country, method, path, status):
    from passerelle.fhir.outcome import BadInput

    country.put("on", patient())
    try:
        answer = country.ask("on", method, path)
        assert answer.status == status
    except BadInput as bad:
        assert bad.status == status


def audit_event(**more):
    return {
        "resourceType": "AuditEvent",
        "type": {"system": "http://terminology.hl7.org/CodeSystem/audit-event-type", "code": "rest"},
        "recorded": "2026-11-01T08:00:00Z",
        "agent": [{"requestor": True, "who": {"display": "An invented system"}}],
        "source": {"observer": {"display": "An invented system"}},
        **more,
    }


def test_an_audit_event_of_another_system_is_kept_as_it_was_sent(country):
    answer = country.ask("on", "PUT", "AuditEvent/x", audit_event(id="x"))
    assert (answer.status, answer.json["source"]) == (201, {"observer": {"display": "An invented system"}})
    assert country.ask("on", "GET", "AuditEvent/x").json["recorded"] == "2026-11-01T08:00:00Z"
    assert country.ask("on", "POST", "AuditEvent", audit_event()).status == 201


def test_an_audit_event_is_never_changed(country):
    country.ask("on", "PUT", "AuditEvent/x", audit_event(id="x"))
    assert country.ask("on", "PUT", "AuditEvent/x", audit_event(id="x")).status == 405
    assert country.ask("on", "DELETE", "AuditEvent/x").status in (403, 405)


def test_only_a_node_itself_says_what_it_observed(country):
    answer = country.ask("on", "POST", "AuditEvent", audit_event(source={"site": "on", "observer": {}}))
    assert answer.status == 422
    named = {"identifier": {"system": "https://passerelle.example/fhir/NamingSystem/node", "value": "on"}}
    answer = country.ask("on", "POST", "AuditEvent", audit_event(source={"observer": named}))
    assert (answer.status, answer.keys) == (422, ["audit-event-of-this-node"])


def test_every_answer_has_its_event_even_a_refusal(country):
    country.put("on", patient())
    country.ask("on", "GET", "Patient/p1")
    country.ask("on", "GET", "Patient/nobody")
    outcomes = [event["outcome"] for _, event in country.events]
    assert outcomes == ["0", "4"]
    assert all(event["resourceType"] == "AuditEvent" for _, event in country.events)


def test_a_summary_by_a_number_that_nobody_here_has_is_not_asked_of_anybody(country):
    answer = country.ask("on", "GET", f"Patient/$summary?identifier={HCN}|9876543217")
    assert (answer.status, answer.keys) == (404, ["no-match"])
    assert country.lines["on"].sent == []
