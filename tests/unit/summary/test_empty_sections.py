"""An empty section says why: "none known" is never said where something may be missing."""

from __future__ import annotations

import pytest

from passerelle.fhir.record import Conflict, Gap, Record, State
from passerelle.summary.check import check
from passerelle.values import NodeId
from tests.unit.summary import world

ABSENT_UNKNOWN = "http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips"
MISSING = [State.SILENT, State.REFUSED, State.FAULTY, State.UNCERTAIN, State.WAITING]


def reason(record: Record, loinc: str = world.ALLERGIES, **more: object) -> str:
    section = world.section(world.summary(record, **more), loinc)
    assert section is not None
    return str(section["emptyReason"]["coding"][0]["code"])


def with_sources(*states: State, entries: tuple = ()) -> Record:
    return world.record(
        *entries,
        sources=[world.source(node, state) for node, state in zip(world.NAMES, states, strict=False)],
    )


def test_none_known_is_said_when_a_source_recorded_it_and_everyone_answered() -> None:
    record = with_sources(
        State.ANSWERED, State.ANSWERED, State.EMPTY, entries=(world.entry(world.none_known()),)
    )
    assert reason(record) == "nilknown"
    section = world.section(world.summary(record), world.ALLERGIES)
    assert section is not None and "recorded by Ontario Health Network" in section["text"]["div"]


@pytest.mark.parametrize("state", MISSING)
def test_none_known_is_never_said_when_one_source_did_not_truly_answer(state: State) -> None:
    record = with_sources(State.ANSWERED, State.ANSWERED, state, entries=(world.entry(world.none_known()),))
    assert reason(record) == "unavailable"
    section = world.section(world.summary(record), world.ALLERGIES)
    assert section is not None
    assert "Ontario Health Network recorded that none are known" in section["text"]["div"]
    assert "missing from Nunavut Health Network" in section["text"]["div"]


def test_none_known_is_never_said_when_a_source_that_answered_withholds_something() -> None:
    record = world.record(
        world.entry(world.none_known()), gaps=[Gap(NodeId("on"), world.NAMES["on"], "withheld")]
    )
    assert reason(record) == "unavailable"


@pytest.mark.parametrize("state", MISSING)
def test_nothing_found_and_a_source_missing_is_unavailable_and_names_it(state: State) -> None:
    record = with_sources(State.ANSWERED, State.ANSWERED, state)
    assert reason(record) == "unavailable"
    section = world.section(world.summary(record, "fr"), world.PROBLEMS)
    assert section is not None and "Réseau de santé du Nunavut" in section["emptyReason"]["text"]


def test_everyone_answered_and_nothing_recorded_is_not_asked() -> None:
    assert reason(with_sources(State.ANSWERED, State.EMPTY)) == "notasked"


def test_no_known_drug_allergy_is_less_than_no_known_allergy() -> None:
    drug = world.allergy(
        "a", "", code={"coding": [{"system": "http://snomed.info/sct", "code": "409137002"}]}
    )
    section = world.section(world.summary(world.record(world.entry(drug))), world.ALLERGIES)
    assert section is not None and len(section["entry"]) == 1


def test_a_source_that_only_says_that_it_cannot_say_is_no_entry_and_no_denial() -> None:
    code = {"coding": [{"system": ABSENT_UNKNOWN, "code": "no-allergy-info"}]}
    assert reason(world.record(world.entry(world.allergy("a", "", code=code)))) == "notasked"


def test_the_older_code_for_none_known_is_understood() -> None:
    code = {"coding": [{"system": ABSENT_UNKNOWN, "code": "no-known-medications"}]}
    said = world.statement("m", "", medicationCodeableConcept=code)
    assert reason(world.record(world.entry(said)), world.MEDICATIONS) == "nilknown"


def test_one_source_says_none_and_another_says_penicillin() -> None:
    entries = (world.entry(world.none_known(), "on"), world.entry(world.allergy("a", "Penicillin"), "qc"))
    bundle = world.summary(world.record(*entries))
    section = world.section(bundle, world.ALLERGIES)
    assert section is not None and len(section["entry"]) == 1
    assert "Ontario Health Network recorded that none are known" in section["text"]["div"]
    assert check(bundle) == ()


def test_withheld_is_said_only_when_policy_lets_it_be_said() -> None:
    record = with_sources(State.ANSWERED, State.ANSWERED)
    assert reason(record, world.PROBLEMS, withheld=frozenset({"problems"})) == "withheld"
    assert reason(record, world.ALLERGIES, withheld=frozenset({"problems"})) == "notasked"


def test_a_section_with_entries_can_say_that_some_are_withheld() -> None:
    record = world.record(world.entry(world.condition("c", "Asthma")))
    section = world.section(world.summary(record, withheld=frozenset({"problems"})), world.PROBLEMS)
    assert section is not None and "Some information of this kind was not provided" in section["text"]["div"]


def test_an_optional_section_is_told_when_a_source_recorded_that_there_is_nothing() -> None:
    code = {"coding": [{"system": ABSENT_UNKNOWN, "code": "no-known-procedures"}]}
    none = world.fact("Procedure", "p", status="completed", code=code)
    assert reason(world.record(world.entry(none)), "47519-4") == "nilknown"


def test_a_disagreement_on_allergies_that_the_merge_found_is_said_in_its_own_words() -> None:
    entries = (world.entry(world.none_known(), "on"), world.entry(world.allergy("a", "Penicillin"), "qc"))
    record = world.record(*entries, conflicts=[Conflict("allergy", "Penicillin", (0, 1))])
    section = world.section(world.summary(record), world.ALLERGIES)
    assert section is not None
    assert (
        "One source recorded Penicillin, another recorded that no such allergy is known"
        in section["text"]["div"]
    )
