"""Finding somebody, and making sure that it is the same person."""

from __future__ import annotations

import pytest

from passerelle.portals.asking import parse_find
from passerelle.portals.finding import town
from passerelle.portals.speech import Speech
from passerelle.values import LANGUAGES, Language
from tests.portals.gallery import authorize_page, find_page, message_page, sign_in_page
from tests.portals.markup import read

both_languages = pytest.mark.parametrize("language", LANGUAGES)


def hidden(page: str, name: str) -> list[str | None]:
    return [
        each.attributes["value"] for each in read(page).named("input") if each.attributes.get("name") == name
    ]


@both_languages
def test_a_candidate_shows_what_to_compare(language: Language) -> None:
    words = read(find_page(language)).words
    for fact in ("Marie-Ève Tremblay", "TREM\u00a06153\u00a01419", "Gatineau, QC", "Ontario", "65"):
        assert fact in words
    assert Speech(language)("grade-certain") in words
    assert Speech(language)("grade-possible") in words


@pytest.mark.parametrize(
    ("addresses", "lives"),
    [
        ([{"city": "Halifax", "state": "NS"}], "Halifax, NS"),
        ([{"city": "Vancouver", "period": {"end": "2025-08-02"}}, {"city": "Ottawa"}], "Ottawa"),
        (
            [{"city": "Hull", "period": {"start": "2001"}}, {"city": "Laval", "period": {"start": "2019"}}],
            "Laval",
        ),
        ([{"city": "Iqaluit", "use": "old"}], ""),
        ([{"city": "Regina", "period": {"end": "2025"}}], ""),
        ([{"text": "RR 2"}, {"city": "Truro", "period": "odd"}], "Truro"),
        ("odd", ""),
    ],
)
def test_somebody_lives_where_they_moved_last_and_have_not_left(addresses: object, lives: str) -> None:
    assert town({"resourceType": "Patient", "address": addresses}, "2026-11-01") == lives


@both_languages
def test_a_record_is_opened_by_a_posted_handle_after_a_check(language: Language) -> None:
    page = find_page(language)
    assert hidden(page, "handle") == ["c4f1", "9e02"]
    boxes = [each for each in read(page).named("input") if each.attributes.get("name") == "same_person"]
    assert len(boxes) == 2
    assert all("required" in box.attributes for box in boxes)


@both_languages
def test_who_was_not_heard_is_told_beside_nobody_found(language: Language) -> None:
    words = read(find_page(language, results=())).words
    assert Speech(language)("find-none-so-far") in words
    assert Speech(language)("find-none") not in words


@both_languages
def test_the_other_language_asks_the_same_again_without_an_address(language: Language) -> None:
    page = find_page(language, text="Roy 14 mars 1961")
    assert hidden(page, "text") == ["Roy 14 mars 1961", "Roy 14 mars 1961"]
    assert parse_find("Roy 14 mars 1961").patient


@both_languages
def test_an_error_is_tied_to_the_box(language: Language) -> None:
    page = read(find_page(language, error="find-date-wrong", results=()))
    box = next(each for each in page.named("input") if each.attributes.get("id") == "text")
    assert box.attributes["aria-invalid"] == "true"
    assert "problem" in (box.attributes["aria-describedby"] or "").split()
    assert Speech(language)("find-date-wrong") in page.words


@both_languages
def test_signing_in_offers_every_outside_provider(language: Language) -> None:
    page = sign_in_page(language)
    providers = [
        each.attributes["value"]
        for each in read(page).named("button")
        if each.attributes.get("name") == "provider"
    ]
    assert providers == ["bcsc"]
    assert hidden(page, "return_to") == ["/en/find", "/en/find"]


@both_languages
def test_an_application_says_in_words_what_it_asks_for(language: Language) -> None:
    page = read(authorize_page(language))
    assert Speech(language)("scope-write", what=Speech(language)("scope-everything")) in page.words
    decisions = [
        each.attributes["value"] for each in page.named("button") if each.attributes.get("name") == "decision"
    ]
    assert decisions == ["allow", "deny"]


@both_languages
@pytest.mark.parametrize(
    ("status", "key"),
    [(401, "next-expired"), (403, "next-not-allowed"), (404, "next-not-found"), (503, "next-later")],
)
def test_a_message_has_the_next_step_of_its_status(language: Language, status: int, key: str) -> None:
    assert Speech(language)(key) in read(message_page(language, status)).words
