"""Which codes and words name a thing, and can two of them name one?"""

from __future__ import annotations

import pytest

from passerelle.fhir.coding import codings, concept_names, contradict, folded, telling
from passerelle.values import Json

ICD, SCT = "http://hl7.org/fhir/sid/icd-9-cm", "http://snomed.info/sct"
NULL = "http://terminology.hl7.org/CodeSystem/v3-NullFlavor"


def coded(*pairs: tuple[str, str], text: str = "") -> Json:
    concept: Json = {"coding": [{"system": system, "code": code} for system, code in pairs]}
    return concept | ({"text": text} if text else {})


def test_a_concept_is_named_by_its_codes_and_by_its_words_only_without_them() -> None:
    assert concept_names(coded((ICD, "250.00"), text="Diabetes")) == [(ICD, "250.00")]
    assert concept_names({"text": " Type 2\n Diabetes "}) == [("text", "type 2 diabetes")]
    assert concept_names([{"text": "A"}, coded((ICD, "1"))]) == [("text", "a"), (ICD, "1")]


def test_a_code_that_says_that_there_is_no_code_names_nothing() -> None:
    peanut, latex = coded((NULL, "NI"), text="Peanut"), coded((NULL, "NI"), text="Latex")
    assert concept_names(peanut) == [("text", "peanut")]
    assert set(concept_names(peanut)).isdisjoint(concept_names(latex))
    assert telling(codings(coded((NULL, "NI"), (ICD, "1")))) == {(ICD, "1")}


def test_two_codes_of_one_system_contradict_and_of_two_systems_do_not() -> None:
    assert contradict({(SCT, "1"), (ICD, "250")}, {(SCT, "2"), (ICD, "250")})
    assert not contradict({(SCT, "1")}, {(ICD, "250")})
    assert not contradict({(SCT, "1"), (SCT, "2")}, {(SCT, "2")})


@pytest.mark.parametrize("junk", [None, 3, "x", [], {}, {"coding": "x"}, {"coding": [3, None, {"code": 5}]}])
def test_an_untidy_concept_has_no_name(junk: object) -> None:
    assert concept_names(junk) == []
    assert folded(junk) in ("", "x")
