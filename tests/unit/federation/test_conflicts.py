"""Where two sources do not agree, both stay and the reader is told."""

from __future__ import annotations

from passerelle.fhir.record import Record
from passerelle.values import Json
from tests.unit.federation.world import (
    ATC,
    LAB,
    allergy,
    concept,
    condition,
    glucose,
    merged,
    prescription,
    reply,
)


def said(record: Record) -> list[tuple[str, list[str]]]:
    return [
        (each.kind, sorted(record.entries[index].origins[0].reference for index in each.entries))
        for each in record.conflicts
    ]


def between(one: Json, other: Json) -> list[tuple[str, list[str]]]:
    return said(merged(reply("on", one), reply("qc", other)))


DOSE = [("dose", ["MedicationRequest/a", "MedicationRequest/b"])]


def test_two_strengths_of_one_drug_are_a_conflict() -> None:
    assert between(prescription("a"), prescription("b", "APO-Metformin 850 mg tablet")) == DOSE


def test_a_french_and_an_english_name_are_one_drug() -> None:
    assert between(prescription("a"), prescription("b", "metformine (chlorhydrate de) 850 mg")) == DOSE


def test_two_doses_of_one_class_code_are_a_conflict() -> None:
    brand = prescription("b", dose=2, medicationCodeableConcept=concept(ATC, "A10BA02", "Glucophage 500 mg"))
    mine = prescription("a", medicationCodeableConcept=concept(ATC, "A10BA02", "Metformin 500 mg"))
    assert between(mine, brand) == DOSE


def test_twice_a_day_is_every_twelve_hours() -> None:
    every_twelve_hours = prescription("b", authoredOn="2026-02-02")
    every_twelve_hours["dosageInstruction"][0]["timing"] = {
        "repeat": {"frequency": 1, "period": 12, "periodUnit": "h"}
    }
    assert between(prescription("a"), every_twelve_hours) == []


def test_the_words_are_compared_only_where_there_is_nothing_else() -> None:
    words = [{"text": "One tablet twice daily"}], [{"text": "Un comprimé deux fois par jour"}]
    dosage = prescription("x")["dosageInstruction"][0]
    here = prescription("a", dosageInstruction=[{**dosage, **words[0][0]}])
    there = prescription("b", dosageInstruction=[{**dosage, **words[1][0]}])
    assert between(here, there) == []
    here, there = (prescription(id, dosageInstruction=text) for id, text in zip("ab", words, strict=True))
    assert between(here, there) == DOSE


def test_micrograms_and_milligrams_are_compared_by_amount() -> None:
    assert (
        between(
            prescription("a", "Levothyroxine 0.075 mg"),
            prescription("b", "Levothyroxine 75 mcg", authoredOn="2026-02-01"),
        )
        == []
    )


def test_what_is_no_longer_taken_does_not_conflict() -> None:
    assert between(prescription("a"), prescription("b", "Metformin 850 mg", status="stopped")) == []


def test_one_source_alone_does_not_conflict_with_itself() -> None:
    assert said(merged(reply("on", prescription("a"), prescription("b", "Metformin 850 mg")))) == []


def test_a_mineral_is_not_another_mineral() -> None:
    assert (
        between(prescription("a", "Sodium chloride 500 mg"), prescription("b", "Potassium chloride 600 mg"))
        == []
    )


def test_active_here_and_resolved_there_is_a_conflict() -> None:
    assert between(condition("a"), condition("b", "resolved")) == [("status", ["Condition/a", "Condition/b"])]


def test_an_earlier_episode_that_is_over_is_not() -> None:
    earlier = condition("b", "resolved", onsetDateTime="2004-01-01", abatementDateTime="2004-03-01")
    assert between(condition("a"), earlier) == []


NO_KNOWN = concept("http://snomed.info/sct", "716186003")


def test_no_known_allergy_conflicts_with_an_allergy() -> None:
    assert between(allergy("a", code=NO_KNOWN), allergy("b")) == [
        ("allergy", ["AllergyIntolerance/a", "AllergyIntolerance/b"])
    ]


def test_no_known_drug_allergy_does_not_conflict_with_one_to_a_food() -> None:
    none = allergy("a", code=concept("http://snomed.info/sct", "409137002"))
    assert between(none, allergy("b", "Peanut", category=["food"])) == []
    assert between(none, allergy("b", category=["medication"])) != []


def test_a_refuted_allergy_does_not_contradict_no_known_allergy() -> None:
    refuted = allergy("b", verificationStatus=concept("v", "refuted"))
    assert between(allergy("a", code=NO_KNOWN), refuted) == []


def test_how_dangerous_an_allergy_is_can_be_a_conflict() -> None:
    assert [
        kind for kind, _ in between(allergy("a", criticality="high"), allergy("b", criticality="low"))
    ] == ["criticality"]
    assert between(allergy("a", criticality="high"), allergy("b")) == []


def test_two_values_under_one_laboratory_number_are_a_conflict() -> None:
    number = [{"system": LAB, "value": "77"}]
    here, there = glucose("a", identifier=number), glucose("b", 6.5, identifier=number)
    assert between(here, there) == [("value", ["Observation/a", "Observation/b"])]


def test_two_results_of_one_panel_are_not() -> None:
    number = [{"system": LAB, "value": "77"}]
    potassium = glucose("b", 4.1, code=concept("http://loinc.org", "2823-3"), identifier=number)
    assert between(glucose("a", identifier=number), potassium) == []


def test_a_conflict_says_what_it_is_about() -> None:
    record = merged(reply("on", prescription("a")), reply("qc", prescription("b", "Metformin 850 mg")))
    assert "Metformin" in record.conflicts[0].about
