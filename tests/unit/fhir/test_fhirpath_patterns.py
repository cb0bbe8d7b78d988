"""Regular expressions of FHIRPath mean what Python's mean, and none of them takes forever."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passerelle.fhir.fhirpath import FhirPathError, compile
from passerelle.fhir.fhirpath.patterns import _automaton, is_slow, matches

_atoms = st.sampled_from(
    ["a", "b", ".", "[ab]", "[^a]", r"\d", r"\w", r"\s", "^", "$", "(a|b)", "(ab|a)", "(?:b)"]
)
_counts = st.sampled_from(["", "", "*", "+", "?", "{2}", "{1,3}", "*?", "{2,}"])
_pieces = st.tuples(_atoms, _counts).map(lambda pair: pair[0] + (pair[1] if pair[0] not in "^$" else ""))
_patterns = st.lists(_pieces, max_size=4).map("".join)
_nested = st.tuples(_patterns, _counts, _patterns).map(lambda three: f"({three[0]}){three[1]}{three[2]}")
_texts = st.text("ab1 \n_", max_size=8)


@given(st.one_of(_patterns, _nested), _texts)
def test_states_and_pythons_own_engine_agree(pattern: str, text: str) -> None:
    expected = re.compile(pattern, re.DOTALL)
    assert _automaton(pattern).run(text, anywhere=True) is (expected.search(text) is not None)
    assert _automaton(pattern).run(text, anywhere=False) is (expected.fullmatch(text) is not None)


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+b",
        "(a|aa)+b",
        "(.*)(.*)(.*)(.*)=",
        "^(a?){25}a{25}b$",
        "a?a?a?a?a?a?a?a?a?a?a?a?a?b",
        "(a{0,16}){0,16}b",
    ],
)
def test_a_pattern_that_goes_back_and_forth_is_answered_at_once(pattern: str) -> None:
    assert is_slow(pattern)
    start = time.perf_counter()
    assert not matches("a" * 20_000, pattern, whole=False)
    assert time.perf_counter() - start < 5


@pytest.mark.parametrize(
    "pattern", ["(a+)+(?=b)", r"(a+)+\1", "(?i)(a+)+b", "(", "a" * 5000, "(a{900}){900}b*c*"]
)
def test_a_pattern_that_cannot_be_bounded_is_refused(pattern: str) -> None:
    with pytest.raises(FhirPathError):
        compile(f"'aaa'.matches('{pattern.replace(chr(92), chr(92) * 2)}')").values(
            {"resourceType": "Patient"}
        )


def test_a_plain_pattern_is_left_to_pythons_engine() -> None:
    assert not is_slow("^[A-Z]([A-Za-z0-9_]){0,254}$")
    assert matches("Abc_1", "^[A-Z]([A-Za-z0-9_]){0,254}$", whole=True)


def test_replacing_is_refused_where_it_could_take_forever() -> None:
    assert compile("'11-30'.replaceMatches('(.*)-(.*)', '$2')").values({}) == ["30"]
    with pytest.raises(FhirPathError):
        compile("'11-30'.replaceMatches('(.*)*-', '')").values({})
    with pytest.raises(FhirPathError):
        compile("%long.replaceMatches('(.*)(.*)-', '')").values({}, variables={"long": "a" * 5000})
