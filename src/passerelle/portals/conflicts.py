"""Where sources contradict each other, in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from passerelle.portals.person import sex
from passerelle.portals.reading import Badge, Reading
from passerelle.portals.sent import text
from passerelle.portals.speech import Speech
from passerelle.values import Json

_KINDS = {
    "dose": "conflict-dose",
    "status": "conflict-status",
    "criticality": "conflict-criticality",
    "allergy": "conflict-allergy",
    "value": "conflict-value",
    "birth-date": "conflict-birth-date",
    "gender": "conflict-gender",
    "deceased": "conflict-deceased",
}
_VALUES: dict[str, Callable[[Json, Speech], str]] = {
    "conflict-birth-date": lambda patient, speech: speech.dated(text(patient.get("birthDate"))),
    "conflict-gender": sex,
    "conflict-deceased": lambda patient, speech: (
        speech.dated(text(patient.get("deceasedDateTime")))
        or speech("deceased-yes" if patient.get("deceasedBoolean") else "deceased-no")
    ),
}
"""The differences about the person, and how to read the value that one source gives."""


@dataclass(frozen=True)
class Difference:
    """A difference about the person: what each source says."""

    words: str
    said: tuple[tuple[str, tuple[Badge, ...]], ...]


def conflict_words(kind: str, speech: Speech) -> str:
    return speech(_KINDS.get(kind, "conflict-other"))


def person_differences(reading: Reading) -> tuple[Difference, ...]:
    """What the sources say differently about who this is."""
    keys = dict.fromkeys(_KINDS.get(conflict.kind) for conflict in reading.record.conflicts)
    return tuple(_difference(reading, key) for key in keys if key in _VALUES)


def _difference(reading: Reading, key: str) -> Difference:
    said: dict[str, list[Badge]] = {}
    for entry in reading.record.patients:
        value = _VALUES[key](entry.resource, reading.speech) or reading.speech("not-said")
        said.setdefault(value, []).extend(reading.badges([entry]))
    return Difference(reading.speech(key), tuple((value, tuple(badges)) for value, badges in said.items()))
