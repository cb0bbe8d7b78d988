"""Where did the page before end? A cursor: an opaque word that a client carries from one page to the next.

It holds the greatest ``seq`` that existed when the first page was made, so that what was created since never comes,
and the sort values and the ``seq`` of the last row shown, so that the next page starts behind it.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass

from passerelle.fhir.outcome import BadInput, Issue

Value = str | float | None
"""What a row is sorted by: text, a number (dates too), or None where it has no value."""

_LONGEST = 8_192


@dataclass(frozen=True)
class Cursor:
    """The end of a page. Rows come in the order of their sort values, then of ``seq`` from the highest down."""

    bound: int
    """Only rows whose ``seq`` is at most this belong to the search."""
    seq: int
    """That of the last row shown."""
    values: tuple[Value, ...] = ()
    """The sort values of the last row shown, one for each key of the sort."""


def encode(cursor: Cursor) -> str:
    """A cursor as a word for a URL."""
    text = json.dumps([cursor.bound, cursor.seq, *cursor.values], separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode("utf-8", "surrogatepass")).decode().rstrip("=")


def decode(word: str, keys: int = 0) -> Cursor:
    """Read a cursor of a search with so many sort keys; BadInput for what this server did not write."""
    try:
        if len(word) > _LONGEST:
            raise ValueError
        raw = base64.b64decode(word + "=" * (-len(word) % 4), altchars=b"-_", validate=True)
        found = json.loads(raw.decode("utf-8", "surrogatepass"))
    except (ValueError, binascii.Error, RecursionError) as problem:
        raise _bad() from problem
    if type(found) is not list or len(found) != keys + 2 or not all(type(one) is int for one in found[:2]):
        raise _bad()
    values = found[2:]
    if not all(one is None or type(one) in (str, float, int) for one in values):
        raise _bad()
    return Cursor(found[0], found[1], tuple(float(one) if type(one) is int else one for one in values))


def _bad() -> BadInput:
    return BadInput(Issue("search-cursor", "value", details={"parameter": "_cursor"}))
