"""Small invented resources, and the few steps that every test takes."""

from __future__ import annotations

from typing import Any

from passerelle.fhir.resource import Stored
from passerelle.values import Json

RESTRICTED = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}
HIDDEN = frozenset({f"{RESTRICTED['system']}|R"})


def patient(family: str = "Gagnon", **more: Any) -> Json:
    return {"resourceType": "Patient", "name": [{"family": family}], **more}


def condition(about: str, text: str = "asthma", **more: Any) -> Json:
    return {
        "resourceType": "Condition",
        "code": {"coding": [{"system": "http://example.org/codes", "code": text}], "text": text},
        "subject": {"reference": f"Patient/{about}"},
        **more,
    }


def restricted(resource: Json) -> Json:
    return {**resource, "meta": {"security": [RESTRICTED]}}


def references(found: tuple[Stored, ...] | list[Stored]) -> list[str]:
    return [one.reference for one in found]
