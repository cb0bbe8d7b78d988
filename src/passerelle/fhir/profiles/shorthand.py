"""A differential may write ``valueQuantity`` for ``value[x]``: the one type left, or one slice of several.

https://hl7.org/fhir/R4/profiling.html#slicing
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache

from passerelle.fhir.definitions import Element, structure
from passerelle.fhir.profiles.items import elements
from passerelle.values import Json

Place = tuple[str, str]
"""(type, backbone part)."""


def expanded(type: str, rows: Iterable[Json]) -> list[Json]:
    """The rows of a differential with the full name of each choice."""
    kept = list(rows)
    found = {prefix: name for row in kept for prefix, name in _shorthands(type, row["id"])}
    if not found:
        return kept
    many: dict[str, set[str]] = {}
    for prefix, name in found.items():
        many.setdefault(_full(prefix, name), set()).add(prefix)
    changed: list[Json] = []
    told = set[str]()
    for row in kept:
        new = row
        for prefix, name in _shorthands(type, row["id"]):
            full = _full(prefix, name)
            one = len(many[full]) == 1
            if one and full not in told:
                told.add(full)
                changed.append({"id": full, "path": full, "type": [{"code": name[1]}]})
            long = full if one else f"{full}:{prefix.rpartition('.')[2]}"
            new = {**new, "id": long + row["id"][len(prefix) :]}
            break
        changed.append(new)
    return changed


def _full(prefix: str, name: tuple[str, str]) -> str:
    return prefix.rpartition(".")[0] + "." + name[0]


def _shorthands(type: str, id: str) -> list[tuple[str, tuple[str, str]]]:
    """(the id up to it, (the choice, the type)) of every such name on the way of an element."""
    place: Place | None = (type, "")
    found = []
    steps = id.split(".")
    for at, step in enumerate(steps[1:], start=2):
        if place is None:
            break
        name = step.split(":")[0]
        short = _choice(place, name)
        if short is not None:
            found.append((".".join(steps[:at]), short))
            place = (short[1], "")
        else:
            place = below(place, name)
    return found


@cache
def _choice(place: Place, name: str) -> tuple[str, str] | None:
    known: Mapping[str, Element] = elements(*place)
    if name in known:
        return None
    for each in known.values():
        if each.choice and name.startswith(each.name[:-3]):
            kind = dict(each.json_names()).get(name)
            if kind is not None:
                return each.name, kind
    return None


def below(place: Place, name: str) -> Place | None:
    element = elements(*place).get(name.removesuffix("[x]"))
    if element is None or len(element.types) != 1:
        return None
    kind = element.types[0]
    if kind.startswith("#"):
        return place[0], kind[1:]
    return (kind, "") if structure(kind) else None
