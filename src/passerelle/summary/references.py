"""Where does a reference lead? From the addresses of many sources to the entries of one document.

Inside a document every reference to another entry is that entry's ``urn:uuid``. A reference that leads out of the
document stays an absolute address where one is known; else only its identifier and display remain, so that no
relative reference is left to dangle.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from passerelle.fhir.record import Origin, Record
from passerelle.summary.wording import say
from passerelle.values import Json, Language, NodeId

PATIENT = -1
"""The place of the merged Patient, whatever its id at each source."""

_RELATIVE = re.compile(r"([A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?")
_ABSOLUTE = re.compile(r"https?://[^\s]+")


@dataclass(frozen=True)
class Places:
    """Where each resource of a record is said to be: its index in ``Record.entries``, or ``PATIENT``."""

    by_url: Mapping[str, int]
    by_node: Mapping[tuple[NodeId, str], int]
    bases: Mapping[NodeId, str]

    def find(self, reference: str, origins: Iterable[Origin]) -> int | None:
        """The resource that a reference, written at one of these origins, leads to; None if it is not known or
        leads to different resources at different origins."""
        written = _versionless(reference)
        if written in self.by_url:
            return self.by_url[written]
        found: int | None = None
        for origin in origins:
            known = self.by_node.get((origin.node, written))
            if known is not None and found is not None and known != found:
                return None
            found = found if known is None else known
        return found

    def absolute(self, reference: str, origins: Iterable[Origin]) -> str | None:
        """The absolute address of a reference, where one is known."""
        if _ABSOLUTE.fullmatch(reference):
            return reference
        bases = {base for origin in origins if (base := self._base(origin))}
        if len(bases) == 1 and _RELATIVE.fullmatch(reference):
            return f"{bases.pop()}/{reference}"
        return None

    def _base(self, origin: Origin) -> str:
        full = origin.full_url.removesuffix(f"/{origin.reference}")
        return (
            full if full != origin.full_url and _ABSOLUTE.fullmatch(full) else self.bases.get(origin.node, "")
        )


def places(record: Record) -> Places:
    """Every address that the sources gave for every resource of the record."""
    by_url: dict[str, int] = {}
    by_node: dict[tuple[NodeId, str], int] = {}
    patients = [(PATIENT, entry) for entry in record.patients]
    for place, entry in [*enumerate(record.entries), *patients]:
        for origin in entry.origins:
            by_url[_versionless(origin.full_url)] = place
            by_node[origin.node, origin.reference] = place
    bases = {source.node: source.base.rstrip("/") for source in record.sources if source.base}
    return Places(by_url, by_node, bases)


def references(value: Any) -> list[str]:
    """Every literal reference inside a resource, contained resources included."""
    found: list[str] = []
    _gather(value, found)
    return found


def _gather(value: Any, found: list[str]) -> None:
    if type(value) is dict:
        literal = value.get("reference")
        if type(literal) is str:
            found.append(literal)
        value = value.values()
    elif type(value) is not list:
        return
    for each in value:
        if type(each) is dict or type(each) is list:
            _gather(each, found)


@dataclass(frozen=True)
class Rewriter:
    """One resource's references, made to fit the document. ``urls`` are the entries of the document by place."""

    places: Places
    urls: Mapping[int, str]
    origins: tuple[Origin, ...]
    language: Language

    def __call__(self, value: Any) -> Any:
        """A copy in which every reference leads to an entry of the document, or visibly out of it."""
        if type(value) is list:
            return [self(each) if type(each) is dict or type(each) is list else each for each in value]
        if type(value) is not dict:
            return value
        # Most values are texts: they are looked at here, so that only what has an inside costs a call.
        copy = {
            key: self(each) if type(each) is dict or type(each) is list else each
            for key, each in value.items()
        }
        if type(copy.get("reference")) is str:
            return self._reference(copy)
        url = copy.get("url")
        if type(url) is str and _RELATIVE.fullmatch(url):  # an Attachment kept at its source
            copy["url"] = self.places.absolute(url, self.origins) or url
        return copy

    def _reference(self, reference: Json) -> Json:
        written = reference["reference"]
        if written.startswith("#"):
            return reference
        place = self.places.find(written, self.origins)
        if place is not None and place in self.urls:
            return {**reference, "reference": self.urls[place]}
        address = self.places.absolute(written, self.origins)
        if address is not None:
            return {**reference, "reference": address}
        return self._without_address(reference, written)

    def _without_address(self, reference: Json, written: str) -> Json:
        kept = {key: value for key, value in reference.items() if key not in ("reference", "_reference")}
        type_ = written.split("/")[0].split("?")[0]
        if "type" not in kept and re.fullmatch(r"[A-Z][A-Za-z]+", type_):
            kept["type"] = type_
        if "display" not in kept and "identifier" not in kept:
            kept["display"] = say("elsewhere", self.language)
        return kept


def _versionless(reference: str) -> str:
    return reference.partition("/_history/")[0]
