"""Among whom to look."""

from __future__ import annotations

import pytest

from passerelle.fhir.outcome import BadInput, operation_outcome
from passerelle.fhir.search import matches
from passerelle.identity.block import MOST, blocks
from passerelle.values import Json
from tests.unit.identity.world import VALID, number, someone


def is_fetched(query: Json, candidate: Json) -> bool:
    return any(matches(candidate, block) for block in blocks(query))


ASKED = someone(identifier=[number(VALID)])


@pytest.mark.parametrize(
    "stored",
    [
        someone(identifier=[number("9876 543 217")], name=None, birthDate=None, telecom=None, address=None),
        someone(given="Zoé", telecom=None, address=None),
        someone(family="Gagnon", telecom=None, address=None),
        someone(family="Marie", given="Tremblay", telecom=None, address=None),
        someone(family="Tremblay-Gagnon", birthDate="1980-03-02", telecom=None, address=None),
        someone(birthDate="1999-09-09", telecom=None, address=None),
        someone(
            name=None, birthDate=None, address=None, telecom=[{"system": "phone", "value": "(613) 555-0101"}]
        ),
        someone(name=None, telecom=None, address=[{"postalCode": "K1A0B1"}]),
    ],
    ids=["number", "given", "family", "exchanged", "double name", "birth date", "phone", "postal code"],
)
def test_the_person_is_fetched_even_when_much_is_wrong(stored: Json) -> None:
    written = someone(identifier=[number("9876-543-217"), number("9876 543 217")])
    assert is_fetched(written, stored)


def test_a_stranger_is_not_fetched() -> None:
    stranger = someone(family="Singh", given="Harpreet", telecom=None, address=None)
    assert not is_fetched(ASKED, stranger)


def test_a_name_in_syllabics_is_searched_for() -> None:
    named = someone(name=[{"given": ["ᐊᓚᕐᓇᖅ"]}], telecom=None, address=None)
    assert is_fetched(named, someone(name=[{"family": "ᐊᓚᕐᓇᖅ"}], telecom=None, address=None))


def test_every_search_is_bounded() -> None:
    assert {(block.type, block.count, block.total) for block in blocks(ASKED)} == {("Patient", MOST, False)}


def test_a_mark_of_the_search_syntax_in_a_name_is_searched_for_as_written() -> None:
    odd = someone(family="Roy, dit|Le $", given="A\\B")
    assert is_fetched(odd, odd)


@pytest.mark.parametrize(
    ("query", "key"),
    [
        ({}, "match-no-fields"),
        ({"name": [{}], "birthDate": "x"}, "match-no-fields"),
        ({"birthDate": "1980-02-03"}, "match-one-field"),
        ({"name": [{"family": "Roy", "given": ["Anne"]}]}, "match-one-field"),
        ({"identifier": [number(VALID)]}, "match-one-field"),
    ],
)
def test_too_little_to_go_by_is_refused_with_what_to_add(query: Json, key: str) -> None:
    with pytest.raises(BadInput) as refused:
        blocks(query)
    assert [issue.key for issue in refused.value.issues] == [key]
    assert "birthDate" in operation_outcome(refused.value.issues, "fr")["issue"][0]["details"]["text"]
