"""How a drug is taken, in the language of who reads it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from passerelle.fhir.concept import Phrase
from passerelle.fhir.dosage import dose_text, dosing, written_dosing
from passerelle.values import Json
from tests.unit.fhir.test_schedule import FRENCH, ORALE, dosage, translated


def request(*dosages: Json, **more: Any) -> Json:
    return {"resourceType": "MedicationRequest", "dosageInstruction": list(dosages), **more}


def test_words_in_another_language_give_way_to_a_structure_that_says_it_all() -> None:
    taken = request(FRENCH, language="fr-CA")
    assert dosing(taken, "en") == Phrase("1 tablet, 2 times per day, Oral", "en")
    assert dosing(taken, "fr") == Phrase(FRENCH["text"], "fr-CA")
    assert written_dosing(taken, "en") == Phrase(FRENCH["text"], "fr-CA")


def test_a_translation_of_the_words_goes_before_a_sentence_of_ours() -> None:
    words = translated("Au coucher", "en", "At bedtime")
    assert dosing(request({**FRENCH, **words}, language="fr"), "en") == Phrase("At bedtime", "en")


@pytest.mark.parametrize(
    "more",
    [
        {"additionalInstruction": [{"text": "avec un repas"}]},
        {"route": {"text": "Sous la langue"}},
        {"doseAndRate": [{"doseQuantity": {"value": 1, "unit": "sachet", "code": "{packet}"}}]},
        {"doseAndRate": []},
        {"maxDosePerPeriod": {}},
    ],
    ids=["says more", "an unknown route", "an unknown unit", "no dose", "a limit"],
)
def test_a_structure_that_does_not_say_it_all_leaves_the_words_as_they_are(more: Json) -> None:
    taken = request({**FRENCH, **more}, language="fr")
    assert dosing(taken, "en") == Phrase(FRENCH["text"], "fr")


def test_words_of_no_stated_language_stay() -> None:
    assert dosing(request(FRENCH), "en") == Phrase(FRENCH["text"])


@pytest.mark.parametrize(
    ("amount", "english", "french"),
    [
        (1, "1 tablet", "1 comprimé"),
        (2, "2 tablets", "2 comprimés"),
        (Decimal("0.50"), "0.5 tablets", "0,5 comprimé"),
        (Decimal("1.5"), "1.5 tablets", "1,5 comprimé"),
    ],
)
def test_an_amount_is_said_as_each_language_counts(amount: Any, english: str, french: str) -> None:
    taken = request(dosage(dose=amount, route=ORALE))
    assert dose_text(taken, "en").split(", ")[0] == english
    assert dose_text(taken, "fr").split(", 2 fois")[0] == french


def test_two_dosages_are_composed_together_or_not_at_all() -> None:
    both = request(FRENCH, {**FRENCH, "additionalInstruction": [{"text": "x"}]}, language="fr")
    assert dosing(both, "en").lang == "fr"
    assert dosing(request(FRENCH, FRENCH, language="fr"), "en").text.count("; ") == 1
