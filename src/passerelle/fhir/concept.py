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
    codings = objects(concept.get("coding")) or ([concept] if "code" in concept else [])
    translated = _translation(concept.get("_text"), language)
    for coding in codings:
        translated = translated or _translation(coding.get("_display"), language)
    return translated or text_of(concept.get("text")) or _first(codings, "display") or _first(codings, "code")


def _first(codings: list[Json], member: str) -> str:
    chosen = sorted(codings, key=lambda coding: coding.get("userSelected") is not True)
    return next(filter(None, (text_of(coding.get(member)) for coding in chosen)), "")


def objects(value: Any) -> list[Json]:
    """The JSON objects in a list, or the one that stands without its list; nothing of anything else."""
    listed = value if isinstance(value, list) else [value]
    return [each for each in listed if isinstance(each, dict)]


def text_of(value: Any) -> str:
    """A string without its outer blanks; "" for anything that is not a string."""
    return value.strip() if isinstance(value, str) else ""


TRANSLATION = "http://hl7.org/fhir/StructureDefinition/translation"


def _translation(element: Any, language: Language) -> str:
    """The content of the R4 translation extension in this language, regional variants included."""
    for extension in objects(element and object_of(element).get("extension")):
        if extension.get("url") == TRANSLATION:
            parts = {text_of(part.get("url")): part for part in objects(extension.get("extension"))}
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
        return object_of(resource.get("code"))
    own = object_of(resource.get("medicationCodeableConcept"))
    if own:
        return own
    found = medication or contained_medication(resource)
    coded = object_of(object_of(found).get("code"))
    display = text_of(object_of(resource.get("medicationReference")).get("display"))
    return coded or ({"text": display} if display else {})


def contained_medication(resource: Json) -> Json | None:
    """The Medication that a medication resource carries inside itself."""
    reference = object_of(resource.get("medicationReference")).get("reference")
    for contained in objects(resource.get("contained")):
        if f"#{contained.get('id')}" == reference:
            return contained
    return None


def object_of(value: Any) -> Json:
    """A JSON object, or an empty one where something else stands."""
    return value if isinstance(value, dict) else {}
