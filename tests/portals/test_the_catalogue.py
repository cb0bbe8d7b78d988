"""Every word on a page comes from one catalogue, and nothing in the catalogue is idle."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from passerelle.fhir.record import State
from passerelle.fhir.words import catalogue
from passerelle.portals.gaps import STATE_TONES, STATE_WORDS

HOME = files("passerelle.portals")
TEMPLATES = "".join(
    each.read_text("utf-8") for each in HOME.joinpath("templates").iterdir() if each.is_file()
)
CODE = "".join(each.read_text("utf-8") for each in HOME.iterdir() if each.name.endswith(".py"))
MESSAGES = catalogue("passerelle.portals", "words.toml").messages


def written() -> set[str]:
    """Every quoted word of the code and the templates that could be a key."""
    return set(re.findall(r"""["']([a-z][a-z0-9-]*)["']""", TEMPLATES + CODE))


def test_every_key_in_the_catalogue_is_used() -> None:
    used = written()
    assert {
        key for key in MESSAGES if key not in used and re.sub("-(one|many)$", "", key) not in used
    } == set()


def test_every_key_that_a_template_says_exists() -> None:
    said = set(re.findall(r"""\b(?:t|other)\(["']([a-z-]+)["']""", TEMPLATES))
    counted = set(re.findall(r"""\bt\.count\(["']([a-z-]+)["']""", TEMPLATES))
    wanted = said | {f"{key}-{form}" for key in counted for form in ("one", "many")}
    assert len(wanted) > 50
    assert wanted - set(MESSAGES) == set()


def test_every_key_that_the_code_says_exists() -> None:
    said = set(re.findall(r"""\bspeech\(\s*["']([a-z-]+)["']""", CODE))
    families = "gap|next|state|status|flag|conflict|purpose|sex|grade|scope|find|sign-in"
    listed = {key for key in re.findall(rf'"((?:{families})-[a-z-]+)"', CODE) if f"{key}-one" not in MESSAGES}
    assert len(said | listed) > 60
    assert (said | listed) - set(MESSAGES) - {"sign-in"} == set()


def test_a_text_that_people_read_is_not_written_into_a_template() -> None:
    bare = re.sub(r"{#.*?#}|{%.*?%}|{{.*?}}|<[^>]*>", " ", TEMPLATES, flags=re.DOTALL)
    assert set(re.findall(r"[A-Za-zÀ-ÿ]{2,}", bare)) == {"doctype"} - {"doctype"}


@pytest.mark.parametrize("state", State)
def test_every_state_of_a_source_has_a_badge(state: State) -> None:
    assert STATE_WORDS[state] in MESSAGES
    assert state in STATE_TONES


@pytest.mark.parametrize("key", MESSAGES)
def test_french_words_keep_to_canadian_punctuation(key: str) -> None:
    french = MESSAGES[key]["fr"]
    assert not re.search(r"\s[;!?]", french)
    assert not re.search(r"[^\u00a0]:(?!\d)", french)
    assert "'" not in french


@pytest.mark.parametrize("key", MESSAGES)
def test_no_language_is_a_copy_of_the_other_where_it_is_a_sentence(key: str) -> None:
    words = MESSAGES[key]
    assert words["en"].count(" ") < 3 or words["en"] != words["fr"] or key == "moment"
