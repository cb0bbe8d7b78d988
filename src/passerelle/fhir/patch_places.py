"""Where in a resource does an element lie, and what is written there? In JSON a primitive has two halves: its value
under its name, and its id and extensions under the name with an underscore. Here they are one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from passerelle.fhir.definitions import Element, structure
from passerelle.fhir.fhirpath.node import Node
from passerelle.fhir.patch_values import Given
from passerelle.fhir.primitives import PRIMITIVES
from passerelle.values import Json


@dataclass(frozen=True, slots=True)
class Place:
    """The elements of one JSON name in one object."""

    holder: Json
    key: str
    many: bool

    def __len__(self) -> int:
        return len(self._read())

    def same(self, other: Place | None) -> bool:
        return other is not None and self.holder is other.holder and self.key == other.key

    def insert(self, at: int, value: Given) -> None:
        items = self._read()
        items.insert(at, value)
        self._write(items)

    def take(self, at: int) -> Given:
        items = self._read()
        taken = items.pop(at)
        self._write(items)
        return taken

    def write(self, at: int, value: Given) -> None:
        items = self._read()
        items[at : at + 1] = [value]
        self._write(items)

    def _read(self) -> list[Given]:
        values, shadows = (_listed(self.holder.get(name)) for name in (self.key, f"_{self.key}"))
        length = max(len(values), len(shadows))
        pairs = zip(_padded(values, length), _padded(shadows, length), strict=True)
        return [Given(value, shadow) for value, shadow in pairs]

    def _write(self, items: list[Given]) -> None:
        halves = {self.key: [one.value for one in items], f"_{self.key}": [one.shadow for one in items]}
        for name, half in halves.items():
            if all(each is None for each in half):
                self.holder.pop(name, None)
            else:
                self.holder[name] = half if self.many else half[0]


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if type(value) is list else [value]


def _padded(items: list[Any], length: int) -> list[Any]:
    return items + [None] * (length - len(items))


def place_of(node: Node) -> Place | None:
    """Where an element lies; None for the resource itself."""
    if node.parent is None:
        return None
    holder = _inside(node.parent)
    return Place(holder, node.key, node.index is not None) if holder is not None else None


def _inside(node: Node) -> Json | None:
    """The object that holds what is in an element: of a primitive, its other half."""
    if type(node.value) is dict:
        return node.value
    if type(node.extra) is dict:
        return node.extra
    place = place_of(node)
    if place is None or node.type not in PRIMITIVES:
        return None
    # A primitive without an id or extensions gets a place for them.
    fresh: Json = {}
    place.write(node.index or 0, Given(node.value, fresh))
    return fresh


def tidy(node: Node | None) -> None:
    """Take away what was left empty, and what is left empty by that."""
    while node is not None and (place := place_of(node)) is not None:
        if node.value == {}:
            place.take(node.index or 0)
        elif node.extra == {}:
            place.write(node.index or 0, Given(node.value))
        if node.value not in (None, {}):
            return
        node = node.parent


@dataclass(frozen=True, slots=True)
class Target:
    """A place to write to, and the type of what may stand there."""

    place: Place
    type: str
    """A backbone part of a type is named as FHIRPath's nodes name it: ``Patient.contact``."""
    many: bool
    taken: bool = False
    """Whether something stands there already; for a choice, under any of its names."""


def child_of(parent: Node, name: str, kind: str) -> Target | None:
    """Where the elements of a name lie in an element. For a choice ``kind`` tells which of its names is meant."""
    found = element_of(parent.type, name, kind)
    holder = _inside(parent) if found is not None else None
    if found is None or holder is None:
        return None
    element, key, type = found
    names = [other for other, _ in element.json_names()]
    taken = any(other in holder or f"_{other}" in holder for other in names)
    return Target(Place(holder, key, element.many), type, element.many, taken)


def element_of(type: str, name: str, kind: str = "") -> tuple[Element, str, str] | None:
    """(element, JSON name, type) of a name in a type."""
    owner, _, part = type.partition(".")
    found = structure(owner)
    if name in ("id", "extension") and (found is None or part or found.kind != "resource"):
        element = _ID if name == "id" else _EXTENSION
        return element, name, element.types[0]
    for element in found.parts.get(part, ()) if found else ():
        stem = element.name.removesuffix("[x]")
        for key, of in element.json_names():
            if name == key or (element.choice and name in (stem, element.name) and key == stem + kind):
                return element, key, f"{owner}.{of[1:]}" if of.startswith("#") else of
    return None


_ID = Element("id", False, False, False, ("string",), ())
_EXTENSION = Element("extension", False, True, False, ("Extension",), ())
