"""FHIR XML as a resource, or refused with the place of what does not belong (https://hl7.org/fhir/R4/xml.html).

A streaming parser and no tree: a narrative is then the very text that was sent, and what is too deep ends at once.
INVARIANT: a document type is refused before it is read, so there are no entities to expand and nothing to fetch.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NoReturn
from xml.parsers import expat

from passerelle.fhir.definitions import resource_types
from passerelle.fhir.intake import Limits
from passerelle.fhir.outcome import BadInput, Issue
from passerelle.fhir.primitives import JSON_TYPES
from passerelle.fhir.search_known import shown
from passerelle.fhir.xml_narrative import LeaningError, Narrative, Rewritten
from passerelle.fhir.xml_tables import FHIR, Row, Table, table
from passerelle.values import Json


def from_xml(body: bytes, limits: Limits = Limits()) -> Json:  # noqa: B008  frozen
    """Read one resource. Raises BadInput, and nothing else, for what is not XML, not FHIR, too big or too deep."""
    if len(body) > limits.max_bytes:
        raise BadInput(Issue("too-large", "too-long", details={"limit": str(limits.max_bytes)}), status=413)
    source = _utf8(body)
    try:
        return _read(source, limits, Narrative)
    except LeaningError:
        return _read(source, limits, Rewritten)


def _read(source: bytes, limits: Limits, narrative: type[Narrative]) -> Json:
    reader = _Reader(source, limits, narrative)
    try:
        reader.parser.Parse(source, True)
    except expat.ExpatError as problem:
        details = {"line": str(problem.lineno), "column": str(problem.offset + 1)}
        raise BadInput(Issue("xml-malformed", "structure", details=details)) from None
    assert reader.resource is not None  # noqa: S101  a well-formed document has a root, and it was read
    return reader.resource


_DECLARED = re.compile(rb"<\?xml[^>]*?encoding\s*=\s*[\"']([A-Za-z0-9._\-]{1,40})[\"']")
_ENCODINGS = {"utf-8": "utf-8-sig", "utf8": "utf-8-sig", "us-ascii": "ascii", "iso-8859-1": "latin-1"}


def _utf8(body: bytes) -> bytes:
    """The same document in UTF-8 with one kind of line end, as a parser is to see it."""
    if body.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    else:
        declared = _DECLARED.match(body.removeprefix(b"\xef\xbb\xbf"))
        encoding = _ENCODINGS.get(declared[1].decode().lower() if declared else "utf-8", "")
    try:
        text = body.decode(encoding) if encoding else ""
    except UnicodeDecodeError:
        encoding = ""
    if not encoding:
        raise BadInput(Issue("xml-encoding", "structure"))
    return text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace")


@dataclass(slots=True)
class _Open:
    """An element that has started and not ended."""

    row: Row | None
    """None for a resource's own element."""
    table: Table
    step: str
    """Its place in what is around it, as a FHIRPath step."""
    value: Json = field(default_factory=dict)
    said: str | None = None
    """The ``value`` of a primitive."""
    shadows: set[str] = field(default_factory=set)
    """The lists of primitives in it of which one has an id or extensions."""


_NOTHING = Table({}, {}, {})


class _Reader:
    """The elements under way, from the root to the one that is being read."""

    def __init__(self, source: bytes, limits: Limits, narrative: type[Narrative]) -> None:
        self.source = source
        self.kind_of_narrative = narrative
        self.limits = limits
        self.resource: Json | None = None
        self.open: list[_Open] = []
        self.narrative: Narrative | None = None
        self.parser = expat.ParserCreate("utf-8", " ")
        self.parser.buffer_text = True
        self.parser.namespace_prefixes = True
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.text
        self.parser.StartDoctypeDeclHandler = self.doctype

    def refuse(self, key: str, step: str = "", code: str = "structure", **details: str) -> NoReturn:
        path = "".join(each.step for each in self.open) + step
        raise BadInput(Issue(key, code, path.lstrip(".") or None, details))

    def doctype(self, *given: Any) -> None:
        self.refuse("xml-doctype")

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        depth = len(self.open) if self.narrative is None else self.narrative.depth
        if depth >= self.limits.max_depth:
            self.refuse("xml-too-deep", limit=str(self.limits.max_depth))
        if self.narrative is not None:
            self.narrative.start(name, attributes)
            return
        written, name = name, _plain(name)
        top = self.open[-1] if self.open else None
        if top is None or (top.row is not None and top.row.how == "resource"):
            self.start_resource(name, attributes, top)
            return
        row = top.table.tags.get(name)
        if row is None:
            self.unknown(name)
        if row.how == "xhtml":
            self.narrative = self.kind_of_narrative(self.source, self.parser.CurrentByteIndex)
            self.narrative.start(written, attributes)
        self.open.append(self.opened(row, top, attributes))

    def unknown(self, name: str) -> NoReturn:
        uri, _, local = name.rpartition(" ")
        if uri != FHIR:
            self.refuse("xml-namespace", f".{shown(local)}")
        self.refuse("xml-unknown-element", f".{shown(local)}", element=shown(local))

    def start_resource(self, name: str, attributes: Mapping[str, str], top: _Open | None) -> None:
        uri, _, kind = name.rpartition(" ")
        if uri != FHIR:
            self.refuse("xml-namespace")
        if kind not in resource_types():
            self.refuse("xml-unknown-type", code="value", type=shown(kind))
        if top is not None and top.value:
            self.refuse("single-expected")
        self.no_more(attributes)
        self.open.append(_Open(None, table(kind), kind if top is None else "", {"resourceType": kind}))

    def opened(self, row: Row, top: _Open, attributes: Mapping[str, str]) -> _Open:
        step = f".{row.name}"
        if row.many:
            step += f"[{len(top.value.get(row.name, ()))}]"
        elif row.name in top.value or f"_{row.name}" in top.value:
            self.refuse("xml-twice", step, element=row.name)
        if row.how == "primitive":
            opened = _Open(row, _PRIMITIVE, step, said=attributes.get("value"))
            known: tuple[str, ...] = ("id", "value")
        else:
            inside = table(row.kind, row.part) if row.how == "complex" else _NOTHING
            opened = _Open(row, inside, step)
            known = ("id", "url") if row.kind == "Extension" else ("id",) if row.how == "complex" else ()
        for name in known:
            if name in attributes and name != "value":
                opened.value[name] = attributes[name]
        if row.how != "xhtml" and len(attributes) > len(opened.value) + (opened.said is not None):
            self.no_more({name: "" for name in attributes if name not in known}, step)
        return opened

    def no_more(self, attributes: Mapping[str, str], step: str = "") -> None:
        """Other attributes are unknown, but for those with which a document names its schema."""
        for name in attributes:
            if not name.startswith("http://www.w3.org/2001/XMLSchema-instance "):
                shape = shown(name.rpartition(" ")[2])
                self.refuse("xml-unknown-attribute", step, attribute=shape)

    def text(self, text: str) -> None:
        if self.narrative is not None:
            self.narrative.text(text)
        elif not text.isspace():
            self.refuse("xml-text")

    def end(self, name: str) -> None:
        if self.narrative is not None:
            if not self.narrative.end(name):
                return
            self.open[-1].said = self.narrative.said(self.parser.CurrentByteIndex)
            self.narrative = None
        done = self.open[-1]
        if done.shadows:
            _even(done)
        if done.row is None:
            self.open.pop()
            if self.open:
                self.open[-1].value = done.value
            else:
                self.resource = done.value
            return
        if not done.value and done.said is None:
            self.refuse("empty-value")
        said = self.primitive(done) if done.row.how == "primitive" else None
        self.open.pop()
        _put(self.open[-1], done, said)

    def primitive(self, done: _Open) -> Any:
        """The value of a primitive as JSON has it: numbers with every digit, booleans, otherwise the text."""
        assert done.row is not None  # noqa: S101
        text, kind = done.said, done.row.kind
        if text is None or kind not in JSON_TYPES:
            return text
        value = _boolean(text) if kind == "boolean" else _number(text, kind, self.limits.max_digits)
        if value is None:
            self.refuse("primitive-format", code="value", type=kind)
        return value


def _boolean(text: str) -> bool | None:
    return {"true": True, "false": False}.get(text.strip())


def _number(text: str, kind: str, max_digits: int) -> int | Decimal | None:
    text = text.strip()
    if len(text) > max_digits or not _NUMBER.fullmatch(text):
        return None
    if text.lstrip("-").isdigit():
        return int(text)
    return Decimal(text) if kind == "decimal" else None


_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?")
_PRIMITIVE = table("Element")


def _plain(name: str) -> str:
    """Without the prefix, which means nothing."""
    parts = name.split(" ")
    return f"{parts[0]} {parts[1]}" if len(parts) == 3 else name


def _put(around: _Open, done: _Open, said: Any) -> None:
    """An element that has ended, in what is around it."""
    assert done.row is not None  # noqa: S101
    name, value = done.row.name, around.value
    if done.row.how == "primitive":
        if not done.row.many:
            if said is not None:
                value[name] = said
            if done.value:
                value[f"_{name}"] = done.value
            return
        items = value.setdefault(name, [])
        items.append(said)
        if done.value:
            around.shadows.add(name)
            others = value.setdefault(f"_{name}", [])
            others += [None] * (len(items) - 1 - len(others))
            others.append(done.value)
        return
    whole = done.said if done.row.how == "xhtml" else done.value
    if done.row.many:
        value.setdefault(name, []).append(whole)
    else:
        value[name] = whole


def _even(done: _Open) -> None:
    """Lists of primitives and their shadows of one length; a list of nothing but nulls is left out."""
    for name in done.shadows:
        items, others = done.value[name], done.value[f"_{name}"]
        others += [None] * (len(items) - len(others))
        if all(item is None for item in items):
            del done.value[name]
