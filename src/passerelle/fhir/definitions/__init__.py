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
    only: str = ""
    """For a reference: the one resource type that counts (``where(resolve() is Patient)``)."""


@dataclass(frozen=True, slots=True)
class Component:
    """One half of a composite parameter, its paths relative to the composite's base."""

    kind: str
    paths: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class SearchParameter:
    """One search parameter of one type; ``composites`` holds (base, first half, second half) rows."""

    name: str
    kind: str
    paths: tuple[Path, ...]
    targets: tuple[str, ...]
    composites: tuple[tuple[tuple[str, ...], Component, Component], ...] = ()


class _Compiled(msgspec.Struct):
    structures: dict[str, msgspec.Raw]
    search: dict[str, msgspec.Raw]
    compartment: dict[str, list[str]]


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
def search_parameters(type: str) -> tuple[SearchParameter, ...]:
    """The parameters that R4 defines for a type and that are plain element paths."""
    raw = _compiled().search.get(type)
    rows: list[Any] = msgspec.json.decode(raw) if raw is not None else []
    return tuple(_parameter(*row) for row in rows)


def _parameter(name: str, kind: str, rows: list[Any], targets: list[str]) -> SearchParameter:
    if kind == "composite":
        return SearchParameter(name, kind, (), (), tuple(_composite(*row) for row in rows))
    return SearchParameter(name, kind, tuple(_path(*row) for row in rows), tuple(targets))


def _path(path: str, type: str, only: str = "") -> Path:
    return Path(tuple(path.split(".")), type, only)


def _composite(base: str, *halves: list[Any]) -> tuple[tuple[str, ...], Component, Component]:
    first, second = (Component(kind, tuple(_path(*row) for row in rows)) for kind, rows in halves)
    return tuple(base.split(".")) if base else (), first, second


def patient_compartment() -> Mapping[str, list[str]]:
    """Per resource type the reference parameters that put it in a Patient's compartment."""
    return _compiled().compartment
