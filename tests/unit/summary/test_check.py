"""One thing wrong, one rule that says so."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passerelle.fhir.resource import decode, encode
from passerelle.fhir.words import catalogue
from passerelle.summary.check import Fault, check
from passerelle.values import LANGUAGES, Json
from tests.unit.summary import world

Change = Callable[[Json], Any]


def resource(bundle: Json, type_: str) -> Json:
    return world.resources(bundle, type_)[0]


def composition(bundle: Json) -> Json:
    return world.composition(bundle)


def section(bundle: Json, loinc: str = world.MEDICATIONS) -> Json:
    found = world.section(bundle, loinc)
    assert found is not None
    return found


def duplicate_section(bundle: Json) -> None:
    composition(bundle)["section"].append(copy.deepcopy(section(bundle, world.PAST)))


def say_none_known(bundle: Json) -> None:
    problems = section(bundle, world.PROBLEMS)
    del problems["entry"]
    coding = {"system": "http://terminology.hl7.org/CodeSystem/list-empty-reason", "code": "nilknown"}
    problems["emptyReason"] = {"coding": [coding]}
    problem = world.resources(bundle, "Condition")[0]
    bundle["entry"] = [each for each in bundle["entry"] if each["resource"] is not problem]
    for provenance in world.resources(bundle, "Provenance"):
        provenance["target"] = [
            each for each in provenance["target"] if problem["id"] not in each["reference"]
        ]


def second_patient(bundle: Json) -> None:
    other = copy.deepcopy(bundle["entry"][1])
    other["fullUrl"] = "urn:uuid:00000000-0000-4000-8000-0000000000aa"
    bundle["entry"].append(other)
    resource(bundle, "Provenance")["target"].append({"reference": other["fullUrl"]})


def second_composition(bundle: Json) -> None:
    other = copy.deepcopy(bundle["entry"][0])
    other["fullUrl"] = "urn:uuid:00000000-0000-4000-8000-0000000000aa"
    bundle["entry"].append(other)
    resource(bundle, "Provenance")["target"].append({"reference": other["fullUrl"]})


def orphan(bundle: Json) -> None:
    bundle["entry"].append(
        {
            "fullUrl": "urn:uuid:00000000-0000-4000-8000-0000000000aa",
            "resource": {"resourceType": "Organization", "name": "Nowhere"},
        }
    )


def swap_first_two(bundle: Json) -> None:
    bundle["entry"][:2] = reversed(bundle["entry"][:2])


def wrong_entry(bundle: Json) -> None:
    section(bundle, world.PAST)["entry"] = section(bundle, world.ALLERGIES)["entry"]


def another_person(bundle: Json) -> None:
    resource(bundle, "Procedure")["subject"] = {"reference": "https://on.example/fhir/Patient/other"}


def author_elsewhere(bundle: Json) -> None:
    composition(bundle)["author"].append({"reference": "https://on.example/fhir/Practitioner/1"})


def move_address(bundle: Json) -> None:
    bundle["entry"].append(copy.deepcopy(bundle["entry"][-1]))


FAULTS: dict[str, tuple[str, Change]] = {
    "not a document": ("bundle-type", lambda b: b.update(type="collection")),
    "no identifier": ("bundle-identifier", lambda b: b.pop("identifier")),
    "identifier without system": ("bundle-identifier", lambda b: b["identifier"].pop("system")),
    "no timestamp": ("bundle-timestamp", lambda b: b.pop("timestamp")),
    "a timestamp without a zone": ("bundle-timestamp", lambda b: b.update(timestamp="2026-03-09T14:05:00")),
    "a link": ("bundle-forbidden", lambda b: b.update(link=[{"relation": "self", "url": "x"}])),
    "a search": ("bundle-forbidden", lambda b: b["entry"][1].update(search={"mode": "match"})),
    "an entry without an address": ("entry-address", lambda b: b["entry"][-1].pop("fullUrl")),
    "an address twice": ("entry-address-twice", move_address),
    "the patient first": ("composition-first", swap_first_two),
    "two compositions": ("composition-once", second_composition),
    "two patients": ("patient-once", second_patient),
    "another type of document": (
        "composition-type",
        lambda b: composition(b).update(type={"coding": [{"system": "http://loinc.org", "code": "11503-0"}]}),
    ),
    "no status": ("composition-status", lambda b: composition(b).pop("status")),
    "no date": ("composition-required", lambda b: composition(b).pop("date")),
    "no title": ("composition-required", lambda b: composition(b).pop("title")),
    "no author": ("composition-required", lambda b: composition(b).pop("author")),
    "an author elsewhere": ("composition-author", author_elsewhere),
    "no subject": ("composition-subject", lambda b: composition(b).pop("subject")),
    "no event": ("composition-event", lambda b: composition(b).pop("event")),
    "a relative reference": (
        "reference-relative",
        lambda b: resource(b, "Observation").update(encounter={"reference": "Encounter/1"}),
    ),
    "a reference to nothing": (
        "reference-dangling",
        lambda b: resource(b, "Observation").update(encounter={"reference": "urn:uuid:00000000-0000-4000-8000-000000000000"}),
    ),
    "an entry that nothing reaches": ("entry-unreached", orphan),
    "a section twice": ("section-twice", duplicate_section),
    "no code": ("section-code", lambda b: section(b, world.PAST).pop("code")),
    "an unknown code": (
        "section-unknown",
        lambda b: section(b, world.PAST).update(code={"coding": [{"system": "http://loinc.org", "code": "10164-2"}]}),
    ),
    "a required section with another code": (
        "section-missing",
        lambda b: section(b).update(code={"coding": [{"system": "http://loinc.org", "code": "81338-6"}]}),
    ),
    "no section title": ("section-title", lambda b: section(b).pop("title")),
    "no section text": ("section-text", lambda b: section(b).pop("text")),
    "a section in a section": ("section-nested", lambda b: section(b).update(section=[{"title": "x"}])),
    "a section with both": (
        "section-both",
        lambda b: section(b).update(
            emptyReason={"coding": [{"system": "http://terminology.hl7.org/CodeSystem/list-empty-reason", "code": "notasked"}]}
        ),
    ),
    "none known beside a gap": ("section-nilknown-gap", say_none_known),
    "an entry that is not there": (
        "section-entry-missing",
        lambda b: section(b)["entry"].append({"reference": "https://on.example/fhir/MedicationStatement/9"}),
    ),
    "a script": (
        "narrative-forbidden",
        lambda b: section(b)["text"].update(div='<div xmlns="http://www.w3.org/1999/xhtml"><script>x</script></div>'),
    ),
    "a narrative that is not XML": ("narrative-malformed", lambda b: section(b)["text"].update(div="<div>x<br></div>")),
    "a narrative that says nothing": (
        "narrative-empty",
        lambda b: section(b)["text"].update(div='<div xmlns="http://www.w3.org/1999/xhtml"> </div>'),
    ),
    "an entry about another person": ("entry-person", another_person),
}  # fmt: skip

ENTRY_FAULTS: dict[str, tuple[str, Change]] = {
    "no effective time": ("entry-required", lambda b: resource(b, "MedicationStatement").pop("effectiveDateTime")),
    "no medication text": (
        "entry-required",
        lambda b: resource(b, "MedicationStatement").update(medicationCodeableConcept={"id": "x"}),
    ),
    "a medication coding without a system": (
        "entry-coding",
        lambda b: resource(b, "MedicationStatement")["medicationCodeableConcept"].update(coding=[{"code": "x"}]),
    ),
    "no performer": ("entry-required", lambda b: resource(b, "Observation").pop("performer")),
    "no category": ("entry-code", lambda b: resource(b, "Observation").pop("category")),
    "no UCUM code": ("entry-unit", lambda b: resource(b, "Observation")["valueQuantity"].pop("code")),
    "another system of units": (
        "entry-unit",
        lambda b: resource(b, "Observation")["valueQuantity"].update(system="http://example.org"),
    ),
    "no problem code": ("entry-required", lambda b: resource(b, "Condition").pop("code")),
    "no allergy status": ("entry-required", lambda b: resource(b, "AllergyIntolerance").pop("clinicalStatus")),
    "an allergy status in words": (
        "entry-required",
        lambda b: resource(b, "AllergyIntolerance").update(clinicalStatus={"text": "active"}),
    ),
    "no occurrence": ("entry-required", lambda b: resource(b, "Immunization").pop("occurrenceDateTime")),
    "no performed time": ("entry-required", lambda b: resource(b, "Procedure").pop("performedDateTime")),
    "no birth date": ("entry-required", lambda b: resource(b, "Patient").pop("birthDate")),
    "an identifier without a system": (
        "entry-required",
        lambda b: resource(b, "Patient")["identifier"][0].pop("system"),
    ),
    "a name without a name": ("patient-name", lambda b: resource(b, "Patient").update(name=[{"use": "official"}])),
}  # fmt: skip


def changed(change: Change) -> list[str]:
    bundle = copy.deepcopy(world.summary(world.full_record()))
    assert check(bundle) == ()
    change(bundle)
    return [fault.key for fault in check(bundle)]


@pytest.mark.parametrize(("key", "change"), FAULTS.values(), ids=FAULTS.keys())
def test_one_fault_of_the_document_is_found_by_its_rule(key: str, change: Change) -> None:
    assert key in changed(change)


ALONE = sorted(
    FAULTS.keys() - {"the patient first", "two compositions", "a required section with another code"}
)


@pytest.mark.parametrize("name", [name for name in ALONE if name not in ("two patients", "an address twice")])
def test_most_faults_are_found_by_their_rule_alone(name: str) -> None:
    key, change = FAULTS[name]
    follow_on = {"no code": {"section-code"}, "no author": {"composition-required", "entry-unreached"}}
    follow_on |= {
        "an author elsewhere": {"composition-author"},
        "no subject": {"composition-subject", "entry-person"},
    }
    follow_on |= {"an entry without an address": {"entry-address"}}
    assert set(changed(change)) <= follow_on.get(name, {key})


@pytest.mark.parametrize(("key", "change"), ENTRY_FAULTS.values(), ids=ENTRY_FAULTS.keys())
def test_one_fault_of_an_entry_is_found_and_makes_its_claim_of_a_profile_untrue(
    key: str, change: Change
) -> None:
    assert set(changed(change)) == {key, "claim-untrue"}


def test_an_entry_in_the_wrong_section_is_found() -> None:
    assert "section-entry-type" in changed(wrong_entry)


def test_a_required_section_with_neither_entries_nor_a_reason_is_found() -> None:
    bundle = world.summary(world.record())
    del section(bundle)["emptyReason"]
    assert [fault.key for fault in check(bundle)] == ["section-empty"]


def test_a_reason_that_is_none_of_the_six_is_found() -> None:
    bundle = world.summary(world.record())
    section(bundle)["emptyReason"] = {"text": "nothing"}
    assert [fault.key for fault in check(bundle)] == ["section-reason"]


@pytest.mark.parametrize(
    "nonsense", [{}, {"resourceType": "Bundle", "type": "collection"}, {"resourceType": "Patient", "id": "1"}]
)
def test_what_is_no_document_at_all_is_told_and_does_not_stop_the_check(nonsense: Json) -> None:
    assert {fault.key for fault in check(nonsense)} & {"composition-first", "shape"}


def places_in(value: Any, path: tuple = ()) -> list[tuple]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, each in items for found in places_in(each, (*path, key)))]


SOUND = world.summary(world.full_record())
PLACES = places_in(SOUND)[1:]


@given(
    st.sampled_from(PLACES),
    st.sampled_from(
        [None, 1, True, "x", "", [], {}, [1], ["x"], [None], [[]], [{}], {"a": 1}, {"coding": 1}]
    ),
)
@settings(max_examples=300, deadline=None)
def test_whatever_stands_in_any_place_the_check_gives_an_answer(place: tuple, value: Any) -> None:
    bundle = copy.deepcopy(SOUND)
    parent: Any = bundle
    for key in place[:-1]:
        parent = parent[key]
    parent[place[-1]] = value
    assert all(fault.say("fr") for fault in check(bundle))


def test_what_has_the_wrong_shape_is_told_first_and_the_other_rules_wait() -> None:
    bundle = copy.deepcopy(SOUND)
    world.composition(bundle)["section"] = "none"
    assert {fault.key for fault in check(bundle)} == {"shape"}


def test_a_relative_reference_that_the_entry_s_own_address_resolves_is_no_fault() -> None:
    text = encode(SOUND).decode()
    for each in SOUND["entry"]:
        name = f"{each['resource']['resourceType']}/{each['resource']['id']}"
        text = text.replace(f'"fullUrl":"{each["fullUrl"]}"', f'"fullUrl":"https://on.example/fhir/{name}"')
        text = text.replace(f'"reference":"{each["fullUrl"]}"', f'"reference":"{name}"')
    assert check(decode(text.encode())) == ()


def test_a_fault_names_its_element_and_speaks_both_languages() -> None:
    bundle = world.summary(world.full_record())
    resource(bundle, "Immunization").pop("occurrenceDateTime")
    fault = next(each for each in check(bundle) if each.key == "entry-required")
    assert fault.path.endswith(".resource.occurrence[x]")
    assert fault.say("en") == "This Immunization has no occurrence[x], nor a reason for its absence."
    assert "Immunization" in fault.say("fr")


def test_every_fault_that_the_tests_provoke_has_words() -> None:
    keys = {key for key, _ in (FAULTS | ENTRY_FAULTS).values()}
    words = catalogue("passerelle.summary", "fault_words.toml").messages
    assert keys <= words.keys()


def test_every_fault_can_be_said_with_the_details_it_carries() -> None:
    for _, change in (FAULTS | ENTRY_FAULTS).values():
        bundle = copy.deepcopy(world.summary(world.full_record()))
        change(bundle)
        for fault in check(bundle):
            for language in LANGUAGES:
                assert "{" not in fault.say(language) if fault.details else Fault(fault.key, "").say(language)
