"""The narrative is XHTML of the R4 subset, escapes whatever it is told, and speaks Canadian English and French."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passerelle.fhir.record import Conflict
from passerelle.fhir.speech import date_text, number_text
from passerelle.summary.details import Row
from passerelle.summary.narrative import fault, narrative, paragraphs, table
from passerelle.values import LANGUAGES, Language
from tests.unit.summary import world

NBSP = "\u00a0"


@given(st.lists(st.text(), min_size=5, max_size=5), st.sampled_from(LANGUAGES))
def test_any_text_at_all_gives_a_sound_narrative(cells: list[str], language: Language) -> None:
    row = Row(*cells[:4])
    assert fault(narrative(language, table([(row, cells[4])], language), *paragraphs(cells))["div"]) is None


@pytest.mark.parametrize(
    ("div", "verdict"),
    [
        ('<div xmlns="http://www.w3.org/1999/xhtml"><p>Well</p></div>', None),
        ('<div xmlns="http://www.w3.org/1999/xhtml"><p>Not closed</div>', "malformed"),
        ("<div><p>No namespace</p></div>", "malformed"),
        ('<p xmlns="http://www.w3.org/1999/xhtml">Not a div</p>', "malformed"),
        ('<div xmlns="http://www.w3.org/1999/xhtml">  <p> </p></div>', "empty"),
        ('<div xmlns="http://www.w3.org/1999/xhtml"><script>x</script></div>', "forbidden"),
        ('<div xmlns="http://www.w3.org/1999/xhtml"><p onclick="x">x</p></div>', "forbidden"),
        ('<div xmlns="http://www.w3.org/1999/xhtml"><a href=" JavaScript:x">x</a></div>', "forbidden"),
        ('<!DOCTYPE div [<!ENTITY a "b">]><div xmlns="http://www.w3.org/1999/xhtml">&a;</div>', "forbidden"),
    ],
)
def test_a_narrative_is_judged_by_the_rules_of_r4(div: str, verdict: str | None) -> None:
    assert fault(div) == verdict


def test_what_a_source_wrote_is_text_and_never_markup() -> None:
    bundle = world.summary(world.record(world.entry(world.condition("c", '<b>Asthma</b> & "co" \x00'))))
    section = world.section(bundle, world.PROBLEMS)
    assert (
        section is not None and "&lt;b&gt;Asthma&lt;/b&gt; &amp; &quot;co&quot; <" in section["text"]["div"]
    )


@pytest.mark.parametrize(
    ("written", "english", "french"),
    [
        ("2026", "2026", "2026"),
        ("2026-03", "March 2026", "mars 2026"),
        ("2026-03-09", "March 9, 2026", "9 mars 2026"),
        ("2026-03-01", "March 1, 2026", f"1er{NBSP}mars 2026"),
        ("2026-03-09T09:05:00-05:00", f"March 9, 2026, 9:05{NBSP}a.m.", f"9 mars 2026, 9{NBSP}h{NBSP}05"),
        ("2026-03-09T00:30:00Z", f"March 9, 2026, 12:30{NBSP}a.m.", f"9 mars 2026, 0{NBSP}h{NBSP}30"),
        ("last spring", "last spring", "last spring"),
        ("2026-02-31", "2026-02-31", "2026-02-31"),
    ],
)
def test_a_date_is_no_more_precise_than_it_was_written(written: str, english: str, french: str) -> None:
    assert (date_text(written, "en"), date_text(written, "fr")) == (english, french)


@pytest.mark.parametrize(
    ("number", "english", "french"),
    [("7.40", "7.40", "7,40"), ("1234.5", "1,234.5", f"1{NBSP}234,5"), (41, "41", "41"), ("0.000000001", "0.000000001", "0,000000001")],
)  # fmt: skip
def test_a_number_keeps_its_digits(number: object, english: str, french: str) -> None:
    assert (number_text(number, "en"), number_text(number, "fr")) == (english, french)


def test_a_french_summary_speaks_french() -> None:
    bundle = world.summary(world.full_record(), "fr")
    composition = world.composition(bundle)
    assert (composition["language"], composition["title"]) == ("fr-CA", "Sommaire du patient")
    assert [each["title"] for each in composition["section"]][:3] == [
        "Médicaments",
        "Allergies et intolérances",
        "Problèmes de santé",
    ]
    assert "criticité élevée; réaction\u00a0: Hives" in composition["section"][1]["text"]["div"]


def test_words_in_another_language_say_which_in_the_narrative() -> None:
    french = {**world.condition("c", "Fibrillation auriculaire"), "language": "fr-CA"}
    said = {each: told(french, world.PROBLEMS, each) for each in LANGUAGES}
    assert '<td><span xml:lang="fr-CA" lang="fr-CA">Fibrillation auriculaire</span></td>' in said["en"]
    assert "<td>Fibrillation auriculaire</td>" in said["fr"]


def test_a_conflict_names_its_drug_in_the_language_of_the_reader() -> None:
    parts = [{"url": "lang", "valueCode": "fr-CA"}, {"url": "content", "valueString": "Metformine 500 mg"}]
    extension = {"url": "http://hl7.org/fhir/StructureDefinition/translation", "extension": parts}
    drug = {"text": "Metformin 500 mg", "_text": {"extension": [extension]}}
    entries = [
        world.entry(world.statement(id_, "", dose, medicationCodeableConcept=drug), node)
        for id_, dose, node in (("a", "one", "on"), ("b", "two", "qc"))
    ]
    record = world.record(*entries, conflicts=[Conflict("dose", "Metformin 500 mg", (0, 1))])
    composition = world.composition(world.summary(record, "fr"))
    assert "Metformine 500 mg" in composition["text"]["div"]
    assert "Metformin 500 mg" not in composition["text"]["div"]


def told(resource: dict, loinc: str = world.RESULTS, language: Language = "en") -> str:
    section = world.section(world.summary(world.record(world.entry(resource)), language), loinc)
    assert section is not None
    return str(section["text"]["div"])


@pytest.mark.parametrize(
    ("value", "english"),
    [
        ({"valueCodeableConcept": {"text": "Positive"}}, "Positive"),
        ({"valueString": "cloudy"}, "cloudy"),
        ({"valueBoolean": True}, "yes"),
        ({"valueRange": {"low": {"value": 1}, "high": {"value": 2}}}, "1 – 2"),
        ({"valueRatio": {"numerator": {"value": 1}, "denominator": {"value": 128}}}, "1 / 128"),
        ({"valueQuantity": {"value": 5, "unit": "%", "comparator": "<"}}, f"&lt;{NBSP}5%"),
        ({"dataAbsentReason": {"text": "Not performed"}}, "(Not performed)"),
        (
            {"component": [{"code": {"text": "Systolic"}, "valueQuantity": {"value": 120, "unit": "mmHg"}}]},
            f"Systolic 120{NBSP}mmHg",
        ),
        ({"valueInteger": 3, "interpretation": [{"text": "High"}]}, "3 (High)"),
    ],
)
def test_a_result_shows_its_value_whatever_its_kind(value: dict, english: str) -> None:
    sent = {key: each for key, each in world.result("o").items() if key != "valueQuantity"} | value
    assert f"<td>{english}</td>" in told(sent)


def test_a_value_and_its_unit_are_never_parted() -> None:
    assert f"5{NBSP}%" in told(world.result("o", valueQuantity={"value": 5, "unit": "%"}), language="fr")
