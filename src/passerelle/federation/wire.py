"""A record as a searchset Bundle, and back: everything with its provenance, every gap and conflict said.

The bytes of each resource are those that its first origin sent, under that origin's address, so that its relative
references resolve. Disagreements are DetectedIssue resources and not issues of an OperationOutcome: their
``implicated`` references point at the entries that disagree, and a client that knows nothing of Passerelle can
follow them. Ours carry the tag ``record|…`` so that nobody takes them for something a custodian wrote.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime

import msgspec

from passerelle.federation.reading import read_record
from passerelle.federation.terms import CONFLICT, GAP, NAME_EN, NAME_FR, NODE, RETRYABLE, SOURCE, TAG
from passerelle.fhir.codes import NODES
from passerelle.fhir.concept import TRANSLATION
from passerelle.fhir.record import Entry, Gap, Record, Source
from passerelle.fhir.resource import encode
from passerelle.fhir.words import catalogue
from passerelle.values import LANGUAGES, Json, Language, NodeId, Words, instant

__all__ = ["read_record", "record_bundle"]

_ISSUE_CODES = {
    "deadline": "timeout",
    "connection": "transient",
    "waiting": "incomplete",
    "no-agreement": "forbidden",
    "refused-here": "forbidden",
    "uncertain-match": "multiple-matches",
    "withheld": "suppressed",
    "incomplete": "incomplete",
    "error-there": "exception",
    "too-large": "too-long",
}
"""The FHIR issue type of each reason; any other is ``invalid``: what came was not a record."""


def record_bundle(record: Record, *, base: str, author: Json, now: datetime, language: Language) -> bytes:
    """The record as FHIR, in this order: the merged Patient; every entry; then with ``search.mode`` include the
    Patients as sent, one Provenance for each source that answered with a record and one DetectedIssue for each
    conflict; and last one OperationOutcome for each gap, with mode outcome.

    Target ``n`` of a Provenance is the entry, ``entity[n]`` the resource of that source which it was made from.
    ``author`` is this node's custodian as an Organization; ``base`` its FHIR base.
    """
    base = base.rstrip("/")
    matches = list(_matches(record, base))
    made_by = {"display": author.get("name", ""), "identifier": (author.get("identifier") or [{}])[0]}
    included = [_spliced(entry, "include") for entry in record.patients]
    included += [_made(base, each) for each in _provenances(record, base, made_by, now)]
    included += [_made(base, each) for each in _issues(record, made_by, language)]
    outcomes = [_entry(None, encode(_outcome(gap, language)), "outcome") for gap in record.gaps]
    return encode(
        {
            "resourceType": "Bundle",
            "id": _id("bundle", *(entry.origins for entry in record.entries), instant(now)),
            "meta": {
                "lastUpdated": instant(record.assembled),
                "tag": [{"system": TAG, "code": "complete" if record.complete else "partial"}],
                "extension": [_source_extension(source) for source in record.sources],
            },
            "type": "searchset",
            "timestamp": instant(now),
            "total": len(matches),
            "entry": matches + included + outcomes,
        }
    )


def _matches(record: Record, base: str) -> Iterator[Json]:
    if record.patient is not None:
        yield _entry(f"{base}/Patient/{record.patient['id']}", encode(record.patient), "match")
    for entry in record.entries:
        yield _spliced(entry, "match")


def _entry(full_url: str | None, body: bytes, mode: str) -> Json:
    address = {"fullUrl": full_url} if full_url else {}
    return {**address, "resource": msgspec.Raw(body), "search": {"mode": mode}}


def _spliced(entry: Entry, mode: str) -> Json:
    return _entry(entry.origins[0].full_url, entry.body, mode)


def _made(base: str, resource: Json) -> Json:
    return _entry(f"{base}/{resource['resourceType']}/{resource['id']}", encode(resource), "include")


def _id(kind: str, *parts: object) -> str:
    """An id that is the same for the same content; nothing can be read from it."""
    return f"{kind}-{hashlib.sha256(repr(parts).encode()).hexdigest()[:24]}"


def _tagged(kind: str) -> Json:
    return {"tag": [{"system": TAG, "code": kind}]}


def _source_extension(source: Source) -> Json:
    """All that is known of one source, machine readable."""
    parts: list[Json] = [
        {"url": "node", "valueString": source.node},
        {"url": "name-en", "valueString": source.name["en"]},
        {"url": "name-fr", "valueString": source.name["fr"]},
        {"url": "state", "valueCode": source.state.value},
        {"url": "items", "valueInteger": source.items},
    ]
    if source.seconds is not None:
        parts.append({"url": "seconds", "valueDecimal": round(source.seconds, 6)})
    if source.reason:
        parts.append({"url": "reason", "valueCode": source.reason})
    if source.base:
        parts.append({"url": "base", "valueUrl": source.base})
    return {"url": SOURCE, "extension": parts}


def _provenances(record: Record, base: str, made_by: Json, now: datetime) -> Iterator[Json]:
    targets: dict[NodeId, list[tuple[str, str]]] = {}
    for entry in (*record.patients, *record.entries):
        for origin in entry.origins:
            targets.setdefault(origin.node, []).append((entry.origins[0].full_url, origin.full_url))
    merged = f"{base}/Patient/{record.patient['id']}" if record.patient is not None else ""
    for source in record.sources:
        listed = targets.get(source.node)
        if listed:
            about = ([(merged, listed[0][1])] if merged else []) + listed
            yield _provenance(source, about, made_by, now)


def _provenance(source: Source, about: list[tuple[str, str]], made_by: Json, now: datetime) -> Json:
    return {
        "resourceType": "Provenance",
        "id": _id("provenance", source.node, about),
        "meta": _tagged("provenance"),
        "extension": [{"url": NODE, "valueString": source.node}],
        "target": [{"reference": target} for target, _ in about],
        "recorded": instant(now),
        "agent": [
            {
                "type": _participant("custodian"),
                "who": {"display": source.name["en"], "identifier": _node(source)},
            },
            {"type": _participant("assembler"), "who": made_by},
        ],
        "entity": [{"role": "source", "what": {"reference": origin}} for _, origin in about],
    }


def _participant(code: str) -> Json:
    return {
        "coding": [
            {"system": "http://terminology.hl7.org/CodeSystem/provenance-participant-type", "code": code}
        ]
    }


def _node(source: Source) -> Json:
    return {"system": NODES, "value": source.node}


def _issues(record: Record, made_by: Json, language: Language) -> Iterator[Json]:
    words = catalogue("passerelle.federation", "words.toml")
    for conflict in record.conflicts:
        concerned = [record.entries[index] for index in conflict.entries] or record.patients
        implicated = [entry.origins[0].full_url for entry in concerned]
        yield {
            "resourceType": "DetectedIssue",
            "id": _id("conflict", conflict.kind, conflict.about, implicated),
            "meta": _tagged("conflict"),
            "status": "final",
            "code": {
                "coding": [{"system": CONFLICT, "code": conflict.kind}],
                "text": conflict.about or conflict.kind,
            },
            "identifiedDateTime": instant(record.assembled),
            "author": made_by,
            "implicated": [{"reference": address} for address in implicated],
            **_both("detail", words.both(f"conflict-{conflict.kind}", about=conflict.about), language),
        }


def _both(element: str, words: Words, language: Language) -> Json:
    """A string element in the reader's language, with the other one as its translation."""
    other: Language = "fr" if language == "en" else "en"
    parts = [{"url": "lang", "valueCode": other}, {"url": "content", "valueString": words[other]}]
    return {
        element: words[language],
        f"_{element}": {"extension": [{"url": TRANSLATION, "extension": parts}]},
    }


def _outcome(gap: Gap, language: Language) -> Json:
    words = catalogue("passerelle.federation", "words.toml")
    key = gap.reason if gap.reason in words.messages else "not-a-record"
    said: Words = {each: words.say(key, each, source=gap.name[each]) for each in LANGUAGES}
    return {
        "resourceType": "OperationOutcome",
        "extension": [
            {"url": NODE, "valueString": gap.node},
            {"url": NAME_EN, "valueString": gap.name["en"]},
            {"url": NAME_FR, "valueString": gap.name["fr"]},
            {"url": RETRYABLE, "valueBoolean": gap.retryable},
        ],
        "issue": [
            {
                "severity": "warning",
                "code": _ISSUE_CODES.get(gap.reason, "invalid"),
                "details": {
                    "coding": [{"system": GAP, "code": gap.reason}],
                    **_both("text", said, language),
                },
            }
        ],
    }
