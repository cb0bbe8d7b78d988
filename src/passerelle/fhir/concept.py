"""What does a concept say to a reader, and which concept names the drug?"""

from __future__ import annotations

from typing import Any

from passerelle.values import Json, Language


def concept_text(concept: Any, language: Language) -> str:
    """What a CodeableConcept says to a reader: a translation in their language, else text, display, code.

    A list gives its first concept that says something; a Coding is read like a concept of one coding.
    """
    if isinstance(concept, list):
        return next(filter(None, (concept_text(each, language) for each in concept)), "")
    if not isinstance(concept, dict):
        return ""
    codings = concept.get("coding") or ([concept] if "code" in concept else [])
    codings = [coding for coding in codings if isinstance(coding, dict)]
    translated = _translation(concept.get("_text"), language)
    for coding in codings:
        translated = translated or _translation(coding.get("_display"), language)
    return translated or text_of(concept.get("text")) or _first(codings, "display") or _first(codings, "code")


def _first(codings: list[Json], member: str) -> str:
    chosen = sorted(codings, key=lambda coding: coding.get("userSelected") is not True)
    return next(filter(None, (text_of(coding.get(member)) for coding in chosen)), "")


def text_of(value: Any) -> str:
    """A string without its outer blanks; "" for anything that is not a string."""
    return value.strip() if isinstance(value, str) else ""


TRANSLATION = "http://hl7.org/fhir/StructureDefinition/translation"


def _translation(element: Any, language: Language) -> str:
    """The content of the R4 translation extension in this language, regional variants included."""
    if not isinstance(element, dict):
        return ""
    for extension in element.get("extension") or ():
        if extension.get("url") == TRANSLATION:
            parts = {part.get("url"): part for part in extension.get("extension") or ()}
            code = text_of(parts.get("lang", {}).get("valueCode")).lower()
            if code.split("-")[0] == language:
                content = parts.get("content", {})
                return text_of(content.get("valueString")) or text_of(content.get("valueMarkdown"))
    return ""


def medication_concept(resource: Json, medication: Json | None = None) -> Json:
    """The concept of the drug of a medication resource; ``medication`` is the Medication it refers to, if at hand.

    A contained Medication is found; of a reference that leads elsewhere only its display remains.
    """
    if resource.get("resourceType") == "Medication":
        return _concept(resource.get("code"))
    own = _concept(resource.get("medicationCodeableConcept"))
    if own:
        return own
    found = medication or contained_medication(resource)
    if found and found.get("code"):
        return _concept(found["code"])
    display = _concept(resource.get("medicationReference")).get("display")
    return {"text": display} if display else {}


def contained_medication(resource: Json) -> Json | None:
    """The Medication that a medication resource carries inside itself."""
    reference = _concept(resource.get("medicationReference")).get("reference")
    for contained in resource.get("contained") or ():
        if isinstance(contained, dict) and f"#{contained.get('id')}" == reference:
            return contained
    return None


def _concept(value: Any) -> Json:
    return value if isinstance(value, dict) else {}
