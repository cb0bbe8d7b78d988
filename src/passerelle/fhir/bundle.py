"""What does a Bundle say? The steps of a batch or transaction, the references between them, and answers spliced
from stored bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from http import HTTPStatus
from urllib.parse import urlencode

from passerelle.fhir.bundle_references import (
    PINNING,
    conditional,
    linked,
    literal,
    pinned,
    rewrite,
    unresolved,
)
from passerelle.fhir.bundle_steps import Step, in_order, steps
from passerelle.fhir.resource import Stored, decode, encode
from passerelle.fhir.search_terms import Found, Query
from passerelle.fhir.subset import subset
from passerelle.values import Json, instant


@dataclass(frozen=True)
class Response:
    """What became of one step. ``resource`` and ``outcome`` are the bytes of a resource."""

    status: int
    stored: Stored | None = None
    resource: bytes | None = field(default=None, repr=False)
    outcome: bytes | None = field(default=None, repr=False)


def link(url: str, params: Iterable[tuple[str, str]] = ()) -> str:
    """An address with its query string."""
    query = query_string(tuple(params))
    return f"{url}?{query}" if query else url


@lru_cache(maxsize=1024)
def query_string(params: tuple[tuple[str, str], ...]) -> str:
    """Parameters as an address writes them; the links and the event of one request write the same ones."""
    return urlencode(params)


def searchset(
    base: str,
    found: Found,
    *,
    links: Mapping[str, str],
    outcomes: Sequence[Json] = (),
    query: Query | None = None,
) -> bytes:
    """The answer to a search, spliced from the stored bytes, which are not read again.

    ``outcomes`` are OperationOutcomes for what could not be answered or was left out. ``query`` tells which elements to
    show (``_elements``, ``_summary``); only then is a resource decoded.
    """
    entries: list[bytes] = []
    if query is None or query.summary != "count":
        part = query if query is not None and (query.elements or query.summary) else None
        entries += [_found(base, stored, _MATCH, part) for stored in found.matches]
        entries += [_found(base, stored, _INCLUDE, None) for stored in found.included]
    entries += [b'{"resource":%s,"search":{"mode":"outcome"}}' % encode(outcome) for outcome in outcomes]
    return _bundle("searchset", entries, total=found.total, links=links)


_MATCH, _INCLUDE = b'"match"', b'"include"'


def _found(base: str, stored: Stored, mode: bytes, part: Query | None) -> bytes:
    body = stored.body or b"null"
    if part is not None:
        body = encode(subset(decode(body), part.elements, part.summary))
    # Types and ids are letters, digits, dashes and dots: nothing in them or in a base is to be escaped in JSON.
    return b'{"fullUrl":"%s/%s/%s","resource":%s,"search":{"mode":%s}}' % (
        base.encode(),
        stored.type.encode(),
        stored.id.encode(),
        body,
        mode,
    )


def collection(entries: Iterable[tuple[str, bytes]]) -> bytes:
    """Resources that belong together, as (fullUrl, bytes)."""
    return _bundle(
        "collection", (b'{"fullUrl":%s,"resource":%s}' % (encode(url), body) for url, body in entries)
    )


def history(base: str, found: Found, *, links: Mapping[str, str]) -> bytes:
    """Versions, newest first; a deletion has no resource."""
    entries = (_version(base, stored) for stored in found.matches)
    return _bundle("history", entries, total=found.total, links=links)


def _version(base: str, stored: Stored) -> bytes:
    url = stored.type if stored.method == "POST" else stored.reference
    status = 204 if stored.deleted else 201 if stored.version == 1 or stored.method == "POST" else 200
    said = {
        "request": {"method": stored.method, "url": url},
        "response": {"status": _status(status), "lastModified": instant(stored.instant), "etag": stored.etag},
    }
    resource = b"" if stored.body is None else b'"resource":%s,' % stored.body
    return b'{"fullUrl":%s,%s%s' % (encode(f"{base}/{stored.reference}"), resource, encode(said)[1:])


def response(kind: str, done: Iterable[Response], *, base: str) -> bytes:
    """What became of each step of a ``batch`` or ``transaction``, in the order in which they were given."""
    return _bundle(f"{kind}-response", (_done(base, each) for each in done))


def _done(base: str, each: Response) -> bytes:
    parts = []
    said: Json = {"status": _status(each.status)}
    if stored := each.stored:
        if not stored.deleted:
            parts.append(b'"fullUrl":%s' % encode(f"{base}/{stored.reference}"))
            said["location"] = f"{base}/{stored.reference}/_history/{stored.version}"
        said |= {"etag": stored.etag, "lastModified": instant(stored.instant)}
    if each.resource is not None:
        parts.append(b'"resource":%s' % each.resource)
    outcome = b"" if each.outcome is None else b',"outcome":%s' % each.outcome
    parts.append(b'"response":%s%s}' % (encode(said)[:-1], outcome))
    return b"{%s}" % b",".join(parts)


def _status(status: int) -> str:
    return f"{status} {HTTPStatus(status).phrase}"


def _bundle(
    type: str,
    entries: Iterable[bytes],
    *,
    total: int | None = None,
    links: Mapping[str, str] | None = None,
) -> bytes:
    head: Json = {"resourceType": "Bundle", "type": type}
    if total is not None:
        head["total"] = total
    given = [{"relation": relation, "url": url} for relation, url in (links or {}).items()]
    if given:
        head["link"] = given
    body = b",".join(entries)
    return b'%s,"entry":[%s]}' % (encode(head)[:-1], body) if body else encode(head)


def entries(bundle: Json) -> Iterator[tuple[str, Json]]:
    """The (fullUrl, resource) pairs of a Bundle; an entry without a fullUrl has an empty one."""
    for entry in bundle.get("entry") or ():
        if isinstance(entry, dict) and isinstance(entry.get("resource"), dict):
            yield str(entry.get("fullUrl") or ""), entry["resource"]


__all__ = [
    "PINNING",
    "Response",
    "Step",
    "collection",
    "conditional",
    "entries",
    "history",
    "in_order",
    "link",
    "linked",
    "literal",
    "pinned",
    "query_string",
    "response",
    "rewrite",
    "searchset",
    "steps",
    "subset",
    "unresolved",
]
