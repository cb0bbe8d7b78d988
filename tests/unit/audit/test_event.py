"""What happened, as AuditEvents: complete, true to BALP's shapes, and without a clinical value."""

from __future__ import annotations

from base64 import b64decode
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from passerelle import audit
from passerelle.audit import Line
from passerelle.fhir import resource
from passerelle.values import Access, Caller, NodeId, Purpose

NOW = datetime(2026, 3, 1, 7, 0, 0, 123000, timezone(timedelta(hours=-5)))
ON, BC = NodeId("on"), NodeId("bc")
CLINICIAN = Caller("dr-test", "person", "physician", ON, "Invented Clinic", "Invented Person")
LINE = Line("app", "192.0.2.1", "https://on.example/fhir")
PARTS = {"110152": "destination", "110153": "source", "110150": "application", "custodian": "custodian"}


def access(interaction: str, caller: Caller = CLINICIAN, **more: Any) -> Access:
    given = {"type": "Observation", "id": "o1", "patient": "p1", "request_id": "req-12345", **more}
    return Access(caller, Purpose.TREAT, interaction, **given)


def made(interaction: str, caller: Caller = CLINICIAN, **more: Any) -> dict[str, Any]:
    facts = {key: more.pop(key) for key in ("type", "id", "patient", "request_id") if key in more}
    given: dict[str, Any] = {"outcome": "0", "recorded": NOW, "here": ON, "line": LINE, **more}
    return audit.event(access(interaction, caller, **facts), **given)


def code(concept: dict[str, Any]) -> str:
    return str(concept["coding"][0]["code"])


def agent(event: dict[str, Any], *parts: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = [a for a in event["agent"] if code(a["type"]) in parts]
    assert len(found) == 1
    return found[0]


def entities(event: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {e.get("role", e["type"])["code"]: e for e in event.get("entity", ())}


# Rows of BALP's profiles: action, and the parts of client and server.
BALP = [
    ("read", "R", "110152", "110153", "IRCP"),
    ("vread", "R", "110152", "110153", "IRCP"),
    ("search-type", "E", "110153", "110152", "IRCP"),
    ("create", "C", "110153", "110152", "AUT"),
    ("update", "U", "110153", "110152", "AUT"),
    ("patch", "U", "110153", "110152", "AUT"),
    ("delete", "D", "110150", "custodian", "AUT"),
]


@pytest.mark.parametrize(("interaction", "action", "client", "server", "user"), BALP)
def test_each_interaction_is_recorded_as_balp_has_it(
    interaction: str, action: str, client: str, server: str, user: str
) -> None:
    event = made(interaction)
    assert event["type"]["code"] == "rest"
    assert event["subtype"] == [{"system": "http://hl7.org/fhir/restful-interaction", "code": interaction}]
    assert event["action"] == action
    assert agent(event, client)["network"] == {"address": "192.0.2.1", "type": "2"}
    assert agent(event, server)["who"] == event["source"]["observer"]
    assert agent(event, user)["requestor"] is True


def test_the_person_is_named_with_role_purpose_and_the_node_that_vouches() -> None:
    user = agent(made("read"), "IRCP")
    assert user["who"]["identifier"]["value"] == "dr-test"
    assert user["who"]["identifier"]["assigner"] == {
        "identifier": {"system": "https://passerelle.example/fhir/NamingSystem/node", "value": "on"},
        "display": "Invented Clinic",
    }
    assert user["name"] == "Invented Person"
    assert [code(role) for role in user["role"]] == ["physician"]
    assert [code(purpose) for purpose in user["purposeOfUse"]] == ["TREAT"]


def test_the_moment_is_written_in_universal_time() -> None:
    assert made("read")["recorded"] == "2026-03-01T12:00:00.123Z"


def test_patient_resource_and_request_are_named() -> None:
    found = entities(made("read", entity="Observation/o1/_history/2"))
    assert found["4"]["what"] == {"reference": "Observation/o1/_history/2"}
    assert found["1"]["what"] == {"reference": "Patient/p1"}
    assert found["XrequestId"]["what"]["identifier"]["value"] == "req-12345"


def test_a_refusal_names_what_was_asked_for_and_the_rule_that_refused() -> None:
    event = made("read", outcome="4", patient=None, reasons=("caller.known", "agreement.none"), token_id="t1")
    assert event["outcome"] == "4"
    assert entities(event)["4"]["what"] == {"reference": "Observation/o1"}
    assert agent(event, "IRCP")["policy"] == [
        "urn:ietf:params:oauth:jti:t1",
        "urn:passerelle:rule:caller.known",
        "urn:passerelle:rule:agreement.none",
    ]


@pytest.mark.parametrize("query", [b"code=a%7Cb&_count=5", (("code", "a|b"), ("_count", "5"))])
def test_a_search_keeps_what_was_sent(query: Any) -> None:
    found = entities(made("search-type", id=None, query=query))
    assert b64decode(found["24"]["query"]) == b"Observation?code=a%7Cb&_count=5"
    assert "what" not in found["24"]


def test_a_search_for_everything_has_a_query_too() -> None:
    assert b64decode(entities(made("search-type", id=None, query=()))["24"]["query"]) == b"Observation?"


def test_no_entity_has_both_a_name_and_a_query() -> None:
    for interaction, *_ in BALP:
        for entity in made(interaction, query=(("a", "b"),)).get("entity", ()):
            assert not ("name" in entity and "query" in entity)


def test_a_service_is_its_own_requestor() -> None:
    service = Caller("lab-feed", "service", "service", ON)
    event = made("create", service, line=Line())
    asker = agent(event, "110153")
    assert asker["requestor"] is True
    assert asker["who"]["identifier"]["value"] == "lab-feed"
    assert [code(purpose) for purpose in asker["purposeOfUse"]] == ["TREAT"]


def test_every_event_has_exactly_one_requestor() -> None:
    service = Caller("lab-feed", "service", "service", BC)
    for caller in (CLINICIAN, service):
        for interaction in ("read", "create", "$match", "transaction", "delete"):
            for disclosed in (False, True):
                event = made(interaction, caller, disclosed=disclosed)
                assert sum(a["requestor"] for a in event["agent"]) == 1


def test_a_match_is_recorded_as_the_ihe_transaction() -> None:
    assert [coding["code"] for coding in made("$match")["subtype"]] == ["operation", "ITI-119"]


def test_a_conditional_update_is_recorded_as_an_update() -> None:
    event = made("conditional-update")
    assert (event["action"], event["subtype"][0]["code"]) == ("U", "update")


def test_what_leaves_for_another_node_is_a_disclosure_at_its_source() -> None:
    there = Caller("dr-there", "person", "physician", BC)
    event = made("$everything", there, disclosed=True, type="Patient", id="p1")
    assert (event["type"]["code"], event["action"]) == ("110106", "R")
    assert "disclose" in [coding["code"] for coding in event["subtype"]]
    assert agent(event, "110153")["who"] == event["source"]["observer"]
    assert agent(event, "110152")["network"]["address"] == "192.0.2.1"
    assert entities(event)["1"]["what"] == {"reference": "Patient/p1"}
    assert len(event["entity"]) >= 2


def test_what_a_node_tells_its_own_people_is_no_disclosure_to_another() -> None:
    assert made("$everything", disclosed=True)["type"]["code"] == "rest"


@pytest.mark.parametrize("kind", ["person", "service"])
def test_what_came_from_another_node_is_a_disclosure_at_its_recipient(kind: Any) -> None:
    caller = Caller("asker", kind, "service" if kind == "service" else "physician", ON)
    event = audit.received(
        access("$everything", caller, type="Patient", id="p1"),
        source=BC,
        source_address="https://bc.example/fhir",
        outcome="0",
        recorded=NOW,
        here=ON,
        line=LINE,
    )
    assert (event["type"]["code"], event["action"]) == ("110107", "C")
    assert agent(event, "110152")["who"] == event["source"]["observer"]
    source = agent(event, "110153")
    assert source["who"]["identifier"]["value"] == "bc"
    assert source["requestor"] is False


def test_an_event_without_addresses_leaves_them_out() -> None:
    assert all("network" not in a for a in made("read", line=Line())["agent"])


def test_making_one_event_changes_no_other() -> None:
    first = resource.encode(made("read"))
    made("create", Caller("lab-feed", "service", "service", BC), disclosed=True)
    assert resource.encode(made("read")) == first


def test_every_event_is_a_valid_r4_resource() -> None:
    validate = pytest.importorskip(
        "passerelle.fhir.validate", reason="structural validation is not built yet"
    )
    there = Caller("dr-there", "person", "physician", BC)
    for interaction, *_ in [*BALP, ("$everything",), ("transaction",), ("history-system",)]:
        for caller in (CLINICIAN, there, Caller("feed", "service", "service", BC)):
            for disclosed in (False, True):
                event = made(interaction, caller, disclosed=disclosed, reasons=("a.b",), token_id="t")
                assert not validate.check(event, expect_type="AuditEvent")


def test_a_moment_in_universal_time_stays_itself() -> None:
    moment = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    assert made("read", recorded=moment)["recorded"] == "2026-03-01T12:00:00.000Z"
