"""The quick way of reading JSON says the same as the thorough one, or nothing."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from passerelle.fhir import intake
from passerelle.fhir.intake import Limits
from passerelle.fhir.outcome import BadInput

TEXT = st.text(alphabet=st.sampled_from('ab"\\:{}[],  \n\u202e\x00é'), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**45), 10**45) | st.floats(allow_nan=True) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)
SPACES = st.sampled_from([(",", ":"), (", ", ": "), (" , ", " : ")])


def thorough(body: bytes, limits: Limits) -> object:
    value = intake._parse(intake._decode(body), limits)
    if isinstance(value, dict | list):
        intake._check_depth(value, limits)
    return value


def said(read, body: bytes, limits: Limits) -> object:
    try:
        return repr(read(body, limits))
    except BadInput as bad:
        return [issue.key for issue in bad.issues]


def agrees(body: bytes) -> None:
    limits = Limits(max_depth=6)
    quick = intake._at_first_sight(body, limits)
    if quick is not intake._UNSURE:
        assert repr(quick) == said(thorough, body, limits)


@given(VALUES, SPACES, st.booleans())
def test_what_is_written_by_a_library_is_read_alike(value, spaces, ascii):
    agrees(json.dumps(value, separators=spaces, ensure_ascii=ascii).encode("utf-8", "surrogatepass"))


@given(st.text(alphabet=st.sampled_from('{}[]",:\\ab1.e-+0 \n'), max_size=40))
def test_what_is_nearly_json_is_read_alike(text):
    agrees(text.encode())


@given(
    st.lists(st.tuples(st.sampled_from(["a", "b", 'a\\"', "a\\\\", "a:"]), st.integers(0, 9)), max_size=5),
    SPACES,
)
def test_a_key_that_stands_twice_is_never_read_quickly(pairs, spaces):
    body = "{" + spaces[0].join(f'"{key}"{spaces[1]}{value}' for key, value in pairs) + "}"
    agrees(body.encode())
    quick = intake._at_first_sight(body.encode(), Limits())
    if len({key for key, _ in pairs}) < len(pairs):
        assert quick is intake._UNSURE
