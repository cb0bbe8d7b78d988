"""Which drug is this, and how strong? Read from any R4 medication resource.

A drug here is what a pharmacist groups by: the ingredient, whatever its brand, strength or form. No drug table
is needed: a name loses its maker, strength, form and salt (``drug_words.toml``), and an English and a French
ingredient meet where they differ in a final e (metformin, metformine).
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from decimal import Decimal
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from passerelle.fhir.coding import telling
from passerelle.fhir.concept import (
    all_words,
    concept_text,
    contained_medication,
    medication_concept,
    object_of,
    objects,
    text_of,
)
from passerelle.values import Json

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
_SCALES = {"g": (3, "mg"), "mcg": (-3, "mg"), "l": (3, "ml")}
"""By how many decimal places a unit is moved to the common one."""


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
    named = {f"name:{words}" for text in all_words(concept) if (words := ingredient_words(text))}
    return frozenset(named | _codes(concept) | _ingredients(medication or contained_medication(resource)))


def _codes(concept: Json) -> set[str]:
    """The codings of a drug; the three systems of the DIN are one."""
    coded = (
        (text_of(each.get("system")), text_of(each.get("code"))) for each in objects(concept.get("coding"))
    )
    return {
        f"din:{code.zfill(8)}" if system in DIN_SYSTEMS else f"{system}|{code}"
        for system, code in telling(coded)
        if code
    }


def _ingredients(medication: Json | None) -> set[str]:
    """A Medication of one ingredient is also known by that ingredient; of several it is not."""
    listed = objects((medication or {}).get("ingredient"))
    if len(listed) != 1:
        return set()
    concept = object_of(listed[0].get("itemCodeableConcept"))
    return _codes(concept) | {f"name:{ingredient_words(text)}" for text in all_words(concept) if text}


def strength(resource: Json, medication: Json | None = None) -> str:
    """The strength of the product, such as ``500mg`` or ``250mg/5ml``; "" where nothing says it.

    Grams and micrograms are written as milligrams, so that 75 mcg and 0.075 mg are equal.
    """
    found = object_of(medication or contained_medication(resource))
    said = [_ratio(object_of(each.get("strength"))) for each in objects(found.get("ingredient"))]
    if any(said):
        return " + ".join(sorted(filter(None, said)))
    words = all_words(medication_concept(resource, medication))
    return next((read for text in words if (read := strength_in(text))), "")


@lru_cache(maxsize=4096)
def strength_in(text: str) -> str:
    """Every strength that a text mentions, sorted, in the same units."""
    parts = []
    for amount, unit, per, per_unit in _STRENGTH.findall(text):
        below = f"/{_measured(per or '1', per_unit)}" if per_unit else ""
        parts.append(f"{_measured(amount, unit)}{below}")
    return " + ".join(sorted(parts))


def measure(value: Any, unit: str) -> tuple[str, str]:
    """An amount as (unit, number), in milligrams and millilitres where it is in grams, micrograms or litres."""
    known = _SAME_UNIT.get(unit.lower(), unit.lower())
    shift, common = _SCALES.get(known, (0, known))
    try:
        number = Decimal(str(value).replace(",", ".")).scaleb(shift).normalize()
    except ArithmeticError:
        return common, str(value)
    # A number that no dose can be would only take long to write out.
    return common, f"{number:f}" if -20 < number.adjusted() < 20 else str(number)


def _measured(value: Any, unit: str) -> str:
    return "".join(reversed(measure(value, unit)))


def _ratio(ratio: Json) -> str:
    """A strength Ratio written as ``250mg/5ml``; a denominator of one piece is left out."""
    above, below = object_of(ratio.get("numerator")), object_of(ratio.get("denominator"))
    if "value" not in above:
        return ""
    per = _measured(below.get("value", 1), _unit_of(below))
    is_measured = measure(1, _unit_of(below))[0] in {"ml", "h", "mg"}
    return _measured(above["value"], _unit_of(above)) + (f"/{per}" if is_measured else "")


def _unit_of(quantity: Json) -> str:
    return text_of(quantity.get("code")) or text_of(quantity.get("unit"))


def dosages(resource: Json) -> list[Json]:
    """The Dosage elements of any medication resource."""
    return objects(resource.get("dosageInstruction") or resource.get("dosage"))
