"""Nothing is lost, nothing is doubled, and what may be missing is said."""

from __future__ import annotations

import pytest

from passerelle.fhir.record import Record, State
from passerelle.fhir.words import catalogue
from tests.unit.federation.world import (
    ATC,
    DIN,
    LAB,
    LOINC,
    NUMBER,
    allergy,
    base,
    concept,
    condition,
    glucose,
    merged,
    origins,
    prescription,
    reply,
    source,
)


def is_one(record: Record) -> bool:
    return len(record.entries) == 1 and len(record.entries[0].origins) == 2


def test_the_same_result_from_two_sources_is_one_entry_with_two_origins() -> None:
    record = merged(reply("on", glucose("a")), reply("qc", glucose("b")))
    assert origins(record) == [["on:Observation/a", "qc:Observation/b"]]


def test_the_same_instant_in_two_time_zones_is_one_instant() -> None:
    there = glucose("b", when="2026-03-01T15:00:00Z")
    assert is_one(merged(reply("on", glucose("a")), reply("qc", there)))


def test_a_value_with_a_trailing_zero_is_the_same_value() -> None:
    assert is_one(merged(reply("on", glucose("a", 5.5)), reply("qc", glucose("b", 5.50))))


def test_one_shared_coding_is_enough() -> None:
    local = glucose("b", code=concept("https://qc.example/codes", "GLU", "Glucose", (LOINC, "2345-7")))
    assert is_one(merged(reply("on", glucose("a")), reply("qc", local)))


def test_two_things_without_a_code_are_not_one_because_neither_has_a_code() -> None:
    null = "http://terminology.hl7.org/CodeSystem/v3-NullFlavor"
    said = [concept(null, "NI") | {"text": text} for text in ("Peanut", "Latex")]
    peanut, latex = ({**allergy(id_, "x"), "code": code} for id_, code in zip("ab", said, strict=True))
    assert len(merged(reply("on", peanut), reply("qc", latex)).entries) == 2
    assert is_one(merged(reply("on", peanut), reply("qc", {**latex, "code": said[0]})))


@pytest.mark.parametrize(
    "other",
    [
        glucose("b", 5.6),
        glucose("b", when="2026-03-01T10:01:00-05:00"),
        glucose("b", status="preliminary"),
        glucose("b", code=concept(LOINC, "2339-0")),
        glucose("b", valueQuantity={"value": 5.5, "unit": "mg/dL", "code": "mg/dL"}),
        glucose("b", valueQuantity={"value": 5.5, "unit": "mmol/L", "code": "mmol/L", "comparator": "<"}),
        {key: value for key, value in glucose("b").items() if key != "effectiveDateTime"},
    ],
    ids=["value", "time", "status", "code", "unit", "comparator", "no time"],
)
def test_two_results_that_differ_in_what_people_act_on_both_stay(other: dict) -> None:
    assert len(merged(reply("on", glucose("a")), reply("qc", other)).entries) == 2


def test_two_resources_of_one_source_are_never_merged() -> None:
    assert len(merged(reply("on", glucose("a"), glucose("b"))).entries) == 2


def test_a_chain_does_not_join_two_resources_of_one_source() -> None:
    record = merged(reply("on", glucose("a"), glucose("b")), reply("qc", glucose("c")))
    assert sorted(map(len, origins(record))) == [1, 2]


def test_two_doubled_sources_pair_up() -> None:
    record = merged(reply("on", glucose("a"), glucose("b")), reply("qc", glucose("c"), glucose("d")))
    assert [len(each) for each in origins(record)] == [2, 2]


def test_who_recorded_it_when_does_not_make_two_facts() -> None:
    here = condition("a", recordedDate="2020-01-01", recorder={"reference": "Practitioner/1"})
    there = condition("b", recordedDate="2023-01-01", meta={"versionId": "7"}, text={"status": "generated"})
    assert is_one(merged(reply("on", here), reply("qc", there)))


def test_the_source_that_says_more_is_shown() -> None:
    noted = glucose("b", note=[{"text": "haemolysed"}])
    record = merged(reply("on", glucose("a")), reply("qc", noted))
    assert is_one(record)
    assert record.entries[0].resource["note"] == [{"text": "haemolysed"}]
    assert record.entries[0].origins[0].full_url == f"{base('qc')}/Observation/b"


def test_when_each_says_something_of_its_own_both_stay() -> None:
    here, there = glucose("a", note=[{"text": "fasting"}]), glucose("b", note=[{"text": "haemolysed"}])
    assert len(merged(reply("on", here), reply("qc", there)).entries) == 2


def test_an_accession_number_joins_results_that_know_the_time_differently() -> None:
    here = glucose("a", identifier=[{"system": LAB, "value": "77"}])
    there = glucose("b", when="2026-03-01", identifier=[{"system": LAB, "value": "77"}])
    assert is_one(merged(reply("on", here), reply("qc", there)))


def test_an_accession_number_does_not_join_the_results_of_a_panel() -> None:
    number = [{"system": LAB, "value": "77"}]
    potassium = glucose("b", code=concept(LOINC, "2823-3"), identifier=number)
    assert len(merged(reply("on", glucose("a", identifier=number)), reply("qc", potassium)).entries) == 2


def test_two_numbers_of_one_laboratory_are_two_results() -> None:
    here = glucose("a", identifier=[{"system": LAB, "value": "77"}])
    there = glucose("b", identifier=[{"system": LAB, "value": "78"}])
    assert len(merged(reply("on", here), reply("qc", there)).entries) == 2


def test_the_number_of_the_patient_does_not_make_two_facts_one() -> None:
    number = [{"system": NUMBER, "value": "9876543217"}]
    people = [{"resourceType": "Patient", "id": "p", "identifier": number}] * 2
    here = glucose("a", identifier=number)
    there = glucose("b", when="2026-03-01", identifier=number)
    record = merged(reply("on", here, patient=people[0]), reply("qc", there, patient=people[1]))
    assert len(record.entries) == 2


def test_the_same_prescription_of_one_drug_is_one() -> None:
    here = prescription("a", medicationCodeableConcept=concept(DIN, "02353377", "Metformin 500 mg"))
    there = prescription("b", medicationCodeableConcept=concept(DIN, "02353377", "metformine 500 mg"))
    assert is_one(merged(reply("on", here), reply("qc", there)))


@pytest.mark.parametrize(
    "other",
    [
        prescription("b", "Metformin 850 mg"),
        prescription("b", dose=2),
        prescription("b", status="stopped"),
        prescription("b", authoredOn="2026-01-16"),
        prescription("b", medicationCodeableConcept=concept(ATC, "A10BA02", "Metformin 850 mg")),
    ],
    ids=["strength", "dose", "status", "date", "strength beside a shared class"],
)
def test_two_prescriptions_that_differ_both_stay(other: dict) -> None:
    mine = prescription("a", medicationCodeableConcept=concept(ATC, "A10BA02", "Metformin 500 mg"))
    assert len(merged(reply("on", mine), reply("qc", other)).entries) == 2


def test_a_drug_may_stand_in_a_medication_of_its_own() -> None:
    medication = {
        "resourceType": "Medication",
        "id": "m",
        "code": concept(DIN, "02353377", "Metformin 500 mg"),
    }
    here = prescription("a", medicationCodeableConcept=concept(DIN, "02353377"))
    there = prescription("b", medicationReference={"reference": "Medication/m"})
    del there["medicationCodeableConcept"]
    record = merged(reply("on", here), reply("qc", there, medication))
    assert ["on:MedicationRequest/a", "qc:MedicationRequest/b"] in origins(record)


def test_an_allergy_is_the_same_whenever_it_was_recorded() -> None:
    here, there = allergy("a", recordedDate="2015-02-03"), allergy("b", recordedDate="2021-04-05")
    assert is_one(merged(reply("on", here), reply("qc", there)))


def test_the_allergy_with_the_reaction_is_shown() -> None:
    known = allergy("b", reaction=[{"manifestation": [{"text": "Anaphylaxis"}]}])
    record = merged(reply("on", allergy("a")), reply("qc", known))
    assert is_one(record) and "reaction" in record.entries[0].resource


def test_two_visits_of_one_day_are_two_visits() -> None:
    def visit(id: str, start: str) -> dict:
        kind = [concept("https://example.org/visits", "checkup")]
        return {
            "resourceType": "Encounter",
            "id": id,
            "status": "finished",
            "type": kind,
            "period": {"start": start},
        }

    day = merged(reply("on", visit("a", "2026-03-01")), reply("qc", visit("b", "2026-03-01")))
    minute = "2026-03-01T10:00:00-05:00"
    assert len(day.entries) == 2
    assert is_one(merged(reply("on", visit("a", minute)), reply("qc", visit("b", minute))))


def test_an_imaging_study_is_known_by_its_uid() -> None:
    def study(id: str, uid: str) -> dict:
        number = [{"system": "urn:dicom:uid", "value": f"urn:oid:{uid}"}]
        return {"resourceType": "ImagingStudy", "id": id, "status": "available", "identifier": number}

    assert is_one(merged(reply("on", study("a", "1.2.3")), reply("qc", study("b", "1.2.3"))))
    assert len(merged(reply("on", study("a", "1.2.3")), reply("qc", study("b", "1.2.4"))).entries) == 2


def test_a_practitioner_is_known_by_the_licence() -> None:
    def doctor(id: str, licence: str) -> dict:
        number = [{"system": "https://college.example/licence", "value": licence}]
        return {"resourceType": "Practitioner", "id": id, "identifier": number, "name": [{"family": id}]}

    assert is_one(merged(reply("on", doctor("a", "1")), reply("qc", doctor("b", "1"))))
    assert len(merged(reply("on", doctor("a", "1")), reply("qc", doctor("a", "2"))).entries) == 2


def test_an_organization_without_a_number_is_the_same_only_when_identical() -> None:
    clinic = {"resourceType": "Organization", "id": "c", "name": "Clinic"}
    assert is_one(merged(reply("on", clinic), reply("qc", {**clinic, "meta": {"versionId": "2"}})))
    assert len(merged(reply("on", clinic), reply("qc", {**clinic, "name": "Other"})).entries) == 2
    assert len(merged(reply("on", clinic), reply("qc", {**clinic, "id": "d"})).entries) == 2


def test_the_consents_of_two_sources_stay_two() -> None:
    wish = {
        "resourceType": "Consent",
        "id": "c",
        "identifier": [{"system": "https://x.example", "value": "1"}],
    }
    assert len(merged(reply("on", wish), reply("qc", wish)).entries) == 2


def test_entries_come_newest_first_and_the_timeless_last() -> None:
    clinic = {"resourceType": "Organization", "id": "o", "name": "Clinic"}
    old, new = glucose("old", when="2019-01-01"), glucose("new", when="2026-01-01")
    record = merged(reply("on", old, clinic), reply("qc", new))
    assert [entry.origins[0].reference for entry in record.entries] == [
        "Observation/new",
        "Observation/old",
        "Organization/o",
    ]


def test_each_source_without_an_answer_is_a_gap_with_its_reason() -> None:
    others = (
        source("ab", State.SILENT, reason="connection"),
        source("bc", State.UNCERTAIN),
        source("mb", State.REFUSED, reason="no-agreement"),
        source("nb", State.FAULTY, reason="not-a-record"),
        source("nl", State.EMPTY),
    )
    record = merged(reply("on", glucose("a")), also=others)
    assert [(gap.node, gap.reason, gap.retryable) for gap in record.gaps] == [
        ("ab", "connection", True),
        ("bc", "uncertain-match", False),
        ("mb", "no-agreement", False),
        ("nb", "not-a-record", False),
    ]
    assert (record.answered, record.holding, record.complete) == (3, 1, False)


def test_a_source_that_says_that_it_keeps_something_back_is_a_gap_too() -> None:
    record = merged(reply("on", glucose("a"), partial="withheld"))
    assert [(gap.node, gap.reason) for gap in record.gaps] == [("on", "withheld")]


def test_every_reason_for_a_gap_has_words() -> None:
    reasons = {"no-agreement", "deadline", "connection", "waiting", "uncertain-match", "refused-here"}
    reasons |= {"not-a-record", "another-patient", "too-large", "error-there", "withheld", "incomplete"}
    words = catalogue("passerelle.federation", "words.toml")
    assert all("{source}" in words.messages[reason]["fr"] for reason in reasons)


@pytest.mark.parametrize(
    "body", [b'{"resourceType":"Observation",', b'{"x":"\xff"}', b"[]", b'{"x":1e999999999999999999999}']
)
def test_a_reply_that_cannot_be_read_after_all_makes_its_source_faulty(body: bytes) -> None:
    broken = reply("qc")
    broken = type(broken)(
        broken.node, broken.base, 0.1, (*broken.entries, (f"{base('qc')}/Observation/x", body))
    )
    record = merged(reply("on", glucose("a")), broken)
    assert [each.state for each in record.sources] == [State.ANSWERED, State.FAULTY]
    assert origins(record) == [["on:Observation/a"]]
    assert [gap.reason for gap in record.gaps] == ["not-a-record"]


def test_nobody_answering_is_a_record_without_a_patient() -> None:
    record = merged(also=(source("on", State.EMPTY),))
    assert (record.patient, record.entries, record.complete) == (None, (), True)


def test_ten_thousand_facts_that_share_a_key_are_merged_in_bounded_time() -> None:
    here = [glucose(f"a{i}", note=[{"text": str(i)}]) for i in range(2000)]
    there = [glucose(f"b{i}", note=[{"text": f"other {i}"}]) for i in range(2000)]
    assert len(merged(reply("on", *here), reply("qc", *there)).entries) == 4000


def visit(id: str, hour: int) -> dict:
    """An encounter of its own source; the hour tells two visits of one day apart."""
    return {
        "resourceType": "Encounter",
        "id": id,
        "status": "finished",
        "class": {"code": "EMER"},
        "type": [{"text": "Emergency visit"}],
        "period": {"start": f"2026-03-01T{hour:02}:00:00-05:00"},
    }


def test_the_same_result_of_two_different_visits_is_two_results() -> None:
    here = (visit("e1", 9), glucose("a", encounter={"reference": "Encounter/e1"}))
    there = (visit("e2", 10), glucose("b", encounter={"reference": "Encounter/e2"}))
    assert [len(each) for each in origins(merged(reply("on", *here), reply("qc", *there)))] == [1, 1, 1, 1]


def test_the_same_result_of_one_visit_known_to_both_is_one() -> None:
    here = (visit("e1", 9), glucose("a", encounter={"reference": "Encounter/e1"}))
    there = (visit("e2", 9), glucose("b", encounter={"reference": "Encounter/e2"}))
    assert [len(each) for each in origins(merged(reply("on", *here), reply("qc", *there)))] == [2, 2]


def test_a_copy_with_the_same_identifier_is_one_whatever_visit_it_names() -> None:
    number = [{"system": "https://lab.example/results", "value": "R-1"}]
    here = (visit("e1", 9), glucose("a", encounter={"reference": "Encounter/e1"}, identifier=number))
    there = (visit("e2", 10), glucose("b", encounter={"reference": "Encounter/e2"}, identifier=number))
    assert sorted(len(each) for each in origins(merged(reply("on", *here), reply("qc", *there)))) == [1, 1, 2]
