"""The two questions that a node puts to another, and how to read whatever comes back.

First ``POST Patient/$match`` (IHE PDQm ITI-119, certain matches only), then ``GET Patient/[id]/$everything``. An
answer is not trusted to be one: a reply that is not wholly about the one patient asked for is no record at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from passerelle.fhir.record import Reply, State
from passerelle.fhir.resource import decode, encode
from passerelle.values import FHIR_ID, Json, NodeId

MATCH_PATH = "Patient/$match"
MOST_BYTES = 64 * 2**20
MOST_ENTRIES = 50_000

MATCH_GRADE = "http://hl7.org/fhir/StructureDefinition/match-grade"

_DEMOGRAPHICS = ("identifier", "name", "telecom", "gender", "birthDate", "address", "multipleBirthBoolean")
"""What of a Patient is sent to find the same person elsewhere: no more than a match needs."""

BROKEN = (msgspec.DecodeError, UnicodeDecodeError, ArithmeticError, RecursionError)
"""Every way in which JSON from outside fails to be read."""


@dataclass(frozen=True)
class Known:
    """The source knows this person, certainly, as Patient ``id``."""

    id: str
    state: State = State.ANSWERED
    reason: str = ""


@dataclass(frozen=True)
class NoRecord:
    """There is no record to have from this source; ``reason`` is a key of ``words.toml``."""

    state: State
    reason: str
    id: None = None


class Empty(NoRecord):
    """It knows nobody who is certainly this person."""

    def __init__(self) -> None:
        super().__init__(State.EMPTY, "")


class Uncertain(NoRecord):
    """It may know this person; somebody must decide."""

    def __init__(self) -> None:
        super().__init__(State.UNCERTAIN, "uncertain-match")


class Refused(NoRecord):
    """It answered that this caller may not ask."""

    def __init__(self) -> None:
        super().__init__(State.REFUSED, "refused-here")


class Faulty(NoRecord):
    """It answered something that is not a record."""

    def __init__(self, reason: str = "not-a-record") -> None:
        super().__init__(State.FAULTY, reason)


def match_body(patient: Json, count: int = 3, *, only_certain: bool = True) -> bytes:
    """The body of ``$match`` from what is known of a person, shaped as a Patient."""
    known = {name: patient[name] for name in _DEMOGRAPHICS if patient.get(name)}
    return encode(
        {
            "resourceType": "Parameters",
            "parameter": [
                {"name": "resource", "resource": {"resourceType": "Patient", **known}},
                {"name": "onlyCertainMatches", "valueBoolean": only_certain},
                {"name": "count", "valueInteger": count},
            ],
        }
    )


def everything_path(patient: str) -> str:
    return f"Patient/{patient}/$everything"


class _Coded(msgspec.Struct):
    url: str = ""
    valueCode: str = ""  # noqa: N815  the name in FHIR


class _Search(msgspec.Struct):
    mode: str = "match"
    extension: list[_Coded] = []


class _Entry(msgspec.Struct):
    resource: msgspec.Raw = msgspec.Raw()
    search: _Search | None = None


class _Link(msgspec.Struct):
    relation: str = ""


class _Bundle(msgspec.Struct):
    resourceType: str  # noqa: N815
    type: str = ""
    entry: list[_Entry] = []
    link: list[_Link] = []


class _Head(msgspec.Struct):
    """What must be known of a resource before it is believed: what it is and whom it is about."""

    resourceType: str  # noqa: N815
    id: str = ""
    subject: msgspec.Raw = msgspec.Raw()
    patient: msgspec.Raw = msgspec.Raw()
    beneficiary: msgspec.Raw = msgspec.Raw()


class _Issue(msgspec.Struct):
    code: str = ""
    severity: str = ""


class _Outcome(msgspec.Struct):
    issue: list[_Issue] = []


class _Reference(msgspec.Struct):
    reference: str = ""


_bundles = msgspec.json.Decoder(_Bundle)
_heads = msgspec.json.Decoder(_Head)
_outcomes = msgspec.json.Decoder(_Outcome)
_references = msgspec.json.Decoder(_Reference)


def read_match(status: int, body: bytes) -> Known | NoRecord:
    """Whom the source knows: one certain match, or why there is none.

    A source that grades its match lower than certain, or not at all, although only certain matches were asked
    for, is uncertain: nobody's record is opened on a guess.
    """
    bundle = _searchset(status, body)
    if isinstance(bundle, NoRecord):
        return bundle
    matches = [entry for entry in bundle.entry if entry.search is None or entry.search.mode == "match"]
    if not matches:
        return Uncertain() if _says(bundle, {"multiple-matches"}) else Empty()
    if len(matches) > 1 or _grade(matches[0]) != "certain":
        return Uncertain()
    try:
        head = _heads.decode(matches[0].resource)
    except BROKEN:
        return Faulty()
    known = head.resourceType == "Patient" and FHIR_ID.fullmatch(head.id)
    return Known(head.id) if known else Faulty()


def read_candidates(body: bytes) -> list[tuple[Json, str]]:
    """Everybody whom a source proposes, with the grade that it gives; what is no graded Patient is left out."""
    bundle = _searchset(200, body)
    if isinstance(bundle, NoRecord):
        return []
    graded = [
        (entry, _grade(entry))
        for entry in bundle.entry
        if entry.search is None or entry.search.mode == "match"
    ]
    return [(patient, grade) for entry, grade in graded if grade in GRADES and (patient := _patient(entry))]


GRADES = ("certain", "probable", "possible")


def _patient(entry: _Entry) -> Json | None:
    try:
        found = decode(bytes(entry.resource))
    except BROKEN:
        return None
    return found if isinstance(found, dict) and found.get("resourceType") == "Patient" else None


def _searchset(status: int, body: bytes) -> _Bundle | NoRecord:
    if status in (401, 403):
        return Refused()
    if status != 200:
        return Faulty("error-there" if status >= 500 else "not-a-record")
    if len(body) > MOST_BYTES:
        return Faulty("too-large")
    try:
        bundle = _bundles.decode(body)
    except BROKEN:
        return Faulty()
    if bundle.resourceType != "Bundle" or bundle.type != "searchset":
        return Faulty()
    return Faulty("too-large") if len(bundle.entry) > MOST_ENTRIES else bundle


def _grade(entry: _Entry) -> str:
    extensions = entry.search.extension if entry.search else ()
    return next((each.valueCode for each in extensions if each.url == MATCH_GRADE), "")


def _says(bundle: _Bundle, codes: set[str]) -> bool:
    """Whether an outcome entry of the bundle has an issue with one of these codes."""
    return any(
        _said(entry) & codes for entry in bundle.entry if entry.search and entry.search.mode == "outcome"
    )


def _said(entry: _Entry) -> set[str]:
    try:
        return {issue.code for issue in _outcomes.decode(entry.resource).issue}
    except BROKEN:
        return set()


_WITHHELD = frozenset({"suppressed", "forbidden", "security"})
_PARTIAL = frozenset({"incomplete", "timeout", "throttled", "transient", "too-costly", "exception"})


def read_everything(
    status: int, body: bytes, node: NodeId, base: str, seconds: float, patient: str | None = None
) -> Reply | NoRecord:
    """The source's record of Patient ``patient``, each resource kept as the bytes that were sent.

    One wrong resource spoils the reply: no id, about another patient, the same id twice with different content.
    A patient who is not there (any more) is an empty answer, since a denial may look like that.
    """
    if status in (404, 410):
        return Empty()
    bundle = _searchset(status, body)
    if isinstance(bundle, NoRecord):
        return bundle
    entries: dict[str, bytes] = {}
    base = base.rstrip("/")
    for entry in bundle.entry:
        if entry.search is not None and entry.search.mode == "outcome":
            continue
        raw = bytes(entry.resource)
        reference = _reference_of(raw, base, patient)
        if reference is None or entries.setdefault(reference, raw) != raw:
            return Faulty()
    patients = [reference for reference in entries if reference.startswith("Patient/")]
    if len(patients) != 1 or (patient and patients[0] != f"Patient/{patient}"):
        return Faulty("another-patient")
    # The address of a resource is made from the directory, not from what the source claims, so that no source
    # can speak under the address of another.
    addressed = tuple((f"{base}/{reference}", raw) for reference, raw in entries.items())
    return Reply(node, base, seconds, addressed, partial=_partial(bundle))


def _reference_of(raw: bytes, base: str, patient: str | None) -> str | None:
    """``Type/id`` of a resource that may be believed to be part of this patient's record, or None."""
    try:
        head = _heads.decode(raw)
        about = (head.subject, head.patient, head.beneficiary)
        others = any(len(each) and _is_another(_references.decode(each), base, patient) for each in about)
    except BROKEN:
        return None
    if others or not head.resourceType.isalpha() or not FHIR_ID.fullmatch(head.id):
        return None
    return f"{head.resourceType}/{head.id}"


def _is_another(reference: _Reference, base: str, patient: str | None) -> bool:
    local = reference.reference.removeprefix(f"{base}/")
    return bool(patient) and local.startswith("Patient/") and local.split("/")[1] != patient


def _partial(bundle: _Bundle) -> str:
    """Why the source itself says that this is not everything; "" if it does not say so."""
    if _says(bundle, set(_WITHHELD)):
        return "withheld"
    more = any(link.relation == "next" for link in bundle.link)
    return "incomplete" if more or _says(bundle, set(_PARTIAL)) else ""


def patient_of(reply: Reply) -> Json:
    """The Patient of a reply, or an empty object where it cannot be read."""
    for full_url, raw in reply.entries:
        if full_url.split("/")[-2:-1] == ["Patient"]:
            try:
                found: Any = decode(raw)
            except BROKEN:
                return {}
            return found if isinstance(found, dict) else {}
    return {}
