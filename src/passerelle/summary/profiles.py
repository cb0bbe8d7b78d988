"""Does an entry keep the rules of the Canadian patient summary? The rules are data, in ``profiles.toml``.

The same rules decide which profile an entry may claim (``adapt``) and what is wrong with a summary (``check``).
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from passerelle.summary.sections import codes
from passerelle.values import Json

UCUM = "http://unitsofmeasure.org"
ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"


@dataclass(frozen=True)
class Profile:
    """What one PS-CA profile asks beyond base R4."""

    url: str
    type: str
    required: tuple[str, ...]
    complete: tuple[str, ...]
    coded: tuple[str, ...]
    measured: tuple[str, ...]
    includes: Mapping[str, str]


@dataclass(frozen=True)
class Lack:
    """A rule that an entry does not keep, and at which element."""

    key: str
    path: str


@cache
def profiles() -> Mapping[str, Profile]:
    """Every profile, by its key."""
    table = tomllib.loads(files("passerelle.summary").joinpath("profiles.toml").read_text("utf-8"))
    return {key: _profile(row) for key, row in table.items()}


def _profile(row: Mapping[str, Any]) -> Profile:
    lists = ("required", "complete", "coded", "measured")
    return Profile(
        url=row["url"],
        type=row["type"],
        includes=row.get("includes", {}),
        **{name: tuple(row.get(name, ())) for name in lists},
    )


def lacks(resource: Json, key: str) -> tuple[Lack, ...]:
    """Every rule of a profile that this resource does not keep."""
    profile = profiles()[key]
    return (
        *(Lack("entry-required", path) for path in profile.required if not found(resource, path)),
        *(Lack("entry-required", path) for path in profile.complete if not _completed(resource, path)),
        *(Lack("entry-coding", path) for path in profile.coded if not _coded(resource, path)),
        *(Lack("entry-unit", path) for path in profile.measured if not _measured(resource, path)),
        *(
            Lack("entry-code", at)
            for at, code in profile.includes.items()
            if code not in codes(resource.get(at))
        ),
        *(_nameless(resource) if profile.type == "Patient" else ()),
    )


def found(resource: Json, path: str) -> list[Any]:
    """Every value at a path; where only a data-absent-reason stands, that extension's element."""
    values: list[Any] = [resource]
    for name in _names(path):
        below: list[Any] = []
        for value in values:
            if isinstance(value, dict):
                _children(value, name, below)
        values = below
    return values


@cache
def _names(path: str) -> tuple[str, ...]:
    return tuple(path.split("."))


def _children(element: Json, name: str, found: list[Any]) -> None:
    for key in _of_choice(element, name[:-3]) if name[-3:] == "[x]" else (name, f"_{name}"):
        value = element.get(key)
        if type(value) is list:
            found += [each for each in value if each is not None]
        elif value is not None:
            found.append(value)


def _of_choice(element: Json, stem: str) -> list[str]:
    """The keys of an element that are one of a choice, such as ``valueQuantity`` or ``_valueString`` of ``value``."""
    size = len(stem)
    bare = ((key, key[1:] if key[:1] == "_" else key) for key in element)
    return [key for key, said in bare if said.startswith(stem) and said[size : size + 1].isupper()]


def _completed(resource: Json, path: str) -> bool:
    parent, _, child = path.rpartition(".")
    return all(found(value, child) for value in found(resource, parent) if isinstance(value, dict))


def _coded(resource: Json, path: str) -> bool:
    codings = found(resource, f"{path}.coding")
    return all(found(coding, "system") and found(coding, "code") for coding in codings)


def _measured(resource: Json, path: str) -> bool:
    """A Quantity without a value (its comparator or its absence is the message) has no unit to check."""
    quantities = [each for each in found(resource, path) if "value" in each]
    return all(each.get("system") == UCUM and each.get("code") for each in quantities)


def _nameless(patient: Json) -> Iterator[Lack]:
    """core-pat-1: a name has a family name, a given name or a text, or says why it does not."""
    for name in patient.get("name") or ():
        if not (found(name, "family") or found(name, "given") or found(name, "text") or absent(name)):
            yield Lack("patient-name", "name")


def absent(element: Any) -> bool:
    """Whether an element carries a data-absent-reason."""
    extensions = element.get("extension") or () if isinstance(element, dict) else ()
    return any(extension.get("url") == ABSENT for extension in extensions)
