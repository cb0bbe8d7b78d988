"""In which order, and how, does R4 write each element in XML? One table for each type and backbone part.

The order is the definitions' own, which the XML schemas repeat (https://hl7.org/fhir/R4/xml.html). What the
compiled definitions leave out is the same everywhere: an element that is not a resource starts with an ``id``, which
is an attribute, and then has its extensions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

from passerelle.fhir.definitions import Element, structure
from passerelle.fhir.primitives import PRIMITIVES

FHIR = "http://hl7.org/fhir"
XHTML = "http://www.w3.org/1999/xhtml"

How = Literal["primitive", "complex", "resource", "xhtml", "attribute"]


@dataclass(frozen=True, slots=True)
class Row:
    """One name of a type: what it is called in JSON and XML alike, and how it is written."""

    name: str
    how: How
    many: bool
    kind: str
    """The type of its value; with ``part`` it names the table of what is inside."""
    part: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of one type by name, in order, and the same by their XML names with the namespace."""

    rows: Mapping[str, Row]
    order: Mapping[str, int]
    tags: Mapping[str, Row]


@cache
def table(type: str, part: str = "") -> Table:
    """The table of a type, or of a backbone part of it."""
    found = structure(type)
    elements = found.parts.get(part, ()) if found else ()
    resource = found is not None and found.kind == "resource" and not part
    rows = [] if resource else [_ID, _EXTENSION]
    for element in elements:
        rows += [_row(type, element, name, kind) for name, kind in element.json_names()]
    tags = {_tag(row): row for row in rows if row.how != "attribute"}
    return Table({row.name: row for row in rows}, {row.name: at for at, row in enumerate(rows)}, tags)


_ID = Row("id", "attribute", False, "string")
_EXTENSION = Row("extension", "complex", True, "Extension")


def _row(owner: str, element: Element, name: str, kind: str) -> Row:
    if kind.startswith("#"):
        return Row(name, "complex", element.many, owner, kind[1:])
    if owner == "Extension" and name == "url":
        return Row(name, "attribute", False, kind)
    how: How = "complex"
    if kind == "Resource":
        how = "resource"
    elif kind == "xhtml":
        how = "xhtml"
    elif kind in PRIMITIVES:
        how = "primitive"
    return Row(name, how, element.many, kind)


def _tag(row: Row) -> str:
    return f"{XHTML if row.how == 'xhtml' else FHIR} {row.name}"
