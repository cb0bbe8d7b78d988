"""Measured values: how one reads, the latest of each kind, and their trend over time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from passerelle.fhir.clinical import clinical_time, moment
from passerelle.fhir.concept import Phrase, said
from passerelle.fhir.record import Entry
from passerelle.fhir.speech import unit_text
from passerelle.portals.conflicts import conflict_words
from passerelle.portals.reading import Badge, Reading, code_of
from passerelle.portals.sent import first_object, objects, text
from passerelle.portals.speech import Speech
from passerelle.values import Json

LOINC = "http://loinc.org"

FIRST = (
    *("4548-4", "17856-6", "59261-8"),  # HbA1c, by NGSP and by IFCC
    *("14682-9", "2160-0"),  # creatinine
    *("33914-3", "62238-1", "98979-8", "48642-3", "69405-9", "88293-6"),  # eGFR by its several equations
    *("2823-3", "6298-4"),  # potassium
    *("22748-8", "39469-2", "13457-7", "18262-6", "2089-1"),  # LDL cholesterol
    *("11579-0", "3016-3"),  # TSH
    *("718-7", "20509-6"),  # hemoglobin
    *("6301-6", "34714-6", "2951-2", "777-3", "14749-6", "2345-7"),  # INR, sodium, platelets, glucose
)
"""The laboratory codes that a clinician looks for first, in that order."""

_NOT_A_RESULT = frozenset({"entered-in-error", "cancelled"})


@dataclass(frozen=True)
class Measurement:
    """One numeric result on the time line."""

    entry: Entry
    day: date
    sorting: str
    value: Decimal
    low: Decimal | None
    high: Decimal | None


@dataclass(frozen=True)
class Series:
    """All results of one test in one unit, oldest first."""

    code: str
    unit: str
    name: Phrase
    measurements: tuple[Measurement, ...]

    @property
    def latest(self) -> Measurement:
        return self.measurements[-1]


@dataclass(frozen=True)
class ResultRow:
    """The latest result of one test. ``flag`` is the laboratory's own word on it (high, low)."""

    name: Phrase
    value: Phrase
    flag: str
    reference: str
    when: str
    earlier: int
    badges: tuple[Badge, ...]
    conflict: str = ""
    """A difference between sources, in words; such a row never folds away."""


def results(record_entries: Iterable[Entry]) -> list[Entry]:
    return [
        entry
        for entry in record_entries
        if entry.type == "Observation" and text(entry.resource.get("status")) not in _NOT_A_RESULT
    ]


def measured_key(resource: Json) -> tuple[str, str]:
    """What was measured (LOINC code, else any code, else text) and in which unit."""
    concept = first_object(resource.get("code"))
    codings = objects(concept.get("coding"))
    loinc = next((text(coding.get("code")) for coding in codings if coding.get("system") == LOINC), "")
    return loinc or code_of(concept) or text(concept.get("text")), unit_of(resource.get("valueQuantity"))


def unit_of(quantity: Any) -> str:
    """The unit to compare by: the UCUM code where given, else the unit as written."""
    if not isinstance(quantity, dict):
        return ""
    return unit_text(text(quantity.get("code")) or text(quantity.get("unit")))


def series(reading: Reading, most: int) -> tuple[Series, ...]:
    """The tests with at least two numeric results in one unit: the most telling first."""
    found: dict[tuple[str, str], list[Measurement]] = {}
    for entry in results(reading.record.entries):
        measurement = _measurement(entry)
        if measurement and _is_laboratory(entry.resource):
            found.setdefault(measured_key(entry.resource), []).append(measurement)
    made = [
        Series(code, unit, _name(reading, measured), tuple(sorted(measured, key=lambda each: each.sorting)))
        for (code, unit), measured in found.items()
        if len({each.sorting for each in measured}) >= 2
    ]
    made.sort(key=lambda one: (_rank(one.code), -len(one.measurements)))
    return tuple(made[:most])


def _rank(code: str) -> int:
    return FIRST.index(code) if code in FIRST else len(FIRST)


def _is_laboratory(resource: Json) -> bool:
    categories = {code_of(category) for category in objects(resource.get("category"))}
    return "laboratory" in categories or measured_key(resource)[0] in FIRST


def _name(reading: Reading, measured: list[Measurement]) -> Phrase:
    newest_first = sorted(measured, key=lambda each: each.sorting, reverse=True)
    return reading.marked(reading.name(each.entry for each in newest_first))


def _measurement(entry: Entry) -> Measurement | None:
    quantity, when = entry.resource.get("valueQuantity"), clinical_time(entry.resource)
    if not isinstance(quantity, dict) or not when or len(when) < 10:
        return None
    value = _decimal(quantity.get("value"))
    if value is None:
        return None
    try:
        day = date.fromisoformat(when[:10])
    except ValueError:
        return None
    low, high = reference_range(entry.resource)
    return Measurement(entry, day, moment(when), value, low, high)


def reference_range(resource: Json) -> tuple[Decimal | None, Decimal | None]:
    """The normal range that the laboratory sent, its first one."""
    first = _first_range(resource)
    low, high = first_object(first.get("low")), first_object(first.get("high"))
    return _decimal(low.get("value")), _decimal(high.get("value"))


def _first_range(resource: Json) -> Json:
    return first_object(resource.get("referenceRange"))


def _decimal(value: Any) -> Decimal | None:
    """A number that fits on a page; an exponent that would print a million digits is no measurement."""
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    return found if found.is_finite() and abs(found.adjusted()) < 30 else None


def latest_results(reading: Reading) -> tuple[ResultRow, ...]:
    """One row for each test and unit: its newest value, and how many came before.

    Results that contradict each other come first, each with a row of its own.
    """
    groups: dict[tuple[str, str], list[Entry]] = {}
    differing = []
    for entry in reading.newest(results(reading.record.entries)):
        if id(entry) in reading.flags:
            differing.append(entry)
        else:
            groups.setdefault(measured_key(entry.resource), []).append(entry)
    ordered = sorted(groups.items(), key=lambda item: _rank(item[0][0]))
    return tuple(_row(reading, entries) for entries in ([each] for each in differing)) + tuple(
        _row(reading, entries) for _, entries in ordered
    )


def _row(reading: Reading, entries: list[Entry]) -> ResultRow:
    newest = entries[0]
    kind = reading.flags.get(id(newest))
    return ResultRow(
        name=reading.marked(reading.name(entries)),
        value=reading.marked(value_phrase(newest.resource, reading.speech)),
        flag=flag_text(newest.resource, reading.speech),
        reference=reference_text(newest.resource, reading.speech),
        when=reading.speech.dated(clinical_time(newest.resource)),
        earlier=len(entries) - 1,
        badges=reading.badges([newest]),
        conflict=conflict_words(kind, reading.speech) if kind else "",
    )


def value_text(resource: Json, speech: Speech) -> str:
    """The value of an Observation in words; for a panel, its parts; "–" where there is none."""
    return value_phrase(resource, speech).text


def value_phrase(resource: Json, speech: Speech) -> Phrase:
    """``value_text`` with the language of what is not a number."""
    own = text(resource.get("language"))
    value = _one_value(resource, speech, own)
    if value.text:
        return value
    parts = [
        (said(part.get("code"), speech.language, own), part) for part in objects(resource.get("component"))
    ]
    told = [(name, value) for name, part in parts if (value := _one_value(part, speech, own)).text]
    if told:
        tags = {phrase.lang for pair in told for phrase in pair if phrase.text} - {""}
        words = "; ".join(f"{name.text} {value.text}".strip() for name, value in told)
        return Phrase(words, tags.pop() if len(tags) == 1 else "")
    absent = said(resource.get("dataAbsentReason"), speech.language, own)
    return absent if absent.text else Phrase("–")


def _one_value(part: Json, speech: Speech, own: str) -> Phrase:
    quantity = part.get("valueQuantity")
    if isinstance(quantity, dict):
        comparator = text(quantity.get("comparator")).replace("<=", "≤").replace(">=", "≥")
        unit = text(quantity.get("unit")) or text(quantity.get("code"))
        value = _decimal(quantity.get("value"))
        return Phrase("" if value is None else f"{comparator}{speech.measure(value, unit)}")
    if "valueCodeableConcept" in part:
        return said(part["valueCodeableConcept"], speech.language, own)
    if "valueInteger" in part:
        return Phrase(speech.number(part["valueInteger"]))
    if "valueBoolean" in part:
        return Phrase(speech("yes" if part["valueBoolean"] else "no"), speech.language)
    if "valueDateTime" in part:
        return Phrase(speech.dated(text(part["valueDateTime"])))
    return Phrase(text(part.get("valueString")), own)


_FLAGS = {
    **dict.fromkeys(("H", "HX", "HU"), "flag-high"),
    **dict.fromkeys(("L", "LX", "LU"), "flag-low"),
    "HH": "flag-critical-high",
    "LL": "flag-critical-low",
    "A": "flag-abnormal",
    "AA": "flag-critical",
}


def flag_text(resource: Json, speech: Speech) -> str:
    """The laboratory's own flag; where it sent none, what the value says against its own range."""
    code = code_of(first_object(resource.get("interpretation")))
    if code:
        return speech(_FLAGS[code]) if code in _FLAGS else ""
    value = _decimal(first_object(resource.get("valueQuantity")).get("value"))
    low, high = reference_range(resource)
    if value is not None and high is not None and value > high:
        return speech("flag-high")
    if value is not None and low is not None and value < low:
        return speech("flag-low")
    return ""


def reference_text(resource: Json, speech: Speech) -> str:
    """The normal range in words: ``3.5 to 5.0``, ``up to 7.0``, ``from 60``."""
    low, high = reference_range(resource)
    if low is not None and high is not None:
        return speech("range-between", low=speech.number(low), high=speech.number(high))
    if high is not None:
        return speech("range-up-to", high=speech.number(high))
    if low is not None:
        return speech("range-from", low=speech.number(low))
    return text(_first_range(resource).get("text"))
