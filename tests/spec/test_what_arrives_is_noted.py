"""What other nodes sent for a record is in this node's own ledger before any of the record is shown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from passerelle.audit import Line
from passerelle.fhir.resource import decode
from passerelle.flows.federate import Question, federate
from passerelle.flows.receipts import receipts
from passerelle.node.edge import record
from passerelle.node.pages import Opening
from passerelle.values import Access, Json, NodeId, Purpose
from tests.spec.country import Country, condition, patient, physician, run

LINE = Line("", "192.0.2.1", "https://on.example/fhir")


@pytest.fixture
def country() -> Country:
    """Ontario knows the person, British Columbia and Manitoba hold something, Québec knows nobody."""
    made = Country("on", "bc", "mb", "qc")
    made.put("on", patient("here"))
    made.put("bc", patient("west"), condition("c1", "Asthma", "west"))
    made.put("mb", patient("middle"), condition("c2", "Gout", "middle"))
    return made


def noted(events: list[tuple[str, Json]]) -> dict[str, Json]:
    """The events of received data, by their source."""
    found = [event for node, event in events if node == "on" and event["type"]["code"] == "110107"]
    return {agent(event, "110153")["who"]["identifier"]["value"]: event for event in found}


def agent(event: Json, part: str) -> Json:
    (found,) = [a for a in event["agent"] if a["type"]["coding"][0]["code"] == part]
    return dict(found)


def person(event: Json) -> str:
    (found,) = [e for e in event["entity"] if e["type"]["code"] == "1"]
    return str(found["what"]["reference"])


@pytest.mark.parametrize("operation", ["$record", "$summary"])
def test_each_other_source_that_sent_data_is_noted_once(country: Country, operation: str) -> None:
    answer = country.ask("on", "GET", f"Patient/here/{operation}", caller=physician("on"))
    assert answer.status == 200
    found = noted(country.events)
    assert sorted(found) == ["bc", "mb"]
    assert len(answer.answer.events) == 3
    assert {person(event) for event in found.values()} == {"Patient/here"}
    assert agent(found["bc"], "110153")["network"]["address"] == "https://bc.example/fhir"


def test_a_person_whom_this_node_does_not_know_is_named_by_the_source(country: Country) -> None:
    stranger = patient("gone", number="9876543217")
    answer = country.ask(
        "qc",
        "POST",
        "Patient/$summary",
        {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": stranger}]},
        caller=physician("qc"),
    )
    assert answer.status == 200
    received = [e for e in answer.answer.events if e["type"]["code"] == "110107"]
    assert sorted(map(person, received)) == [
        "https://bc.example/fhir/Patient/west",
        "https://mb.example/fhir/Patient/middle",
        "https://on.example/fhir/Patient/here",
    ]
    # The id that came with the description is not an id of this node: it stands in no event.
    assert "Patient/gone" not in str(answer.answer.events)


def test_what_one_node_tells_another_is_noted_by_the_one_who_asked_only(country: Country) -> None:
    country.ask("on", "GET", "Patient/here/$record", caller=physician("on"))
    assert [node for node, event in country.events if event["type"]["code"] == "110107"] == ["on", "on"]
    disclosed = {node for node, event in country.events if event["type"]["code"] == "110106"}
    assert disclosed == {"bc", "mb"}


def test_a_source_that_is_silent_or_empty_sent_nothing(country: Country) -> None:
    country.refusing.add("bc")
    country.ask("on", "GET", "Patient/here/$record", caller=physician("on"))
    assert sorted(noted(country.events)) == ["mb"]


def opened(country: Country) -> tuple[Access, Question]:
    access = Access(physician("on"), Purpose.TREAT, "$record", "Patient", None, None, "req-00000001")
    return access, country.question("on", patient("held"))


def ledger(country: Country) -> list[Json]:
    found = run(country.nodes["on"].ledger.look(lambda view: view.history("AuditEvent")))
    return [decode(stored.body) for stored in found.matches if stored.body is not None]


def test_the_page_has_it_written_before_it_has_the_record_and_never_twice(country: Country) -> None:
    here = country.nodes["on"]
    access, question = opened(country)
    opening = Opening(access, LINE, here)
    whole = run(federate(question, here))
    for _ in range(2):
        run(opening.received(whole))
        assert sorted(noted([("on", event) for event in ledger(country)])) == ["bc", "mb"]
        assert len(ledger(country)) == 2
    assert {person(event) for event in ledger(country)} == {"Patient/here"}


def test_a_record_is_not_shown_when_the_ledger_cannot_be_written(country: Country) -> None:
    class Broken:
        async def append(self, events: Any) -> None:
            raise OSError

    here = country.nodes["on"]
    access, question = opened(country)
    opening = Opening(access, LINE, replace(here, ledger=Broken()))  # type: ignore[arg-type]
    whole = run(federate(question, here))
    with pytest.raises(OSError):
        run(opening.received(whole))
    assert opening.noted == set()


def test_all_of_it_is_written_at_once_or_not_at_all(country: Country) -> None:
    here = country.nodes["on"]
    access, question = opened(country)
    events = receipts(run(federate(question, here)), access, here, line=LINE)
    assert len(events) == 2
    bad: Json = {"resourceType": "AuditEvent", "recorded": object()}
    with pytest.raises(TypeError):
        run(record((*events, bad), here))
    assert ledger(country) == []


def test_a_source_that_is_noted_already_is_left_out(country: Country) -> None:
    here = country.nodes["on"]
    access, question = opened(country)
    events = receipts(run(federate(question, here)), access, here, noted={NodeId("bc")}, line=LINE)
    assert sorted(noted([("on", event) for event in events])) == ["mb"]
    assert agent(events[0], "110152")["network"]["address"] == LINE.server_address
