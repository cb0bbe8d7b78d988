"""A resource lies in the compartments of the patients that it is about, and nowhere else."""

from __future__ import annotations

import pytest

from passerelle.fhir.compartment import patients, references, types


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        ({"resourceType": "Patient", "id": "a"}, ("a",)),
        ({"resourceType": "Patient", "id": "a", "link": [{"other": {"reference": "Patient/b"}}]}, ("a", "b")),
        ({"resourceType": "Observation", "subject": {"reference": "Patient/a"}}, ("a",)),
        ({"resourceType": "Observation", "subject": {"reference": "Group/a"}}, ()),
        ({"resourceType": "Observation", "focus": [{"reference": "Patient/a"}]}, ()),
        ({"resourceType": "Observation", "performer": [{"reference": "Patient/b"}]}, ("b",)),
        ({"resourceType": "Appointment", "participant": [{"actor": {"reference": "Patient/a"}}]}, ("a",)),
        ({"resourceType": "AllergyIntolerance", "patient": {"reference": "Patient/a/_history/3"}}, ("a",)),
        ({"resourceType": "Organization", "id": "o"}, ()),
        ({"resourceType": "Medication", "id": "m"}, ()),
        ({"resourceType": "Condition", "subject": {"reference": "https://other.example/Patient/a"}}, ()),
        ({"resourceType": "Condition", "subject": "Patient/a"}, ()),
        ({}, ()),
    ],
)
def test_the_compartment_is_that_of_the_official_definition(resource, expected):
    assert patients(resource) == expected


def test_an_absolute_reference_to_this_server_is_local():
    condition = {"resourceType": "Condition", "subject": {"reference": "https://here.example/fhir/Patient/a"}}
    assert patients(condition, "https://here.example/fhir/") == ("a",)


def test_references_are_found_at_every_depth_in_order():
    value = {
        "a": {"reference": "Patient/1"},
        "b": [{"c": {"reference": "#x"}}, {"reference": "urn:uuid:y"}],
        "reference": {"reference": "z"},
    }
    assert list(references(value)) == ["Patient/1", "#x", "urn:uuid:y", "z"]


def test_the_types_that_can_be_about_a_patient_are_known():
    assert {"Observation", "Immunization", "Patient"} <= types()
    assert types().isdisjoint({"Organization", "Practitioner", "Medication"})
