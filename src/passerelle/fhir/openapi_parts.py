"""What an OpenAPI description is made of here: parameters, and the shape of resources as far as one level."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from passerelle.fhir.definitions import Element, structure
from passerelle.values import Json

_DATE = r"[12][0-9]{3}(-(0[1-9]|1[0-2])(-(0[1-9]|1[0-9]|2[0-8])(T([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?(Z|-0[4-8]:00)?)?)?)?"
_NUMBER = r"-?(0|[1-9][0-9]{0,6})(\.[0-9]{1,4})?"
_PREFIX = r"(eq|ne|gt|lt|ge|le|sa|eb|ap)?"
_SHAPES: Mapping[str, Json] = {
    "date": {"type": "string", "pattern": f"^{_PREFIX}{_DATE}$"},
    "number": {"type": "string", "pattern": f"^{_PREFIX}{_NUMBER}$"},
    "quantity": {"type": "string", "pattern": f"^{_PREFIX}{_NUMBER}(\\|[!-{{]*\\|[!-{{]+)?$"},
    "reference": {"type": "string", "pattern": r"^([A-Z][A-Za-z]{2,40}/)?[A-Za-z0-9\-.]{1,64}$"},
}
"""How a value of a search parameter is written, where that can be said in a pattern."""


def search_parameter(each: Json) -> Json:
    return {
        "name": each["name"],
        "in": "query",
        "description": f"{each['type']}: {each['documentation']}",
        "schema": _SHAPES.get(each["type"], {"type": "string", "minLength": 1}),
    }


def _query(name: str, text: str, **shape: Any) -> Json:
    return {"name": name, "in": "query", "description": text, "schema": {"type": "string", **shape}}


def _header(name: str, text: str) -> Json:
    return {"name": name, "in": "header", "description": text, "schema": {"type": "string"}}


COMPARTMENTS = frozenset({"Device", "Encounter", "Patient", "Practitioner", "RelatedPerson"})
PAGES = ("_count", "_sort", "_total", "_summary", "_elements", "_include", "_revinclude", "_cursor")
CONTROLS: Mapping[str, Json] = {
    "_count": {**_query("_count", "How many on a page."), "schema": {"type": "integer", "minimum": 0}},
    "_sort": _query("_sort", "Parameters to sort by; a dash before one turns it round."),
    "_total": _query("_total", "How the total is told.", enum=["none", "estimate", "accurate"]),
    "_summary": _query("_summary", "Which part to show.", enum=["true", "text", "data", "count", "false"]),
    "_elements": _query("_elements", "Which elements to show."),
    "_include": _query("_include", "What to bring along: Type:parameter."),
    "_revinclude": _query("_revinclude", "What points here, to be brought along: Type:parameter."),
    "_cursor": _query("_cursor", "From the next link of the page before."),
    "_type": _query("_type", "Which types to search."),
    "_since": _query("_since", "Written at this moment or later.", pattern=f"^{_DATE}$"),
    "_at": _query("_at", "Current at some moment of this time.", pattern=f"^{_DATE}$"),
    "If-Match": _header("If-Match", 'The version that is replaced, such as W/"3".'),
    "If-None-Match": _header("If-None-Match", "The version that the client has."),
    "If-Modified-Since": _header("If-Modified-Since", "When the client read it."),
    "If-None-Exist": _header("If-None-Exist", "Create only when nothing matches this search."),
    "Prefer": _header(
        "Prefer", "return=minimal, representation or OperationOutcome; handling=strict or lenient."
    ),
}
ID: Json = {
    "name": "id",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9\\-.]{1,64}$"},
}
VERSION: Json = {
    "name": "vid",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "pattern": "^[0-9]{1,9}$"},
}
TYPE: Json = {
    "name": "type",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "pattern": "^([A-Z][A-Za-z]{2,63}|\\*)$"},
}
SCHEMAS: Mapping[str, Json] = {
    "Any": {
        "type": "object",
        "required": ["resourceType"],
        "properties": {"resourceType": {"type": "string"}},
    },
    "JsonPatch": {
        "type": "array",
        "items": {
            "type": "object",
            "required": ["op", "path"],
            "properties": {
                "op": {"enum": ["add", "remove", "replace", "move", "copy", "test"]},
                "path": {"type": "string"},
                "from": {"type": "string"},
                "value": {},
            },
        },
    },
}

# --- what a resource looks like, as far as one level ----------------------------------------------------------

_PRIMITIVES: Mapping[str, Json] = {
    "boolean": {"type": "boolean"},
    "integer": {"type": "integer"},
    "positiveInt": {"type": "integer", "minimum": 1},
    "unsignedInt": {"type": "integer", "minimum": 0},
    "decimal": {"type": "number"},
}


@cache
def schema(type: str) -> Json:
    """A resource type with its own elements; the datatypes inside them are left to the FHIR specification."""
    found = structure(type)
    elements = found.parts.get("", ()) if found else ()
    properties: dict[str, Json] = {"resourceType": {"const": type}}
    required = ["resourceType"]
    for element in elements:
        properties |= _properties(element)
        if element.required and not element.choice:
            required.append(element.name)
    return {"type": "object", "required": required, "properties": properties}


def _properties(element: Element) -> dict[str, Json]:
    made = {}
    for name, kind in element.json_names():
        shape: Json = dict(_shape(kind))
        made[name] = {"type": "array", "items": shape} if element.many else shape
    return made


def _shape(kind: str) -> Json:
    if kind in _PRIMITIVES:
        return _PRIMITIVES[kind]
    primitive = kind[:1].islower() or kind.startswith("http")
    return {"type": "string"} if primitive else {"type": "object"}
