"""Which codes may stand in an element that R4 binds with strength ``required``?

https://hl7.org/fhir/R4/terminologies.html#required
"""

from __future__ import annotations

from collections.abc import Mapping

from passerelle.fhir.profiles.data import bound, codes

_WORD = r"[A-Za-z0-9!#$&^_.+-]+"
_PATTERNS: Mapping[str, str] = {
    "mimetypes": rf"{_WORD}/{_WORD}(?: ?;(?: ?[!-~])*)?|json|xml|ttl|none",
    "currencies": "[A-Z]{3}",
}
"""Value sets that are all codes of an outside standard: what such a code looks like."""


def codes_of(type: str, path: str) -> Mapping[str, frozenset[str]] | None:
    """The codes by system of an element that is bound; None where R4 leaves it open or the codes are not known."""
    url = bound(type).get(path)
    return codes(url) if url else None


def pattern_of(type: str, path: str) -> str | None:
    """How a code of an outside standard must look, where R4 binds an element to all of one."""
    return _PATTERNS.get(bound(type).get(path, "").rpartition("/")[2])
