"""The resources: whole, resolvable, shaped as CA Baseline and PS-CA want them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from passerelle.fhir.resource import decode, encode
from passerelle.fhir.validate import check
from passerelle.synthetic import NODES, CastMember, Person, physician, shared

Resources = tuple[tuple[str, dict[str, Any]], ...]
UCUM = "http://unitsofmeasure.org"


def _of(resources: Resources, *types: str) -> list[dict[str, Any]]:
    return [resource for _, resource in resources if resource["resourceType"] in types]


def _inside(value: Any, member: str) -> Iterator[Any]:
    if isinstance(value, dict):
        for key, below in value.items():
            if key == member:
                yield below
            yield from _inside(below, member)
    elif isinstance(value, list):
        for below in value:
            yield from _inside(below, member)


def test_every_resource_of_the_cast_and_of_fifty_people_is_valid(
    people: tuple[Person, ...], players: dict[str, CastMember]
) -> None:
    chosen = (*people[:50], *(member.person for member in players.values()))
    for person in chosen:
        for resources in person.records.values():
            for resource in resources:
                assert check(decode(encode(resource))) == ()


@pytest.mark.parametrize("node", NODES)
def test_every_shared_resource_is_valid(node: str) -> None:
    for resource in shared(7, node):  # type: ignore[arg-type]
        assert check(decode(encode(resource))) == ()


def test_every_reference_resolves_within_its_node(everyone: tuple[Person, ...]) -> None:
    staff = {node: {f"{each['resourceType']}/{each['id']}" for each in shared(7, node)} for node in NODES}
    for person in everyone:
        for node, resources in person.records.items():
            own = {f"{each['resourceType']}/{each['id']}" for each in resources}
            for reference in _inside(list(resources), "reference"):
                assert reference in own or reference in staff[node]


def test_no_two_resources_of_a_node_have_the_same_id(resources: Resources) -> None:
    ids = Counter((node, resource["resourceType"], resource["id"]) for node, resource in resources)
    assert max(ids.values()) == 1


def test_the_patient_comes_first_and_alone(everyone: tuple[Person, ...]) -> None:
    for person in everyone:
        for node, listed in person.records.items():
            types = [resource["resourceType"] for resource in listed]
            assert types[0] == "Patient"
            assert types.count("Patient") == 1
            assert person.patient(node) is listed[0]


def test_a_health_number_is_typed_as_one(resources: Resources) -> None:
    for patient in _of(resources, "Patient"):
        for identifier in patient["identifier"]:
            code = identifier["type"]["coding"][0]["code"]
            assert (code == "JHN") == identifier["system"].startswith("https://fhir.infoway-inforoute.ca/")


def test_every_laboratory_result_is_dated_coded_measured_and_signed(resources: Resources) -> None:
    results = [
        each
        for each in _of(resources, "Observation")
        if each["category"][0]["coding"][0]["code"] == "laboratory"
    ]
    assert results
    for result in results:
        assert len(result["effectiveDateTime"]) >= 10
        assert result["code"]["coding"][0]["system"] == "http://loinc.org"
        assert (result["valueQuantity"]["system"], bool(result["valueQuantity"]["code"])) == (UCUM, True)
        assert result["performer"] and result["referenceRange"] and result["interpretation"]


def test_every_quantity_has_a_ucum_code(resources: Resources) -> None:
    for name in ("valueQuantity", "doseQuantity", "quantity", "daysSupply"):
        for quantity in _inside([resource for _, resource in resources], name):
            assert quantity["system"] == UCUM
            assert quantity["code"]


def test_every_act_carries_a_business_identifier(resources: Resources) -> None:
    for _, resource in resources:
        assert all(each["system"] and each["value"] for each in resource["identifier"])
        assert resource["identifier"]


def test_what_a_summary_needs_is_there(resources: Resources) -> None:
    for statement in _of(resources, "MedicationStatement"):
        assert statement["effectivePeriod"]["start"]
    for allergy in _of(resources, "AllergyIntolerance"):
        assert allergy["clinicalStatus"]["coding"] and allergy["verificationStatus"]["coding"]
    for report in _of(resources, "DiagnosticReport"):
        assert report["effectiveDateTime"]
    for drug in _of(resources, "MedicationRequest", "MedicationDispense", "MedicationStatement"):
        assert drug["medicationCodeableConcept"]["text"]
    assert all(each["occurrenceDateTime"] for each in _of(resources, "Immunization"))
    assert all(each["performedDateTime"] for each in _of(resources, "Procedure"))
    assert all(each["code"]["coding"] for each in _of(resources, "Condition"))


def test_a_copy_at_another_node_carries_the_identifier_of_the_prescription(
    everyone: tuple[Person, ...],
) -> None:
    copies = 0
    for person in everyone:
        orders = {
            (order["identifier"][0]["system"], order["identifier"][0]["value"])
            for resources in person.records.values()
            for order in resources
            if order["resourceType"] == "MedicationRequest"
        }
        for resources in person.records.values():
            for statement in resources:
                if statement["resourceType"] == "MedicationStatement":
                    copies += 1
                    identifier = statement["identifier"][0]
                    assert (identifier["system"], identifier["value"]) in orders
    assert copies > 20


def test_quebec_writes_french(resources: Resources) -> None:
    french = [resource for node, resource in resources if node == "qc"]
    assert {resource["language"] for resource in french} == {"fr"}
    assert "Hémoglobine A1c" in {
        each["code"]["text"] for each in french if each["resourceType"] == "Observation"
    }


def test_both_languages_are_there_for_a_reader(resources: Resources) -> None:
    for condition in _of(resources, "Condition"):
        coding = condition["code"]["coding"][0]
        assert coding["display"] == condition["code"]["text"] or coding["_display"]["extension"]


def test_treatment_moves_hemoglobin_a1c_down(people: tuple[Person, ...]) -> None:
    first, last = [], []
    for person in people:
        series = sorted(
            (each["effectiveDateTime"][:10], each["valueQuantity"]["value"])
            for resources in person.records.values()
            for each in resources
            if each["resourceType"] == "Observation" and each["code"]["coding"][0]["code"] == "4548-4"
        )
        if len(series) >= 6:
            first.append(series[0][1])
            last.append(series[-1][1])
    assert len(first) >= 5
    assert sum(last) < sum(first)


def test_inr_is_measured_only_in_people_on_warfarin(people: tuple[Person, ...]) -> None:
    measured = 0
    for person in people:
        codes = _codes(person)
        if "6301-6" in codes:
            measured += 1
            assert "B01AA03" in codes
    assert measured


def _codes(person: Person) -> set[str]:
    return {
        code
        for listed in person.records.values()
        for code in _inside(list(listed), "code")
        if isinstance(code, str)
    }


@pytest.mark.parametrize("node", NODES)
def test_each_node_has_one_named_family_physician_who_is_among_its_staff(node: str) -> None:
    doctor = physician(node)  # type: ignore[arg-type]
    assert doctor["name"][0]["family"] and doctor["identifier"][0]["system"].endswith("license-physician")
    for seed in (1, 99):
        assert doctor in shared(seed, node)  # type: ignore[arg-type]
