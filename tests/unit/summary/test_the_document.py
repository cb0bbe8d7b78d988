"""A record becomes one PS-CA document: composed, complete in its sections, resolved, and labelled."""

from __future__ import annotations

import copy
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passerelle.fhir import validate
from passerelle.fhir.record import Record, State
from passerelle.fhir.resource import decode, encode
from passerelle.summary.check import check
from passerelle.summary.compose import NobodyError
from passerelle.summary.references import references
from passerelle.summary.sections import sections
from passerelle.values import LANGUAGES, Language
from tests.unit.summary import world

P = "http://fhir.infoway-inforoute.ca/io/psca/StructureDefinition/"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_summary_keeps_every_rule_that_we_check(language: Language) -> None:
    assert check(world.summary(world.full_record(), language)) == ()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_summary_is_r4_in_every_element(language: Language) -> None:
    assert validate.check(world.summary(world.full_record(), language)) == ()
    assert validate.check(world.summary(world.record(), language)) == ()


def test_the_first_entry_is_the_composition_and_the_second_is_the_patient() -> None:
    types = [each["resource"]["resourceType"] for each in world.summary(world.full_record())["entry"]]
    assert types[:2] == ["Composition", "Patient"]
    assert types.count("Composition") == types.count("Patient") == 1


def test_the_required_sections_are_there_even_when_nothing_was_found() -> None:
    bundle = world.summary(world.record())
    codes = [each["code"]["coding"][0]["code"] for each in world.composition(bundle)["section"]]
    assert codes == [world.MEDICATIONS, world.ALLERGIES, world.PROBLEMS]
    assert all("emptyReason" in each and "entry" not in each for each in world.composition(bundle)["section"])
    assert check(bundle) == ()


def test_an_optional_section_is_there_only_with_content_and_in_the_order_of_the_table() -> None:
    bundle = world.summary(world.full_record())
    codes = [each["code"]["coding"][0]["code"] for each in world.composition(bundle)["section"]]
    assert codes == ["10160-0", "48765-2", "11450-4", "47519-4", "11369-6", "30954-2", "11348-0"]
    assert [each for each in (section.loinc for section in sections()) if each in codes] == codes


def test_a_fact_that_two_sources_state_is_one_entry_with_both_names() -> None:
    bundle = world.summary(world.full_record())
    allergies = world.section(bundle, world.ALLERGIES)
    assert allergies is not None and len(allergies["entry"]) == 1
    assert "Ontario Health Network and Québec Health Network" in allergies["text"]["div"]
    url = allergies["entry"][0]["reference"]
    stated = [each for each in world.resources(bundle, "Provenance") if {"reference": url} in each["target"]]
    assert len(stated) == 2


def test_two_doses_stay_two_entries_and_the_conflict_is_said_to_people_and_machines() -> None:
    bundle = world.summary(world.full_record())
    medications = world.section(bundle, world.MEDICATIONS)
    assert medications is not None
    assert "500 mg, two times a day" in medications["text"]["div"]
    assert "850 mg, two times a day" in medications["text"]["div"]
    assert "do not agree on the dose" in medications["text"]["div"]
    assert "do not agree on the dose" in world.composition(bundle)["text"]["div"]
    said = [each["valueAnnotation"]["extension"][0] for each in medications["extension"]]
    conflict = next(each for each in said if each["url"].endswith("summary-conflict"))
    named = [part["valueReference"] for part in conflict["extension"] if part["url"] == "entry"]
    assert named == medications["entry"]


def test_a_silent_source_is_named_in_every_section_and_in_the_whole() -> None:
    bundle = world.summary(world.full_record(), "fr")
    composition = world.composition(bundle)
    assert "Sources ayant répondu\u00a0: 2 sur 3" in composition["text"]["div"]
    texts = [composition["text"]["div"], *(each["text"]["div"] for each in composition["section"])]
    assert all("Réseau de santé du Nunavut n’a pas répondu" in text for text in texts)
    gaps = [each for each in composition["extension"] if "summary-gap" in str(each)]
    parts = gaps[0]["valueAnnotation"]["extension"][0]["extension"]
    assert {part["url"]: value for part in parts for key, value in part.items() if key != "url"} == {
        "source": "nu",
        "reason": "deadline",
        "retryable": True,
    }


def test_a_source_that_did_not_answer_is_a_gap_even_if_the_record_does_not_list_it() -> None:
    bundle = world.summary(world.record(sources=[world.source("on"), world.source("nu", State.REFUSED)]))
    assert "Nunavut Health Network declined to answer" in world.composition(bundle)["text"]["div"]


def test_every_reference_in_the_document_resolves_or_leads_visibly_out_of_it() -> None:
    bundle = world.summary(world.full_record())
    urls = {each["fullUrl"] for each in bundle["entry"]}
    for each in bundle["entry"]:
        for reference in references(each["resource"]):
            assert reference in urls or reference.startswith("https://")


def test_each_source_has_one_provenance_with_its_custodian_and_the_assembler() -> None:
    bundle = world.summary(world.full_record())
    provenances = world.resources(bundle, "Provenance")
    assert len(provenances) == 2  # the silent source stated nothing
    organizations = {each["id"]: each for each in world.resources(bundle, "Organization")}
    whos = [each["agent"][0]["who"]["reference"].removeprefix("urn:uuid:") for each in provenances]
    names = [organizations[who]["name"] for who in whos]
    assert names == ["Ontario Health Network", "Québec Health Network"]
    assert organizations[whos[0]]["alias"] == ["Réseau de santé de l’Ontario"]


def test_what_has_no_place_in_a_summary_is_counted_and_not_entered() -> None:
    bundle = world.summary(world.full_record())
    assert world.resources(bundle, "Encounter") == []
    assert "1 other entry of the record has no place" in world.composition(bundle)["text"]["div"]


def test_what_was_entered_in_error_or_refuted_is_not_listed() -> None:
    wrong = world.statement("m", "Digoxin", status="entered-in-error")
    system = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification"
    refuted = world.allergy(
        "a", "Latex", verificationStatus={"coding": [{"system": system, "code": "refuted"}]}
    )
    bundle = world.summary(world.record(world.entry(wrong), world.entry(refuted)))
    assert "Digoxin" not in str(bundle) and "Latex" not in str(bundle)


def test_the_section_of_results_holds_the_most_recent_and_says_that_older_ones_exist() -> None:
    days = [f"20{20 + at // 360}-{1 + at // 30 % 12:02}-{1 + at % 30 % 28:02}" for at in range(500)]
    results = [world.entry(world.result(f"o{at}", day)) for at, day in enumerate(days)]
    bundle = world.summary(world.record(*results))
    section = world.section(bundle, world.RESULTS)
    assert section is not None and len(section["entry"]) == 100
    assert "400 older entries exist at the sources" in section["text"]["div"]
    held = {each["effectiveDateTime"] for each in world.resources(bundle, "Observation")}
    assert min(held) >= sorted(days)[399]
    assert check(bundle) == ()


def test_the_limit_of_a_section_can_be_set() -> None:
    results = [world.entry(world.result(f"o{at}")) for at in range(5)]
    bundle = world.summary(world.record(*results), "fr", limits={"results": 4})
    section = world.section(bundle, world.RESULTS)
    assert section is not None and len(section["entry"]) == 4
    assert "1 élément plus ancien existe" in section["text"]["div"]


def test_the_document_carries_the_highest_confidentiality_and_every_other_label() -> None:
    confidentiality = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
    sensitive = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "PSY"}
    labels = {"security": [{"system": confidentiality, "code": "R"}, sensitive]}
    bundle = world.summary(world.record(world.entry(world.condition("c", "Depression", meta=labels))))
    assert bundle["meta"]["security"] == [{"system": confidentiality, "code": "R"}, sensitive]
    assert world.composition(bundle)["confidentiality"] == "R"
    assert world.resources(bundle, "Condition")[0]["meta"]["security"] == labels["security"]


def test_the_custodian_is_the_organization_that_was_named() -> None:
    clinic = {"resourceType": "Organization", "name": "Harbour Clinic"}
    bundle = world.summary(world.full_record(), custodian=clinic)
    url = world.composition(bundle)["custodian"]["reference"]
    assert (
        next(each["resource"]["name"] for each in bundle["entry"] if each["fullUrl"] == url)
        == "Harbour Clinic"
    )
    assert check(bundle) == ()


def test_a_device_that_writes_alone_is_no_custodian() -> None:
    assert "custodian" not in world.composition(world.summary(world.full_record()))


def test_a_record_of_nobody_is_not_composed() -> None:
    with pytest.raises(NobodyError):
        world.summary(Record(None, (), (), (), (), (), world.NOW))


def test_nothing_of_the_record_is_changed_by_composing_it() -> None:
    record = world.full_record()
    before = copy.deepcopy(record)
    world.summary(record)
    assert record == before


def test_every_digit_is_kept() -> None:
    sent = world.result("o", value=Decimal("7.40"))
    bundle = decode(encode(world.summary(world.record(world.entry(sent)), "fr")))
    assert str(world.resources(bundle, "Observation")[0]["valueQuantity"]["value"]) == "7.40"
    section = world.section(bundle, world.RESULTS)
    assert section is not None and "7,40\u00a0mmol/mol" in section["text"]["div"]


def test_the_same_record_and_ids_give_the_same_bytes() -> None:
    assert encode(world.summary(world.full_record())) == encode(world.summary(world.full_record()))


SAID = st.text(max_size=30)
FACTS = st.one_of(
    st.builds(lambda text, dose: world.statement("x", text or "x", dose), SAID, SAID),
    st.builds(lambda text: world.allergy("x", text), SAID),
    st.builds(
        lambda text, status: world.condition("x", text, status),
        SAID,
        st.sampled_from(["active", "resolved", ""]),
    ),
    st.builds(
        lambda when: world.result("x", when),
        st.sampled_from(["2020", "2021-03", "2022-04-05", "2026-01-01T00:00:00Z"]),
    ),
)


@given(st.lists(FACTS, max_size=6), st.sampled_from(list(State)), st.sampled_from(LANGUAGES), SAID)
@settings(max_examples=60, deadline=None)
def test_whatever_the_sources_say_the_summary_is_sound(
    facts: list[dict], state: State, language: Language, name: str
) -> None:
    entries = [world.entry(each | {"id": f"x{at}"}) for at, each in enumerate(facts)]
    who = world.patient(name=[{"text": name}] if name.strip() else [])
    record = world.record(
        *entries, who=who, sources=[world.source("on"), world.source("qc"), world.source("nu", state)]
    )
    bundle = world.summary(record, language)
    assert check(bundle) == ()
    # A text of blanks or control characters is kept as it was sent, though R4 has no such string.
    assert {issue.key for issue in validate.check(bundle)} <= {"primitive-format"}
