"""What does a concept say to a reader, in which language, and which concept names the drug?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from passerelle.fhir.coding import folded
from passerelle.values import LANGUAGES, Json, Language


@dataclass(frozen=True)
class Phrase:
    """Words, and the language that they are known to be in: a BCP 47 tag, "" where nothing tells it."""

    text: str
    lang: str = ""
    weak: bool = False
    """Only a code, or what kind of thing it is, for want of words."""

    def foreign(self, language: Language) -> str:
        """The tag of words in another language than the reader's; "" for all others."""
        return self.lang if self.lang and base_language(self.lang) != language else ""


def base_language(tag: Any) -> str:
    """``fr`` for ``fr-CA``; "" for anything that is no tag."""
    return text_of(tag).split("-")[0].lower()


def said(concept: Any, language: Language, written: Any = "") -> Phrase:
    """What a concept says to a reader: in their language where it is there, else in its own words.

    ``written`` is the language of the resource, which is that of its own words.
    """
    if isinstance(concept, list):
        return next((found for each in concept if (found := said(each, language, written)).text), Phrase(""))
    translated = translation(concept, language)
    if translated:
        return Phrase(translated, language)
    words = own_words(concept)
    return Phrase(words, text_of(written)) if words else Phrase(_first(_codings(concept), "code"), weak=True)


def concept_text(concept: Any, language: Language) -> str:
    """What a CodeableConcept says to a reader: a translation in their language, else text, display, code.

    A list gives its first concept that says something; a Coding is read like a concept of one coding.
    """
    return said(concept, language).text


def own_words(concept: Any) -> str:
    """The words of a concept as its source chose them: text, else display; "" where there are only codes."""
    return text_of(object_of(concept).get("text")) or _first(_codings(concept), "display")


def translation(concept: Any, language: Language) -> str:
    """What a concept is known to say in a language; "" where nothing tells.

    Its text's translation, or that of a display which says the same as the text. Where the text *is* the
    translation of a display into the other language, the display itself: what was translated is not in the language
    that it was translated into.
    """
    whole = object_of(concept)
    own = _translations(whole.get("_text"))
    if language in own:
        return own[language]
    text = folded(whole.get("text"))
    for coding in _codings(whole):
        said = _translations(coding.get("_display"))
        if not said:
            continue
        display = text_of(coding.get("display"))
        if language in said and (not text or text == folded(display) or text in map(folded, said.values())):
            return said[language]
        if display and text and text in (folded(said[other]) for other in said if other != language):
            return display
    return ""


def all_words(concept: Any) -> Iterator[str]:
    """Everything that a concept is called, in any language."""
    named = [(object_of(concept), "text"), *((coding, "display") for coding in _codings(concept))]
    for element, member in named:
        yield text_of(element.get(member))
        yield from _translations(element.get(f"_{member}")).values()


def _codings(concept: Any) -> list[Json]:
    concept = object_of(concept)
    return objects(concept.get("coding")) or ([concept] if "code" in concept else [])


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


def _translations(element: Any) -> dict[Language, str]:
    """The contents of the R4 translation extensions by language, regional variants included; the first of each."""
    found: dict[Language, str] = {}
    for extension in objects(element.get("extension")) if isinstance(element, dict) else ():
        if extension.get("url") != TRANSLATION:
            continue
        parts = {text_of(part.get("url")): part for part in objects(extension.get("extension"))}
        content = parts.get("content", {})
        words = text_of(content.get("valueString")) or text_of(content.get("valueMarkdown"))
        code = base_language(parts.get("lang", {}).get("valueCode"))
        for language in LANGUAGES:
            if code == language and words:
                found.setdefault(language, words)
    return found


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
