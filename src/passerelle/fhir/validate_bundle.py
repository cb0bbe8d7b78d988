"""Does a Bundle mean what its type says? Addresses, links, and that a document or message holds what it speaks of.

https://hl7.org/fhir/R4/bundle.html , https://hl7.org/fhir/R4/documents.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

from passerelle.fhir.definitions import resource_types
from passerelle.fhir.outcome import Issue
from passerelle.fhir.validate_bundle_links import document, everywhere, message
from passerelle.values import Json

RESTFUL = re.compile(
    r"(https?://.+/)([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?"
)
_WITHOUT_ADDRESS = frozenset({"transaction", "transaction-response", "batch", "batch-response"})
_PAGING = frozenset({"first", "previous", "prev", "next", "last"})


def issues(resource: Json) -> Iterator[Issue]:
    """What is wrong with a Bundle as a whole; nothing for any other resource."""
    if resource.get("resourceType") != "Bundle":
        return
    kind, entries = resource.get("type"), resource.get("entry") or []
    yield from _links(resource, kind)
    for at, entry in enumerate(entries):
        yield from _address(kind, entry, f"Bundle.entry[{at}]")
    yield from everywhere(kind, entries)
    if kind in ("document", "message") and not entries:
        yield Issue("bundle-no-first", "required", "Bundle.entry", {"type": str(kind)})
    elif kind == "document":
        yield from document(entries)
    elif kind == "message":
        yield from message(entries)
    elif kind == "searchset":
        yield from _search(resource, entries)


def _links(resource: Json, kind: Any) -> Iterator[Issue]:
    """A relation that names one page is there once; only searches and histories have pages."""
    seen = set[str]()
    for at, link in enumerate(resource.get("link") or ()):
        relation, path = link.get("relation"), f"Bundle.link[{at}].relation"
        if relation in seen:
            yield Issue("bundle-link-twice", "duplicate", path)
        if relation in _PAGING and kind not in ("searchset", "history"):
            yield Issue("bundle-link-page", "invalid", path)
        if relation in _PAGING or relation == "self":
            seen.add(relation)


def _address(kind: Any, entry: Json, path: str) -> Iterator[Issue]:
    url, held = entry.get("fullUrl"), entry.get("resource")
    if url is None:
        if kind not in _WITHOUT_ADDRESS:
            yield Issue("bundle-address-missing", "required", f"{path}.fullUrl")
        return
    match = RESTFUL.fullmatch(url)
    if match is None or match[2] not in resource_types() or held is None:
        return
    if "id" not in held:
        yield Issue("bundle-address-id", "required", f"{path}.resource.id")
    elif (match[2], match[3]) != (held.get("resourceType"), held["id"]):
        yield Issue("bundle-address-differs", "value", f"{path}.fullUrl")


# --- searches -----------------------------------------------------------------------------------------------


def _search(resource: Json, entries: list[Json]) -> Iterator[Issue]:
    """What was found says why it is there, and has the type that was asked for."""
    asked = _asked(resource)
    modes = [(entry.get("search") or {}).get("mode") for entry in entries]
    for at, (entry, mode) in enumerate(zip(entries, modes, strict=True)):
        held, path = entry.get("resource"), f"Bundle.entry[{at}].resource"
        if held is None:
            yield Issue("bundle-found-nothing", "required", path)
            continue
        kind = held.get("resourceType")
        if mode == "outcome":
            if kind != "OperationOutcome":
                yield Issue("bundle-found-outcome", "value", path)
        elif mode is not None and "id" not in held:
            yield Issue("bundle-found-id", "required", f"{path}.id")
        if mode == "match" and asked and kind not in asked:
            yield Issue("bundle-found-type", "value", path)
        if mode is None and (any(modes) or kind != "OperationOutcome"):
            yield Issue("bundle-found-mode", "business-rule", f"Bundle.entry[{at}]", {}, "warning")
    if not any(link.get("relation") == "self" for link in resource.get("link") or ()):
        yield Issue("bundle-no-self", "business-rule", "Bundle.link", {}, "warning")


def _asked(resource: Json) -> frozenset[str]:
    """The types that the search was for, from its own address; empty if that does not tell."""
    links = resource.get("link") or ()
    url = next((link.get("url") for link in links if link.get("relation") == "self"), None)
    if not isinstance(url, str):
        return frozenset()
    try:
        parts = urlsplit(url)
    except ValueError:
        return frozenset()
    last = parts.path.rstrip("/").rpartition("/")[2]
    if last in resource_types():
        return frozenset({last})
    return frozenset(name for each in parse_qs(parts.query).get("_type", ()) for name in each.split(","))
