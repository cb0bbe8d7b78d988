"""CodeableConcepts in the language of the record, with the other language as a translation.

The objects are shared between resources to be quick: whoever changes a resource copies it first.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from passerelle.values import Json, Language

LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"
ICD9 = "http://terminology.hl7.org/CodeSystem/icd9cm"
DIN = "http://hl7.org/fhir/NamingSystem/ca-hc-din"
ATC = "http://www.whocc.no/atc"
HL7 = "http://terminology.hl7.org/CodeSystem/"
BASELINE = "http://hl7.org/fhir/ca/baseline/StructureDefinition/"
TRANSLATION = "http://hl7.org/fhir/StructureDefinition/translation"


def translated(fr: str) -> Json:
    """The element that carries the French of an English display."""
    return {"extension": [_translation("fr-CA", fr)]}


def _translation(language: str, content: str) -> Json:
    parts = [{"url": "lang", "valueCode": language}, {"url": "content", "valueString": content}]
    return {"url": TRANSLATION, "extension": parts}


@lru_cache(maxsize=8192)
def coded(codes: tuple[tuple[str, str], ...], en: str, fr: str, language: Language) -> Json:
    """A concept with codes as (system, code); the first one's display is English, translated, the text is in
    ``language``."""
    coding: list[Json] = [{"system": system, "code": code} for system, code in codes]
    if coding:
        coding[0]["display"] = en
        if fr != en:
            coding[0]["_display"] = translated(fr)
    concept: Json = {"coding": coding} if coding else {}
    concept["text"] = fr if language == "fr" else en
    if not coding and fr != en:
        other, content = ("en-CA", en) if language == "fr" else ("fr-CA", fr)
        concept["_text"] = {"extension": [_translation(other, content)]}
    return concept


@lru_cache(maxsize=8192)
def brief(codes: tuple[tuple[str, str], ...], text: str) -> Json:
    """A concept without translations, where the same one stands in full elsewhere in the record."""
    return {"coding": [{"system": system, "code": code} for system, code in codes], "text": text}


@lru_cache(maxsize=1024)
def status(system: str, code: str, display: str = "") -> Json:
    """A concept of one HL7 code, such as a clinical status."""
    coding = {"system": HL7 + system, "code": code}
    if display:
        coding["display"] = display
    return {"coding": [coding]}


@lru_cache(maxsize=64)
def _profiles(name: str) -> tuple[str, ...]:
    return (name if ":" in name else f"{BASELINE}profile-{name}",)


def meta(profile: str) -> Json:
    """A fresh ``meta`` that claims a CA Baseline profile by its short name, or any profile by its URL."""
    return {"profile": list(_profiles(profile))}


def quantity(value: Any, unit: str, code: str) -> Json:
    """A Quantity with its UCUM code."""
    return {"value": value, "unit": unit, "system": UCUM, "code": code}
