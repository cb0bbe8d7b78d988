"""What is the same however it is written."""

from __future__ import annotations

import pytest

from passerelle.identity.normalise import (
    birth_date,
    family_words,
    fold,
    nicknames,
    person,
    phone,
    postal_code,
    transposed,
)


@pytest.mark.parametrize(
    ("written", "folded"),
    [
        ("Côté", "cote"),
        ("O’Brien-Lévesque", "o brien levesque"),
        ("ŒUVRE", "oeuvre"),
        ("ᐊᓚᕐᓇᖅ", "ᐊᓚᕐᓇᖅ"),
        ("Sk̲wx̲wú7mesh", "skwxwu7mesh"),
    ],
)
def test_a_name_is_folded_and_every_script_is_kept(written: str, folded: str) -> None:
    assert fold(written) == folded


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("de la Cruz", ("cruz",)),
        ("Van der Berg", ("berg",)),
        ("St-Pierre", ("saint", "pierre")),
        ("De", ("de",)),
    ],
)
def test_particles_are_left_out_unless_they_are_all(written: str, kept: tuple[str, ...]) -> None:
    assert family_words(written) == kept


def test_a_name_given_as_text_is_read_in_both_orders() -> None:
    one = person({"name": [{"text": "Roy, Anne Marie"}]}).names[0]
    other = person({"name": [{"text": "Anne Marie Roy"}]}).names[0]
    assert one == other and one.family == ("roy",)


def test_what_is_typed_for_an_unknown_name_is_no_name() -> None:
    assert (
        person({"name": [{"family": "Unknown"}, {"family": "Roy", "given": ["Baby"]}]}).names[0].given == ()
    )


@pytest.mark.parametrize("value", ["0000000000", "9999999999"])
def test_what_is_typed_for_an_unknown_number_is_no_number(value: str) -> None:
    assert person({"identifier": [{"system": "https://x.example", "value": value}]}).numbers == ()


@pytest.mark.parametrize(
    ("written", "digits"),
    [
        ("+1 (613) 555-0101", "6135550101"),
        ("613.555.0101 x22", "6135550101"),
        ("555-0101", ""),
        ("000-000-0000", ""),
    ],
)
def test_a_telephone_number_is_its_last_ten_digits(written: str, digits: str) -> None:
    assert phone({"system": "phone", "value": written}) == digits


def test_an_e_mail_address_is_no_telephone_number() -> None:
    assert phone({"system": "email", "value": "6135550101@example.org"}) == ""


def test_a_postal_code_has_no_blank() -> None:
    assert postal_code("k1a 0b1") == "K1A0B1"


@pytest.mark.parametrize("value", ["1980-02-30", "80-02-03", "1980-13", None, 1980, "1980-02-03T00:00:00Z"])
def test_a_day_that_does_not_exist_is_no_birth_date(value: object) -> None:
    assert birth_date(value) == ""


def test_day_and_month_are_exchanged_only_where_both_exist() -> None:
    assert (transposed("1980-02-03"), transposed("1980-02-28"), transposed("1980-02-02")) == (
        "1980-03-02",
        "",
        "",
    )


def test_every_nickname_is_written_folded() -> None:
    assert [name for name in nicknames() if name != fold(name)] == []
