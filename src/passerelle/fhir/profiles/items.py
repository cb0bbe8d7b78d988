"""One element of a resource on the way: its value, its type, and where it stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from passerelle.fhir.definitions import Element, structure
from passerelle.values import Json


@dataclass(frozen=True, slots=True)
class Item:
    """``extra`` is the half of a primitive that holds its extensions; ``part`` says which backbone part of a type."""

    value: Any
    type: str
    path: str
    part: str = ""
    extra: Any = None


def root(resource: Json, path: str = "") -> Item:
    kind = resource.get("resourceType", "Resource")
    return Item(resource, kind, path or kind)


_EVERYWHERE = {
    "id": Element("id", False, False, False, ("string",), ()),
    "extension": Element("extension", False, True, False, ("Extension",), ()),
}


@cache
def elements(type: str, part: str) -> Mapping[str, Element]:
    """The elements of a type or part by name, a choice without its ``[x]``."""
    found = structure(type)
    own = found.parts.get(part, ()) if found else ()
    return {**_EVERYWHERE, **{each.name.removesuffix("[x]"): each for each in own}}


@cache
def names(type: str, part: str) -> Mapping[str, tuple[Element, str]]:
    """(element, type) by JSON name."""
    return {json: (each, kind) for each in elements(type, part).values() for json, kind in each.json_names()}


def below(item: Item) -> Iterator[tuple[Element, Item]]:
    """Every element right below an item, as R4 defines it; what R4 does not define is passed over."""
    if type(item.value) is not dict:
        for each in _of_primitive(item, "extension"):
            yield _EVERYWHERE["extension"], each
        return
    known = names(item.type, item.part)
    seen = item.value.keys()
    for json in seen:
        plain = json.removeprefix("_")
        found = known.get(plain)
        if found is not None and (plain == json or plain not in seen):
            for each in _named(item, plain, found[1], found[0]):
                yield found[0], each


def children(item: Item, name: str) -> list[Item]:
    """The elements of a name below an item, of whatever type if the name is a choice."""
    if type(item.value) is not dict:
        return _of_primitive(item, name)
    plain = name.removesuffix("[x]")
    element = elements(item.type, item.part).get(plain)
    if element is not None:
        return [each for json, kind in element.json_names() for each in _named(item, json, kind, element)]
    for other in elements(item.type, item.part).values():
        if other.choice and plain.startswith(other.name[:-3]):
            kinds = dict(other.json_names())
            if plain in kinds:
                return list(_named(item, plain, kinds[plain], other))
    return []


def _of_primitive(item: Item, name: str) -> list[Item]:
    if name != "extension" or type(item.extra) is not dict:
        return []
    held = item.extra.get("extension") or ()
    return [Item(each, "Extension", f"{item.path}.extension[{at}]") for at, each in enumerate(held)]


def _named(item: Item, json: str, kind: str, element: Element) -> Iterator[Item]:
    value, extra = item.value.get(json), item.value.get(f"_{json}")
    if value is None and extra is None:
        return
    many = type(value) is list or type(extra) is list
    values = value if type(value) is list else [value]
    extras = extra if type(extra) is list else [extra]
    for at in range(max(len(values) if value is not None else 0, len(extras) if extra is not None else 0)):
        one = values[at] if at < len(values) else None
        half = extras[at] if at < len(extras) else None
        if one is not None or half is not None:
            yield _item(item, kind, one, half, f"{item.path}.{json}[{at}]" if many else f"{item.path}.{json}")


def _item(holder: Item, kind: str, value: Any, extra: Any, path: str) -> Item:
    if kind.startswith("#"):
        return Item(value, holder.type, path, kind[1:])
    if kind == "Resource" and type(value) is dict:
        return Item(value, value.get("resourceType", "Resource"), path)
    return Item(value, kind, path, extra=extra)
