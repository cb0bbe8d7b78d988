"""A resource as FHIR XML: every element in the order of its definition (https://hl7.org/fhir/R4/xml.html)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from html.entities import html5
from typing import Any
from xml.parsers import expat

from passerelle.fhir.definitions import resource_types
from passerelle.fhir.faults import Fault, Faults
from passerelle.fhir.outcome import BadInput
from passerelle.fhir.resource import number
from passerelle.fhir.search_known import shown
from passerelle.fhir.xml_tables import FHIR, XHTML, Row, Table, table
from passerelle.values import Json

Out = Callable[[str], None]


def to_xml(resource: Json, *, pretty: bool = False) -> bytes:
    """A resource in UTF-8 XML, with ``pretty`` one element a line. BadInput names the place of what R4 does not define, for which XML has no order."""
    parts = ['<?xml version="1.0" encoding="UTF-8"?>']
    try:
        _resource(resource, parts.append, f' xmlns="{FHIR}"')
    except _RefusedError as refused:
        kind = resource.get("resourceType")
        root = kind if isinstance(kind, str) and kind in resource_types() else "Resource"
        raise BadInput(*(fault.issue(root) for fault in refused.faults), status=422) from None
    return "".join(_lines(parts) if pretty else parts).encode("utf-8", "replace")


def _lines(parts: Iterable[str]) -> Iterator[str]:
    """Each element on a line of its own, further in for what is inside. A narrative is one part, and stays as it is."""
    depth = 0
    for part in parts:
        closes = part.startswith("</")
        depth -= closes
        yield part if part.startswith("<?") else f"\n{'  ' * depth}{part}"
        depth += not (closes or part.endswith("/>") or part.startswith(("<?", "<div")))


class _RefusedError(Exception):
    """Something that cannot be written; on its way up it learns its place."""

    def __init__(self, key: str, step: str, **details: str) -> None:
        self.faults: Faults = [Fault(key, "structure", details, step)]

    def within(self, step: str) -> _RefusedError:
        for fault in self.faults:
            fault.where = step + fault.where
        return self


def _resource(value: Any, out: Out, attributes: str = "") -> None:
    if type(value) is not dict:
        raise _RefusedError("wrong-json-type", "", expected="object")
    kind = value.get("resourceType")
    if not isinstance(kind, str) or kind not in resource_types():
        raise _RefusedError("element-required", ".resourceType", element="resourceType")
    out(f"<{kind}{attributes}>")
    _children({name: each for name, each in value.items() if name != "resourceType"}, table(kind), out)
    out(f"</{kind}>")


def _children(value: Mapping[str, Any], rows: Table, out: Out) -> None:
    names = {name[1:] if name[0:1] == "_" else name for name in value}
    order = rows.order
    for name in sorted(names, key=lambda name: order.get(name, -1)):
        row = rows.rows.get(name)
        if row is None:
            raise _RefusedError("xml-unknown-element", f".{shown(name)}", element=shown(name))
        if row.how == "primitive":
            _primitives(row, value.get(name), value.get(f"_{name}"), out)
        elif row.how != "attribute":
            _many(row, value.get(name), out)


def _many(row: Row, value: Any, out: Out) -> None:
    write = _WRITES[row.how]
    if row.many and type(value) is not list:
        raise _RefusedError("list-expected", f".{row.name}")
    at = 0
    try:
        for at, item in enumerate(value if row.many else (value,)):  # noqa: B007  told when something is refused
            write(row, item, out)
    except _RefusedError as refused:
        raise refused.within(f".{row.name}[{at}]" if row.many else f".{row.name}") from None


def _complex(row: Row, value: Any, out: Out) -> None:
    if type(value) is not dict:
        raise _RefusedError("wrong-json-type", "", expected="object")
    out(f"<{row.name}{_attributes(value, row)}>")
    _children(value, table(row.kind, row.part), out)
    out(f"</{row.name}>")


def _attributes(value: Mapping[str, Any], row: Row) -> str:
    text = f' id="{_text(value["id"])}"' if "id" in value else ""
    if row.kind == "Extension" and not row.part and "url" in value:
        text += f' url="{_text(value["url"])}"'
    return text


def _held(row: Row, value: Any, out: Out) -> None:
    out(f"<{row.name}>")
    _resource(value, out)
    out(f"</{row.name}>")


# --- primitives ---------------------------------------------------------------------------------------------


def _primitives(row: Row, value: Any, shadow: Any, out: Out) -> None:
    """A primitive and what its underscore form holds: its id and extensions."""
    values, shadows = ([] if each is None else each if row.many else [each] for each in (value, shadow))
    if type(values) is not list or type(shadows) is not list:
        raise _RefusedError("list-expected", f".{row.name}")
    at = 0
    try:
        for at in range(max(len(values), len(shadows))):
            one = values[at] if at < len(values) else None
            its = shadows[at] if at < len(shadows) else None
            _primitive(row.name, one, its, out)
    except _RefusedError as refused:
        raise refused.within(f".{row.name}[{at}]" if row.many else f".{row.name}") from None


def _primitive(name: str, value: Any, shadow: Any, out: Out) -> None:
    said = "" if value is None else f' value="{_text(value)}"'
    if not shadow:
        if said:
            out(f"<{name}{said}/>")
        return
    if type(shadow) is not dict:
        raise _RefusedError("wrong-json-type", "", expected="object")
    out(f"<{name}{_attributes(shadow, _PLAIN)}{said}>")
    _children(shadow, table("Element"), out)
    out(f"</{name}>")


_PLAIN = Row("", "primitive", False, "Element")
_AS_IT_IS = re.compile(r"[^&<>\"\x00-\x1f\ufffe\uffff\ud800-\udfff]*").fullmatch
_ESCAPES = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}
)
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")


def _text(value: Any) -> str:
    """A value as it stands between quotation marks. White space is escaped, which a parser would make plain."""
    if type(value) is str:
        return value if _AS_IT_IS(value) else _NOT_XML.sub("\ufffd", value).translate(_ESCAPES)
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is dict or type(value) is list:
        raise _RefusedError(
            "single-expected" if type(value) is list else "wrong-json-type", "", expected="string"
        )
    return number(value) if type(value) is Decimal else str(value)


# --- narrative ----------------------------------------------------------------------------------------------


def _narrative(row: Row, value: Any, out: Out) -> None:
    """The XHTML as it is when it can stand in a document; else what it says, its markup shown as text."""
    if type(value) is not str:
        raise _RefusedError("wrong-json-type", "", expected="string")
    text = _NOT_XML.sub("\ufffd", value).strip()
    if not _stands_alone(text):
        text = _ENTITY.sub(_character, text)
    if not _stands_alone(text):
        text = f'<div xmlns="{XHTML}">{value.translate(_ESCAPES)}</div>'
    # A parser makes one line end of every kind of line end.
    out(text.replace("\r", "&#13;"))


def _stands_alone(text: str) -> bool:
    """Whether this is one XHTML div that is well-formed without anything around it."""
    if not text.startswith("<div"):
        return False
    parser = expat.ParserCreate("utf-8", " ")
    roots: list[str] = []
    parser.StartElementHandler = lambda name, attributes: roots.append(name) if not roots else None
    try:
        parser.Parse(text.encode("utf-8", "replace"), True)
    except expat.ExpatError:
        return False
    return roots == [f"{XHTML} div"]


_ENTITY = re.compile(r"&(?!(?:amp|lt|gt|quot|apos);)([A-Za-z][A-Za-z0-9]*;)|^<div(?![^>]*\sxmlns=)")


def _character(match: re.Match[str]) -> str:
    """The character of an HTML entity, which XML does not know; and the namespace, where it was left out."""
    if match[1] is None:
        return f'<div xmlns="{XHTML}"'
    return html5.get(match[1], f"&amp;{match[1]}")


_WRITES: Mapping[str, Callable[[Row, Any, Out], None]] = {
    "complex": _complex,
    "resource": _held,
    "xhtml": _narrative,
}
