"""Is each extension one that somebody defined, where it may stand, with the value that it should have?

A node keeps what it does not know. Here a person is told that nobody here knows it, so that a wrong address is found.
https://hl7.org/fhir/R4/extensibility.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from passerelle.fhir.definitions import structure
from passerelle.fhir.outcome import Issue, Severity
from passerelle.fhir.profiles.items import Item, below, root
from passerelle.values import Json

if TYPE_CHECKING:
    from passerelle.fhir.profiles import Profiles

_OTHER_VERSION = re.compile(r"http://hl7\.org/fhir/[1-5]\.0/StructureDefinition/extension-[A-Za-z0-9.\[\]]+")
_LATER = "http://hl7.org/fhir/StructureDefinition/"
"""HL7 publishes more extensions for R4 under this address than R4 itself has."""
_TOOLS = "http://hl7.org/fhir/tools/StructureDefinition/"
"""What HL7's own tools leave in what they make."""
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:\S+")


def issues(resource: Json, profiles: Profiles) -> Iterator[Issue]:
    """What is wrong with the extensions of a resource and of the resources inside it."""
    from passerelle.fhir.profiles import Surroundings, Walk

    walk = Walk.at(resource, profiles, Surroundings(resource).resolve)
    yield from _below(root(resource), frozenset(), walk)


def _below(item: Item, names: frozenset[str], walk: Walk) -> Iterator[Issue]:
    here = names | _names(item)
    for element, inner in below(item):
        if inner.type == "Extension" and isinstance(inner.value, dict):
            yield from _one(inner, here, walk)
            yield from _below(inner, frozenset({str(inner.value.get("url"))}), walk)
            continue
        top = inner.type if isinstance(inner.value, dict) and "resourceType" in inner.value else ""
        below_names = {top} if top else {f"{name}.{element.name.removesuffix('[x]')}" for name in here}
        if inner.part:  # a part may repeat inside itself
            below_names.add(f"{inner.type}.{inner.part}")
        yield from _below(inner, frozenset(below_names | {f"{each}[x]" for each in below_names}), walk)


def _names(item: Item) -> frozenset[str]:
    """The names by which a definition may mean an element: its type and the kinds that the type is of."""
    if isinstance(item.value, dict) and "resourceType" in item.value:
        return frozenset({item.type, "Resource", "DomainResource", "Element"})
    if item.part:
        return frozenset({"BackboneElement", "Element"})
    return frozenset({item.type, "Element"})


def _one(item: Item, around: frozenset[str], walk: Walk) -> Iterator[Issue]:
    from passerelle.fhir.profiles import of_profile

    url = item.value.get("url")
    if not isinstance(url, str):
        return
    if not _ABSOLUTE.fullmatch(url):
        yield from _part(url, item, around, walk)
        return
    definition = walk.profiles.profile(url)
    if definition is None:
        yield from _unknown(url, item)
    elif definition.type != "Extension" or "|" in url:
        yield Issue("extension-other", "value", f"{item.path}.url")
    else:
        if not _may_stand(url, definition.contexts, around):
            places = ", ".join(sorted({expression for _, expression in definition.contexts}))
            yield Issue("extension-misplaced", "structure", item.path, {"places": places})
        if definition.modifier != (".modifierExtension[" in f".{item.path.rpartition('.')[2]}"):
            yield Issue("extension-modifier", "structure", item.path)
        yield from of_profile(walk, definition, item)


def _part(url: str, item: Item, around: frozenset[str], walk: Walk) -> Iterator[Issue]:
    """A part of an extension, which the definition of the whole names."""
    whole = next((walk.profiles.profile(name) for name in around if _ABSOLUTE.fullmatch(name)), None)
    inside = (
        ".extension[" in item.path.rpartition(".")[0] or ".modifierExtension[" in item.path.rpartition(".")[0]
    )
    if not inside:
        yield Issue("extension-relative", "value", f"{item.path}.url")
    elif whole is not None and "extension" in whole.root.inner:
        slices = whole.root.inner["extension"].slices.values()
        known = {each.inner["url"].fixed for each in slices if "url" in each.inner}
        if known and url not in known:
            yield Issue("extension-part", "structure", f"{item.path}.url")


def _unknown(url: str, item: Item) -> Iterator[Issue]:
    if _OTHER_VERSION.fullmatch(url) or url.startswith(_TOOLS):
        return
    severity: Severity = (
        "warning" if url.startswith(_LATER) and structure(url[len(_LATER) :]) is None else "error"
    )
    yield Issue("extension-unknown", "not-found", f"{item.path}.url", {}, severity)


_MODELS = tuple(f"ElementDefinition.{name}" for name in ("fixed", "pattern", "example.value", "defaultValue"))
"""Values that stand for those of other elements: any extension may be in them."""
_MENDED = {_LATER + "structuredefinition-fhir-type": "ElementDefinition.type"}
"""Where R4's own definitions hold an extension in another place than its definition says."""


def _may_stand(url: str, contexts: tuple[tuple[str, str], ...], around: frozenset[str]) -> bool:
    if not contexts or any(kind == "fhirpath" for kind, _ in contexts) or _MENDED.get(url) in around:
        return True
    if any(name.startswith(_MODELS) for name in around):
        return True
    return any(expression in around or expression.startswith("#") for _, expression in contexts)


if TYPE_CHECKING:
    from passerelle.fhir.profiles.walk import Walk
