"""Which part of a resource was asked for? ``_elements`` and ``_summary``, marked as SUBSETTED."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from passerelle.fhir.codes import OBSERVATION_VALUE
from passerelle.fhir.definitions import Element, structure
from passerelle.values import Json

_ALWAYS = frozenset({"resourceType", "id", "meta"})
_SUBSETTED = {"system": OBSERVATION_VALUE, "code": "SUBSETTED"}


def subset(resource: Json, elements: Sequence[str] = (), summary: str | None = None) -> Json:
    """The asked part of a resource: always with its id, meta, mandatory elements and the SUBSETTED tag.

    ``elements`` are names of top-level elements (a choice without its type: ``value``); ``summary`` is one of
    ``true``, ``text`` and ``data``. Without either the resource is returned whole.
    """
    type = resource.get("resourceType", "")
    if elements:
        kept = _kept(resource, type, "", lambda element: _stem(element) in elements)
    elif summary == "true":
        kept = _summarised(resource, type, "")
    elif summary == "text":
        kept = _kept(resource, type, "", lambda element: element.name == "text")
    elif summary == "data":
        kept = {name: value for name, value in resource.items() if name != "text"}
    else:
        return resource
    return _marked(kept)


def _stem(element: Element) -> str:
    return element.name.removesuffix("[x]")


@cache
def _elements(type: str, part: str) -> dict[str, Element]:
    """The elements of a part of a type by their names in JSON, those of primitive extensions included."""
    found = structure(type)
    named = {}
    for element in found.parts.get(part, ()) if found else ():
        for name, _ in element.json_names():
            named[name] = named[f"_{name}"] = element
    return named


def _kept(value: Json, type: str, part: str, wanted: Callable[[Element], bool]) -> Json:
    known = _elements(type, part)
    return {
        name: child
        for name, child in value.items()
        if name in _ALWAYS or (name in known and (known[name].required or wanted(known[name])))
    }


def _summarised(value: Json, type: str, part: str) -> Json:
    known = _elements(type, part)
    kept = _kept(value, type, part, lambda element: element.summary)
    for name, child in kept.items():
        inner = known[name].types[0] if name in known else ""
        if inner.startswith("#"):
            kept[name] = _each(child, lambda one, part=inner[1:]: _summarised(one, type, part))  # type: ignore[misc]
    return kept


def _each(value: Any, change: Callable[[Json], Json]) -> Any:
    if isinstance(value, list):
        return [_each(one, change) for one in value]
    return change(value) if isinstance(value, dict) else value


def _marked(resource: Json) -> Json:
    meta = resource.get("meta") or {}
    tags = [tag for tag in meta.get("tag", ()) if tag.get("code") != "SUBSETTED"]
    return {**resource, "meta": {**meta, "tag": [*tags, _SUBSETTED]}}
