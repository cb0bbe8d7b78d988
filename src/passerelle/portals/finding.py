"""One candidate of a search, ready to be compared with the person in front of you."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from passerelle.portals.numbers import HealthNumber, health_numbers
from passerelle.portals.person import age, person_name, sex
from passerelle.portals.reading import Badge, badge
from passerelle.portals.sent import first_object, objects, text
from passerelle.portals.speech import Speech
from passerelle.portals.viewing import FoundPatient
from passerelle.values import Json

_GRADES = {"certain": ("grade-certain", "good"), "probable": ("grade-probable", "care")}
_WEAKEST = ("grade-possible", "care")


@dataclass(frozen=True)
class FoundRow:
    """What is shown of one candidate."""

    handle: str
    name: str
    born: str
    age: str
    sex: str
    numbers: tuple[HealthNumber, ...]
    town: str
    grade: str
    tone: str
    badges: tuple[Badge, ...]


def found_row(found: FoundPatient, speech: Speech, today: str) -> FoundRow:
    patient = found.patient
    grade, tone = _GRADES.get(found.grade, _WEAKEST)
    return FoundRow(
        handle=found.handle,
        name=person_name(patient, speech),
        born=speech.dated(text(patient.get("birthDate"))),
        age=age(patient, speech, date.fromisoformat(today)),
        sex=sex(patient, speech),
        numbers=health_numbers(patient),
        town=town(patient, today),
        grade=speech(grade),
        tone=tone,
        badges=tuple(badge(source.node, source.name[speech.language]) for source in found.sources),
    )


def town(patient: Json, today: str) -> str:
    """Where the person lives: town and province of the address that was moved into last and not left since."""
    current = [each for each in objects(patient.get("address")) if _lived_in(each, today)]
    for address in sorted(current, key=_moved_in, reverse=True):
        parts = [part for name in ("city", "state") if (part := text(address.get(name)))]
        if parts:
            return ", ".join(parts)
    return ""


def _lived_in(address: Json, today: str) -> bool:
    left = text(first_object(address.get("period")).get("end"))
    return address.get("use") != "old" and (not left or left[:10] >= today)


def _moved_in(address: Json) -> str:
    return text(first_object(address.get("period")).get("start"))
