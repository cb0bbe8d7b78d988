"""How is a drug taken, in words? As it was written, or as a sentence made from the structured dosage."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from passerelle.fhir.concept import Phrase, concept_text, object_of, objects, said, text_of, translation
from passerelle.fhir.drug import dosages, measure
from passerelle.fhir.schedule import is_plain
from passerelle.fhir.speech import is_one, number_text
from passerelle.fhir.words import Catalogue, catalogue
from passerelle.values import Json, Language

_RENDERED = "http://prescribeit.ca/fhir/StructureDefinition/ext-rendered-dosage-instruction"


def dosing(resource: Json, language: Language) -> Phrase:
    """How it is taken, for a reader: in the words that were written, unless these are in another language and the
    structure says all that is needed to say it in theirs."""
    written = written_dosing(resource, language)
    if written.foreign(language) and all(_can_be_said(each, language) for each in dosages(resource)):
        return Phrase(_joined(_composed(each, language) for each in dosages(resource)), language)
    return written


def written_dosing(resource: Json, language: Language) -> Phrase:
    """How it is taken, as written (or translated) by the source; made from the structure where nothing is written."""
    own = text_of(resource.get("language"))
    for extension in objects(resource.get("extension")):
        if extension.get("url") == _RENDERED and text_of(extension.get("valueString")):
            return Phrase(text_of(extension["valueString"]), own)
    phrases = [_phrase(each, language, own) for each in dosages(resource)]
    tags = {phrase.lang for phrase in phrases if phrase.text}
    return Phrase(_joined(phrase.text for phrase in phrases), tags.pop() if len(tags) == 1 else "")


def dose_text(resource: Json, language: Language) -> str:
    """``dosing`` without its language."""
    return dosing(resource, language).text


def _joined(sentences: Any) -> str:
    return "; ".join(filter(None, sentences))


def _phrase(dosage: Json, language: Language, own: str) -> Phrase:
    written = said({"text": dosage.get("text"), "_text": dosage.get("_text")}, language, own)
    if written.text:
        return written
    return Phrase(_composed(dosage, language), language if _can_be_said(dosage, language) else "")


def _can_be_said(dosage: Json, language: Language) -> bool:
    """Whether a sentence of ours leaves nothing out and has every word in the reader's language."""
    unit = text_of(_quantity(dosage).get("code"))
    words_known = _unit_key(unit) in _words().messages or (bool(unit) and "{" not in unit)
    return (
        is_plain(dosage)
        and words_known
        and ("route" not in dosage or bool(translation(dosage["route"], language)))
    )


def _composed(dosage: Json, language: Language) -> str:
    timing = object_of(dosage.get("timing"))
    often = _often(object_of(timing.get("repeat")), language) or concept_text(timing.get("code"), language)
    as_needed = dosage.get("asNeededBoolean") is True or "asNeededCodeableConcept" in dosage
    needed = _words().say("as-needed", language) if as_needed else ""
    parts = (_amount(_quantity(dosage), language), often, concept_text(dosage.get("route"), language), needed)
    return ", ".join(filter(None, parts))


def _quantity(dosage: Json) -> Json:
    rates = objects(dosage.get("doseAndRate"))
    return object_of(rates[0].get("doseQuantity") if rates else dosage.get("dose"))


def _amount(dose: Json, language: Language) -> str:
    if "value" not in dose:
        return ""
    number = _local(dose["value"], language)
    key = _unit_key(text_of(dose.get("code")))
    if key in _words().messages:
        one = isinstance(dose["value"], int | Decimal) and is_one(dose["value"], language)
        return f"{number} {_words().say(key if one else f'{key}-many', language)}"
    return f"{number} {text_of(dose.get('unit')) or text_of(dose.get('code'))}".strip()


def _unit_key(code: str) -> str:
    """The message that says a UCUM code which is no unit of its own: ``{tbl}`` → ``unit-tbl``."""
    return f"unit-{code.strip('{}[]').lower()}"


def _words() -> Catalogue:
    return catalogue("passerelle.fhir", "clinical_words.toml")


def _local(number: Any, language: Language) -> str:
    """A number without idle digits, as the language writes it: 2.5 or 2,5."""
    return number_text(measure(number, "")[1], language)


def _often(repeat: Json, language: Language) -> str:
    """How often, in the words of the reader: 2 times per day, 2 times every 3 days."""
    unit = text_of(repeat.get("periodUnit"))
    if "frequency" not in repeat or f"per-{unit}" not in _words().messages:
        return ""
    frequency, period = _local(repeat["frequency"], language), _local(repeat.get("period", 1), language)
    times = _words().say("once" if frequency == "1" else "times", language, count=frequency)
    if period == "1":
        return f"{times} {_words().say(f'per-{unit}', language)}"
    return f"{times} {_words().say(f'every-{unit}', language, period=period)}"
