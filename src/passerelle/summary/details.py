"""What does one fact say in a table? Its name, what matters about it, its status and its date."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from passerelle.fhir.clinical import called, clinical_time, concept_text, dose_text
from passerelle.fhir.concept import Phrase, medication_concept
from passerelle.fhir.speech import NO_BREAK, date_text, measure_text, number_text
from passerelle.summary.wording import say, words
from passerelle.values import Json, Language


@dataclass(frozen=True)
class Row:
    """One line of a section's table, in plain text; ``lang`` is set where its name is in another language."""

    what: str
    details: str
    status: str
    when: str
    lang: str = ""


def row(resource: Json, language: Language, named: Json | None = None) -> Row:
    """What a fact says; ``named`` is the Medication or Device that it refers to, when its name is there."""
    details = _DETAILS.get(resource.get("resourceType", ""), _nothing)
    what = _what(resource, language, named)
    return Row(
        what=what.text,
        details="; ".join(filter(None, details(resource, language))),
        status=_status(resource, language),
        when=_when(resource, language),
        lang=what.foreign(language),
    )


def _what(resource: Json, language: Language, named: Json | None) -> Phrase:
    if named is None:
        return called(resource, language)
    if named.get("resourceType") == "Medication" and medication_concept(resource, named):
        return called(resource, language, named)
    return called(named, language)


def _when(resource: Json, language: Language) -> str:
    period: Json = next((resource[key] for key in _PERIODS if isinstance(resource.get(key), dict)), {})
    start, end = period.get("start"), period.get("end")
    if start and end and start[:10] != end[:10]:
        return f"{date_text(start, language)} – {date_text(end, language)}"
    at = start or end or clinical_time(resource)
    return date_text(at, language) if at else ""


_PERIODS = ("effectivePeriod", "performedPeriod", "onsetPeriod", "timingPeriod", "period")


def _status(resource: Json, language: Language) -> str:
    said = [
        resource.get("clinicalStatus"),
        resource.get("status"),
        _doubt(resource.get("verificationStatus")),
    ]
    shown = (_status_word(code, language) for code in map(_code, said) if code)
    return ", ".join(dict.fromkeys(shown))


def _doubt(verification: Any) -> Any:
    """Only doubt is worth the reader's time: what is confirmed goes without saying."""
    return None if _code(verification) == "confirmed" else verification


def _code(value: Any) -> str:
    if isinstance(value, dict):
        return next((str(each["code"]) for each in value.get("coding") or () if each.get("code")), "")
    return value if isinstance(value, str) else ""


def _status_word(code: str, language: Language) -> str:
    key = f"status-{code}"
    return say(key, language) if key in words().messages else code


def value_text(element: Json, language: Language, prefix: str = "value") -> str:
    """The value[x] of an Observation, one of its components or an extension, for a reader."""
    for key, value in element.items():
        if key.startswith(prefix) and key[len(prefix) :][:1].isupper():
            return _value(key[len(prefix) :], value, language)
    absent = concept_text(element.get("dataAbsentReason"), language)
    return f"({absent})" if absent else ""


def _value(kind: str, value: Any, language: Language) -> str:
    readers: dict[str, Callable[[Any, Language], str]] = {
        "String": lambda text, _: str(text),
        "Time": lambda text, _: str(text),
        "Quantity": quantity_text,
        "CodeableConcept": concept_text,
        "Range": _range,
        "Ratio": _ratio,
        "Boolean": lambda truth, spoken: say("yes" if truth else "no", spoken),
        "DateTime": date_text,
        "Period": lambda period, spoken: date_text(period.get("start") or period.get("end") or "", spoken),
        "Integer": number_text,
    }
    return readers[kind](value, language) if kind in readers else ""


def quantity_text(quantity: Json, language: Language) -> str:
    """A Quantity with every digit that was sent, its number and unit never parted."""
    if "value" not in quantity:
        return ""
    unit = str(quantity.get("unit") or quantity.get("code") or "")
    sign = f"{quantity['comparator']}{NO_BREAK}" if quantity.get("comparator") else ""
    return sign + measure_text(quantity["value"], unit, language)


def _range(value: Json, language: Language) -> str:
    low, high = (quantity_text(value.get(end) or {}, language) for end in ("low", "high"))
    if low and high:
        return f"{low} – {high}"
    return f"≥{NO_BREAK}{low}" if low else f"≤{NO_BREAK}{high}" if high else ""


def _ratio(value: Json, language: Language) -> str:
    parts = (quantity_text(value.get(part) or {}, language) for part in ("numerator", "denominator"))
    return " / ".join(filter(None, parts))


def _medication(resource: Json, language: Language) -> Iterator[str]:
    yield dose_text(resource, language)
    if _from_dispense(resource):
        yield say("detail-dispensed", language)


def _from_dispense(resource: Json) -> bool:
    return (
        resource.get("resourceType") == "MedicationStatement"
        and resource.get("status") == "unknown"
        and any(each.get("type") == "MedicationDispense" for each in resource.get("derivedFrom") or ())
    )


def _allergy(resource: Json, language: Language) -> Iterator[str]:
    criticality = f"detail-criticality-{resource.get('criticality')}"
    if criticality in words().messages:
        yield say(criticality, language)
    for reaction in resource.get("reaction") or ():
        seen = ", ".join(
            filter(None, (concept_text(each, language) for each in reaction.get("manifestation") or ()))
        )
        said = seen or str(reaction.get("description") or "")
        if said:
            yield say("detail-reaction", language, text=said)
    yield from _notes(resource)


def _condition(resource: Json, language: Language) -> Iterator[str]:
    severity = concept_text(resource.get("severity"), language)
    if severity:
        yield say("detail-severity", language, text=severity)
    yield concept_text(resource.get("bodySite"), language)
    yield from _notes(resource)


def _observation(resource: Json, language: Language) -> Iterator[str]:
    value = value_text(resource, language)
    meaning = concept_text(resource.get("interpretation"), language)
    yield f"{value} ({meaning})" if value and meaning else value or meaning
    for component in resource.get("component") or ():
        said = value_text(component, language)
        if said:
            yield f"{concept_text(component.get('code'), language)} {said}"
    for span in resource.get("referenceRange") or ():
        text = _range(span, language) or str(span.get("text") or "")
        if text:
            yield say("detail-reference-range", language, text=text)


def _report(resource: Json, language: Language) -> Iterator[str]:
    yield str(resource.get("conclusion") or "") or concept_text(resource.get("conclusionCode"), language)


def _family(resource: Json, language: Language) -> Iterator[str]:
    for condition in resource.get("condition") or ():
        yield concept_text(condition.get("code"), language)
    yield from _notes(resource)


def _plan(resource: Json, language: Language) -> Iterator[str]:
    for activity in resource.get("activity") or ():
        yield concept_text((activity.get("detail") or {}).get("code"), language)


def _sited(resource: Json, language: Language) -> Iterator[str]:
    yield concept_text(resource.get("bodySite") or resource.get("site"), language)


def _notes(resource: Json) -> Iterator[str]:
    for note in resource.get("note") or ():
        yield str(note.get("text") or "")


def _nothing(_: Json, __: Language) -> Iterator[str]:
    yield ""


_DETAILS: dict[str, Callable[[Json, Language], Iterator[str]]] = {
    "MedicationStatement": _medication,
    "MedicationRequest": _medication,
    "AllergyIntolerance": _allergy,
    "Condition": _condition,
    "Observation": _observation,
    "DiagnosticReport": _report,
    "FamilyMemberHistory": _family,
    "CarePlan": _plan,
    "Procedure": _sited,
    "Immunization": _sited,
    "DeviceUseStatement": _sited,
}
