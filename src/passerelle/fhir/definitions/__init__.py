"""What does R4 itself say? Its types, search parameters and Patient compartment, read from one compiled file.

Each type is decoded when it is first asked for, so that a node that serves thirty types pays for thirty.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import msgspec

_REQUIRED, _MANY, _SUMMARY = 1, 2, 4


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a type. A choice keeps its ``[x]``; a type ``#part`` is a part of the same structure."""

    name: str
    required: bool
    many: bool
    summary: bool
    types: tuple[str, ...]
    targets: tuple[str, ...]
    """The resource types a Reference may point to; empty is any."""

    @property
    def choice(self) -> bool:
        return self.name.endswith("[x]")

    def json_names(self) -> tuple[tuple[str, str], ...]:
        """(name in JSON, type): one pair, or one for each type of a choice."""
        if not self.choice:
            return ((self.name, self.types[0]),)
        stem = self.name.removesuffix("[x]")
        return tuple((stem + kind[0].upper() + kind[1:], kind) for kind in self.types)


@dataclass(frozen=True, slots=True)
class Structure:
    """A resource type or complex datatype: its elements by backbone part, "" being the type itself."""

    name: str
    kind: Literal["resource", "complex-type"]
    abstract: bool
    parts: Mapping[str, tuple[Element, ...]]


@dataclass(frozen=True, slots=True)
class Path:
    """Where a searchable value lies: JSON names, some with a filter such as ``telecom[system=phone]``."""

    steps: tuple[str, ...]
    type: str


@dataclass(frozen=True, slots=True)
class Source:
    """A place of a type whose values are indexed, once for all parameters that read them, under ``name``."""

    name: str
    kind: str
    path: Path
    slotted: bool
    """Whether its values are numbered by the repeating element that they lie in, for a composite."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a composite: the sources that hold it, and whether it is paired within one element."""

    kind: str
    rows: tuple[str, ...]
    paired: bool


@dataclass(frozen=True, slots=True)
class SearchParameter:
    """One search parameter of one type: the sources that it reads, or for a composite the ways to pass it."""

    name: str
    kind: str
    rows: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    start: str = ""
    """For a reference to one type (``where(resolve() is Patient)``): that type and a slash."""
    ways: tuple[tuple[Part, ...], ...] = ()


class _Search(msgspec.Struct):
    sources: list[tuple[str, str, str, str, bool]]
    parameters: list[Any]


class _Compiled(msgspec.Struct):
    structures: dict[str, msgspec.Raw]
    search: dict[str, msgspec.Raw]
    compartments: dict[str, dict[str, list[str]]]


@cache
def _compiled() -> _Compiled:
    return msgspec.json.decode(files(__package__).joinpath("r4.json").read_bytes(), type=_Compiled)


@cache
def structure(name: str) -> Structure | None:
    """The structure of a resource type or complex datatype, or None if R4 has no such type."""
    raw = _compiled().structures.get(name)
    if raw is None:
        return None
    found: dict[str, Any] = msgspec.json.decode(raw)
    parts = {part: tuple(_element(*row) for row in rows) for part, rows in found["parts"].items()}
    return Structure(name, found["kind"], found.get("abstract", False), parts)


def _element(name: str, flags: int, types: list[str], targets: list[str] | None = None) -> Element:
    required, many, summary = (bool(flags & flag) for flag in (_REQUIRED, _MANY, _SUMMARY))
    return Element(name, required, many, summary, tuple(types), tuple(targets or ()))


@cache
def resource_types() -> frozenset[str]:
    """Every R4 resource type that can exist (not the abstract ones)."""
    resources = {
        name for name, raw in _compiled().structures.items() if b'"kind":"resource"' in bytes(raw)[:24]
    }
    return frozenset(resources - {"Resource", "DomainResource"})


@cache
def _search(type: str) -> _Search:
    raw = _compiled().search.get(type)
    return msgspec.json.decode(raw, type=_Search) if raw is not None else _Search([], [])


@cache
def sources(type: str) -> tuple[Source, ...]:
    """What is indexed of a type, beside its id and meta."""
    return tuple(
        Source(name, kind, Path(tuple(path.split(".")), datatype), slotted)
        for name, kind, path, datatype, slotted in _search(type).sources
    )


@cache
def search_parameters(type: str) -> tuple[SearchParameter, ...]:
    """The parameters that R4 defines for a type."""
    return tuple(_parameter(*row) for row in _search(type).parameters)


def _parameter(name: str, kind: str, rows: list[Any], *rest: Any) -> SearchParameter:
    if kind == "composite":
        ways = (tuple(Part(part, tuple(names), paired) for part, names, paired in way) for way in rows)
        return SearchParameter(name, kind, ways=tuple(ways))
    targets, start = rest
    return SearchParameter(name, kind, tuple(rows), tuple(targets), start)


def compartment(name: str) -> Mapping[str, list[str]] | None:
    """Per resource type the reference parameters that put it in a compartment (``{def}``: the type itself).

    None for what is not one of the compartments that R4 defines.
    """
    return _compiled().compartments.get(name)


def patient_compartment() -> Mapping[str, list[str]]:
    """Per resource type the reference parameters that put it in a Patient's compartment."""
    return _compiled().compartments["Patient"]
