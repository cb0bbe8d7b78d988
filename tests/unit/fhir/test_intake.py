"""What arrives is read so that it means one thing, or is refused with its place."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passerelle.fhir.intake import Limits, read_json
from passerelle.fhir.outcome import BadInput, say
from passerelle.fhir.resource import encode

LIMITS = Limits()


def refusal(body, limits=LIMITS):
    with pytest.raises(BadInput) as refused:
        read_json(body, limits)
    [issue] = refused.value.issues
    assert say(issue, "en") != say(issue, "fr")
    return issue


def test_a_number_keeps_its_digits():
    read = read_json(b'{"value": 1.50, "many": 100000000000000000.000000000000000001, "whole": 3}', LIMITS)
    assert read["value"] == Decimal("1.50")
    assert encode(read) == b'{"value":1.50,"many":100000000000000000.000000000000000001,"whole":3}'


@pytest.mark.parametrize(
    "digits", ["0.0000005", "-0.000000000000000001", "1.20", "0.0", "1.2E-29", "1.5E+20"]
)
def test_a_small_number_is_written_as_it_came(digits):
    body = f'{{"text":"E-7 \\" 1E-7","value":{digits}}}'.encode()
    assert encode(read_json(body, LIMITS)) == body


def test_a_byte_order_mark_is_not_content():
    assert read_json(b"\xef\xbb\xbf{}", LIMITS) == {}


@pytest.mark.parametrize(
    ("body", "key"),
    [
        (b"", "json-malformed"),
        (b"{} {}", "json-malformed"),
        (b'{"a": "\n"}', "json-malformed"),
        (b"{'a': 1}", "json-malformed"),
        (b'{"a": 01}', "json-malformed"),
        (b'{"a": 1,}', "json-malformed"),
        (b"\xff\xfe{}", "json-not-utf8"),
        (b'{"a": "\xc3\x28"}', "json-not-utf8"),
        (b"[]", "json-not-object"),
        (b'"text"', "json-not-object"),
        (b"null", "json-not-object"),
        (b'{"a": NaN}', "json-number"),
        (b'{"a": -Infinity}', "json-number"),
        (b'{"a": 1e999999999}', "json-number"),
        (b'{"a": ' + b"9" * 5000 + b"}", "json-number"),
        (b'{"a": 0.' + b"1" * 100 + b"}", "json-number"),
        (b'{"a": "\\u0000"}', "control-character"),
        (b'{"a": ["x", {"b": "\\u0007"}]}', "control-character"),
        (b'{"a\\u0001": 1}', "control-character"),
        (b'{"a": "\x7f"}', "control-character"),
        (b'{"a": "\\ud800"}', "control-character"),
        (b"[" * 100_000, "json-too-deep"),
        (b'{"a":' * 100_000, "json-too-deep"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "json-too-deep"),
    ],
)
def test_what_is_not_plain_json_is_refused(body, key):
    assert refusal(body).key == key


def test_depth_up_to_the_limit_is_read():
    read_json(b'{"a":' * 64 + b"1" + b"}" * 64, LIMITS)


def test_malformed_json_is_refused_with_its_position():
    assert refusal(b'{\n  "status": final\n}').details == {"line": "2", "column": "13"}


def test_a_key_twice_is_refused_with_its_name():
    assert refusal(b'{"name": [{"family": "a", "family": "b"}]}').details == {"name": "family"}


def test_a_key_that_may_be_a_value_is_not_repeated():
    assert refusal(b'{"9876 543 210": 1, "9876 543 210": 2}').details == {"name": "?"}


def test_the_place_of_a_bad_character_is_an_expression():
    body = b'{"resourceType": "Patient", "name": [{"given": ["ok", "a\\u0000b"]}]}'
    assert refusal(body).expression == "Patient.name[0].given[1]"


@pytest.mark.parametrize("element", ["id", "system", "code", "value", "reference", "url"])
@pytest.mark.parametrize("override", ["\u202e", "\u2066"])
def test_a_direction_override_in_what_machines_compare_is_refused(element, override):
    for written in (f'{{"{element}": "a{override}b"}}', f'{{"{element}": "a\\u{ord(override):04x}b"}}'):
        assert refusal(written.encode()).key == "direction-override"


def test_text_may_turn_direction_and_may_speak_of_escapes():
    read = read_json('{"text": "\u202eabc", "note": "\\\\u0000"}'.encode(), LIMITS)
    assert read["note"] == "\\u0000"


def test_too_much_is_refused_as_too_large():
    with pytest.raises(BadInput) as refused:
        read_json(b'{"a": "' + b"x" * 100 + b'"}', Limits(max_bytes=50))
    assert refused.value.status == 413


def test_one_text_that_is_too_long_is_refused():
    assert refusal(b'{"a": "' + b"x" * 100 + b'"}', Limits(max_string=50)).expression == "Resource.a"


json_like = st.text(st.sampled_from('{}[]",:\\u0123456789abdeE+-.truefalsn \n'), max_size=60).map(str.encode)


@given(st.one_of(st.binary(max_size=200), json_like))
def test_nothing_but_a_refusal_comes_of_any_bytes(body):
    try:
        assert isinstance(read_json(body, LIMITS), dict)
    except BadInput as refused:
        assert refused.issues


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.text(st.characters(categories=["L", "N", "P"])),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abcXYZ", min_size=1), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.text("abc", min_size=1), values, max_size=4))
def test_what_was_written_is_read_back(value):
    assert read_json(encode(value), LIMITS) == value
