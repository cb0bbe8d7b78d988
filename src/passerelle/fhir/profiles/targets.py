"""Does a reference lead to what it may lead to? By its words, and by what it leads to where that is at hand."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from passerelle.fhir.definitions import resource_types
from passerelle.fhir.profiles.items import Item
from passerelle.fhir.profiles.model import base_type

if TYPE_CHECKING:
    from passerelle.fhir.profiles.walk import Walk

_LITERAL = re.compile(
    r"(?:https?://.+/)?([A-Z][A-Za-z]+)/[A-Za-z0-9\-.]{1,64}(?:/_history/[A-Za-z0-9\-.]{1,64})?"
)


def resolved(walk: Walk, item: Item) -> Item | None:
    """The resource that a reference leads to, if it is at hand."""
    literal = item.value.get("reference") if isinstance(item.value, dict) else item.value
    found = walk.resolve(literal) if isinstance(literal, str) else None
    return Item(found, found.get("resourceType", "Resource"), item.path) if found else None


def types(walk: Walk, urls: Iterable[str]) -> frozenset[str]:
    """The resource types that profiles are about."""
    found = set[str]()
    for url in urls:
        profile = walk.profiles.profile(url)
        found.add(profile.type if profile else base_type(url) or "")
    return frozenset(found)


def fits(walk: Walk, item: Item, urls: tuple[str, ...]) -> bool:
    """Whether a reference leads to one of some profiles; what cannot be known is taken to be so."""
    if item.type == "canonical" or not isinstance(item.value, dict):
        return True
    target = resolved(walk, item)
    if target is not None:
        return any(walk.conforms(target, url) for url in urls)
    kind = _type_of(item)
    wanted = types(walk, urls)
    return kind is None or "" in wanted or not wanted.isdisjoint({kind, "Resource", "DomainResource"})


def likely(walk: Walk, items: Iterable[Item], urls: Iterable[str]) -> bool:
    """Whether a reference whose target is not at hand may lead to a profile, by its type."""
    wanted = types(walk, urls)
    return any(_type_of(each) in wanted for each in items)


def _type_of(item: Item) -> str | None:
    if not isinstance(item.value, dict):
        return None
    match = _LITERAL.fullmatch(item.value.get("reference") or "")
    kind = match[1] if match else item.value.get("type")
    return kind if kind in resource_types() else None
