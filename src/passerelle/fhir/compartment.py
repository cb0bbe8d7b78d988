"""Whose record does a resource belong to? The Patient compartment, and what a resource refers to."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from passerelle.fhir.definitions import patient_compartment, search_parameters, sources
from passerelle.fhir.path import Walk, walker
from passerelle.fhir.search_values import reference
from passerelle.values import Json


def patients(resource: Json, base: str = "") -> tuple[str, ...]:
    """The ids of the Patients in whose compartment a resource lies, in order of appearance.

    A Patient lies in its own. ``base`` is this server's address: absolute references to it count as local.
    """
    type = resource.get("resourceType", "")
    found = [resource["id"]] if type == "Patient" and "id" in resource else []
    for walk in _walks(type):
        for value in walk(resource):
            literal = value.get("reference") if isinstance(value, dict) else None
            if isinstance(literal, str):
                kind, _, id = reference(literal, base).partition("/")
                if kind == "Patient":
                    found.append(id)
    return tuple(dict.fromkeys(found))


def types() -> frozenset[str]:
    """The resource types that can lie in a Patient compartment."""
    return frozenset(patient_compartment())


@cache
def _walks(type: str) -> tuple[Walk, ...]:
    names = patient_compartment().get(type, ())
    rows = {row for one in search_parameters(type) if one.name in names for row in one.rows}
    paths = {one.path.steps for one in sources(type) if one.name in rows and one.path.type == "Reference"}
    return tuple(walker(path) for path in sorted(paths))


def references(value: Any) -> Iterator[str]:
    """Every literal ``Reference.reference`` in a resource or a part of one, depth first."""
    stack = [value]
    while stack:
        here = stack.pop()
        if isinstance(here, dict):
            literal = here.get("reference")
            if isinstance(literal, str):
                yield literal
            stack.extend(reversed([child for child in here.values() if isinstance(child, dict | list)]))
        elif isinstance(here, list):
            stack.extend(reversed(here))
