"""A resource is found by every value that R4 makes searchable, and by nothing else."""

from __future__ import annotations

from decimal import Decimal
from math import inf

import pytest

from passerelle.fhir.search import index, matches, parameters, parse

GLUCOSE = {
    "resourceType": "Observation",
    "id": "g1",
    "meta": {
        "lastUpdated": "2024-05-01T10:00:00.000Z",
        "security": [{"system": "urn:labels", "code": "R"}],
        "profile": ["http://example.org/p"],
    },
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "2345-7", "display": "Glucose à jeun"}]},
    "subject": {"reference": "Patient/p1"},
    "effectiveDateTime": "2024-05-01",
    "valueQuantity": {
        "value": Decimal("5.40"),
        "unit": "mmol/L",
        "system": "http://unitsofmeasure.org",
        "code": "mmol/L",
    },
}


def rows(resource, name, base=""):
    return [row for row in index(resource, base) if row.name == name]


def test_a_code_is_found_by_system_and_code_and_by_its_folded_display():
    [row] = rows(GLUCOSE, "code")
    assert (row.kind, row.system, row.text, row.exact) == (
        "token",
        "http://loinc.org",
        "2345-7",
        "glucose a jeun",
    )


def test_a_value_that_several_parameters_read_is_written_once():
    assert [row.name for row in index(GLUCOSE) if row.text in ("Patient/p1", "2345-7")] == ["code", "subject"]
    known = parameters("Observation")
    assert (known["subject"].rows, known["patient"].rows) == (("subject",), ("subject",))
    assert known["combo-code"].rows == ("code", "component-code")


def test_a_parameter_for_patients_leaves_out_other_subjects():
    grouped = {**GLUCOSE, "subject": {"reference": "Group/g"}}
    assert matches(grouped, parse("Observation", [("patient:missing", "true")]))
    assert not matches(GLUCOSE, parse("Observation", [("patient:missing", "true")]))
    assert not matches(grouped, parse("Observation", [("subject:missing", "true")]))


def test_what_every_resource_has_is_found_too():
    names = {row.name for row in index(GLUCOSE)}
    assert {"_id", "_lastUpdated", "_security", "_profile"} <= names


def test_a_day_covers_the_interval_from_midnight_to_midnight_in_utc():
    [row] = rows(GLUCOSE, "date")
    assert (row.low, row.high) == (1714521600000.0, 1714608000000.0)


def test_an_open_period_never_ends():
    stay = {"resourceType": "Encounter", "status": "in-progress", "period": {"start": "2024"}}
    [row] = rows(stay, "date")
    assert (row.low, row.high) == (1704067200000.0, inf)


def test_a_number_is_the_narrowest_interval_that_holds_it():
    [row] = rows(GLUCOSE, "value-quantity")
    assert row.low == 5.4 < row.high < 5.4 + 1e-12
    assert (row.system, row.text) == ("http://unitsofmeasure.org", "mmol/L")


def test_below_a_limit_of_detection_is_every_number_below_it():
    low = {**GLUCOSE, "valueQuantity": {"value": 5, "comparator": "<"}}
    [row] = rows(low, "value-quantity")
    assert (row.low, row.high) == (-inf, 5.0)


def test_an_amount_is_found_in_every_unit_of_its_kind():
    [row] = rows(GLUCOSE, "value-quantity~")
    assert (row.system, row.text) == ("http://unitsofmeasure.org", "m-3")
    for asked in ("5.4|http://unitsofmeasure.org|mmol/L", "5400|http://unitsofmeasure.org|umol/L"):
        assert matches(GLUCOSE, parse("Observation", [("value-quantity", asked)]))


def test_what_belongs_together_in_one_element_has_the_number_of_that_element():
    pressure = {
        "resourceType": "Observation",
        "component": [
            {"code": {"coding": [{"code": "8480-6"}]}, "valueQuantity": {"value": 120}},
            {"code": {"coding": [{"code": "8462-4"}]}, "valueQuantity": {"value": 80}},
        ],
    }
    assert [(row.name, row.slot, row.text or row.low) for row in index(pressure)] == [
        ("component-code", 1, "8480-6"),
        ("component-value-quantity", 1, 120.0),
        ("component-code", 2, "8462-4"),
        ("component-value-quantity", 2, 80.0),
    ]


@pytest.mark.parametrize(
    "reference",
    ["Patient/p1", "https://here.example/fhir/Patient/p1", "https://here.example/fhir/Patient/p1/_history/3"],
)
def test_references_to_this_server_have_one_form(reference):
    written = {**GLUCOSE, "subject": {"reference": reference}}
    assert [row.text for row in rows(written, "subject", "https://here.example/fhir")] == ["Patient/p1"]


def test_a_reference_to_a_server_whose_address_only_begins_the_same_stays_absolute():
    written = {**GLUCOSE, "subject": {"reference": "https://here.example/fhir2/Patient/p1"}}
    assert (
        rows(written, "subject", "https://here.example/fhir")[0].text
        == "https://here.example/fhir2/Patient/p1"
    )


def test_a_logical_reference_is_found_by_its_identifier():
    written = {**GLUCOSE, "subject": {"identifier": {"system": "urn:n", "value": "123"}}}
    [row] = rows(written, "subject")
    assert (row.text, row.system, row.exact) == ("", "urn:n", "123")


def test_a_contained_resource_is_not_a_target():
    written = {**GLUCOSE, "subject": {"reference": "#p"}}
    assert [row.text for row in rows(written, "subject")] == [""]
    assert matches(written, parse("Observation", [("subject:missing", "false")]))


def test_every_part_of_a_name_is_found_without_its_accents():
    person = {"resourceType": "Patient", "name": [{"family": "Trémblay-Côté", "given": ["Zoë", "Noémie"]}]}
    assert [(row.name, row.text) for row in index(person) if row.kind == "string"] == [
        ("family", "tremblay-cote"),
        ("given", "zoe"),
        ("given", "noemie"),
    ]
    assert parameters("Patient")["name"].rows == ("family", "given", "name")
    assert [row.exact for row in rows(person, "family")] == ["Trémblay-Côté"]


def test_a_telephone_number_is_not_an_email_address():
    person = {
        "resourceType": "Patient",
        "telecom": [{"system": "phone", "value": "555"}, {"system": "email", "value": "a@b.example"}],
    }
    assert [row.text for row in rows(person, "phone")] == ["555"]
    assert [row.text for row in rows(person, "email")] == ["a@b.example"]
    assert len(rows(person, "telecom")) == 2


@pytest.mark.parametrize(
    ("element", "said"),
    [
        ({"deceasedBoolean": True}, "true"),
        ({"deceasedBoolean": False}, "false"),
        ({"deceasedDateTime": "2020"}, "true"),
    ],
)
def test_a_date_of_death_says_that_a_person_died(element, said):
    assert [row.text for row in rows({"resourceType": "Patient", **element}, "deceased")] == [said]


def test_a_value_of_the_wrong_shape_is_not_indexed_and_does_no_harm():
    broken = {
        "resourceType": "Observation",
        "code": "x",
        "subject": ["p"],
        "valueQuantity": {"value": "5"},
        "effectivePeriod": 3,
    }
    assert index(broken) == ()


def test_what_is_no_resource_has_no_rows():
    assert index({"resourceType": "Nonsense", "id": "1"}) == index({"resourceType": ["x"][0]}) == ()
