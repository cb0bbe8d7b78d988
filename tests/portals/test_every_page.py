"""What holds for every page, in both languages."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

import pytest

from passerelle.portals import pages
from passerelle.values import LANGUAGES, Language
from tests.portals import world
from tests.portals.gallery import find_page, gallery, streamed
from tests.portals.markup import read

PAGES = gallery()
both_languages = pytest.mark.parametrize("language", LANGUAGES)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_well_formed_and_every_id_stands_once(name: str) -> None:
    assert read(PAGES[name]).wrong == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_one_heading_of_the_first_level_in_each_wave_and_skips_no_level(name: str) -> None:
    levels = [int(each.name[1]) for each in read(PAGES[name]).elements if re.fullmatch("h[1-6]", each.name)]
    waves = max(1, PAGES[name].count('<section class="wave'))
    assert levels[0] == 1
    assert levels.count(1) == waves
    assert all(after - before <= 1 for before, after in pairwise(levels))


@pytest.mark.parametrize("name", PAGES)
def test_a_page_asks_nobody_else_for_anything(name: str) -> None:
    assert all(link.startswith(("/", "#")) for link in read(PAGES[name]).links)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_holds_no_inline_style_and_no_inline_script(name: str) -> None:
    page = read(PAGES[name])
    assert not page.named("style")
    assert all(script.attributes.get("src") for script in page.named("script"))
    assert not [
        one for each in page.elements for one in each.attributes if one == "style" or one.startswith("on")
    ]


@pytest.mark.parametrize("name", PAGES)
def test_no_address_on_a_page_holds_a_name_or_a_number_of_a_person(name: str) -> None:
    secret = re.compile(r"tremblay|marie|5584|6153|9698|1961", re.IGNORECASE)
    assert [link for link in read(PAGES[name]).links if secret.search(link)] == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_says_its_language_and_offers_the_other_one(name: str) -> None:
    language: Language = "fr" if name.endswith("fr") else "en"
    other = "English" if language == "fr" else "Français"
    page = read(PAGES[name])
    assert page.named("html")[0].attributes["lang"] == f"{language}-CA"
    assert other in page.words


@pytest.mark.parametrize("name", [name for name in PAGES if name.endswith("fr")])
def test_a_french_page_has_french_punctuation(name: str) -> None:
    words = read(PAGES[name]).words
    assert re.findall(r"\w [;!?]", words) == []
    assert re.findall(r"[^\d\u00a0]:(?!\d)|[^\u00a0]%", words) == []


@pytest.mark.parametrize(
    "name", [name for name in PAGES if name.startswith(("record", "mine", "unfinished"))]
)
def test_a_record_is_named_nowhere_in_the_title(name: str) -> None:
    title = re.search("<title>(.*?)</title>", PAGES[name])
    assert title
    assert "Tremblay" not in title[1]


@pytest.mark.parametrize("name", PAGES)
def test_every_form_that_posts_carries_the_token(name: str) -> None:
    forms = re.findall(r"<form[^>]*>.*?</form>", PAGES[name], re.DOTALL)
    assert [form for form in forms if 'method="post"' not in form or 'name="csrf"' not in form] == []


@both_languages
def test_what_a_source_wrote_is_shown_but_never_obeyed(language: Language) -> None:
    attack = "<script>alert(1)</script>"
    whole = world.record()
    poisoned = (
        world.entry(
            world.medication("x1", attack, f'"><img src=x onerror=1>{attack}', "2026-01-01", language=attack),
            "on",
        ),
        world.entry(world.allergy("x2", attack, attack), "on"),
        world.entry(world.visit("x3", attack, "2026-01-01", attack, attack), "on"),
        world.entry(world.result("x4", attack, attack, "1", attack, "2026-01-01"), "on"),
        world.entry(world.result("x5", attack, attack, "2", attack, "2026-01-02"), "on"),
    )
    record = replace(whole, patient=world.person(f"{attack} {attack}"), entries=poisoned, conflicts=())
    page = read(streamed(language, record))
    assert page.wrong == []
    assert [script.attributes["src"] for script in page.named("script")][1:] == []
    assert [image.attributes["alt"] for image in page.named("img")] == [""]
    assert attack in page.words


@both_languages
def test_what_was_typed_comes_back_as_text(language: Language) -> None:
    page = read(
        find_page(language, text='"><script>alert(1)</script>', results=(), error="find-number-wrong")
    )
    assert page.wrong == []
    assert len(page.named("script")) == 1


@both_languages
def test_an_error_key_that_is_not_known_gets_the_general_sentence(language: Language) -> None:
    assert pages.error_words(language, "no-such-key") == pages.error_words(language, "error-general")
    assert pages.error_words(language, None) == ""
