"""What a clinician reads on a record page: first what may be missing, then what is there, each with its source."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passerelle.fhir.record import Conflict, Record, Source, State
from passerelle.portals import pages
from passerelle.portals.reading import Reading
from passerelle.portals.speech import Speech
from passerelle.portals.wave import Wave, wave
from passerelle.values import LANGUAGES, Language, Purpose
from tests.portals import world
from tests.portals.gallery import TOKEN
from tests.portals.markup import read

both_languages = pytest.mark.parametrize("language", LANGUAGES)
NONE_KNOWN = {"en": "no known allerg", "fr": "aucune allergie connue"}


def page(language: Language, record: Record, waiting: tuple[Source, ...] = (), *, final: bool = True) -> str:
    return pages.record_wave(
        language,
        record,
        waiting,
        viewer=world.CLINICIAN,
        paths=world.paths(language),
        wave=1,
        final=final,
    )


def words(language: Language, record: Record, waiting: tuple[Source, ...] = (), *, final: bool = True) -> str:
    return read(page(language, record, waiting, final=final)).words


def shown(
    record: Record, language: Language = "en", waiting: tuple[Source, ...] = (), final: bool = True
) -> Wave:
    return wave(Reading(record, Speech(language), world.CLINICIAN, waiting, 1, final))


def without_allergies(record: Record) -> Record:
    kept = tuple(each for each in record.entries if each.type != "AllergyIntolerance")
    return replace(record, entries=kept, conflicts=())


def test_the_first_sentence_counts_the_sources() -> None:
    assert shown(world.record()).heading == "5 of 7 sources answered, 4 hold a record"
    assert shown(world.record(), "fr").heading == "5 sources sur 7 ont répondu, 4 ont un dossier"


def test_while_sources_are_still_out_the_first_sentence_says_so() -> None:
    known, waiting = world.partial_record("on", "ab"), world.waiting("qc", "bc")
    so_far = shown(known, "en", waiting, final=False)
    assert so_far.heading == "2 of 4 sources answered so far, 1 holds a record"
    assert so_far.waiting == ("British Columbia", "Québec")


@both_languages
def test_what_may_be_missing_stands_before_everything_else(language: Language) -> None:
    html = page(language, world.record())
    places = [
        html.index(f'id="w1-{name}"') for name in ("missing", "sources", "medications", "strip", "results")
    ]
    assert places == sorted(places)


@both_languages
def test_every_gap_is_named_with_its_reason_and_a_next_step(language: Language) -> None:
    text = words(language, world.record())
    for row in shown(world.record(), language).missing:
        assert row.name in text
        assert row.reason in text
        assert row.next_step in text


@both_languages
def test_only_a_gap_that_can_be_tried_again_offers_it(language: Language) -> None:
    links = [each.attributes.get("hx-get") for each in read(page(language, world.record())).named("a")]
    assert [link for link in links if link] == [f"/{language}/record/{world.HANDLE}/again"]


@both_languages
def test_when_nothing_is_missing_the_page_says_that_plainly(language: Language) -> None:
    assert Speech(language)("missing-nothing-title") in words(language, world.complete_record())
    assert Speech(language)("missing-nothing-title") not in words(language, world.record())


@pytest.mark.parametrize("reason", ["deadline", "connection", "withheld", "no-agreement", "never heard of"])
def test_every_reason_of_a_gap_reads_as_words(reason: str) -> None:
    record = replace(world.record(), gaps=(world.gap("ns", reason),))
    row = shown(record).missing[0]
    assert row.reason
    assert row.next_step
    assert "never heard of" not in row.reason


@both_languages
@settings(deadline=None)
@given(data=st.data())
def test_no_allergy_is_never_told_as_known_while_anything_may_be_missing(
    language: Language, data: st.DataObject
) -> None:
    """Silence is not an answer: a source that is not heard may be the one that knows of the allergy."""
    states = st.sampled_from([State.SILENT, State.REFUSED, State.FAULTY, State.UNCERTAIN, State.WAITING])
    missing = data.draw(states)
    told = data.draw(st.booleans())
    record = without_allergies(world.complete_record())
    statement = (world.entry(world.no_known_allergies("none"), "mb"),) if told else ()
    sources = (*record.sources, world.source("ns", missing))
    gaps = (world.gap("ns", "deadline"),)
    partial = replace(record, entries=record.entries + statement, sources=sources, gaps=gaps)
    banner = shown(partial, language, final=data.draw(st.booleans())).banner
    assert banner.none_known == ()
    head = page(language, partial).partition("</dl>")[0].casefold()
    assert NONE_KNOWN[language] not in head
    assert Speech(language)("allergies-none-recorded").casefold() in head


@both_languages
def test_no_allergy_is_not_told_as_known_when_no_source_says_so(language: Language) -> None:
    text = words(language, without_allergies(world.complete_record())).casefold()
    assert NONE_KNOWN[language] not in text
    assert Speech(language)("allergies-none-recorded").casefold() in text


@both_languages
def test_no_known_allergies_is_told_with_whose_word_it_is_once_nothing_is_missing(language: Language) -> None:
    record = without_allergies(world.complete_record())
    statement = world.entry(world.no_known_allergies("none"), "mb")
    record = replace(record, entries=(*record.entries, statement))
    assert [badge.name for badge in shown(record, language).banner.none_known] == ["Manitoba"]
    assert Speech(language)("allergies-none-known") in words(language, record)


def test_an_allergy_outweighs_a_source_that_knows_of_none() -> None:
    banner = shown(world.complete_record()).banner
    assert banner.none_known == ()
    assert banner.allergies[0].text == "Penicillin – anaphylaxis"
    assert banner.allergies[0].sources == 2


def test_the_most_dangerous_allergies_come_first_and_none_is_dropped_in_silence() -> None:
    mild = [world.entry(world.allergy(f"x{n}", f"Pollen {n}", criticality="low"), "on") for n in range(6)]
    severe = world.entry(world.allergy("severe", "Peanut"), "qc")
    record = replace(world.record(), entries=(*mild, severe), conflicts=())
    banner = shown(record).banner
    assert banner.allergies[0].text == "Peanut"
    assert len(banner.allergies) + banner.more_allergies == 7


@pytest.mark.parametrize("status", ["refuted", "entered-in-error"])
def test_an_allergy_that_was_ruled_out_does_not_warn_but_stays_readable(status: str) -> None:
    ruled_out = world.allergy("a", "Latex") | {"verificationStatus": {"coding": [{"code": status}]}}
    record = replace(world.record(), entries=(world.entry(ruled_out, "on"),), conflicts=())
    assert shown(record).banner.allergies == ()
    assert [item.what for item in shown(record).allergies.folded] == ["Latex"]


def test_medications_are_grouped_by_drug_across_brands_languages_and_sources() -> None:
    drugs = {drug.lines[0].name.text: drug for drug in shown(world.record()).medications.drugs}
    metformin = drugs["Metformin 500 mg"]
    assert [badge.mark for badge in metformin.badges] == ["BC", "ON", "QC"]
    assert metformin.entries == 2


def test_the_check_column_says_who_agrees() -> None:
    checks = {drug.lines[0].name.text: drug.check_words for drug in shown(world.record()).medications.drugs}
    assert checks["Ramipril 10 mg"] == "Dose differs between sources"
    assert checks["Atorvastatin 40 mg"] == "Same in 2 sources"
    assert checks["Apixaban 5 mg"] == "Only in Québec"


@both_languages
def test_a_dose_conflict_is_first_and_stands_outside_everything_that_folds(language: Language) -> None:
    html = page(language, world.record())
    table = html[html.index('class="medications') :]
    before_folding = table.partition("<details>")[0]
    assert "Ramipril 10 mg" in before_folding
    assert "Ramipril 5 mg" in before_folding
    assert before_folding.index("Ramipril") < before_folding.index("Metformin")


def test_a_past_drug_in_conflict_is_not_put_among_the_past_ones() -> None:
    old = world.entry(
        world.medication("o1", "Warfarin 5 mg", "once a day", "2020-01-01", status="stopped"), "on"
    )
    older = world.entry(
        world.medication("o2", "Warfarin 3 mg", "once a day", "2019-01-01", status="stopped"), "qc"
    )
    record = replace(world.record(), entries=(old, older), conflicts=(Conflict("dose", "warfarin", (0, 1)),))
    listed = shown(record).medications
    assert len(listed.current) == 1
    assert listed.past == ()


@pytest.mark.parametrize(("months", "current"), [(1, True), (30, False)])
def test_a_drug_of_an_ended_order_counts_while_it_was_handed_over_lately(months: int, current: bool) -> None:
    assembled = world.record().assembled
    year, month = divmod(assembled.year * 12 + assembled.month - 1 - months, 12)
    order = world.entry(world.medication("o1", "Cefalexin", "x", "2020-01-01", status="completed"), "on")
    dispense = {
        "resourceType": "MedicationDispense",
        "id": "d1",
        "status": "completed",
        "medicationCodeableConcept": {"text": "Cefalexin"},
        "whenHandedOver": f"{year}-{month + 1:02}-01",
    }
    record = replace(world.record(), entries=(order, world.entry(dispense, "on")), conflicts=())
    listed = shown(record).medications
    assert bool(listed.current) is current
    assert bool(listed.past) is not current


def test_results_that_contradict_each_other_each_keep_a_row() -> None:
    one = world.entry(world.result("r1", "Potassium", "2823-3", "4.1", "mmol/L", "2026-01-05"), "on")
    two = world.entry(world.result("r2", "Potassium", "2823-3", "6.1", "mmol/L", "2026-01-05"), "qc")
    many = tuple(
        world.entry(world.result(f"m{n}", f"Test {n}", f"x-{n}", "1", "g", "2026-02-01"), "on")
        for n in range(30)
    )
    record = replace(
        world.record(), entries=(one, two, *many), conflicts=(Conflict("value", "Potassium", (0, 1)),)
    )
    rows = shown(record).results[:2]
    assert {row.value.text for row in rows} == {"4.1\u00a0mmol/L", "6.1\u00a0mmol/L"}
    assert {row.conflict for row in rows} == {"Value differs between sources"}


def test_sources_that_differ_about_the_person_are_quoted_side_by_side() -> None:
    people = (world.entry(world.person(), "on"), world.entry(world.person(birth="1961-03-15"), "qc"))
    record = replace(
        world.record(), patients=people, conflicts=(Conflict("birth-date", "Patient.birthDate", ()),)
    )
    difference = shown(record).differences[0]
    assert [value for value, _ in difference.said] == ["March 14, 1961", "March 15, 1961"]


@both_languages
def test_every_item_carries_the_mark_of_its_source(language: Language) -> None:
    seen = shown(world.record(), language)
    for listing in (
        seen.problems,
        seen.allergies,
        seen.immunizations,
        seen.visits,
        seen.imaging,
        seen.documents,
    ):
        assert listing.total > 0
        assert all(item.badges for item in listing.items + listing.folded)
    assert all(drug.badges for drug in seen.medications.drugs)
    assert all(row.badges for row in seen.results + seen.more_results)


def test_nothing_that_a_source_sent_is_left_out_of_the_final_wave() -> None:
    record = world.record()
    html = page("en", record)
    for title in (
        "Diabetes care plan",
        "Discharge summary",
        "Pneumonia",
        "Gliclazide",
        "Chest X-ray",
        "INR",
        "Tdap",
    ):
        assert title in html


def test_words_of_a_source_in_another_language_say_which() -> None:
    english, french = page("en", world.record()), page("fr", world.record())
    assert '<span class="what" lang="fr-CA">Fibrillation auriculaire</span>' in english
    assert '<span class="what">Fibrillation auriculaire</span>' in french


def test_a_translation_that_the_source_sent_is_not_foreign() -> None:
    translated = world.problem("p", "Fibrillation auriculaire", "2023", language="fr-CA")
    extension = {"url": "http://hl7.org/fhir/StructureDefinition/translation"}
    parts = [{"url": "lang", "valueCode": "en"}, {"url": "content", "valueString": "Atrial fibrillation"}]
    translated["code"]["_text"] = {"extension": [extension | {"extension": parts}]}
    record = replace(world.record(), entries=(world.entry(translated, "qc"),), conflicts=())
    item = shown(record).problems.items[0]
    assert (item.what, item.lang) == ("Atrial fibrillation", "")


def test_a_source_that_is_not_heard_has_a_marked_lane_and_never_an_empty_one() -> None:
    lanes = {lane.name: lane for lane in shown(world.record()).strip.lanes}
    assert lanes["Nova Scotia"].words == "No answer"
    assert lanes["Newfoundland and Labrador"].words == "Refused"
    assert lanes["Ontario"].words == ""
    assert lanes["Ontario"].marks
    assert "Alberta" not in lanes  # it answered that it holds nothing


def test_the_strip_and_its_table_tell_the_same_kinds() -> None:
    strip = shown(world.record()).strip
    for lane in strip.lanes:
        counted = [row.counts for row in strip.rows if row.name == lane.name]
        in_table = {index for counts in counted for index, count in enumerate(counts) if count}
        in_lane = {("visit", "lab", "medication", "imaging").index(mark.kind) for mark in lane.marks}
        assert in_table == in_lane


def test_every_kind_on_the_strip_has_a_shape_of_its_own() -> None:
    marks = [mark for lane in shown(world.record()).strip.lanes for mark in lane.marks]
    pairs = {(mark.kind, mark.shape) for mark in marks}
    assert len(pairs) == len({kind for kind, _ in pairs}) == len({shape for _, shape in pairs}) == 4


def test_what_is_older_than_the_strip_is_counted_in_words() -> None:
    assert shown(world.record()).strip.older == 1
    assert "1 older item, before 2016, is not on the line." in words("en", world.record())


def test_trends_begin_with_what_a_clinician_looks_for() -> None:
    names = [trend.name.text for trend in shown(world.record()).trends]
    assert names == ["Hemoglobin A1c", "Creatinine", "eGFR", "Potassium", "LDL cholesterol"]


def test_a_trend_never_mixes_two_units() -> None:
    values = [
        world.entry(world.result("g1", "Glucose", "14749-6", "5.5", "mmol/L", "2025-01-01"), "on"),
        world.entry(world.result("g2", "Glucose", "14749-6", "99", "mg/dL", "2025-06-01"), "qc"),
    ]
    assert shown(replace(world.record(), entries=tuple(values), conflicts=())).trends == ()


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.dates(), st.decimals(0, 9999, places=1)),
        min_size=2,
        max_size=30,
        unique_by=lambda e: e[0],
    )
)
def test_every_point_of_a_trend_lies_within_its_drawing(measured: list[tuple[object, object]]) -> None:
    entries = tuple(
        world.entry(
            world.result(f"r{n}", "Glucose", "14749-6", str(value), "mmol/L", f"{day}", low="4"), "on"
        )
        for n, (day, value) in enumerate(measured)
        if len(f"{day}") == 10
    )
    record = replace(world.record(), entries=entries, conflicts=())
    for trend in shown(record).trends:
        assert all(0 <= point.y <= 132 for point in trend.points)
        assert all(0 <= float(point.x.rstrip("%")) <= 100 for point in trend.points)
        assert len(trend.rows) == len(trend.points)


def test_a_reference_range_is_drawn_where_the_laboratory_sent_one() -> None:
    limits = {
        trend.name.text: [limit.label for limit in trend.limits] for trend in shown(world.record()).trends
    }
    assert limits["Potassium"] == ["Lower limit 3.5", "Upper limit 5.0"]
    assert limits["Hemoglobin A1c"] == ["Upper limit 7.0"]


@both_languages
def test_the_foot_says_that_the_view_is_recorded_and_who_will_see_it(language: Language) -> None:
    paths = world.paths(language)
    foot = read(
        "<main><div>" + pages.record_tail(language, viewer=world.CLINICIAN, paths=paths, patient_name="M. T.")
    ).words
    expected = Speech(language)("recorded", purpose=Speech(language)("purpose-treat"), patient="M. T.")
    assert expected in foot


def test_an_emergency_is_named_as_the_purpose() -> None:
    viewer = replace(world.CLINICIAN, purpose=Purpose.ETREAT)
    tail = pages.record_tail("en", viewer=viewer, paths=world.paths("en"), patient_name="M. T.")
    assert "Purpose: emergency treatment." in tail


@both_languages
def test_a_fragment_is_one_final_wave_whose_heading_takes_the_focus(language: Language) -> None:
    html = pages.record_fragment(
        language, world.record(), viewer=world.CLINICIAN, paths=world.paths(language), wave=9
    )
    paths, sources = world.paths(language), world.record().sources
    head = pages.record_head(language, viewer=world.CLINICIAN, sources=sources, paths=paths, csrf=TOKEN)
    tail = pages.record_tail(language, viewer=world.CLINICIAN, paths=paths, patient_name="M. T.")
    assert read(head + html + tail).wrong == []
    assert html.count('<section class="wave final"') == 1
    assert 'id="w9-heading" tabindex="-1" autofocus' in html


def test_nobody_found_is_not_shown_as_somebody_without_a_name() -> None:
    text = words("en", world.NOBODY)
    assert "1 of 1 sources answered, 0 hold a record" in text
    assert Speech("en")("name-unknown") not in text


@both_languages
def test_a_patient_reads_their_own_record_in_words_meant_for_them(language: Language) -> None:
    paths = world.paths(language)
    html = pages.my_record(language, world.record(), viewer=world.PATIENT, paths=paths, csrf=TOKEN)
    speech = Speech(language)
    assert read(html).wrong == []
    assert speech("my-lead") in html
    assert speech("recorded-own") in html
    assert speech("next-refused") not in html
    assert paths.find not in read(html).links


def test_a_patients_page_refuses_another_kind_of_viewer() -> None:
    with pytest.raises(ValueError, match="kind patient"):
        pages.my_record("en", world.record(), viewer=world.CLINICIAN, paths=world.paths("en"), csrf=TOKEN)
