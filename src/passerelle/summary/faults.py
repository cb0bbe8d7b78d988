"""What is wrong with a summary, where, in both languages; and the summary as the rules read it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from passerelle.fhir.words import catalogue
from passerelle.summary.references import references
from passerelle.values import Json, Language


@dataclass(frozen=True)
class Fault:
    """One rule that a summary does not keep. ``key`` is stable; ``path`` leads to the element, never to a value."""

    key: str
    path: str
    details: Mapping[str, str] = field(default_factory=dict)

    def say(self, language: Language) -> str:
        """The sentence of this fault."""
        return catalogue("passerelle.summary", "fault_words.toml").say(self.key, language, **self.details)


@dataclass(frozen=True)
class Document:
    """A document Bundle, read defensively: what is not there reads as empty."""

    bundle: Json

    @cached_property
    def entries(self) -> list[tuple[str, str, Json]]:
        """(path, fullUrl, resource) of every entry. A relative reference that leads to another entry, by the base
        of its own entry's address, is read as that entry's address."""
        listed = [entry for entry in self.bundle.get("entry") or () if "resource" in entry]
        urls = frozenset(str(entry.get("fullUrl") or "") for entry in listed)
        return [
            (
                f"Bundle.entry[{at}]",
                url := str(entry.get("fullUrl") or ""),
                _resolved(entry["resource"], base(url), urls),
            )
            for at, entry in enumerate(listed)
        ]

    @cached_property
    def by_url(self) -> Mapping[str, Json]:
        return {url: resource for _, url, resource in self.entries if url}

    @cached_property
    def composition(self) -> Json:
        """The first entry, if it is a Composition."""
        first = self.entries[0][2] if self.entries else {}
        return first if first.get("resourceType") == "Composition" else {}

    @cached_property
    def sections(self) -> list[tuple[str, Json]]:
        listed = self.composition.get("section") or []
        return [(f"Composition.section[{at}]", section) for at, section in enumerate(listed)]

    def of_type(self, type_: str) -> list[Json]:
        return [resource for _, _, resource in self.entries if resource.get("resourceType") == type_]

    def resolve(self, reference: Any) -> Json | None:
        """The entry that a Reference element leads to."""
        written = reference.get("reference") if isinstance(reference, dict) else None
        return self.by_url.get(written) if isinstance(written, str) else None

    def reached(self) -> set[str]:
        """The addresses of every entry that the Composition or a Provenance leads to, directly or not."""
        waiting = [self.composition, *self.of_type("Provenance")]
        seen: set[str] = set()
        while waiting:
            new = {url for url in references(waiting.pop()) if url in self.by_url and url not in seen}
            seen |= new
            waiting += [self.by_url[url] for url in new]
        return seen


def base(full_url: str) -> str:
    """The base of a RESTful address, with its last slash; "" for any other address.

    https://hl7.org/fhir/R4/bundle.html#references
    """
    match = re.fullmatch(r"(https?://.+/)[A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64}", full_url)
    return match[1] if match else ""


def _resolved(value: Any, at: str, urls: frozenset[str]) -> Any:
    if isinstance(value, list):
        return [_resolved(each, at, urls) for each in value]
    if not isinstance(value, dict):
        return value
    copy = {key: _resolved(each, at, urls) for key, each in value.items()}
    if at and isinstance(copy.get("reference"), str) and at + copy["reference"] in urls:
        copy["reference"] = at + copy["reference"]
    return copy


def loinc(element: Any) -> str:
    """The LOINC code of a CodeableConcept."""
    codings = element.get("coding") or () if isinstance(element, dict) else ()
    codes: Iterator[str] = (
        str(each.get("code", "")) for each in codings if each.get("system") == "http://loinc.org"
    )
    return next(codes, "")
