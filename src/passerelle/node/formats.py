"""In which format does somebody speak, and in which do they want their answer? (https://hl7.org/fhir/R4/http.html#mime-type)

Inside, everything is FHIR JSON in bytes. XML becomes JSON on its way in and JSON becomes XML on its way out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from urllib.parse import parse_qsl

import msgspec

from passerelle.fhir.intake import Limits, read_json
from passerelle.fhir.outcome import BadInput, Issue
from passerelle.fhir.resource import decode, encode
from passerelle.fhir.xml import from_xml, to_xml
from passerelle.flows.doing import aside

FHIR_JSON = "application/fhir+json"
FHIR_XML = "application/fhir+xml"
JSON_PATCH = "application/json-patch+json"
FORM = "application/x-www-form-urlencoded"

JSON_TYPES = frozenset({FHIR_JSON, "application/json", "text/json"})
XML_TYPES = frozenset({FHIR_XML, "application/xml", "text/xml"})
PATCHES = b"application/json-patch+json, application/fhir+json, application/fhir+xml"
"""What a PATCH may bring: a JSON Patch, or the Parameters of a FHIRPath Patch."""
_NAMES = {"json": FHIR_JSON, "xml": FHIR_XML}
_ANY = frozenset({"*/*", "application/*"})


@dataclass(frozen=True, slots=True)
class Wish:
    """How an answer is wanted."""

    xml: bool = False
    pretty: bool = False
    named: bool = False
    """FHIR was asked for by its own name, so that a Binary too is answered as a resource."""


PLAIN = Wish()
_CONTENT_TYPES = {
    False: b"application/fhir+json; charset=utf-8",
    True: b"application/fhir+xml; charset=utf-8",
}


def content_type(wish: Wish) -> bytes:
    return _CONTENT_TYPES[wish.xml]


LONGEST = 256
"""Characters of a header that are looked at: what it means is remembered by its text, and memory has an end."""

# --- what is wanted -----------------------------------------------------------------------------------------


def wish(accept: str, query: str) -> Wish | None:
    """How the answer is wanted, by ``_format`` before the header; None for a format that is not spoken here."""
    if "_format" not in query and "_pretty" not in query:
        return _accepted(accept[:LONGEST])
    given = dict(parse_qsl(query))
    format = given.get("_format", "").strip()
    # A plus sign in an address stands for a blank, and many clients forget to escape it.
    format = _NAMES.get(format, format.replace("fhir ", "fhir+"))
    found = _accepted((format or accept)[:LONGEST])
    if found is None:
        return None
    return replace(found, pretty=given.get("_pretty") == "true", named=found.named or bool(format))


@lru_cache(1024)
def _accepted(accept: str) -> Wish | None:
    """The format of an Accept header that weighs most; JSON where nothing decides."""
    if not accept.strip():
        return PLAIN
    ranges = list(_ranges(accept))
    # Every browser says that it reads XML too, and means its own pages.
    browser = any(kind == "text/html" for kind, _, _ in ranges)
    best: tuple[float, int, Wish] | None = None
    for kind, weight, parameters in ranges:
        found = _WISHES.get(kind)
        if (
            found is None
            or weight <= 0
            or not _of_r4(parameters)
            or (browser and found.xml and not found.named)
        ):
            continue
        rank = (weight, 0 if kind in _ANY else 1)
        if best is None or rank > best[:2]:
            best = (*rank, found)
    return best[2] if best else None


_WISHES: Mapping[str, Wish] = {
    **{kind: Wish(named=kind == FHIR_JSON) for kind in (*JSON_TYPES, *_ANY)},
    **{kind: Wish(xml=True, named=kind == FHIR_XML) for kind in XML_TYPES},
}


def _ranges(accept: str) -> Iterator[tuple[str, float, Mapping[str, str]]]:
    """(media range, weight, parameters) of each part of an Accept header."""
    for part in accept.split(","):
        kind, parameters = _parameters(part)
        try:
            weight = float(parameters.get("q", "1"))
        except ValueError:
            weight = 0.0
        yield kind, weight, parameters


def _parameters(text: str) -> tuple[str, Mapping[str, str]]:
    """A media type and its parameters, in lower case."""
    kind, *rest = text.lower().split(";")
    pairs = (each.partition("=") for each in rest)
    return kind.strip(), {name.strip(): value.strip().strip('"') for name, _, value in pairs}


def _of_r4(parameters: Mapping[str, str]) -> bool:
    """Whether a ``fhirVersion`` that is named is the one spoken here."""
    return parameters.get("fhirversion", "4.0") in ("4.0", "4.0.1")


# --- what arrives -------------------------------------------------------------------------------------------


def spoken(content_type: str) -> str | None:
    """The media type of a body without its parameters; None when they name what is not read here."""
    return _spoken(content_type[:LONGEST])


@lru_cache(256)
def _spoken(content_type: str) -> str | None:
    kind, parameters = _parameters(content_type)
    if parameters.get("charset", "utf-8") not in ("utf-8", "utf8", "us-ascii") and kind not in XML_TYPES:
        return None
    return kind if _of_r4(parameters) else None


def readable(method: str, kind: str, form: bool) -> bool:
    """Whether a body of this type can be what a method brings; ``form`` is for a search that is posted."""
    if kind in JSON_TYPES or kind in XML_TYPES:
        return not form
    return not kind or (form and kind == FORM) or (method == "PATCH" and kind == JSON_PATCH)


async def as_json(body: bytes, kind: str, limits: Limits) -> bytes:
    """A body in FHIR JSON."""
    if kind not in XML_TYPES or not body:
        return body
    return await aside(len(body), lambda: encode(from_xml(body, limits)))


# --- what is said -------------------------------------------------------------------------------------------


async def said(body: bytes, wish: Wish) -> bytes:
    """FHIR JSON in the format that is wanted. BadInput (406) when a resource has no form in it."""
    if not wish.xml and not wish.pretty:
        return body
    return await aside(len(body), lambda: _converted(body, wish))


def _converted(body: bytes, wish: Wish) -> bytes:
    if not wish.xml:
        return msgspec.json.format(body, indent=2)
    try:
        return to_xml(decode(body), pretty=wish.pretty)
    except BadInput as bad:
        raise BadInput(*bad.issues, status=406) from None


def is_resource(body: bytes, type: str, limits: Limits) -> bool:
    """Whether JSON in bytes is a resource of this type."""
    try:
        return read_json(body, limits).get("resourceType") == type
    except BadInput:
        return False


def unspoken(status: int) -> BadInput:
    """The refusal of a format: of the answer (406), or of what arrived (415)."""
    key = "not-acceptable" if status == 406 else "unsupported-media-type"
    return BadInput(Issue(key, "not-supported"), status=status)
