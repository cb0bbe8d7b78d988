"""Health numbers: form and check digit, as far as a province publishes them."""

from __future__ import annotations

import tomllib
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passerelle.fhir.health_number import (
    ALGORITHMS,
    JURISDICTIONS,
    HealthNumber,
    Verdict,
    bc_digit,
    check,
    luhn_digit,
    normalise,
    ramq_digit,
    system_of,
    systems,
)


@pytest.mark.parametrize(
    ("province", "number", "verdict"),
    [
        ("on", "9876543217", Verdict.VALID),
        ("on", "9876543218", Verdict.FAILED),
        ("on", "0876543217", Verdict.MALFORMED),
        ("bc", "9698658215", Verdict.VALID),
        ("bc", "9698648215", Verdict.FAILED),
        ("bc", "1698658215", Verdict.MALFORMED),
        ("qc", "AAAA01010112", Verdict.VALID),
        ("qc", "AAAA01510117", Verdict.VALID),
        ("qc", "LASF80021411", Verdict.VALID),
        ("qc", "LASF80021412", Verdict.FAILED),
        ("qc", "LASF80331411", Verdict.FAILED),
        ("qc", "LAS080021411", Verdict.MALFORMED),
        ("ab", "123456789", Verdict.UNCHECKED),
        ("ab", "12345678", Verdict.MALFORMED),
        ("nt", "H1234567", Verdict.UNCHECKED),
        ("yt", "002123456", Verdict.UNCHECKED),
        ("yt", "003123456", Verdict.MALFORMED),
        ("nl", "123456789012", Verdict.UNCHECKED),
    ],
)
def test_a_published_example_gets_its_verdict(province: str, number: str, verdict: Verdict) -> None:
    assert check(system_of(province), number) is verdict


@pytest.mark.parametrize("written", ["9876543217", "9876 543 217", "9876-543-217-AB", " 9876543217ab "])
def test_blanks_dashes_and_the_version_code_do_not_change_an_ontario_number(written: str) -> None:
    assert normalise(system_of("on"), written).value == "9876543217"
    assert check(system_of("on"), written) is Verdict.VALID


def test_the_version_code_is_kept_apart() -> None:
    assert normalise(system_of("on"), "9876543217-ab") == HealthNumber("9876543217", "AB")


def test_letters_at_the_end_of_another_provinces_number_are_no_version_code() -> None:
    assert check(system_of("bc"), "9698658215AB") is Verdict.MALFORMED


def test_an_unknown_system_is_unchecked() -> None:
    assert check("https://example.org/mrn", "anything") is Verdict.UNCHECKED


def test_digits_of_another_script_are_malformed() -> None:
    assert check(system_of("ab"), "١٢٣٤٥٦٧٨٩") is Verdict.MALFORMED


def test_the_thirteen_jurisdictions_each_have_a_system() -> None:
    assert sorted(systems().values()) == list(JURISDICTIONS)
    assert system_of("on").endswith("/ca-on-patient-hcn")


@given(st.integers(100_000_000, 999_999_999), st.integers(1, 9), st.integers(0, 9))
def test_one_wrong_digit_never_passes_the_ontario_check(nine: int, shift: int, place: int) -> None:
    number = str(nine) + luhn_digit(str(nine))
    digit = (int(number[place]) + shift) % 10
    wrong = number[:place] + str(digit) + number[place + 1 :]
    assert check(system_of("on"), wrong) is not Verdict.VALID


@given(st.integers(0, 99_999_999))
def test_every_british_columbia_digit_that_is_made_is_accepted(eight: int) -> None:
    nine = f"9{eight:08d}"
    digit = bc_digit(nine)
    if digit is None:
        assert all(check(system_of("bc"), nine + each) is Verdict.FAILED for each in "0123456789")
    else:
        assert check(system_of("bc"), nine + digit) is Verdict.VALID


@given(
    st.from_regex(
        r"[A-Z]{4}[0-9]{2}(0[1-9]|1[0-2]|5[1-9]|6[0-2])(0[1-9]|[12][0-9]|3[01])[1-9]", fullmatch=True
    ),
    st.sampled_from(["19", "20"]),
)
def test_every_quebec_digit_that_is_made_is_accepted(eleven: str, century: str) -> None:
    assert check(system_of("qc"), eleven + ramq_digit(eleven, century)) is Verdict.VALID


@pytest.mark.parametrize("province", JURISDICTIONS)
def test_every_jurisdiction_states_its_facts_and_where_they_are_from(province: str) -> None:
    facts = tomllib.loads(files("passerelle.jurisdictions").joinpath(f"{province}.toml").read_text("utf-8"))
    number = facts["health_number"]
    assert set(facts) >= {
        "code",
        "languages",
        "timezone",
        "postal_prefixes",
        "name",
        "payer",
        "health_number",
    }
    assert number["citation"] and isinstance(number["check_verified"], bool)
    assert number["check"] == "none" or number["check"] in ALGORITHMS
    assert all(words["en"] and words["fr"] for words in (facts["name"], facts["payer"], number["temporary"]))


def test_no_check_is_invented_where_none_is_published() -> None:
    checked = {code for code in JURISDICTIONS if _check(code) != "none"}
    assert checked == {"on", "bc", "qc"}


def _check(province: str) -> str:
    facts = tomllib.loads(files("passerelle.jurisdictions").joinpath(f"{province}.toml").read_text("utf-8"))
    return str(facts["health_number"]["check"])


def test_a_federal_identifier_has_no_invented_check_and_two_names() -> None:
    facts = tomllib.loads(files("passerelle.jurisdictions").joinpath("federal.toml").read_text("utf-8"))
    assert len(facts["identifier"]) >= 8
    for each in facts["identifier"]:
        assert (each["check"], each["verified"]) == ("none", False)
        assert each["name"]["en"] and each["name"]["fr"]
