"""The same thing said in English and in French stands once, in the language of the page, with everyone who says it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cache
from typing import Any

import pytest

from passerelle.federation.merge import merge
from passerelle.fhir.concept import TRANSLATION, Phrase
from passerelle.fhir.record import Conflict, Entry, Record, Reply, Source, State
from passerelle.fhir.resource import encode
from passerelle.portals import pages
from passerelle.portals.medications import Drug
from passerelle.portals.reading import Reading
from passerelle.portals.speech import Speech
from passerelle.portals.wave import Wave, wave
from passerelle.synthetic import cast
from passerelle.values import Json, Language
from tests.portals import world
from tests.portals.markup import read

ICD, RXNORM, SCT, CVX = "urn:icd9", "urn:rxnorm", "http://snomed.info/sct", "urn:cvx"


def shown(record: Record, language: Language = "en") -> Wave:
    return wave(Reading(record, Speech(language), world.CLINICIAN, (), 1, True))


def holding(*entries: Entry, conflicts: tuple[Conflict, ...] = ()) -> Record:
    return replace(world.complete_record(), entries=entries, conflicts=conflicts)


def coded(text: str, *codes: tuple[str, str]) -> Json:
    return {"text": text, "coding": [{"system": system, "code": code} for system, code in codes]}


def problem(id: str, text: str, *codes: tuple[str, str], **more: Any) -> Json:
    return {**world.problem(id, text, "2020"), "code": coded(text, *codes), **more}


def allergy(id: str, text: str, *codes: tuple[str, str], reaction: str = "", **more: Any) -> Json:
    return {**world.allergy(id, text, reaction), "code": coded(text, *codes), **more}


# Problems, allergies, immunizations


def test_what_shares_a_code_is_one_line_in_the_language_of_the_page() -> None:
    record = holding(
        world.entry(problem("a", "Diabète de type 2", (ICD, "250.00"), language="fr-CA"), "qc"),
        world.entry(problem("b", "Type 2 diabetes", (ICD, "250.00"), language="en-CA"), "on"),
    )
    for language, name in (("en", "Type 2 diabetes"), ("fr", "Diabète de type 2")):
        (item,) = shown(record, language).problems.items
        assert (item.what, item.lang) == (name, "")
        assert [badge.mark for badge in item.badges] == ["ON", "QC"]


def test_words_that_may_say_something_else_are_not_lost_in_a_line() -> None:
    record = holding(
        world.entry(problem("a", "Néphropathie diabétique", (ICD, "250"), language="fr-CA"), "qc"),
        world.entry(problem("b", "Diabetes", (ICD, "250"), language="en"), "on"),
    )
    (item,) = shown(record).problems.items
    assert (item.what, item.details) == ("Diabetes", (Phrase("“Néphropathie diabétique”", "fr-CA"),))
    html = pages.record_wave(
        "en", record, viewer=world.CLINICIAN, paths=world.paths("en"), wave=1, final=True
    )
    assert '<span lang="fr-CA">“Néphropathie diabétique”</span>' in html


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (problem("a", "A", (ICD, "1")), problem("b", "B", (ICD, "2"))),
        (problem("a", "A", (ICD, "1"), (SCT, "1")), problem("b", "B", (ICD, "1"), (SCT, "2"))),
        (
            problem("a", "A", ("http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "NI")),
            problem("b", "B", ("http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "NI")),
        ),
        (
            problem("a", "A", (ICD, "1")),
            problem("b", "A", (ICD, "1"), verificationStatus={"coding": [{"code": "provisional"}]}),
        ),
        ({**problem("a", "A"), "code": {}}, {**problem("b", "B"), "code": {}}),
    ],
    ids=["two codes", "two finer codes", "no code", "doubt", "no name"],
)
def test_what_is_not_the_same_stays_apart(one: Json, other: Json) -> None:
    record = holding(world.entry(one, "on"), world.entry(other, "qc"))
    assert len(shown(record).problems.items) == 2


def test_what_stands_in_a_conflict_is_never_grouped() -> None:
    entries = [
        world.entry(allergy("a", "Penicillin", (RXNORM, "70618")), "on"),
        world.entry(allergy("b", "Pénicilline", (RXNORM, "70618"), language="fr", criticality="low"), "qc"),
        world.entry(allergy("c", "Penicillin", (RXNORM, "70618")), "bc"),
    ]
    seen = shown(holding(*entries, conflicts=(Conflict("criticality", "Penicillin", (0, 1)),)))
    assert len(seen.allergies.items) == 3
    assert len(seen.banner.allergies) == 3
    assert [bool(item.flag) for item in seen.allergies.items].count(True) == 2


def test_one_allergy_in_two_languages_warns_once_and_counts_both() -> None:
    record = holding(
        world.entry(
            allergy("a", "Pénicilline", (RXNORM, "70618"), reaction="Urticaire", language="fr"), "qc"
        ),
        world.entry(
            allergy("b", "Penicillin", (RXNORM, "70618"), reaction="Anaphylaxis", language="en"), "on"
        ),
    )
    (warned,) = shown(record).banner.allergies
    assert (warned.name, warned.sources) == (Phrase("Penicillin"), 2)
    assert {phrase.text for phrase in warned.reactions} == {"Urticaire", "Anaphylaxis"}


def test_a_code_in_common_does_not_make_two_substances_agree() -> None:
    """Codes can be coarse: both substances are named, and nobody is said to agree."""
    food = (SCT, "414285001")
    record = holding(
        world.entry(allergy("a", "Peanut", food), "on"), world.entry(allergy("b", "Shrimp", food), "qc")
    )
    (warned,) = shown(record).banner.allergies
    assert warned.text == "Peanut / Shrimp"
    html = pages.record_wave(
        "en", record, viewer=world.CLINICIAN, paths=world.paths("en"), wave=1, final=True
    )
    banner = read(html.partition("</dl>")[0] + "</dl></div></section>").words
    assert "Peanut / Shrimp (2 sources)" in banner


def needle(id: str, text: str, when: str = "2025-10-21", **more: Any) -> Json:
    return {**world.immunization(id, text, when), "vaccineCode": coded(text, (CVX, "88")), **more}


@pytest.mark.parametrize(
    ("other", "lines"),
    [
        (needle("b", "Vaccin contre l’influenza", "2025-10-21T09:30:00-04:00", language="fr"), 1),
        (needle("b", "Vaccin contre l’influenza", "2024-10-21", language="fr"), 2),
        (needle("b", "Vaccin contre l’influenza", language="fr", lotNumber="X2"), 2),
        (needle("b", "Vaccin contre l’influenza", language="fr", status="not-done"), 2),
        (needle("b", "Vaccin contre l’influenza", protocolApplied=[{"doseNumberPositiveInt": 2}]), 2),
    ],
    ids=["the same day", "another year", "another lot", "not done", "another dose"],
)
def test_one_vaccine_on_one_day_is_one_line_unless_something_tells_two(other: Json, lines: int) -> None:
    one = needle("a", "Influenza vaccine", lotNumber="X1", protocolApplied=[{"doseNumberPositiveInt": 1}])
    listing = shown(holding(world.entry(one, "on"), world.entry(other, "qc"))).immunizations
    assert (len(listing.items), listing.total) == (lines, lines)


def test_a_short_mention_is_read_by_the_whole_concept_elsewhere_in_the_record() -> None:
    whole = problem("p", "Fibrillation auriculaire", (ICD, "427.31"), language="fr")
    parts = [{"url": "lang", "valueCode": "en"}, {"url": "content", "valueString": "Atrial fibrillation"}]
    whole["code"]["_text"] = {"extension": [{"url": TRANSLATION, "extension": parts}]}
    seen = world.visit("v", "Consultation", "2025-01-01", "Hôpital", language="fr")
    seen["reasonCode"] = [coded("Fibrillation auriculaire", (ICD, "427.31"))]
    other = world.visit("w", "Consultation", "2024-01-01", "Hôpital", language="fr")
    other["reasonCode"] = [coded("Fibrillation rapide", (ICD, "427.31"))]
    items = shown(holding(*(world.entry(each, "qc") for each in (whole, seen, other)))).visits.items
    assert [item.details[0] for item in items] == [
        Phrase("Atrial fibrillation"),
        Phrase("Fibrillation rapide", "fr"),
    ]


# Medications


def order(
    id: str, name: str, text: str, when: str = "2026-01-02", dose: int = 1, times: int = 2, **more: Any
) -> Json:
    structure = {
        "timing": {"repeat": {"frequency": times, "period": 1, "periodUnit": "d"}},
        "doseAndRate": [{"doseQuantity": {"value": dose, "code": "{tbl}"}}],
    }
    made = world.medication(id, name, text, when)
    return {**made, "dosageInstruction": [{"text": text, **structure}], **more}


def the_drug(record: Record, language: Language = "en") -> Drug:
    (drug,) = shown(record, language).medications.drugs
    return drug


ENGLISH = order("a", "Metformin 500 mg", "1 tablet twice a day", language="en")
FRENCH = order("b", "Metformine 500 mg", "1 comprimé deux fois par jour", "2026-02-01", language="fr-CA")


def test_one_dose_in_two_languages_is_the_same_and_each_reader_gets_their_own_words() -> None:
    record = holding(world.entry(ENGLISH, "on", "bc"), world.entry(FRENCH, "qc"))
    english, french = the_drug(record), the_drug(record, "fr")
    assert english.check_words == "Same in 3 sources"
    assert [(line.name.text, line.dose.text) for line in english.lines] == [
        ("Metformin 500 mg", "1 tablet twice a day")
    ]
    assert [(line.name.text, line.dose.text) for line in french.lines] == [
        ("Metformine 500 mg", "1 comprimé deux fois par jour")
    ]
    (folded,) = english.folded
    assert (folded.name, folded.dose) == (
        Phrase("Metformine 500 mg", "fr-CA"),
        Phrase("1 comprimé deux fois par jour", "fr-CA"),
    )
    assert [badge.mark for badge in folded.badges] == ["QC"]


def test_a_dose_that_only_one_language_says_is_said_in_the_other_and_its_words_unfold() -> None:
    drug = the_drug(holding(world.entry(FRENCH, "qc")))
    (line,), (folded,) = drug.lines, drug.folded
    assert line.dose == Phrase("1 tablet, 2 times per day")
    assert folded.dose == Phrase("1 comprimé deux fois par jour", "fr-CA")


@pytest.mark.parametrize(
    "other",
    [
        {**FRENCH, "medicationCodeableConcept": {"text": "Metformine 850 mg"}},
        order("b", "Metformine 500 mg", "2 comprimés deux fois par jour", dose=2, language="fr"),
        world.medication("b", "Metformine 500 mg", "1 comprimé deux fois par jour", "2026-02-01"),
    ],
    ids=["strength", "dose", "words alone"],
)
def test_what_differs_or_cannot_be_compared_is_not_called_the_same(other: Json) -> None:
    drug = the_drug(holding(world.entry(ENGLISH, "on"), world.entry(other, "qc")))
    assert drug.check_words == "In 2 sources"
    assert len(drug.lines) == 1
    assert {badge.mark for line in drug.lines + drug.folded for badge in line.badges} == {"ON", "QC"}


def test_a_dose_of_the_past_does_not_make_the_doses_of_today_differ() -> None:
    past = order("c", "Metformin 250 mg", "1 tablet twice a day", "2020-01-01", status="completed")
    drug = the_drug(holding(world.entry(ENGLISH, "on"), world.entry(FRENCH, "qc"), world.entry(past, "on")))
    assert drug.check_words == "Same in 2 sources"
    assert "Metformin 250 mg" in {line.name.text for line in drug.folded}


def test_a_difference_shows_one_line_for_each_dose_with_those_who_say_it_now() -> None:
    entries = (
        world.entry(order("a", "Ramipril 10 mg", "1 capsule a day", language="en"), "on"),
        world.entry(order("b", "Ramipril 10 mg", "1 capsule par jour", language="fr"), "qc"),
        world.entry(order("c", "Ramipril 5 mg", "1 capsule a day", "2025-01-01"), "bc"),
        world.entry(order("d", "Ramipril 5 mg", "1 capsule a day", "2024-01-01", status="completed"), "on"),
        world.entry(order("e", "Ramipril 2.5 mg", "1 capsule a day", "2023-01-01", status="completed"), "on"),
    )
    drug = the_drug(holding(*entries, conflicts=(Conflict("dose", "Ramipril", (0, 1, 2)),)))
    assert drug.check == "conflict"
    assert [(line.name.text, [badge.mark for badge in line.badges]) for line in drug.lines] == [
        ("Ramipril 10 mg", ["ON", "QC"]),
        ("Ramipril 5 mg", ["BC"]),
    ]
    assert {line.name.text for line in drug.folded} >= {"Ramipril 2.5 mg"}


def test_nothing_that_was_written_about_a_drug_is_lost() -> None:
    names = ["Ramipril 10 mg", "Altace 10 mg", "APO-Ramipril 10 mg", "ramipril"]
    listed = [
        order(f"m{n}", name, f"dose {n}", f"2025-0{n + 1}-01", times=n + 1) for n, name in enumerate(names)
    ]
    key = ("urn:atc", "C09AA05")
    entries = [
        world.entry({**each, "medicationCodeableConcept": coded(name, key)}, "on")
        for each, name in zip(listed, names, strict=True)
    ]
    drug = the_drug(holding(*entries))
    lines = {(line.name.text, line.dose.text) for line in drug.lines + drug.folded}
    assert lines == {(name, f"dose {n}") for n, name in enumerate(names)}


# The whole of one life in five provinces


@cache
def marie_eve() -> Record:
    """What the five provinces hold of her, merged."""
    person = cast(today=date(2026, 3, 2))[0].person
    replies, sources = [], []
    for node, resources in person.records.items():
        listed = tuple(
            (f"https://{node}.example/{r['resourceType']}/{r['id']}", encode(r)) for r in resources
        )
        replies.append(Reply(node, f"https://{node}.example", 0.1, listed))
        sources.append(Source(node, {"en": node.upper(), "fr": node.upper()}, State.ANSWERED, 0.1))
    return merge(replies, sources, now=datetime(2026, 3, 2, 15, tzinfo=UTC))


def test_her_penicillin_warns_once_in_each_language() -> None:
    for language, words in (("en", "Penicillin – Anaphylaxis"), ("fr", "Pénicilline – Anaphylaxie")):
        (warned,) = shown(marie_eve(), language).banner.allergies
        assert (warned.text, warned.sources, warned.agreement) == (words, 2, "sources-agree")


def test_her_drugs_agree_where_they_agree() -> None:
    drugs = {drug.lines[0].name.text.split()[0]: drug for drug in shown(marie_eve()).medications.current}
    assert drugs["Metformin"].check_words == "Same in 3 sources"
    assert drugs["Apixaban"].check_words == "Only in QC"
    ramipril = [(line.name.text, {badge.mark for badge in line.badges}) for line in drugs["Ramipril"].lines]
    assert ramipril == [("Ramipril 10 mg capsule", {"ON", "QC"}), ("Ramipril 5 mg capsule", {"BC"})]


@pytest.mark.parametrize("language", ["en", "fr"])
def test_her_page_needs_no_other_language_for_what_has_a_translation(language: Language) -> None:
    seen = shown(marie_eve(), language)
    listed = (seen.problems, seen.allergies, seen.immunizations, seen.visits, seen.procedures, seen.imaging)
    items = [item for listing in listed for item in listing.items + listing.folded]
    assert [item.what for item in items if item.lang] == []
    results = [phrase for row in seen.results + seen.more_results for phrase in (row.name, row.value)]
    lines = [line for drug in seen.medications.drugs for line in drug.lines]
    shown_words = [*results, *(trend.name for trend in seen.trends)]
    shown_words += [phrase for line in lines for phrase in (line.name, line.dose)]
    same_in_both = {
        "Potassium",
        "Ramipril 5 mg capsule",
    }  # sent without a translation, since there is no other word
    assert {phrase.text for phrase in shown_words if phrase.lang} <= same_in_both
    reasons = [item.details[0] for item in seen.visits.items]
    assert [phrase.text for phrase in reasons if phrase.lang] == []


def test_what_a_radiologist_wrote_keeps_its_own_language_and_says_which() -> None:
    details = {
        phrase.text: phrase.lang
        for item in shown(marie_eve()).imaging.items + shown(marie_eve()).imaging.folded
        for phrase in item.details
    }
    (french,) = [text for text in details if "oreillette" in text]
    assert details[french] == "fr"
