"""Is what arrived JSON that can be trusted to mean one thing? The only door for bytes from outside."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NoReturn

import msgspec

from passerelle.fhir.outcome import BadInput, Issue
from passerelle.values import Json


@dataclass(frozen=True)
class Limits:
    """How much one request may bring. Sizes are bytes, except ``max_string``, which is characters."""

    max_bytes: int = 64 * 1024 * 1024
    max_depth: int = 64
    """Objects and arrays inside one another; the deepest R4 example has 18."""
    max_entries: int = 10_000
    """Entries of one Bundle."""
    max_string: int = 16 * 1024 * 1024
    max_digits: int = 40
    """Characters of one number; R4 asks for 18 significant digits."""


def read_json(body: bytes, limits: Limits) -> Json:
    """Read a JSON object; numbers with a fraction are ``Decimal``.

    Raises BadInput, and nothing else, for what is too big (413), not UTF-8, not JSON, ambiguous (a key twice),
    too deep, or holds characters that deceive: control characters anywhere, direction overrides in codes and
    identifiers.
    """
    value = read_json_value(body, limits)
    if type(value) is not dict:
        raise _bad("json-not-object")
    return value


def read_json_value(body: bytes, limits: Limits) -> Any:
    """Read any JSON value, such as the array of a JSON Patch; refused is what ``read_json`` refuses."""
    if len(body) > limits.max_bytes:
        raise BadInput(Issue("too-large", "too-long", details={"limit": str(limits.max_bytes)}), status=413)
    value = _at_first_sight(body, limits)
    if value is _UNSURE:
        value = _parse(_decode(body), limits)
        if body.count(b"{") + body.count(b"[") > limits.max_depth:
            _check_depth(value, limits)
    if len(body) > limits.max_string or _SUSPECT.search(body):
        _check_strings(value, limits)
    return value


def _bad(message: str, expression: str | None = None, **details: object) -> BadInput:
    return BadInput(
        Issue(message, "structure", expression, {name: str(value) for name, value in details.items()})
    )


def _decode(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")  # a byte order mark says nothing in UTF-8, but some systems send one
    except UnicodeDecodeError as problem:
        raise _bad("json-not-utf8", position=problem.start) from None


# --- syntax -------------------------------------------------------------------------------------------------


class _AmbiguousError(ValueError):
    """A key that one object has twice."""


class _NumberError(ValueError):
    """A number that JSON or reason does not allow."""


def _parse(text: str, limits: Limits) -> Any:
    decoder = _DECODER if limits.max_digits == _DIGITS else _decoder(limits.max_digits)
    try:
        return decoder.decode(text)
    except json.JSONDecodeError as problem:
        raise _bad("json-malformed", line=problem.lineno, column=problem.colno) from None
    except _AmbiguousError as problem:
        raise _bad("json-duplicate-key", name=problem) from None
    except _NumberError:
        raise _bad("json-number", digits=limits.max_digits) from None
    except RecursionError:
        raise _bad("json-too-deep", limit=limits.max_depth) from None


def _unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                # Only what looks like an element's name is repeated in the answer.
                raise _AmbiguousError(key if re.fullmatch(r"_?[A-Za-z][A-Za-z0-9]{0,63}", key) else "?")
            seen.add(key)
    return value


_DIGITS = Limits().max_digits
_EXPONENT = re.compile(r"[eE][+-]?0*(?:[1-9]\d{3}|[4-9]\d\d|3[1-9]\d|309)")  # what a double cannot hold


def _decoder(max_digits: int) -> json.JSONDecoder:
    def whole(text: str) -> int:
        if len(text) > max_digits:
            raise _NumberError
        return int(text)

    def fraction(text: str) -> Decimal:
        # Beyond any measure, and what Decimal("1e999999") would cost to write out.
        if len(text) > max_digits or _EXPONENT.search(text):
            raise _NumberError
        return Decimal(text)

    def constant(text: str) -> NoReturn:
        raise _NumberError  # NaN and Infinity are not JSON

    return json.JSONDecoder(
        object_pairs_hook=_unambiguous, parse_float=fraction, parse_int=whole, parse_constant=constant
    )


_DECODER = _decoder(_DIGITS)


# --- the quick way ------------------------------------------------------------------------------------------

_UNSURE = object()
"""What the quick way leaves to the thorough one, which reads it again and says what is wrong."""
_SPACE = b" \t\r\n"
_DIGITS_ONLY = bytes(48 if 48 <= byte < 58 else 0 for byte in range(256))


_ENDLESS = b"0" * (_DIGITS + 1)


def _at_first_sight(body: bytes, limits: Limits) -> Any:
    """The value, when everything about it is plain; a decoder in C reads it in a quarter of the time.

    That decoder keeps the last of two equal keys. So the keys that were read are counted against those that were
    written: each ends with a quote and a colon, which stand nowhere else but after an escape. Where that is not certain
    (a backslash that ends a text) the quick way gives up.
    """
    dense = body.translate(None, _SPACE)
    if limits.max_digits != _DIGITS or b'\\\\"' in dense or _ENDLESS in body.translate(_DIGITS_ONLY):
        return _UNSURE
    try:
        value = _QUICK.decode(body)
    except (ValueError, RecursionError):
        return _UNSURE
    keys, depth = _outline(value, limits.max_depth)
    written = dense.count(b'":') - dense.count(b'\\":')
    return value if keys == written and depth <= limits.max_depth else _UNSURE


def _exactly(text: str) -> Decimal:
    if len(text) > _DIGITS or _EXPONENT.search(text):
        raise _NumberError
    return Decimal(text)


_QUICK = msgspec.json.Decoder(float_hook=_exactly)


def _outline(value: Any, most: int) -> tuple[int, int]:
    """How many keys there are, and how deep objects and arrays lie (at most one deeper than asked)."""
    keys, depth = 0, 0
    level = [value] if type(value) is dict or type(value) is list else []
    while level and depth <= most:
        depth += 1
        below: list[Any] = []
        for holder in level:
            if type(holder) is dict:
                keys += len(holder)
                children: Iterable[Any] = holder.values()
            else:
                children = holder
            below += [child for child in children if type(child) is dict or type(child) is list]
        level = below
    return keys, depth


# --- depth --------------------------------------------------------------------------------------------------


def _check_depth(value: Any, limits: Limits) -> None:
    level = [value]
    for _ in range(limits.max_depth):
        level = [
            child
            for holder in level
            for child in (holder.values() if type(holder) is dict else holder)
            if type(child) is dict or type(child) is list
        ]
        if not level:
            return
    raise _bad("json-too-deep", limit=limits.max_depth)


# --- characters ---------------------------------------------------------------------------------------------

_SUSPECT = re.compile(
    rb"\x7f"  # delete, as it is
    rb"|\\u00[01][0-9a-fA-F]|\\u007[fF]|\\[bf]"  # escaped control characters
    rb"|\\u[dD][89a-fA-F]"  # escaped surrogates, which may be alone
    rb"|\xe2\x80[\xaa-\xae]|\xe2\x81[\xa6-\xa9]|\\u20[26][0-9a-fA-F]"  # direction overrides
)
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_DIRECTION = re.compile("[\u202a-\u202e\u2066-\u2069]")
_EXACT = frozenset(
    [
        "id",
        "system",
        "code",
        "value",
        "url",
        "reference",
        "fullUrl",
        "use",
        "status",
        "type",
        "identifier",
        "resourceType",
        "version",
        "method",
        "ifNoneExist",
        "valueCode",
        "valueUri",
        "valueUrl",
        "valueCanonical",
        "valueId",
        "valueOid",
        "valueUuid",
        "contentType",
    ]
)
"""Elements that machines compare: what looks the same to a person must be the same."""


def _check_strings(value: Any, limits: Limits) -> None:
    """Find what the quick look suspected; it may well find nothing (``\\\\u0000`` is only six characters)."""
    for path, key, text in _strings(value):
        if len(text) > limits.max_string:
            raise _bad("string-too-long", path, limit=limits.max_string)
        if _CONTROL.search(text):
            raise _bad("control-character", path)
        if key in _EXACT and _DIRECTION.search(text):
            raise _bad("direction-override", path)


def _strings(value: Any) -> Iterator[tuple[str, str, str]]:
    """(expression, key, text) of every string, keys of objects included."""
    kind = value.get("resourceType") if type(value) is dict else None
    start = kind if isinstance(kind, str) and re.fullmatch(r"[A-Z][A-Za-z]{0,63}", kind) else "Resource"
    stack: list[tuple[str, str, Any]] = [(start, "", value)]
    while stack:
        path, key, here = stack.pop()
        if type(here) is str:
            yield path, key, here
        elif type(here) is dict:
            for name, child in here.items():
                plain = re.fullmatch(r"_?[A-Za-z][A-Za-z0-9]{0,63}", name)
                if not plain:
                    yield path, "code", name
                stack.append((f"{path}.{name}" if plain else path, name, child))
        elif type(here) is list:
            stack += [(f"{path}[{index}]", key, child) for index, child in enumerate(here)]
