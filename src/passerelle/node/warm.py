"""What the first person would wait for and the second not: done once, about nobody, before the node listens.

Templates are compiled, statements composed and the languages' data read on first use, which takes some tenths of a
second. Nothing of this is said to anyone, so nothing of it is recorded.
"""

from __future__ import annotations

from passerelle.federation import questions
from passerelle.fhir.health_number import system_of
from passerelle.fhir.record import Record, Reply, Source, State
from passerelle.fhir.resource import encode
from passerelle.flows.exchange import Asked, exchange
from passerelle.flows.federate import Said, assemble
from passerelle.flows.ports import Here
from passerelle.flows.requests import Request
from passerelle.identity import match
from passerelle.policy import scopes_of
from passerelle.portals import pages
from passerelle.portals.viewing import FoundPatient, Paths, Viewer
from passerelle.values import LANGUAGES, Caller, Json, Language, Purpose

_NOBODY: Json = {
    "resourceType": "Patient",
    "id": "nobody",
    "name": [{"family": "Nobody", "given": ["Invented"]}],
    "birthDate": "1900-01-31",
    "gender": "unknown",
}
_NUMBERED: Json = {
    **_NOBODY,
    "identifier": [{"system": system_of("on"), "value": "0000000000"}],
    "telecom": [{"system": "phone", "value": "416-555-0100"}],
    "address": [{"postalCode": "K1A 0A0"}],
}
_DOUBLE: Json = {**_NUMBERED, "name": [{"family": "Nobody", "given": ["Not-Any"]}], "birthDate": "1900-01-02"}
"""What a search for someone is made of: the statement depends on which fields there are, and how many words."""


def _of_nobody(type: str, name: str, **more: object) -> Json:
    """One small resource, so that the part of the page that shows its kind is used."""
    about = "patient" if type in ("AllergyIntolerance", "Immunization") else "subject"
    return {"resourceType": type, "id": name, about: {"reference": "Patient/nobody"}, **more}


def _value(name: str, day: str, value: int) -> Json:
    return _of_nobody(
        "Observation",
        name,
        status="final",
        code={"coding": [{"system": "http://loinc.org", "code": "2160-0"}], "text": "x"},
        category=[{"coding": [{"code": "laboratory"}]}],
        effectiveDateTime=f"{day}T08:00:00Z",
        valueQuantity={"value": value, "unit": "umol/L"},
        referenceRange=[{"low": {"value": 1}, "high": {"value": 5}}],
    )


_HELD = (
    _NOBODY,
    _of_nobody("Condition", "c", code={"text": "x"}, onsetDateTime="2026-01-01"),
    _of_nobody("AllergyIntolerance", "a", code={"text": "x"}, criticality="high"),
    _of_nobody(
        "MedicationRequest",
        "m",
        status="active",
        intent="order",
        medicationCodeableConcept={"text": "x"},
        authoredOn="2026-01-01",
        dosageInstruction=[{"text": "x"}],
    ),
    _of_nobody("Immunization", "i", vaccineCode={"text": "x"}, occurrenceDateTime="2026-01-01"),
    _of_nobody("Encounter", "e", status="finished", period={"start": "2026-01-01", "end": "2026-01-02"}),
    _value("o1", "2026-01-01", 3),
    _value("o2", "2026-02-01", 9),
)


async def warm(here: Here) -> None:
    """Go through the roads and the pages that a first person would use."""
    await _match_and_read(here)
    record = _record(here)
    for language in LANGUAGES:
        _show(language, record)


async def _match_and_read(here: Here) -> None:
    caller = Caller("nobody", "person", "physician", here.id, scopes=scopes_of("physician"))
    bodies = [questions.match_body(person) for person in (_NOBODY, _NUMBERED, _DOUBLE)]
    matches = [Request("$match", "Patient", body=body) for body in bodies]
    for request in (*matches, Request("$everything", "Patient", "nobody")):
        await exchange(Asked(caller, Purpose.TREAT, request, ""), here)
    match.score(_NUMBERED, _DOUBLE)


def _record(here: Here) -> Record:
    entries = tuple((f"{here.base}/{r['resourceType']}/{r['id']}", encode(r)) for r in _HELD)
    source = Source(here.id, here.name, State.ANSWERED, 0.0, len(entries), "", here.base)
    return assemble({here.id: Said(source, Reply(here.id, here.base, 0.0, entries))}, here)


def _show(language: Language, record: Record) -> None:
    viewer, paths = Viewer("x"), Paths(toggle="/")
    found = FoundPatient("x", _NOBODY, "certain", record.sources)
    pages.sign_in(language, return_to="", error=None, outside=(), csrf="", paths=paths)
    pages.find(
        language,
        viewer=viewer,
        csrf="",
        asked=True,
        results=(found,),
        gaps=(),
        error=None,
        paths=paths,
        today="2026-01-01",
    )
    pages.record_page(language, record, viewer=viewer, paths=paths, csrf="")
