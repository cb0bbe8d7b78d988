"""What do references lead to that stay within one resource or Bundle?

https://hl7.org/fhir/R4/bundle.html#references
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from passerelle.values import Json

_BASE = re.compile(r"(https?://.+/)[A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64}(?:/_history/.+)?")


class Surroundings:
    """The resources at hand around one: what it contains, the entries of its Bundle, and whoever knows more."""

    def __init__(self, resource: Json, beyond: Callable[[str], Json | None] | None = None) -> None:
        self.resource, self.beyond = resource, beyond
        self._by_address: dict[str, Json] | None = None
        self._ids: frozenset[str] | None = None

    def resolve(self, reference: str) -> Json | None:
        """What a literal reference leads to, or None if that is not at hand."""
        if reference.startswith("#"):
            return self._contained(reference[1:])
        if self._by_address is None:
            self._by_address = dict(_addresses(self.resource))
        found = self._by_address.get(reference) or self._by_address.get(reference.split("/_history/")[0])
        return found or (self.beyond(reference) if self.beyond else None)

    def names(self, id: str) -> bool:
        """Whether anything inside has that id."""
        if self._ids is None:
            self._ids = frozenset(_ids(self.resource))
        return id in self._ids

    def _contained(self, name: str) -> Json | None:
        if not name:
            return self.resource
        holders = [self.resource, *_entries(self.resource)]
        held = (each for holder in holders for each in holder.get("contained") or ())
        return next((each for each in held if each.get("id") == name), None)


def _entries(resource: Json) -> Iterator[Json]:
    for entry in _list(resource.get("entry")):
        if isinstance(entry, dict) and isinstance(entry.get("resource"), dict):
            yield entry["resource"]


def _addresses(resource: Json) -> Iterator[tuple[str, Json]]:
    """Every name under which an entry of a Bundle can be referred to."""
    if resource.get("resourceType") != "Bundle":
        return
    for entry in _list(resource.get("entry")):
        held = entry.get("resource") if isinstance(entry, dict) else None
        if not isinstance(held, dict):
            continue
        if isinstance(held.get("id"), str):
            yield f"{held.get('resourceType')}/{held['id']}", held
        if isinstance(url := entry.get("fullUrl"), str):
            yield url, held
            if match := _BASE.fullmatch(url):
                yield url[len(match[1]) :], held


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _ids(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("id"), str):
            yield value["id"]
        for each in value.values():
            yield from _ids(each)
    elif isinstance(value, list):
        for each in value:
            yield from _ids(each)
