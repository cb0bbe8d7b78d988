"""Which drug is this, how strong, and how is it taken? Read from any R4 medication resource.

A drug here is what a pharmacist groups by: the ingredient, whatever its brand, strength or form. No drug table
is needed: a name loses its maker, strength, form and salt (``drug_words.toml``), and an English and a French
ingredient meet where they differ in a final e (metformin, metformine).
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from passerelle.fhir.concept import concept_text, contained_medication, medication_concept
from passerelle.fhir.words import catalogue
from passerelle.values import Json, Language

DIN_SYSTEMS = frozenset(
    {
        "http://hl7.org/fhir/NamingSystem/ca-hc-din",
        "http://terminology.hl7.org/CodeSystem/ca-hc-din",
        "http://terminology.hl7.org/NamingSystem/ca-hc-din",
    }
)
"""Three spellings of the one system of Drug Identification Numbers are in use."""

ATC = "http://www.whocc.no/atc"

_STRENGTH = re.compile(
    r"(\d+(?:[.,]\d+)?)\s*(mcg|µg|μg|ug|mg|g|ml|l|%|units?|unités?|iu|ui|mmol|meq)(?!\w)"
    r"(?:\s*/\s*(\d*(?:[.,]\d+)?)\s*(ml|l|h|hr|actuation|dose|g)\b)?",
    re.IGNORECASE,
)
_SAME_UNIT = {"µg": "mcg", "μg": "mcg", "ug": "mcg", "unit": "u", "units": "u", "unité": "u", "unités": "u"}
_SAME_UNIT |= {"iu": "u", "ui": "u", "hr": "h"}


@cache
def _parts() -> dict[str, tuple[str, ...]]:
    """The words of a drug name that are not its ingredient: forms, salts, metals, anions, makers."""
    read = tomllib.loads(files("passerelle.fhir").joinpath("drug_words.toml").read_text("utf-8"))
    return {kind: tuple(words) for kind, words in read.items()}


def _without_salt(words: list[str]) -> list[str]:
    """Warfarin sodium is warfarin; sodium chloride and potassium chloride stay what they are."""
    parts = _parts()
    noise = {*parts["forms"], *parts["salts"]}
    if not any(word in parts["anions"] for word in words):
        noise |= {*parts["metals"]}
    return [word for word in words if word not in noise] or words


@lru_cache(maxsize=4096)
def ingredient_words(name: str) -> str:
    """A drug's name without maker, strength, form and salt: ``APO-Metformin 500 mg tablet`` → ``metformin``."""
    text = _STRENGTH.sub(" ", re.sub(r"[(\[].*?[)\]]", " ", name))
    decomposed = unicodedata.normalize("NFD", text.casefold())
    folded = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    folded = next((folded[len(maker) :] for maker in _parts()["makers"] if folded.startswith(maker)), folded)
    kept = _without_salt(re.findall(r"[^\W\d_]{2,}", folded))
    return " ".join(sorted({word[:-1] if len(word) > 5 and word.endswith("e") else word for word in kept}))


def drug_key(resource: Json, medication: Json | None = None) -> str:
    """One string by which to group medication resources by drug; "" if it names no drug at all."""
    concept = medication_concept(resource, medication)
    named = ingredient_words(concept_text(concept, "en"))
    return named or min(drug_keys(resource, medication), default="")


def drug_keys(resource: Json, medication: Json | None = None) -> frozenset[str]:
    """Everything that says which drug this is; two resources that share one of them are about the same drug."""
    concept = medication_concept(resource, medication)
    keys = {_code_key(coding) for coding in concept.get("coding") or () if coding.get("code")}
    texts = [concept.get("text"), *(coding.get("display") for coding in concept.get("coding") or ())]
    keys.update(f"name:{words}" for text in texts if text and (words := ingredient_words(text)))
    keys.update(_ingredients(medication or contained_medication(resource)))
    return frozenset(keys)


def _code_key(coding: Json) -> str:
    system, code = coding.get("system", ""), str(coding["code"])
    if system in DIN_SYSTEMS:
        return f"din:{code.zfill(8)}"
    return f"{system}|{code}"


def _ingredients(medication: Json | None) -> set[str]:
    """A Medication of one ingredient is also known by that ingredient; of several it is not."""
    listed = (medication or {}).get("ingredient") or []
    if len(listed) != 1:
        return set()
    concept = listed[0].get("itemCodeableConcept") or {}
    named = ingredient_words(concept_text(concept, "en"))
    codes = {_code_key(coding) for coding in concept.get("coding") or () if coding.get("code")}
    return codes | ({f"name:{named}"} if named else set())


def strength(resource: Json, medication: Json | None = None) -> str:
    """The strength of the product, such as ``500mg`` or ``250mg/5ml``; "" where nothing says it."""
    found = medication or contained_medication(resource) or {}
    said = [_ratio(each.get("strength")) for each in found.get("ingredient") or ()]
    if any(said):
        return " + ".join(sorted(filter(None, said)))
    concept = medication_concept(resource, medication)
    texts = [concept.get("text"), *(coding.get("display") for coding in concept.get("coding") or ())]
    return next((read for text in texts if text and (read := strength_in(text))), "")


@lru_cache(maxsize=4096)
def strength_in(text: str) -> str:
    """Every strength that a text mentions, in order, with units written one way."""
    parts = []
    for amount, unit, per, per_unit in _STRENGTH.findall(text):
        below = f"/{_number(per or '1')}{_unit(per_unit)}" if per_unit else ""
        parts.append(f"{_number(amount)}{_unit(unit)}{below}")
    return " + ".join(parts)


def _unit(unit: str) -> str:
    return _SAME_UNIT.get(unit.lower(), unit.lower())


def _number(digits: Any) -> str:
    text = str(digits).replace(",", ".")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _ratio(ratio: Any) -> str:
    """A strength Ratio written as ``250mg/5ml``; a denominator of one piece is left out."""
    if not isinstance(ratio, dict) or "value" not in (ratio.get("numerator") or {}):
        return ""
    above, below = _quantity(ratio["numerator"]), ratio.get("denominator") or {}
    measured = _unit(str(below.get("code") or below.get("unit") or ""))
    return f"{above}/{_quantity(below)}" if measured in {"ml", "l", "h", "g"} else above


def _quantity(quantity: Json) -> str:
    unit = str(quantity.get("code") or quantity.get("unit") or "")
    return f"{_number(quantity.get('value', ''))}{_unit(unit)}"


def dosages(resource: Json) -> list[Json]:
    """The Dosage elements of any medication resource."""
    listed = resource.get("dosageInstruction") or resource.get("dosage") or ()
    return [listed] if isinstance(listed, dict) else [each for each in listed if isinstance(each, dict)]


_RENDERED = "http://prescribeit.ca/fhir/StructureDefinition/ext-rendered-dosage-instruction"


def dose_text(resource: Json, language: Language) -> str:
    """How it is taken, in words: what was written, else a sentence made from the structured dosage."""
    for extension in resource.get("extension") or ():
        if extension.get("url") == _RENDERED and extension.get("valueString"):
            return str(extension["valueString"])
    said = (
        concept_text({"text": dosage.get("text"), "_text": dosage.get("_text")}, language)
        or _composed(dosage, language)
        for dosage in dosages(resource)
    )
    return "; ".join(filter(None, said))


def _composed(dosage: Json, language: Language) -> str:
    rates = [each for each in dosage.get("doseAndRate") or () if isinstance(each, dict)]
    dose = (rates[0].get("doseQuantity") if rates else dosage.get("dose")) or {}
    amount = f"{_local(dose.get('value'), language)} {dose.get('unit') or dose.get('code') or ''}".strip()
    timing = dosage.get("timing") or {}
    often = concept_text(timing.get("code"), language) or _often(timing.get("repeat") or {}, language)
    as_needed = dosage.get("asNeededBoolean") is True or "asNeededCodeableConcept" in dosage
    words = catalogue("passerelle.fhir", "clinical_words.toml")
    needed = words.say("as-needed", language) if as_needed else ""
    parts = (amount, often, concept_text(dosage.get("route"), language), needed)
    return ", ".join(filter(None, parts))


def _local(number: Any, language: Language) -> str:
    text = "" if number is None else _number(number)
    return text.replace(".", ",") if language == "fr" else text


def _often(repeat: Json, language: Language) -> str:
    """``2 times every 1 day`` in the words of the reader."""
    if "frequency" not in repeat or f"per-{repeat.get('periodUnit')}" not in _units():
        return ""
    words = catalogue("passerelle.fhir", "clinical_words.toml")
    frequency, period = str(repeat["frequency"]), _number(repeat.get("period", 1))
    unit = words.say(f"{'per' if period == '1' else 'every'}-{repeat['periodUnit']}", language)
    times = words.say("once" if frequency == "1" else "times", language, count=frequency)
    return f"{times} {unit.format(period=_local(period, language))}"


@cache
def _units() -> frozenset[str]:
    return frozenset(catalogue("passerelle.fhir", "clinical_words.toml").messages)
