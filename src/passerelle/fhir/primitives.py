"""Is this text or number what its R4 primitive type says? One test for each, with its rule in one place.

https://hl7.org/fhir/R4/datatypes.html#primitive
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from passerelle.values import FHIR_ID

Holds = Callable[[Any], bool]

_MOST_CHARACTERS = 1024 * 1024
_INT32 = 2**31


def _text(value: Any) -> bool:
    return type(value) is str and 0 < len(value) <= _MOST_CHARACTERS and not value.isspace()


def _matching(pattern: str) -> Holds:
    fullmatch = re.compile(pattern).fullmatch
    return lambda value: type(value) is str and fullmatch(value) is not None


def _whole(least: int) -> Holds:
    return lambda value: type(value) is int and least <= value < _INT32


def _decimal(value: Any) -> bool:
    return type(value) is Decimal or type(value) is int or type(value) is float


def _base64(value: Any) -> bool:
    if type(value) is not str:
        return False
    packed = "".join(value.split()) if not value.isalnum() else value
    return bool(packed) and len(packed) % 4 == 0 and _BASE64(packed) is not None


_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}").fullmatch
_YEAR, _MONTH, _DAY = r"(?!0000)\d{4}", r"(?:0[1-9]|1[0-2])", r"(?:0[1-9]|[12]\d|3[01])"
_CLOCK = r"(?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d{1,18})?"
_ZONE = r"(?:Z|[+-](?:0\d|1[0-3]):[0-5]\d|[+-]14:00)"


def _on_calendar(pattern: str) -> Holds:
    """Matching the pattern, and the day exists: the 30th of February does not."""
    fullmatch = re.compile(pattern).fullmatch

    def holds(value: Any) -> bool:
        if type(value) is not str or fullmatch(value) is None:
            return False
        if len(value) < 10 or value[8:10] <= "28":
            return True
        try:
            date(int(value[:4]), int(value[5:7]), int(value[8:10]))
        except ValueError:
            return False
        return True

    return holds


_UNSAFE = re.compile(
    r"<[\s/]*(?:script|iframe|frame|frameset|object|embed|applet|form|input|button|base|link|head|body|meta)\b"
    r"|<[^<>]*[\s\"'/]on[a-z]+\s*="
    r"|(?:href|src)\s*=[\s\"']*(?:javascript|vbscript|data:text)",
    re.IGNORECASE,
)


def _xhtml(value: Any) -> bool:
    """One div, without what R4 forbids in a narrative: scripts, forms, frames, objects, event attributes."""
    if type(value) is not str:
        return False
    text = value.strip()
    if not (text.startswith("<div") and text.endswith(">")) or _UNSAFE.search(text) is not None:
        return False
    from passerelle.fhir.validate_narrative import read

    return read(text) is not None


PRIMITIVES: Mapping[str, Holds] = {
    "boolean": lambda value: type(value) is bool,
    "integer": _whole(-_INT32),
    "unsignedInt": _whole(0),
    "positiveInt": _whole(1),
    "decimal": _decimal,
    "string": _text,
    "markdown": _text,
    "code": _matching(r"\S+(?: \S+)*"),
    "id": _matching(FHIR_ID.pattern),
    "uri": _matching(r"\S+"),
    "url": _matching(r"\S+"),
    "canonical": _matching(r"\S+"),
    "oid": _matching(r"urn:oid:[0-2](?:\.(?:0|[1-9]\d*))+"),
    "uuid": _matching(r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
    "base64Binary": _base64,
    "date": _on_calendar(rf"{_YEAR}(?:-{_MONTH}(?:-{_DAY})?)?"),
    "dateTime": _on_calendar(rf"{_YEAR}(?:-{_MONTH}(?:-{_DAY}(?:T{_CLOCK}{_ZONE})?)?)?"),
    "instant": _on_calendar(rf"{_YEAR}-{_MONTH}-{_DAY}T{_CLOCK}{_ZONE}"),
    "time": _matching(_CLOCK),
    "xhtml": _xhtml,
}
"""Whether a JSON value is a value of a primitive type."""

JSON_TYPES: Mapping[str, tuple[type, ...]] = {
    "boolean": (bool,),
    "integer": (int,),
    "unsignedInt": (int,),
    "positiveInt": (int,),
    "decimal": (int, float, Decimal),
}
"""The JSON types of the primitives that are not strings."""
