"""An answer is not trusted to be one."""

from __future__ import annotations

import json

import pytest

from passerelle.federation.questions import (
    MATCH_GRADE,
    MOST_ENTRIES,
    Known,
    match_body,
    patient_of,
    read_everything,
    read_match,
)
from passerelle.fhir.record import Reply, State
from passerelle.fhir.resource import decode, encode
from passerelle.values import Json, NodeId
from tests.unit.federation.world import base, glucose

PATIENT: Json = {"resourceType": "Patient", "id": "p1", "name": [{"family": "Roy"}]}


def searchset(*entries: Json, **more: object) -> bytes:
    return encode({"resourceType": "Bundle", "type": "searchset", "entry": list(entries), **more})


def found(grade: str | None = "certain", resource: Json = PATIENT) -> Json:
    extension = [{"url": MATCH_GRADE, "valueCode": grade}] if grade else []
    return {"resource": resource, "search": {"mode": "match", "score": 0.99, "extension": extension}}


def outcome(code: str) -> Json:
    resource = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": code}]}
    return {"resource": resource, "search": {"mode": "outcome"}}


def test_no_more_is_sent_than_a_match_needs() -> None:
    sent = decode(
        match_body({**PATIENT, "birthDate": "1980-01-01", "photo": [{}], "contact": [{}], "extension": [{}]})
    )
    assert sent["parameter"][0]["resource"] == {
        "resourceType": "Patient",
        "name": [{"family": "Roy"}],
        "birthDate": "1980-01-01",
    }
    assert {p["name"]: p.get("valueBoolean") for p in sent["parameter"]}["onlyCertainMatches"] is True


def test_one_certain_match_is_known() -> None:
    assert read_match(200, searchset(found())) == Known("p1")


def test_no_match_is_empty() -> None:
    assert read_match(200, searchset()).state is State.EMPTY
    assert read_match(200, b'{"resourceType":"Bundle","type":"searchset","total":0}').state is State.EMPTY


@pytest.mark.parametrize(
    "body",
    [
        searchset(found("probable")),
        searchset(found(None)),
        searchset(found(), found()),
        searchset(outcome("multiple-matches")),
    ],
    ids=["probable", "ungraded", "two", "said so"],
)
def test_what_is_not_one_certain_match_is_uncertain(body: bytes) -> None:
    assert read_match(200, body).state is State.UNCERTAIN


GARBAGE = [
    b"",
    b"{",
    b"null",
    b"[]",
    b"<html></html>",
    b"\xff\xfe\x00",
    b'{"resourceType":"Bundle"}',
    b'{"resourceType":"Bundle","type":"history","entry":[]}',
    b'{"resourceType":"OperationOutcome","issue":[]}',
    b'{"resourceType":"Bundle","type":"searchset","entry":{}}',
    b'{"resourceType":"Bundle","type":"searchset","entry":[3]}',
    b'{"resourceType":"Bundle","type":"searchset","entry":[{"resource":'
    + b"[" * 100_000
    + b"]" * 100_000
    + b"}]}",
    searchset({"fullUrl": "x"}),
    searchset({"resource": "Patient"}),
    searchset({"resource": {"resourceType": "Patient"}}),
    searchset({"resource": {**PATIENT, "id": "../../etc"}}),
    searchset({"resource": {**PATIENT, "id": ["p1"]}}),
]


@pytest.mark.parametrize("body", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_is_never_a_record(body: bytes) -> None:
    assert not isinstance(everything(body), Reply)
    assert read_match(200, body).id is None


def everything(body: bytes, status: int = 200, patient: str | None = "p1") -> object:
    return read_everything(status, body, node=NodeId("qc"), base=base("qc"), seconds=0.5, patient=patient)


def state(body: bytes, status: int = 200) -> State:
    answer = everything(body, status)
    assert not isinstance(answer, Reply)
    return answer.state  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("status", "expected"),
    [(401, State.REFUSED), (403, State.REFUSED), (500, State.FAULTY), (302, State.FAULTY)],
)
def test_the_status_says_what_became_of_the_question(status: int, expected: State) -> None:
    assert state(searchset({"resource": PATIENT}), status) is expected
    assert read_match(status, searchset(found())).state is expected


def test_a_patient_who_is_not_there_is_an_empty_answer() -> None:
    assert state(b"", 404) is State.EMPTY


def test_a_record_is_kept_as_the_bytes_that_were_sent() -> None:
    raw = b'{ "resourceType":"Observation", "id":"o1","valueQuantity":{"value":1.50} }'
    body = (
        b'{"resourceType":"Bundle","type":"searchset","entry":[{"resource":'
        + encode(PATIENT)
        + b'},{"resource":'
        + raw
        + b"}]}"
    )
    reply = everything(body)
    assert isinstance(reply, Reply)
    assert reply.entries[1] == (f"{base('qc')}/Observation/o1", raw)
    assert patient_of(reply) == PATIENT


def test_no_source_can_speak_under_the_address_of_another() -> None:
    forged = {"fullUrl": f"{base('on')}/Observation/o", "resource": glucose("o")}
    reply = everything(searchset({"resource": PATIENT}, forged))
    assert isinstance(reply, Reply)
    assert reply.entries[1][0] == f"{base('qc')}/Observation/o"


@pytest.mark.parametrize(
    "entries",
    [
        [PATIENT, {**PATIENT, "id": "p2"}],
        [{**PATIENT, "id": "p2"}],
        [glucose("o")],
        [PATIENT, glucose("o", subject={"reference": "Patient/p2"})],
        [PATIENT, glucose("o", subject={"reference": f"{base('qc')}/Patient/p2"})],
        [PATIENT, {"resourceType": "AllergyIntolerance", "id": "a", "patient": {"reference": "Patient/p2"}}],
        [PATIENT, {"resourceType": "Coverage", "id": "c", "beneficiary": {"reference": "Patient/p2"}}],
    ],
    ids=["two", "another", "none", "subject", "absolute subject", "patient", "beneficiary"],
)
def test_a_reply_about_another_patient_is_no_record(entries: list[Json]) -> None:
    assert state(searchset(*({"resource": each} for each in entries))) is State.FAULTY


def test_what_is_about_the_patient_or_about_nobody_is_part_of_the_record() -> None:
    entries = [
        PATIENT,
        glucose("o", subject={"reference": "Patient/p1"}),
        glucose("q", subject={"reference": "Group/g"}),
    ]
    assert isinstance(everything(searchset(*({"resource": each} for each in entries))), Reply)


def test_one_id_with_two_contents_is_no_record_and_a_repetition_is_dropped() -> None:
    twice = [{"resource": PATIENT}, {"resource": glucose("o")}, {"resource": glucose("o")}]
    reply = everything(searchset(*twice))
    assert isinstance(reply, Reply) and len(reply.entries) == 2
    assert state(searchset(*twice[:2], {"resource": glucose("o", 9.9)})) is State.FAULTY


def test_an_absurd_number_of_entries_is_no_record() -> None:
    entry = b'{"resource":{"resourceType":"Basic","id":"b"}}'
    body = (
        b'{"resourceType":"Bundle","type":"searchset","entry":['
        + b",".join([entry] * (MOST_ENTRIES + 1))
        + b"]}"
    )
    assert everything(body).reason == "too-large"  # type: ignore[attr-defined]


def test_a_source_that_says_that_it_withholds_or_that_there_is_more_is_heard() -> None:
    def partial(*entries: Json, **more: object) -> str:
        reply = everything(searchset({"resource": PATIENT}, *entries, **more))
        assert isinstance(reply, Reply)
        return reply.partial

    assert partial() == ""
    assert partial(outcome("suppressed")) == "withheld"
    assert partial(outcome("incomplete")) == "incomplete"
    assert partial(link=[{"relation": "next", "url": "x"}]) == "incomplete"


def test_no_sentence_about_a_faulty_answer_holds_a_value() -> None:
    answer = everything(searchset({"resource": {**PATIENT, "id": "p2"}}))
    assert "Roy" not in json.dumps([answer.reason, answer.state])  # type: ignore[attr-defined]
