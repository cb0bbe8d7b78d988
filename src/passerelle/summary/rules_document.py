"""Is it one document about one person? The rules of the Bundle, the Composition, the Patient and the references."""

from __future__ import annotations

import re
from collections.abc import Iterator

from passerelle.summary.faults import Document, Fault, loinc
from passerelle.summary.references import references
from passerelle.summary.sections import codes

_AUTHORS = frozenset(
    {"Practitioner", "PractitionerRole", "Organization", "Device", "Patient", "RelatedPerson"}
)
_STATUS = frozenset({"preliminary", "final", "amended"})
_SUMMARY = "60591-5"
_CARE = "http://terminology.hl7.org/CodeSystem/v3-ActClass|PCPR"
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})")
_ADDRESS = re.compile(r"#.*|https?://\S+|urn:uuid:[0-9a-f-]{36}|urn:oid:[0-9.]+")


def bundle(document: Document) -> Iterator[Fault]:
    """A document Bundle: identified, dated, every entry addressed once, nothing that only other Bundles have."""
    found = document.bundle
    if found.get("resourceType") != "Bundle" or found.get("type") != "document":
        yield Fault("bundle-type", "Bundle.type")
    identifier = found.get("identifier")
    if not (isinstance(identifier, dict) and identifier.get("system") and identifier.get("value")):
        yield Fault("bundle-identifier", "Bundle.identifier")
    if not _INSTANT.fullmatch(str(found.get("timestamp") or "")):
        yield Fault("bundle-timestamp", "Bundle.timestamp")
    if "link" in found:
        yield Fault("bundle-forbidden", "Bundle.link", {"element": "link"})
    for at, entry in enumerate(found.get("entry") or ()):
        for name in {"search", "request", "response"} & entry.keys():
            yield Fault("bundle-forbidden", f"Bundle.entry[{at}].{name}", {"element": name})


def addresses(document: Document) -> Iterator[Fault]:
    """Every entry has its own absolute address."""
    seen: set[str] = set()
    for path, url, _ in document.entries:
        if not _ADDRESS.fullmatch(url) or url.startswith("#"):
            yield Fault("entry-address", f"{path}.fullUrl")
        elif url in seen:
            yield Fault("entry-address-twice", f"{path}.fullUrl")
        seen.add(url)


def first(document: Document) -> Iterator[Fault]:
    """bdl-ps-1: the first entry is a Composition, and no other is; one entry is the Patient."""
    if not document.composition:
        yield Fault("composition-first", "Bundle.entry[0]")
    for path, _, resource in document.entries[1:]:
        if resource.get("resourceType") == "Composition":
            yield Fault("composition-once", path)
    if len(document.of_type("Patient")) != 1:
        yield Fault("patient-once", "Bundle.entry")


def composition(document: Document) -> Iterator[Fault]:
    """What the Composition says of itself."""
    found = document.composition
    if not found:
        return
    if loinc(found.get("type")) != _SUMMARY:
        yield Fault("composition-type", "Composition.type")
    if found.get("status") not in _STATUS:
        yield Fault("composition-status", "Composition.status")
    for name in ("date", "title"):
        if not found.get(name):
            yield Fault("composition-required", f"Composition.{name}", {"element": name})
    if (document.resolve(found.get("subject")) or {}).get("resourceType") != "Patient":
        yield Fault("composition-subject", "Composition.subject")
    events = (code for event in found.get("event") or () for code in codes(event.get("code")))
    if _CARE not in events:
        yield Fault("composition-event", "Composition.event")
    yield from _makers(document)


def _makers(document: Document) -> Iterator[Fault]:
    """R4: the author and the custodian of a document are in the document."""
    authors = document.composition.get("author") or []
    if not authors:
        yield Fault("composition-required", "Composition.author", {"element": "author"})
    for at, author in enumerate(authors):
        if (document.resolve(author) or {}).get("resourceType") not in _AUTHORS:
            yield Fault("composition-author", f"Composition.author[{at}]")
    if "custodian" in document.composition and document.resolve(document.composition["custodian"]) is None:
        yield Fault("composition-author", "Composition.custodian")


def links(document: Document) -> Iterator[Fault]:
    """Every reference leads to an entry, to a contained resource, or visibly out of the document."""
    for path, _, resource in document.entries:
        inside = {f"#{each.get('id')}" for each in resource.get("contained") or ()} | {"#"}
        for reference in references(resource):
            local = reference.startswith(("urn:", "#"))
            if local and reference not in document.by_url and reference not in inside:
                yield Fault("reference-dangling", path)
            elif not local and not _ADDRESS.fullmatch(reference):
                yield Fault("reference-relative", path)


def reach(document: Document) -> Iterator[Fault]:
    """R4: a document holds nothing that it does not lead to, but for Provenance."""
    reached = document.reached()
    for path, url, resource in document.entries[1:]:
        if url not in reached and resource.get("resourceType") != "Provenance":
            yield Fault("entry-unreached", path)
