"""The way back: a record from the Bundle that ``record_bundle`` wrote, byte for byte."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

import msgspec

from passerelle.federation.terms import NAME_EN, NAME_FR, NODE, RETRYABLE, SOURCE, TAG
from passerelle.fhir.record import Conflict, Entry, Gap, Origin, Record, Source, State
from passerelle.fhir.resource import decode
from passerelle.values import NodeId


class NotARecordError(ValueError):
    """The bytes are not a record as a node of this network writes it."""


class _Coding(msgspec.Struct):
    system: str = ""
    code: str = ""


class _Concept(msgspec.Struct):
    coding: list[_Coding] = []
    text: str = ""


class _Extension(msgspec.Struct):
    url: str = ""
    valueString: str = ""  # noqa: N815  the names in FHIR
    valueCode: str = ""  # noqa: N815
    valueUrl: str = ""  # noqa: N815
    valueInteger: int = 0  # noqa: N815
    valueDecimal: float | None = None  # noqa: N815
    valueBoolean: bool = False  # noqa: N815
    extension: list[_Extension] = []


class _Meta(msgspec.Struct):
    lastUpdated: datetime | None = None  # noqa: N815
    tag: list[_Coding] = []
    extension: list[_Extension] = []


class _Search(msgspec.Struct):
    mode: str = ""


class _Entry(msgspec.Struct):
    resource: msgspec.Raw
    fullUrl: str = ""  # noqa: N815
    search: _Search = msgspec.field(default_factory=_Search)


class _Bundle(msgspec.Struct):
    resourceType: str  # noqa: N815
    meta: _Meta
    entry: list[_Entry] = []


class _Head(msgspec.Struct):
    resourceType: str  # noqa: N815
    meta: _Meta = msgspec.field(default_factory=_Meta)


class _Reference(msgspec.Struct):
    reference: str = ""


class _What(msgspec.Struct):
    what: _Reference


class _Provenance(msgspec.Struct):
    extension: list[_Extension]
    target: list[_Reference]
    entity: list[_What]


class _DetectedIssue(msgspec.Struct):
    code: _Concept
    implicated: list[_Reference] = []


class _Details(msgspec.Struct):
    details: _Concept


class _Outcome(msgspec.Struct):
    extension: list[_Extension]
    issue: list[_Details]


class _Part(NamedTuple):
    """One entry of the Bundle, its kind known."""

    kind: str
    url: str
    body: bytes


def read_record(body: bytes) -> Record:
    """The record that was written; ``NotARecordError`` for anything else."""
    try:
        bundle = msgspec.json.decode(body, type=_Bundle)
        if bundle.resourceType != "Bundle" or bundle.meta.lastUpdated is None:
            raise NotARecordError("not the Bundle of a record")
        return _record(bundle, bundle.meta.lastUpdated)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotARecordError("not the Bundle of a record") from error


def _record(bundle: _Bundle, assembled: datetime) -> Record:
    parts = [_part(entry) for entry in bundle.entry]
    origins = _origins(part for part in parts if part.kind == "provenance")
    entries = [_entry(part, origins) for part in parts if part.kind == "entry"]
    place = {entry.origins[0].full_url: index for index, entry in enumerate(entries)}
    return Record(
        patient=next((decode(part.body) for part in parts if part.kind == "merged"), None),
        patients=tuple(_entry(part, origins) for part in parts if part.kind == "patient"),
        entries=tuple(entries),
        sources=tuple(_source(each) for each in bundle.meta.extension if each.url == SOURCE),
        gaps=tuple(_gap(part) for part in parts if part.kind == "gap"),
        conflicts=tuple(_conflict(part, place) for part in parts if part.kind == "conflict"),
        assembled=assembled,
    )


def _part(entry: _Entry) -> _Part:
    head = msgspec.json.decode(entry.resource, type=_Head)
    own = next((tag.code for tag in head.meta.tag if tag.system == TAG), "")
    kind = {"match": "entry", "outcome": "gap"}.get(entry.search.mode, own)
    if head.resourceType == "Patient":
        kind = "merged" if entry.search.mode == "match" else "patient"
    return _Part(kind, entry.fullUrl, bytes(entry.resource))


def _origins(provenances: Iterable[_Part]) -> dict[str, list[Origin]]:
    """Where each address came from, in the order of the sources."""
    found: dict[str, list[Origin]] = {}
    for part in provenances:
        read = msgspec.json.decode(part.body, type=_Provenance)
        node = NodeId(_value(read.extension, NODE).valueString)
        for target, entity in zip(read.target, read.entity, strict=False):
            address = entity.what.reference
            reference = "/".join(address.split("/")[-2:])
            found.setdefault(target.reference, []).append(Origin(node, reference, address))
    return found


def _entry(part: _Part, origins: dict[str, list[Origin]]) -> Entry:
    resource = decode(part.body)
    listed = sorted(origins.get(part.url, ()), key=lambda origin: (origin.full_url != part.url, origin.node))
    if not listed:
        raise NotARecordError("an entry has no provenance")
    return Entry(str(resource.get("resourceType", "")), resource, part.body, tuple(listed))


def _value(extensions: list[_Extension], url: str) -> _Extension:
    return next((each for each in extensions if each.url == url), _Extension())


def _source(extension: _Extension) -> Source:
    parts = {part.url: part for part in extension.extension}
    said = {name: parts.get(name, _Extension()) for name in ("node", "name-en", "name-fr", "state", "items")}
    said |= {name: parts.get(name, _Extension()) for name in ("seconds", "reason", "base")}
    return Source(
        NodeId(said["node"].valueString),
        {"en": said["name-en"].valueString, "fr": said["name-fr"].valueString},
        _state(said["state"].valueCode),
        said["seconds"].valueDecimal,
        said["items"].valueInteger,
        said["reason"].valueCode,
        said["base"].valueUrl,
    )


def _state(code: str) -> State:
    try:
        return State(code)
    except ValueError as error:
        raise NotARecordError("a source is in a state that does not exist") from error


def _gap(part: _Part) -> Gap:
    read = msgspec.json.decode(part.body, type=_Outcome)
    reason = next((coding.code for issue in read.issue for coding in issue.details.coding), "")
    node = NodeId(_value(read.extension, NODE).valueString)
    name = {
        "en": _value(read.extension, NAME_EN).valueString,
        "fr": _value(read.extension, NAME_FR).valueString,
    }
    return Gap(
        node, {"en": name["en"], "fr": name["fr"]}, reason, _value(read.extension, RETRYABLE).valueBoolean
    )


def _conflict(part: _Part, place: dict[str, int]) -> Conflict:
    read = msgspec.json.decode(part.body, type=_DetectedIssue)
    kind = next((coding.code for coding in read.code.coding), "")
    listed = (place.get(each.reference) for each in read.implicated)
    return Conflict(kind, read.code.text, tuple(index for index in listed if index is not None))
