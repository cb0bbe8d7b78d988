"""What a resource is called and when it happened."""

from __future__ import annotations

import pytest

from passerelle.fhir.clinical import called, clinical_time, moment, title
from passerelle.fhir.concept import TRANSLATION, Phrase, concept_text, said
from passerelle.values import Json


def translated(text: str, language: str, other: str) -> Json:
    parts = [{"url": "lang", "valueCode": language}, {"url": "content", "valueString": other}]
    return {"text": text, "_text": {"extension": [{"url": TRANSLATION, "extension": parts}]}}


def test_a_reader_gets_the_translation_in_their_language() -> None:
    concept = translated("Asthma", "fr-CA", "Asthme")
    assert (concept_text(concept, "fr"), concept_text(concept, "en")) == ("Asthme", "Asthma")


def test_a_concept_says_text_then_display_then_code() -> None:
    coding = {"code": "1", "display": "One"}
    assert concept_text({"text": "T", "coding": [coding]}, "en") == "T"
    assert concept_text({"coding": [{"code": "0"}, coding]}, "en") == "One"
    assert concept_text({"coding": [{"code": "0"}]}, "en") == "0"
    assert concept_text([{}, {"text": "second"}], "en") == "second"


def displayed(display: str, language: str, other: str, **more: object) -> Json:
    named = translated(display, language, other)
    return {"coding": [{"code": "1", "display": named["text"], "_display": named["_text"]}], **more}


def test_a_text_that_is_the_translation_of_a_display_can_be_read_in_the_language_of_the_display() -> None:
    concept = displayed(
        "Atrial fibrillation", "fr-CA", "Fibrillation auriculaire", text="Fibrillation auriculaire"
    )
    assert said(concept, "en", "fr") == Phrase("Atrial fibrillation", "en")
    assert said(concept, "fr", "fr") == Phrase("Fibrillation auriculaire", "fr")


def test_a_text_of_its_own_is_not_replaced_by_the_translation_of_a_coarser_display() -> None:
    concept = displayed("Diabetes", "fr-CA", "Diabète", text="Type 2 diabetes with kidney disease")
    assert said(concept, "fr", "en-CA") == Phrase("Type 2 diabetes with kidney disease", "en-CA")
    assert concept_text(displayed("Diabetes", "fr-CA", "Diabète"), "fr") == "Diabète"


def test_words_without_a_translation_say_in_which_language_they_are_where_that_is_known() -> None:
    asthma = said({"text": "Asthme"}, "en", "fr-CA")
    assert (asthma.text, asthma.foreign("en"), asthma.foreign("fr")) == ("Asthme", "fr-CA", "")
    assert said({"text": "Asthme"}, "en").foreign("en") == ""
    assert said({"coding": [{"code": "J45"}]}, "en", "fr") == Phrase("J45", weak=True)


def test_a_title_in_another_language_gives_way_to_a_concept_in_the_readers() -> None:
    study = {
        "resourceType": "ImagingStudy",
        "language": "fr",
        "description": "Échocardiographie",
        "procedureCode": [translated("Échocardiographie", "en-CA", "Echocardiogram")],
    }
    assert (called(study, "en"), called(study, "fr")) == (
        Phrase("Echocardiogram", "en"),
        Phrase("Échocardiographie", "fr"),
    )
    del study["procedureCode"]
    assert called(study, "en") == Phrase("Échocardiographie", "fr")


@pytest.mark.parametrize(
    ("resource", "time"),
    [
        ({"resourceType": "Observation", "effectivePeriod": {"start": "2020"}, "issued": "2021"}, "2020"),
        ({"resourceType": "Encounter", "period": {"start": "2020-01-02", "end": "2020-01-03"}}, "2020-01-02"),
        ({"resourceType": "Condition", "recordedDate": "2020-05"}, "2020-05"),
        ({"resourceType": "Observation", "meta": {"lastUpdated": "2026-01-01T00:00:00Z"}}, None),
        ({"resourceType": "Organization", "date": "2020"}, None),
        ({"resourceType": "Observation", "effectiveDateTime": 7}, None),
        ({"resourceType": "Communication", "sent": "2020-01-01"}, "2020-01-01"),
    ],
)
def test_the_clinical_time_is_when_it_happened_not_when_it_was_written(
    resource: Json, time: str | None
) -> None:
    assert clinical_time(resource) == time


def test_moments_sort_in_time_and_are_equal_for_equal_instants() -> None:
    assert moment("2020-01-01T10:00:00-05:00") == moment("2020-01-01T15:00:00Z")
    times = ["", "2019", "2020", "2020-01", "2020-01-01", "2020-01-01T00:00:00Z", "2020-01-01T00:00:00.5Z"]
    assert sorted(map(moment, times)) == list(map(moment, times))


@pytest.mark.parametrize(
    ("resource", "name"),
    [
        ({"resourceType": "Immunization", "vaccineCode": {"text": "MMR"}}, "MMR"),
        ({"resourceType": "Encounter", "class": {"code": "AMB", "display": "ambulatory"}}, "ambulatory"),
        ({"resourceType": "Organization", "name": "Clinic"}, "Clinic"),
        (
            {
                "resourceType": "Patient",
                "name": [{"use": "old", "family": "A"}, {"family": "B", "given": ["C"]}],
            },
            "C B",
        ),
        ({"resourceType": "Device", "deviceName": [{"name": "Pump"}]}, "Pump"),
        ({"resourceType": "MedicationStatement", "medicationReference": {"display": "Ramipril"}}, "Ramipril"),
        ({"resourceType": "Observation"}, "Résultat"),
        ({"resourceType": "Unheard"}, "Unheard"),
    ],
)
def test_a_resource_is_called_by_what_it_is_about(resource: Json, name: str) -> None:
    assert title(resource, "fr") == name
