"""Who is certainly the person, and who must never be taken for them."""

from __future__ import annotations

import pytest

from passerelle.identity.match import rank, score, uncertain
from passerelle.values import Json
from tests.unit.identity.world import AB, BC, FAILED, HOSPITAL, ON, OTHER_VALID, VALID, number, someone


def grade(query: Json, candidate: Json) -> str:
    return score(query, candidate).grade


NUMBERED = someone(identifier=[number(VALID)])


def test_a_shared_health_number_and_the_birth_date_are_certain() -> None:
    asked = {"resourceType": "Patient", "identifier": [number(VALID)], "birthDate": "1980-02-03"}
    assert grade(asked, NUMBERED) == "certain"


@pytest.mark.parametrize("written", ["9876 543 217", "9876-543-217", "9876543217AB"])
def test_a_number_is_the_same_however_it_is_written(written: str) -> None:
    assert grade(someone(identifier=[number(written)]), NUMBERED) == "certain"


def test_a_number_without_a_published_check_digit_counts_as_well() -> None:
    albertan = someone(identifier=[number("123456782", AB)])
    assert (
        grade(someone(identifier=[number("123456782", AB)], address=None, telecom=None), albertan)
        == "certain"
    )


def test_a_misspelt_or_changed_name_does_not_undo_a_shared_number() -> None:
    for other in (someone(family="Trembley"), someone(given="Mary"), someone(family="Gagnon")):
        assert grade({**other, "identifier": [number(VALID)]}, NUMBERED) == "certain", other["name"]


def test_a_number_that_fails_its_check_is_not_enough() -> None:
    bare = {"identifier": [number(FAILED)], "birthDate": "1980-02-03"}
    assert grade(bare, someone(identifier=[number(FAILED)])) != "certain"


def test_a_shared_number_with_another_birth_date_is_not_certain() -> None:
    assert grade(someone(identifier=[number(VALID)], birthDate="1981-02-03"), NUMBERED) != "certain"


def test_a_number_of_a_hospital_does_not_make_certain_on_its_own() -> None:
    asked = {"identifier": [number("1001", HOSPITAL)], "birthDate": "1980-02-03"}
    assert grade(asked, someone(identifier=[number("1001", HOSPITAL)])) != "certain"


def test_the_whole_name_birth_date_and_address_are_certain() -> None:
    assert grade(someone(telecom=None), someone()) == "certain"
    assert grade(someone(address=None), someone()) == "certain"


def test_accents_case_and_hyphens_do_not_matter() -> None:
    assert (
        grade(someone(family="Côté-Lévesque", given="Zoé"), someone(family="COTE LEVESQUE", given="zoe"))
        == "certain"
    )


def test_a_second_given_name_that_one_side_lacks_does_not_matter() -> None:
    assert grade(someone(given="Marie Louise"), someone(given="Marie")) == "certain"


def test_exchanged_names_are_the_whole_name() -> None:
    assert (
        grade(someone(family="Nguyen", given="Thanh"), someone(family="Thanh", given="Nguyen")) == "certain"
    )


def test_somebody_of_one_name_is_found_in_either_field() -> None:
    only_family = someone(name=[{"family": "ᐊᓚᕐᓇᖅ"}])
    only_given = someone(name=[{"given": ["ᐊᓚᕐᓇᖅ"]}])
    assert grade(only_family, only_given) == "certain"
    assert grade(only_family, someone(name=[{"given": ["ᐱᑕ"]}])) != "certain"


@pytest.mark.parametrize(
    "other",
    [
        someone(given="Marianne"),
        someone(family="Trembley"),
        someone(birthDate="1980-03-02"),
        someone(birthDate="1980-02-08"),
        someone(birthDate="1980"),
        someone(gender="male"),
        someone(address=[{"postalCode": "V5K 0A1"}]),
        someone(telecom=[{"system": "phone", "value": "604-555-0199"}]),
        someone(address=None, telecom=None),
        someone(identifier=[number(OTHER_VALID)]),
    ],
    ids=[
        "given",
        "family",
        "day and month",
        "one digit",
        "year only",
        "gender",
        "postal code",
        "phone",
        "no place",
        "number",
    ],
)
def test_without_a_shared_number_one_disagreement_is_not_certain(other: Json) -> None:
    assert grade(NUMBERED, other) != "certain"


def test_a_mover_with_a_new_number_is_known_by_the_former_one() -> None:
    moved = someone(
        identifier=[number("9698658215", BC), number(VALID, ON, use="old")],
        address=[{"postalCode": "V5K 0A1"}],
        telecom=[{"system": "phone", "value": "604-555-0199"}],
    )
    assert grade(NUMBERED, moved) == "certain"


def test_a_mover_without_a_number_in_common_is_at_most_probable() -> None:
    moved = someone(identifier=[number("9698658215", BC)], address=[{"postalCode": "V5K 0A1"}], telecom=None)
    assert grade(NUMBERED, moved) in ("probable", "possible")


TWIN = someone("b", given="Anne")


@pytest.mark.parametrize("twin", ["Anne", "Marianne", "Mario", "M", "Mae"])
def test_twins_are_never_certain(twin: str) -> None:
    assert grade(someone(), someone("b", given=twin)) != "certain"


def test_twins_who_used_one_card_are_not_certain() -> None:
    assert grade(NUMBERED, {**TWIN, "identifier": [number(VALID)]}) != "certain"


def test_asking_for_a_twin_finds_the_twin_and_not_the_other() -> None:
    asked = someone(identifier=[number(VALID)])
    both = [{**TWIN, "identifier": [number(OTHER_VALID)]}, NUMBERED]
    assert [match.id for match in rank(asked, both, only_certain=True)] == ["a"]


def test_without_a_number_a_twin_close_by_makes_nobody_certain() -> None:
    assert rank(someone(), [someone(), someone("b")], only_certain=True) == ()
    close = rank(someone(), [someone(), TWIN])
    assert "certain" not in [match.grade for match in close]


def test_two_certain_candidates_are_answered_with_nobody() -> None:
    twice = [NUMBERED, {**NUMBERED, "id": "b"}]
    assert rank(NUMBERED, twice, only_certain=True) == ()
    assert uncertain(NUMBERED, twice)


def test_a_probable_candidate_alone_is_uncertain_and_a_stranger_is_not() -> None:
    assert uncertain(someone(), [someone(given="Marianne")])
    assert not uncertain(someone(), [NUMBERED])
    assert not uncertain(
        someone(), [someone("s", "Singh", "Harpreet", birthDate="1955-07-30", address=None, telecom=None)]
    )


def test_a_stranger_is_certainly_not_the_person_and_is_left_out() -> None:
    stranger = someone("s", "Singh", "Harpreet", birthDate="1955-07-30", address=None, telecom=None)
    assert grade(someone(), stranger) == "certainly-not"
    assert rank(someone(), [stranger]) == ()


def test_the_best_comes_first_and_no_more_than_asked() -> None:
    people = [someone("b", given="Marianne"), NUMBERED, someone("c", birthDate="1980-03-02")]
    ranked = rank(NUMBERED, people)
    assert ranked[0].id == "a" and len(ranked) == 3
    assert [match.id for match in rank(NUMBERED, people, count=1)] == ["a"]
    assert list(ranked[1:]) == sorted(ranked[1:], key=lambda match: -match.score)


def test_what_is_not_certain_never_scores_as_high_as_what_is() -> None:
    assert score(NUMBERED, someone(given="Marianne")).score < score(NUMBERED, NUMBERED).score


def test_a_match_says_why() -> None:
    reasons = {reason.field: reason.level for reason in score(NUMBERED, someone(given="Marianne")).reasons}
    assert (reasons["family"], reasons["given"], reasons["birth-date"]) == ("exact", "similar", "exact")


def test_a_nickname_speaks_for_one_person_but_is_not_certain() -> None:
    match = score(someone(given="Elizabeth"), someone(given="Liz"))
    assert (match.level("given"), match.grade) == ("nickname", "probable")


def test_a_former_family_name_is_compared_as_well() -> None:
    married = someone(
        name=[
            {"family": "Gagnon", "given": ["Marie"]},
            {"use": "maiden", "family": "Tremblay", "given": ["Marie"]},
        ]
    )
    assert score(someone(), married).level("family") == "exact"


@pytest.mark.parametrize(
    "junk",
    [{}, {"name": "x"}, {"name": [3]}, {"identifier": {"a": 1}}, {"birthDate": 7}, {"telecom": [None]}],
)
def test_an_untidy_candidate_is_compared_without_failing(junk: Json) -> None:
    assert grade(someone(), {"resourceType": "Patient", "id": "j", **junk}) == "certainly-not"


def test_a_shared_number_and_the_whole_name_outweigh_day_and_month_the_wrong_way_round() -> None:
    one = someone(given="Robert James", family="Sinclair", birthDate="1958-03-07", identifier=[number(VALID)])
    other = {**one, "id": "b", "birthDate": "1958-07-03"}
    assert score(one, other).grade == "certain"


@pytest.mark.parametrize(
    "changes",
    [
        {"birthDate": "1958-07-04"},
        {"name": [{"family": "Sinclair", "given": ["Robin"]}]},
        {"name": [{"family": "St. Clair", "given": ["Robert", "James"]}]},
        {"identifier": [number(OTHER_VALID)]},
    ],
    ids=["another date", "another given name", "another family name", "another number"],
)
def test_one_more_difference_beside_a_transposed_date_is_for_a_person_to_judge(changes: dict) -> None:
    one = someone(given="Robert James", family="Sinclair", birthDate="1958-03-07", identifier=[number(VALID)])
    other = {**one, "id": "b", "birthDate": "1958-07-03", **changes}
    assert score(one, other).grade != "certain"


def test_a_newborn_without_a_name_is_found_however_it_is_cut_into_parts() -> None:
    one = someone(
        family="Friesen", birthDate="2026-10-27", name=[{"family": "Friesen", "given": ["Baby Girl"]}]
    )
    other = {**one, "id": "b", "name": [{"family": "Friesen", "given": ["Baby", "Girl"]}]}
    assert score(one, other).grade in ("certain", "probable")
    twin = {**one, "id": "c", "name": [{"family": "Friesen", "given": ["Baby Boy"]}], "gender": "male"}
    assert score(one, twin).grade != "certain"
