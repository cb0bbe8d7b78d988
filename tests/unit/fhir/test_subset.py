"""A part of a resource is what was asked for, marked so that nobody takes it for the whole."""

from __future__ import annotations

from passerelle.fhir.subset import subset

VISIT = {
    "resourceType": "Encounter",
    "id": "e",
    "meta": {"versionId": "2", "tag": [{"code": "kept"}]},
    "text": {"status": "generated", "div": "<div>x</div>"},
    "status": "finished",
    "class": {"code": "AMB"},
    "subject": {"reference": "Patient/1"},
    "location": [{"location": {"reference": "Location/1"}, "status": "active"}],
    "diagnosis": [{"condition": {"reference": "Condition/1"}, "rank": 1}],
}


def test_without_a_wish_the_resource_stays_whole():
    assert subset(VISIT) is VISIT


def test_mandatory_elements_come_along():
    part = subset(VISIT, ["subject"])
    assert set(part) == {"resourceType", "id", "meta", "status", "class", "subject"}
    assert [tag["code"] for tag in part["meta"]["tag"]] == ["kept", "SUBSETTED"]


def test_a_choice_is_asked_for_without_its_type():
    seen = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "x"},
        "valueString": "a",
        "_valueString": {"id": "b"},
    }
    assert {"valueString", "_valueString"} <= set(subset(seen, ["value"]))


def test_a_summary_goes_down_into_the_parts():
    part = subset(VISIT, summary="true")
    assert "text" not in part
    assert part["diagnosis"] == [{"condition": {"reference": "Condition/1"}}]


def test_text_alone_and_data_alone_part_the_narrative_from_the_rest():
    assert set(subset(VISIT, summary="text")) == {"resourceType", "id", "meta", "text", "status", "class"}
    assert set(subset(VISIT, summary="data")) == set(VISIT) - {"text"}


def test_being_cut_twice_is_marked_once():
    twice = subset(subset(VISIT, ["subject"]), ["subject"])
    assert [tag["code"] for tag in twice["meta"]["tag"]].count("SUBSETTED") == 1
