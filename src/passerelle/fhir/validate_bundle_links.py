"""Does a document or message hold all that it speaks of, and speak of all that it holds?

https://hl7.org/fhir/R4/bundle.html#references , https://hl7.org/fhir/R4/documents.html#content
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from passerelle.fhir.outcome import Issue
from passerelle.values import Json

_BASE = re.compile(r"(https?://.+/)[A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64}(?:/_history/[A-Za-z0-9\-.]{1,64})?")
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:.+")


_RELATIVE = re.compile(r"[A-Za-z]+/[^/?#]+(?:/_history/[^/?#]+)?(?:#.*)?")
_SEARCH = re.compile(r"[A-Z][A-Za-z]+\?[_A-Za-z][^=&?]*=[^=&]*(?:&[_A-Za-z][^=&]*=[^=&]*)*")


@dataclass(frozen=True)
class Held:
    """The entries of a Bundle by the addresses under which they can be meant, and by type and id alone."""

    by_address: dict[str, list[int]]
    by_name: frozenset[str]

    @classmethod
    def of(cls, entries: list[Json]) -> Held:
        found: dict[str, list[int]] = {}
        names = set[str]()
        for at, entry in enumerate(entries):
            url, held = entry.get("fullUrl"), entry.get("resource") or {}
            if isinstance(url, str):
                plain = url.split("/_history/")[0]
                version = (held.get("meta") or {}).get("versionId")
                for name in {url, plain} | ({f"{plain}/_history/{version}"} if version else set()):
                    found.setdefault(name, []).append(at)
            names.add(f"{held.get('resourceType')}/{held.get('id')}")
        return cls(found, frozenset(names))

    def meant(self, reference: str, source: Any) -> list[int]:
        """The entries that a reference inside the resource at ``source`` means."""
        address = reference.split("#")[0]
        if not _ABSOLUTE.fullmatch(address):
            match = _BASE.fullmatch(source) if isinstance(source, str) else None
            if match is None:
                return []
            address = match[1] + address
        return self.by_address.get(address, [])


def everywhere(kind: Any, entries: list[Json]) -> Iterator[Issue]:
    """References inside a Bundle: of a form that can be resolved, and not past an entry that they seem to mean."""
    held = Held.of(entries)
    for at, entry in enumerate(entries):
        for literal, path in _references(entry.get("resource"), f"Bundle.entry[{at}].resource"):
            if literal.startswith("#") or _ABSOLUTE.fullmatch(literal):
                continue
            if not _RELATIVE.fullmatch(literal) and not _SEARCH.fullmatch(literal):
                yield Issue("reference-format", "value", path)
                continue
            named = kind in ("document", "message") and "/".join(literal.split("/")[:2]) in held.by_name
            if named and not held.meant(literal, entry.get("fullUrl")):
                yield Issue("bundle-not-held", "not-found", path)


def _references(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """(text, place) of every literal reference; a Bundle inside has its own."""
    if isinstance(value, dict):
        for name, each in value.items():
            if name == "reference" and isinstance(each, str):
                yield each, f"{path}.reference"
            elif not (isinstance(each, dict) and each.get("resourceType") == "Bundle"):
                yield from _references(each, f"{path}.{name}")
    elif isinstance(value, list):
        for at, each in enumerate(value):
            yield from _references(each, f"{path}[{at}]")


def document(entries: list[Json]) -> Iterator[Issue]:
    """What a Composition refers to is in its document, and everything in the document belongs to it."""
    first = entries[0].get("resource") or {}
    if first.get("resourceType") != "Composition":
        return  # an invariant says so
    held = Held.of(entries)
    yield from _resolved(_of_composition(first, "Bundle.entry[0].resource"), held, entries[0].get("fullUrl"))
    yield from _orphans(entries, held)


def message(entries: list[Json]) -> Iterator[Issue]:
    """What a MessageHeader is about is in the message."""
    first = entries[0].get("resource") or {}
    named = (
        (each, f"Bundle.entry[0].resource.focus[{at}]") for at, each in enumerate(first.get("focus") or ())
    )
    yield from _resolved(named, Held.of(entries), entries[0].get("fullUrl"))


Named = Iterator[tuple[Json, str]]


def _resolved(named: Named, held: Held, source: Any) -> Iterator[Issue]:
    for reference, path in named:
        literal = reference.get("reference")
        if not isinstance(literal, str) or literal.startswith("#"):
            continue
        found = held.meant(literal, source)
        if not found:
            yield Issue("bundle-not-held", "not-found", f"{path}.reference")
        elif len(found) > 1:
            yield Issue("bundle-held-twice", "multiple-matches", f"{path}.reference")


def _of_composition(composition: Json, path: str) -> Named:
    """Everything that must be in the document with its Composition."""
    for name in ("subject", "encounter", "custodian"):
        if isinstance(composition.get(name), dict):
            yield composition[name], f"{path}.{name}"
    yield from _each(composition, "author", path)
    for part, name in (("attester", "party"), ("event", "detail")):
        for at, each in enumerate(composition.get(part) or ()):
            place = f"{path}.{part}[{at}]"
            if isinstance(each.get(name), dict):
                yield each[name], f"{place}.{name}"
            else:
                yield from _each(each, name, place)
    yield from _of_sections(composition, path)


def _of_sections(holder: Json, path: str) -> Named:
    for at, section in enumerate(holder.get("section") or ()):
        place = f"{path}.section[{at}]"
        yield from _each(section, "author", place)
        yield from _each(section, "entry", place)
        if isinstance(section.get("focus"), dict):
            yield section["focus"], f"{place}.focus"
        yield from _of_sections(section, place)


def _each(holder: Json, name: str, path: str) -> Named:
    for at, each in enumerate(holder.get(name) or ()):
        yield each, f"{path}.{name}[{at}]"


def _orphans(entries: list[Json], held: Held) -> Iterator[Issue]:
    """Whatever no chain of references, either way, ties to the Composition (a Provenance speaks of what belongs)."""
    tied: list[set[int]] = [set() for _ in entries]
    for at, entry in enumerate(entries):
        for text in set(_texts(entry.get("resource"))):
            for other in held.meant(text, entry.get("fullUrl")):
                tied[at].add(other)
                tied[other].add(at)
    reached, waiting = {0}, [0]
    while waiting:
        new = tied[waiting.pop()] - reached
        reached |= new
        waiting += new
    for at, entry in enumerate(entries):
        if at not in reached and entry.get("resource"):
            yield Issue("bundle-orphan", "invalid", f"Bundle.entry[{at}]")


def _texts(value: Any) -> Iterator[str]:
    """Every text that may be a reference."""
    if isinstance(value, dict):
        for name, each in value.items():
            if isinstance(each, str):
                if name in ("reference", "url", "valueUri", "valueUrl", "valueCanonical"):
                    yield each
            else:
                yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
