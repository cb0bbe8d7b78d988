"""A reference of any source leads to the right entry of the document, or visibly out of it."""

from __future__ import annotations

from typing import Any

from passerelle.fhir.record import Entry
from passerelle.summary.check import check
from passerelle.values import Json
from tests.unit.summary import world


def practitioner(family: str) -> Json:
    return {"resourceType": "Practitioner", "id": "dr", "name": [{"family": family}]}


def asserted_by(reference: Json, *others: Entry) -> tuple[Json, Json]:
    """The summary of one problem that refers to its asserter, and how the entry refers then."""
    entry = world.entry(world.condition("c", "Asthma", asserter=reference), "on")
    bundle = world.summary(world.record(entry, *others))
    assert check(bundle) == ()
    return bundle, world.resources(bundle, "Condition")[0]["asserter"]


def test_the_same_relative_reference_means_another_person_at_another_source() -> None:
    entries = []
    for node, family in (("on", "Okafor"), ("qc", "Lavoie")):
        entries.append(
            world.entry(world.condition(f"c-{node}", node, asserter={"reference": "Practitioner/dr"}), node)
        )
        entries.append(world.entry(practitioner(family), node))
    bundle = world.summary(world.record(*entries))
    urls = {each["fullUrl"]: each["resource"] for each in bundle["entry"]}
    met = {
        each["code"]["text"]: urls[each["asserter"]["reference"]]["name"][0]["family"]
        for each in world.resources(bundle, "Condition")
    }
    assert met == {"on": "Okafor", "qc": "Lavoie"}


def test_an_absolute_reference_finds_the_entry_of_its_source() -> None:
    bundle, asserter = asserted_by(
        {"reference": "https://qc.example/fhir/Practitioner/dr"}, world.entry(practitioner("Lavoie"), "qc")
    )
    assert asserter["reference"] == f"urn:uuid:{world.resources(bundle, 'Practitioner')[0]['id']}"


def test_a_reference_to_a_version_finds_the_entry() -> None:
    bundle, asserter = asserted_by(
        {"reference": "Practitioner/dr/_history/3"}, world.entry(practitioner("Okafor"), "on")
    )
    assert asserter["reference"].startswith("urn:uuid:")
    assert len(world.resources(bundle, "Practitioner")) == 1


def test_what_is_not_in_the_document_keeps_its_absolute_address() -> None:
    _, asserter = asserted_by({"reference": "Practitioner/elsewhere", "display": "Dr. Okafor"})
    assert asserter == {
        "reference": "https://on.example/fhir/Practitioner/elsewhere",
        "display": "Dr. Okafor",
    }


def test_what_has_no_address_keeps_its_identifier_and_display_only() -> None:
    identifier = {"system": "https://example.org/licence", "value": "1"}
    _, asserter = asserted_by(
        {"reference": "urn:uuid:2f0c7f0e-0000-4000-8000-000000000000", "identifier": identifier}
    )
    assert asserter == {"identifier": identifier}
    _, asserter = asserted_by({"reference": "Practitioner?identifier=x|1"})
    assert asserter == {"type": "Practitioner", "display": "Not part of this summary"}


def test_what_an_entry_refers_to_comes_along_with_what_that_refers_to() -> None:
    role = {
        "resourceType": "PractitionerRole",
        "id": "role",
        "practitioner": {"reference": "Practitioner/dr"},
        "organization": {"reference": "Organization/clinic"},
    }
    clinic = {"resourceType": "Organization", "id": "clinic", "name": "Harbour Clinic"}
    unrelated = {"resourceType": "Organization", "id": "other", "name": "Nowhere"}
    others = [world.entry(each, "on") for each in (role, practitioner("Okafor"), clinic, unrelated)]
    bundle, _ = asserted_by({"reference": "PractitionerRole/role"}, *others)
    assert len(world.resources(bundle, "PractitionerRole")) == 1
    assert len(world.resources(bundle, "Practitioner")) == 1
    names = [each["name"] for each in world.resources(bundle, "Organization")]
    assert "Harbour Clinic" in names and "Nowhere" not in names


def test_a_medication_that_is_a_resource_of_its_own_names_the_drug() -> None:
    medication = {
        "resourceType": "Medication",
        "id": "med",
        "code": {"coding": [{"display": "Warfarin 2 mg"}]},
    }
    statement = world.statement("m", "", medicationReference={"reference": "Medication/med"})
    del statement["medicationCodeableConcept"]
    bundle = world.summary(world.record(world.entry(statement), world.entry(medication)))
    section = world.section(bundle, world.MEDICATIONS)
    assert section is not None and "<td>Warfarin 2 mg</td>" in section["text"]["div"]
    (named,) = world.resources(bundle, "Medication")
    assert named["code"]["text"] == "Warfarin 2 mg"
    assert (
        world.resources(bundle, "MedicationStatement")[0]["medicationReference"]["reference"]
        == f"urn:uuid:{named['id']}"
    )
    assert check(bundle) == ()


def test_a_contained_resource_stays_inside() -> None:
    contained: dict[str, Any] = {"resourceType": "Practitioner", "id": "in", "name": [{"family": "Okafor"}]}
    entry = world.entry(world.condition("c", "Asthma", contained=[contained], asserter={"reference": "#in"}))
    bundle = world.summary(world.record(entry))
    assert world.resources(bundle, "Condition")[0]["asserter"] == {"reference": "#in"}
    assert check(bundle) == ()


def test_every_patient_of_every_source_is_the_one_patient_of_the_document() -> None:
    entries = [world.entry(world.condition(f"c-{node}", node), node) for node in ("on", "qc")]
    bundle = world.summary(world.record(*entries))
    url = f"urn:uuid:{world.resources(bundle, 'Patient')[0]['id']}"
    assert {each["subject"]["reference"] for each in world.resources(bundle, "Condition")} == {url}


def test_an_attachment_that_stays_at_its_source_keeps_a_full_address() -> None:
    document = world.fact(
        "DocumentReference",
        "d",
        status="current",
        type={"coding": [{"system": "http://loinc.org", "code": "42348-3"}]},
        content=[{"attachment": {"contentType": "application/pdf", "url": "Binary/b1"}}],
    )
    bundle = world.summary(world.record(world.entry(document)))
    attachment = world.resources(bundle, "DocumentReference")[0]["content"][0]["attachment"]
    assert attachment["url"] == "https://on.example/fhir/Binary/b1"
