"""Which drug is this, how strong, and how is it taken?"""

from __future__ import annotations

from decimal import Decimal

import pytest

from passerelle.fhir.dosage import dose_text
from passerelle.fhir.drug import drug_key, drug_keys, ingredient_words, strength, strength_in
from passerelle.values import Json


@pytest.mark.parametrize(
    ("name", "ingredient"),
    [
        ("APO-Metformin 500 mg tablet", "metformin"),
        ("metformine (chlorhydrate de) 850 mg comprimé", "metformin"),
        ("Warfarin sodium 5 MG Oral Tablet", "warfarin"),
        ("Insulin glargine 100 units/mL pen", "glargin insulin"),
        ("PMS-Ramipril 5mg", "ramipril"),
    ],
)
def test_a_drug_is_known_by_its_ingredient(name: str, ingredient: str) -> None:
    assert ingredient_words(name) == ingredient


def test_two_minerals_are_two_drugs() -> None:
    names = [
        "sodium chloride",
        "potassium chloride",
        "calcium carbonate",
        "lithium carbonate",
        "calcium citrate",
    ]
    assert len({ingredient_words(name) for name in names}) == len(names)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("Ramipril 5 mg", "5mg"),
        ("levothyroxine 75 mcg", "0.075mg"),
        ("levothyroxine 0.0750 MG", "0.075mg"),
        ("amoxicilline 250 mg/5 mL", "250mg/5ml"),
        ("sodium chloride 0,9 %", "0.9%"),
        ("acetaminophen 325 MG / codeine 30 MG", "30mg + 325mg"),
        ("warfarin", ""),
    ],
)
def test_a_strength_is_read_in_one_unit(text: str, read: str) -> None:
    assert strength_in(text) == read


def request(**medication: object) -> Json:
    return {"resourceType": "MedicationRequest", **medication}


def test_the_three_systems_of_the_din_are_one() -> None:
    systems = [
        "http://hl7.org/fhir/NamingSystem/ca-hc-din",
        "http://terminology.hl7.org/CodeSystem/ca-hc-din",
    ]
    one, other = (
        request(medicationCodeableConcept={"coding": [{"system": system, "code": code}]})
        for system, code in zip(systems, ("2353377", "02353377"), strict=True)
    )
    assert drug_keys(one) == drug_keys(other) == {"din:02353377"}


def test_a_code_that_says_that_there_is_no_code_makes_no_two_drugs_one() -> None:
    none = {"system": "http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "code": "NI"}
    one, other = (
        request(medicationCodeableConcept={"coding": [none], "text": name})
        for name in ("Ramipril", "Warfarin")
    )
    assert drug_keys(one).isdisjoint(drug_keys(other))


def test_a_drug_is_also_known_by_the_translation_of_its_name() -> None:
    parts = [
        {"url": "lang", "valueCode": "en"},
        {"url": "content", "valueString": "Acetylsalicylic acid 81 mg"},
    ]
    url = "http://hl7.org/fhir/StructureDefinition/translation"
    french = {"text": "AAS 81 mg", "_text": {"extension": [{"url": url, "extension": parts}]}}
    english = {"text": "Acetylsalicylic acid 81 mg tablet"}
    one, other = (request(medicationCodeableConcept=concept) for concept in (french, english))
    assert drug_keys(one) & drug_keys(other)


def test_a_contained_medication_is_read() -> None:
    ingredient = {
        "itemCodeableConcept": {"text": "Ramipril"},
        "strength": {"numerator": {"value": 5, "unit": "mg"}, "denominator": {"value": 1, "unit": "capsule"}},
    }
    contained = {
        "resourceType": "Medication",
        "id": "m",
        "code": {"text": "Altace"},
        "ingredient": [ingredient],
    }
    taken = request(medicationReference={"reference": "#m"}, contained=[contained])
    assert (strength(taken), drug_key(taken)) == ("5mg", "altac")
    assert "name:ramipril" in drug_keys(taken)


DOSAGE: Json = {
    "timing": {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}},
    "doseAndRate": [{"doseQuantity": {"value": Decimal("2.50"), "unit": "mg"}}],
    "asNeededBoolean": True,
}


def test_a_dosage_without_words_is_said_in_the_language_of_the_reader() -> None:
    taken = request(dosageInstruction=[DOSAGE])
    assert dose_text(taken, "en") == "2.5 mg, 2 times per day, as needed"
    assert dose_text(taken, "fr") == "2,5 mg, 2 fois par jour, au besoin"


def test_the_words_of_the_prescriber_go_before_ours() -> None:
    assert dose_text(request(dosageInstruction=[{**DOSAGE, "text": "As directed"}]), "fr") == "As directed"


JUNK = [
    None,
    3,
    "x",
    [],
    [3],
    {},
    [{}],
    [["x"]],
    {"coding": "x"},
    {"coding": [3]},
    [{"timing": 3, "doseAndRate": "x"}],
]


@pytest.mark.parametrize("junk", JUNK, ids=range(len(JUNK)))
def test_an_untidy_resource_is_read_without_failing(junk: object) -> None:
    for element in (
        "medicationCodeableConcept",
        "medicationReference",
        "dosageInstruction",
        "dosage",
        "contained",
        "extension",
    ):
        untidy = request(**{element: junk})
        assert strength(untidy) == "" and isinstance(dose_text(untidy, "en"), str)
        assert isinstance(drug_key(untidy), str)
