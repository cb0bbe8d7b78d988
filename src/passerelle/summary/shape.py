"""Can this resource be read at all? What a source sends may be anything; the rest of the summary relies on this."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from passerelle.fhir import validate
from passerelle.fhir.outcome import Issue
from passerelle.fhir.record import Entry, Gap, Record
from passerelle.fhir.resource import encode
from passerelle.summary.sections import sections
from passerelle.summary.vocabulary import vocabulary
from passerelle.values import Json, NodeId

_SHAPES = frozenset(
    {
        *("wrong-json-type", "single-expected", "list-expected", "null-misplaced", "empty-value"),
        *("shadow-of-complex", "shadow-length", "unknown-type-nearest", "unknown-element", "json-too-deep"),
    }
)
"""The issues of ``fhir.validate`` that say that something is not what its name promises."""


def misshapen(resource: Json) -> tuple[Issue, ...]:
    """Every element that is not of the kind that R4 gives it: a text for a list, a number for an object."""
    issues = validate.structure(resource)
    return tuple(
        each for each in issues if each.key in _SHAPES or (each.expression or "").endswith("resourceType")
    )


def readable(entry: Entry) -> Entry | None:
    """The entry if it can be read, without the empty elements that some systems send; None if it cannot."""
    if not misshapen(entry.resource):
        return entry
    resource = tidied(entry.resource)
    return None if misshapen(resource) else replace(entry, resource=resource, body=encode(resource))


def readable_patient(patient: Json) -> Json:
    """The person without any element that cannot be read: a person is never left out because of a telephone number."""
    resource: Json = tidied(patient)
    for issue in misshapen(resource):
        at = (issue.expression or "").removeprefix("Patient.").split(".")[0].split("[")[0]
        resource.pop(at, None)
    return resource


def tidied(value: Any) -> Any:
    """A copy without the elements that say nothing: "", {}, [], null. A list that runs beside another keeps its length."""
    if isinstance(value, list):
        return [tidied(each) for each in value]
    if not isinstance(value, dict):
        return value
    copy = {key: tidied(each) for key, each in value.items()}
    copy = {key: each if _paired(key, copy) else _without_empty(each) for key, each in copy.items()}
    return {key: each for key, each in copy.items() if each not in ("", None, [], {})}


def _paired(key: str, element: Json) -> bool:
    return key.startswith("_") or f"_{key}" in element


def _without_empty(value: Any) -> Any:
    return [each for each in value if each not in ("", None, [], {})] if isinstance(value, list) else value


UNREADABLE = "unreadable"
"""The reason of the gap that a resource leaves which cannot be read, and the type of the entry in its place."""


def legible(record: Record) -> Record:
    """The record with only what can be read, each entry at its old index; what cannot be read is a gap of its source."""
    wanted = {type_ for section in sections() for type_ in section.types} | vocabulary("carried")
    entries, lost = [], dict[NodeId, None]()
    for entry in record.entries:
        read = readable(entry) if entry.type in wanted else entry
        if read is None:
            lost[entry.origins[0].node] = None
            read = Entry(UNREADABLE, {"resourceType": UNREADABLE}, b"", entry.origins)
        entries.append(read)
    names = {source.node: source.name for source in record.sources}
    gaps = tuple(Gap(node, names.get(node, {"en": node, "fr": node}), UNREADABLE) for node in lost)
    patient = None if record.patient is None else readable_patient(record.patient)
    return replace(record, patient=patient, entries=tuple(entries), gaps=record.gaps + gaps)
