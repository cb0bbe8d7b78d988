"""One box: a name, a birth date and a health number, in any order and in either language."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passerelle.fhir.health_number import Verdict, check
from passerelle.portals.asking import parse_find
from tests.portals import world

BIRTH = "1961-03-14"


@pytest.mark.parametrize(
    "written",
    [
        "1961-03-14", "1961/3/14", "19610314", "14-03-1961", "14/3/1961", "14.03.1961", "03/14/1961", "14 mars 1961",
        "14 March 1961", "March 14, 1961", "Mar. 14 1961", "14th March 1961", "14-mar-1961", "14 de mars 1961",
    ],
)  # fmt: skip
def test_a_birth_date_is_read_as_people_write_it(written: str) -> None:
    for text in (f"Roy {written}", f"{written} Roy", f"Roy, {written}"):
        asked = parse_find(text)
        assert asked.patient == {
            "resourceType": "Patient",
            "name": [{"family": "Roy"}],
            "birthDate": BIRTH,
        }
        assert asked.birth_date == BIRTH


@pytest.mark.parametrize(("written", "read"), [("1er août 1990", "1990-08-01"), ("3/4/1990", "1990-04-03")])
def test_the_day_comes_before_the_month_where_both_could_be(written: str, read: str) -> None:
    assert parse_find(f"Roy {written}").birth_date == read


@given(st.dates(min_value=date(1900, 1, 1), max_value=date(2030, 12, 31)))
def test_every_day_is_read_back_from_its_iso_form(day: date) -> None:
    assert parse_find(f"Roy {day.isoformat()}").birth_date == day.isoformat()


@pytest.mark.parametrize(
    ("written", "family", "given_names"),
    [
        ("Marie-Ève Tremblay", "Tremblay", ["Marie-Ève"]),
        ("Tremblay, Marie-Ève", "Tremblay", ["Marie-Ève"]),
        ("Jean de la Fontaine", "de la Fontaine", ["Jean"]),
        ("de la Fontaine, Jean Paul", "de la Fontaine", ["Jean", "Paul"]),
        ("Siobhán O’Brien", "O’Brien", ["Siobhán"]),
        ("Ng", "Ng", None),
        ("ᐊᓐᓇ", "ᐊᓐᓇ", None),
        ("May Smith", "Smith", ["May"]),
    ],
)
def test_a_name_is_split_into_its_parts(written: str, family: str, given_names: list[str] | None) -> None:
    name = (parse_find(f"{written} {BIRTH}").patient or {})["name"][0]
    assert (name["family"], name.get("given")) == (family, given_names)


def test_a_name_around_the_date_stays_one_name() -> None:
    assert (parse_find(f"Jean {BIRTH} Tremblay").patient or {})["name"] == [
        {"family": "Tremblay", "given": ["Jean"]}
    ]


def test_labels_that_were_copied_along_are_not_part_of_the_name() -> None:
    asked = parse_find(f"Nom : Roy, né le {BIRTH}")
    assert (asked.patient or {})["name"] == [{"family": "Roy"}]


@pytest.mark.parametrize("written", ["5584 486 674", "5584-486-674-AB", "5584486674"])
def test_an_ontario_number_is_read_with_and_without_its_version_code(written: str) -> None:
    identifiers = (parse_find(f"{written} {BIRTH}").patient or {})["identifier"]
    assert {"system": world.ON_NUMBER, "value": "5584486674"} in identifiers


@pytest.mark.parametrize("written", ["TREM 6153 1419", "trem61531419", "Tremblay TREM61531419"])
def test_a_quebec_number_is_read_among_words(written: str) -> None:
    identifiers = (parse_find(f"{BIRTH} {written}").patient or {})["identifier"]
    assert [each["system"] for each in identifiers] == [world.QC_NUMBER]


def test_a_number_that_several_plans_could_have_issued_names_them_all_surest_first() -> None:
    identifiers = (parse_find("9698658215 Roy").patient or {})["identifier"]
    verdicts = [check(each["system"], each["value"]) for each in identifiers]
    assert len(identifiers) > 1
    assert verdicts == sorted(verdicts, key=[Verdict.VALID, Verdict.UNCHECKED, Verdict.FAILED].index)


@given(st.integers(min_value=10**9, max_value=10**10 - 1))
def test_a_number_of_ten_digits_is_never_refused_and_never_malformed(number: int) -> None:
    """Temporary numbers fail their check and still belong to somebody."""
    asked = parse_find(f"Roy {number}")
    assert asked.patient
    for identifier in asked.patient["identifier"]:
        assert check(identifier["system"], identifier["value"]) is not Verdict.MALFORMED


@pytest.mark.parametrize(
    ("written", "error"),
    [
        ("", "find-empty"),
        ("  ,;  ", "find-empty"),
        ("x" * 201, "find-too-long"),
        ("Roy 31/02/1961", "find-date-wrong"),
        ("Roy 1961-13-40", "find-date-wrong"),
        ("123", "find-number-wrong"),
        ("1234567890123456", "find-number-wrong"),
        (BIRTH, "find-date-alone"),
        ("Tremblay", "find-name-alone"),
        ("Marie-Ève Tremblay", "find-name-alone"),
        ("5584 486 674", "find-number-alone"),
    ],
)
def test_what_cannot_be_used_says_why(written: str, error: str) -> None:
    asked = parse_find(written)
    assert (asked.patient, asked.error) == (None, error)


@given(st.text(max_size=260))
def test_whatever_is_typed_gives_a_question_or_a_reason(text: str) -> None:
    asked = parse_find(text)
    assert (asked.patient is None) == (asked.error is not None)
