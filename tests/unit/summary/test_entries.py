"""A source's resource becomes an entry: kept as sent, what PS-CA misses is marked absent, and no profile is claimed in vain."""

from __future__ import annotations

import pytest

from passerelle.summary.check import check
from passerelle.summary.profiles import ABSENT
from passerelle.values import Json
from tests.unit.summary import world

P = "http://fhir.infoway-inforoute.ca/io/psca/StructureDefinition/"
UNKNOWN = {"extension": [{"url": ABSENT, "valueCode": "unknown"}]}


def entered(resource: Json) -> Json:
    """The one entry that a fact becomes."""
    bundle = world.summary(world.record(world.entry(resource)))
    return world.resources(bundle, resource["resourceType"])[-1]


def without(resource: Json, *names: str) -> Json:
    return {key: value for key, value in resource.items() if key not in names}


def test_an_entry_that_was_complete_is_as_the_source_sent_it() -> None:
    sent = world.result("o", performer=[{"display": "Harbour Laboratory"}])
    assert without(entered(sent), "id", "meta", "subject") == without(sent, "id", "subject")


def test_an_entry_says_where_it_comes_from_and_keeps_its_labels_and_tags() -> None:
    meta = {"versionId": "7", "lastUpdated": "2025-01-01T00:00:00Z", "tag": [{"code": "x"}]}
    entry = entered(world.condition("c", "Asthma", meta=meta))
    assert entry["meta"] == {
        "lastUpdated": "2025-01-01T00:00:00Z",
        "tag": [{"code": "x"}],
        "source": "https://on.example/fhir/Condition/c",
        "profile": [f"{P}condition-ca-ps"],
    }


def test_a_laboratory_result_without_a_performer_says_that_it_is_unknown() -> None:
    entry = entered(world.result("o"))
    assert entry["performer"] == [UNKNOWN]
    assert entry["meta"]["profile"] == [f"{P}observation-results-laboratory-pathology-ca-ps"]


@pytest.mark.parametrize(
    ("sent", "missing", "marked"),
    [
        (world.statement("m", "Metformin"), "effectiveDateTime", "_effectiveDateTime"),
        (world.result("o"), "effectiveDateTime", "_effectiveDateTime"),
        (world.condition("c", "Asthma"), "code", "code"),
        (
            world.fact("Procedure", "p", status="completed", code={"text": "x"}),
            "performedDateTime",
            "_performedDateTime",
        ),
        (
            world.fact("Immunization", "i", status="completed", vaccineCode={"text": "x"}),
            "occurrenceDateTime",
            "_occurrenceDateTime",
        ),
        (
            world.fact("DiagnosticReport", "d", status="final", code={"text": "x"}),
            "effectiveDateTime",
            "_effectiveDateTime",
        ),
    ],
    ids=lambda value: value["resourceType"] if isinstance(value, dict) else "",
)
def test_what_the_source_did_not_send_is_marked_absent_and_never_guessed(
    sent: Json, missing: str, marked: str
) -> None:
    entry = entered(without(sent, missing))
    assert entry[marked] == UNKNOWN
    assert entry["meta"]["profile"]
    assert missing == marked or missing not in entry


def test_a_period_is_a_time_and_nothing_is_added_to_it() -> None:
    sent = without(world.statement("m", "Metformin"), "effectiveDateTime") | {
        "effectivePeriod": {"start": "2026-01"}
    }
    assert "_effectiveDateTime" not in entered(sent)


def test_a_medication_without_a_text_gets_its_display() -> None:
    coding = {
        "system": "http://hl7.org/fhir/NamingSystem/ca-hc-din",
        "code": "02353377",
        "display": "Metformin 500 mg",
    }
    entry = entered(world.statement("m", "", medicationCodeableConcept={"coding": [coding]}))
    assert entry["medicationCodeableConcept"] == {"coding": [coding], "text": "Metformin 500 mg"}


def test_a_coding_without_a_code_says_so() -> None:
    concept = {"coding": [{"display": "Metformin"}]}
    entry = entered(world.statement("m", "", medicationCodeableConcept=concept))
    assert entry["medicationCodeableConcept"]["coding"][0] == {
        "display": "Metformin",
        "_system": UNKNOWN,
        "_code": UNKNOWN,
    }
    assert entry["medicationCodeableConcept"]["text"] == "Metformin"


def test_an_allergy_without_a_status_says_that_the_status_is_unknown() -> None:
    entry = entered(without(world.allergy("a", "Latex"), "clinicalStatus"))
    assert entry["clinicalStatus"] == {"coding": [UNKNOWN]}


def test_a_condition_that_has_ended_without_saying_so_is_inactive() -> None:
    entry = entered(world.condition("c", "Pneumonia", "", abatementDateTime="2012"))
    assert entry["clinicalStatus"]["coding"][0]["code"] == "inactive"


def test_a_unit_that_is_written_as_in_ucum_gets_its_code() -> None:
    entry = entered(world.result("o", valueQuantity={"value": 5, "unit": "mmol/L"}))
    assert entry["valueQuantity"] == {
        "value": 5,
        "unit": "mmol/L",
        "system": "http://unitsofmeasure.org",
        "code": "mmol/L",
    }


def test_a_unit_that_is_not_ucum_is_left_alone_and_no_profile_is_claimed() -> None:
    sent = world.result("o", valueQuantity={"value": 5, "unit": "drops per field"})
    entry = entered(sent)
    assert entry["valueQuantity"] == {"value": 5, "unit": "drops per field"}
    assert "profile" not in entry["meta"]
    bundle = world.summary(world.record(world.entry(sent)))
    assert {fault.key for fault in check(bundle)} == {"entry-unit"}


def test_a_claim_of_a_profile_that_the_source_made_is_made_anew_and_others_are_kept() -> None:
    claims = [f"{P}observation-results-laboratory-pathology-ca-ps", "http://example.org/profile"]
    sent = world.result("o", meta={"profile": claims}, valueQuantity={"value": 5, "unit": "drops"})
    assert entered(sent)["meta"]["profile"] == ["http://example.org/profile"]


def test_a_page_of_a_source_that_is_not_safe_is_not_passed_on() -> None:
    bad = '<div xmlns="http://www.w3.org/1999/xhtml"><script>alert(1)</script></div>'
    good = '<div xmlns="http://www.w3.org/1999/xhtml"><p>Asthma</p></div>'
    assert "text" not in entered(world.condition("c", "Asthma", text={"status": "generated", "div": bad}))
    assert (
        entered(world.condition("c", "Asthma", text={"status": "generated", "div": good}))["text"]["div"]
        == good
    )


def test_a_patient_without_a_name_says_that_it_is_unknown() -> None:
    bundle = world.summary(world.record(who=without(world.patient(), "name", "birthDate")))
    patient = world.resources(bundle, "Patient")[0]
    assert patient["name"] == [UNKNOWN]
    assert patient["_birthDate"] == UNKNOWN
    assert check(bundle) == ()


def test_a_name_in_syllabics_stays_in_syllabics() -> None:
    name = {"use": "official", "text": "ᐊᖑᓇᓱᒃᑎ ᓄᓇᕗᒻᒥᐅᑕᖅ"}
    bundle = world.summary(world.record(who=world.patient(name=[name])), "fr")
    assert world.resources(bundle, "Patient")[0]["name"] == [name]
    assert check(bundle) == ()


def test_a_health_number_says_that_it_is_one() -> None:
    bundle = world.summary(world.record())
    assert world.resources(bundle, "Patient")[0]["identifier"][0]["type"]["coding"][0]["code"] == "JHN"


def test_a_dispense_is_restated_as_a_statement_that_nobody_knows_to_be_taken() -> None:
    dispense = world.fact(
        "MedicationDispense",
        "d1",
        status="completed",
        medicationCodeableConcept={"text": "Ramipril 5 mg"},
        whenHandedOver="2026-02-20",
        dosageInstruction=[{"text": "one a day"}],
    )
    bundle = world.summary(world.record(world.entry(dispense)))
    (statement,) = world.resources(bundle, "MedicationStatement")
    (original,) = world.resources(bundle, "MedicationDispense")
    assert (statement["status"], statement["effectiveDateTime"]) == ("unknown", "2026-02-20")
    assert statement["derivedFrom"][0]["reference"] == f"urn:uuid:{original['id']}"
    assert statement["dosage"] == original["dosageInstruction"]
    section = world.section(bundle, world.MEDICATIONS)
    assert section is not None and "whether it is taken is not known" in section["text"]["div"]
    assert check(bundle) == ()


def dispense(id_: str, drug: str, when: str, dose: str = "one a day") -> Json:
    return world.fact(
        "MedicationDispense",
        id_,
        status="completed",
        medicationCodeableConcept={"text": drug},
        whenHandedOver=when,
        dosageInstruction=[{"text": dose}],
    )


def test_only_the_latest_dispense_of_a_drug_and_dose_is_restated_and_no_old_one() -> None:
    entries = [
        world.entry(dispense("d1", "Ramipril 5 mg", "2025-12-01")),
        world.entry(dispense("d2", "Ramipril 5 mg", "2026-02-01")),
        world.entry(dispense("d3", "Ramipril 5 mg", "2026-01-01", "two a day")),
        world.entry(dispense("d4", "Amoxicillin", "2019-01-01")),
    ]
    statements = world.resources(world.summary(world.record(*entries)), "MedicationStatement")
    assert [each["effectiveDateTime"] for each in statements] == ["2026-02-01", "2026-01-01"]


def test_a_dispense_of_what_is_already_listed_with_that_dose_adds_nothing() -> None:
    entries = [
        world.entry(world.statement("m", "Ramipril 5 mg", "one a day")),
        world.entry(dispense("d", "Ramipril 5 mg", "2026-02-01")),
    ]
    assert len(world.resources(world.summary(world.record(*entries)), "MedicationStatement")) == 1


def test_a_dispense_in_the_other_language_of_what_is_listed_adds_nothing() -> None:
    structure = {
        "timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}},
        "doseAndRate": [{"doseQuantity": {"value": 1, "code": "{tbl}"}}],
    }
    listed = world.statement("m", "Atorvastatin 40 mg", dosage=[{"text": "one a day", **structure}])
    french = dispense("d", "Atorvastatine 40 mg", "2026-02-01")
    french["dosageInstruction"] = [{"text": "un par jour", **structure}]
    stronger = dispense("e", "Atorvastatine 80 mg", "2026-02-02")
    stronger["dosageInstruction"] = french["dosageInstruction"]
    bundle = world.summary(world.record(*map(world.entry, (listed, french, stronger))))
    assert len(world.resources(bundle, "MedicationStatement")) == 2


def test_dispenses_of_drugs_that_nobody_named_are_not_taken_for_one() -> None:
    unnamed = [without(dispense(id_, "", "2026-02-01"), "medicationCodeableConcept") for id_ in ("d1", "d2")]
    bundle = world.summary(world.record(*map(world.entry, unnamed)))
    assert len(world.resources(bundle, "MedicationStatement")) == 2


def test_an_implanted_device_is_restated_as_its_use() -> None:
    device = {
        "resourceType": "Device",
        "id": "v1",
        "status": "active",
        "patient": {"reference": "Patient/p1"},
        "deviceName": [{"name": "Pacemaker", "type": "user-friendly-name"}],
    }
    bundle = world.summary(world.record(world.entry(device)))
    (use,) = world.resources(bundle, "DeviceUseStatement")
    section = world.section(bundle, "46264-8")
    assert section is not None and section["entry"] == [{"reference": f"urn:uuid:{use['id']}"}]
    assert "Pacemaker" in section["text"]["div"]
    assert check(bundle) == ()


@pytest.mark.parametrize(
    ("status", "when", "listed"),
    [
        ("active", "2001-01-01", True),
        ("on-hold", "2001-01-01", True),
        ("stopped", "2026-02-01", True),
        ("stopped", "2024-02-01", False),
        ("cancelled", "2026-02-01", False),
        ("draft", "2026-02-01", False),
    ],
)
def test_a_prescription_is_listed_while_it_runs_and_for_half_a_year_after(
    status: str, when: str, listed: bool
) -> None:
    request = world.fact(
        "MedicationRequest",
        "r",
        status=status,
        intent="order",
        authoredOn=when,
        medicationCodeableConcept={"text": "x"},
    )
    bundle = world.summary(world.record(world.entry(request)))
    assert bool(world.resources(bundle, "MedicationRequest")) is listed


@pytest.mark.parametrize(
    ("resource", "loinc"),
    [
        (world.fact("Observation", "x", status="final", code={"text": "x"}, category=[{"coding": [{"code": "vital-signs"}]}]), "8716-3"),
        (world.fact("Observation", "x", status="final", code={"coding": [{"system": "http://loinc.org", "code": "72166-2"}]}), "29762-2"),
        (world.fact("Observation", "x", status="final", code={"coding": [{"system": "http://loinc.org", "code": "82810-3"}]}), "10162-6"),
        (world.fact("CarePlan", "x", status="active", intent="plan"), "18776-5"),
        (world.fact("FamilyMemberHistory", "x", status="completed", relationship={"text": "mother"}), "10157-6"),
        (world.fact("ClinicalImpression", "x", status="completed"), "47420-5"),
        (
            world.fact("Consent", "x", status="active", scope={"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "adr"}]}, category=[{"text": "x"}]),
            "42348-3",
        ),
        (world.condition("x", "x", "resolved"), "11348-0"),
        (world.condition("x", "x", ""), "11450-4"),
    ],
)  # fmt: skip
def test_each_kind_of_fact_finds_its_section(resource: Json, loinc: str) -> None:
    bundle = world.summary(world.record(world.entry(resource)))
    section = world.section(bundle, loinc)
    assert section is not None and len(section["entry"]) == 1
    assert check(bundle) == ()


def test_a_wish_about_privacy_is_no_advance_directive() -> None:
    scope = {
        "coding": [
            {"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}
        ]
    }
    consent = world.fact("Consent", "x", status="active", scope=scope)
    assert world.resources(world.summary(world.record(world.entry(consent))), "Consent") == []
