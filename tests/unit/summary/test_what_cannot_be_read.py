"""A source may send anything: what cannot be read is stated as a gap, and the rest of the summary stands."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passerelle.fhir import validate
from passerelle.summary.check import check
from passerelle.summary.shape import tidied
from passerelle.values import Json
from tests.unit.summary import world
from tests.unit.summary.test_check import places_in


def test_an_entry_that_cannot_be_read_is_a_gap_of_its_source_and_none_known_is_not_said() -> None:
    broken = world.allergy("a", "Latex", reaction="hives")
    bundle = world.summary(world.record(world.entry(broken, "qc"), world.entry(world.none_known(), "on")))
    section = world.section(bundle, world.ALLERGIES)
    assert section is not None and section["emptyReason"]["coding"][0]["code"] == "unavailable"
    assert "Québec Health Network sent something that could not be read" in section["text"]["div"]
    assert check(bundle) == ()


def test_conflicts_still_point_at_their_entries_when_another_cannot_be_read() -> None:
    record = world.full_record()
    broken = world.entry(world.condition("z", "Asthma", onsetDateTime=7))
    entries = (record.entries[0], record.entries[1], broken)
    bundle = world.summary(world.record(*entries, conflicts=record.conflicts))
    section = world.section(bundle, world.MEDICATIONS)
    assert section is not None and "do not agree on the dose" in section["text"]["div"]


def test_elements_that_say_nothing_are_left_out() -> None:
    sent = world.condition(
        "c", "Asthma", note=[], severity={}, bodySite=[{}], recordedDate="", onsetDateTime=None
    )
    (entry,) = world.resources(world.summary(world.record(world.entry(sent))), "Condition")
    assert not {"note", "severity", "bodySite", "recordedDate", "onsetDateTime"} & entry.keys()


def test_a_list_that_runs_beside_another_keeps_its_length() -> None:
    name = {"given": ["Ann", None], "_given": [None, {"extension": [{"url": "x", "valueString": "y"}]}]}
    assert tidied({"name": [name]}) == {"name": [name]}


def test_a_person_is_not_left_out_because_one_element_cannot_be_read() -> None:
    bundle = world.summary(world.record(who=world.patient(telecom="555")))
    patient = world.resources(bundle, "Patient")[0]
    assert "telecom" not in patient and patient["name"] == world.patient()["name"]
    assert check(bundle) == ()


SENT: dict[str, Json] = {
    "medication": world.statement("x", "Metformin", "500 mg", note=[{"text": "n"}]),
    "allergy": world.allergy("x", "Latex", reaction=[{"manifestation": [{"text": "Hives"}]}]),
    "problem": world.condition("x", "Asthma", severity={"text": "mild"}),
    "result": world.result("x", performer=[{"display": "x"}], referenceRange=[{"low": {"value": 1}}]),
    "prescription": world.fact(
        "MedicationRequest", "x", status="active", intent="order", medicationReference={"reference": "Medication/m"}
    ),
    "dispense": world.fact(
        "MedicationDispense", "x", status="completed", medicationCodeableConcept={"text": "x"}, whenHandedOver="2026-01-01"
    ),
}  # fmt: skip
SPOTS = [
    (kind, place)
    for kind, resource in SENT.items()
    for place in places_in(resource)[1:]
    if place[0] != "resourceType"
]


@given(
    st.sampled_from(SPOTS),
    st.sampled_from([None, 1, True, "x", "", [], {}, [1], ["x"], [None], [[]], [{}], {"a": 1}]),
)
@settings(max_examples=300, deadline=None)
def test_whatever_a_source_sends_a_summary_is_made_and_is_sound(spot: tuple[str, tuple], value: Any) -> None:
    kind, place = spot
    sent = world.entry(SENT[kind])
    resource: Any = tidied(SENT[kind])
    parent = resource
    for key in place[:-1]:
        parent = parent[key]
    parent[place[-1]] = value
    bundle = world.summary(world.record(type(sent)(sent.type, resource, b"", sent.origins)))
    assert "shape" not in {fault.key for fault in check(bundle)}


@pytest.mark.parametrize(
    "element", ["name", "identifier", "birthDate", "gender", "telecom", "address", "link", "meta"]
)
@pytest.mark.parametrize("value", [1, "x", [], {}, [1], [None], [{}], {"a": 1}])
def test_whatever_stands_in_a_person_the_summary_is_made(element: str, value: Any) -> None:
    bundle = world.summary(world.record(who=world.patient(**{element: value})))
    assert check(bundle) == ()
    assert [
        issue
        for issue in validate.check(bundle)
        if issue.key != "primitive-format" and issue.key != "code-not-allowed"
    ] == []
