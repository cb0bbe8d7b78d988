"""How does the summary speak? Its sentences, in Canadian English or French."""

from __future__ import annotations

from collections.abc import Iterable

from passerelle.fhir.speech import is_one, number_text
from passerelle.fhir.words import Catalogue, catalogue
from passerelle.values import Language


def words() -> Catalogue:
    """Every sentence of the summary, in both languages."""
    return catalogue("passerelle.summary", "words.toml")


def say(key: str, language: Language, **details: object) -> str:
    return words().say(key, language, **details)


def count(key: str, number: int, language: Language, **details: object) -> str:
    """The ``-one`` or ``-many`` form of a sentence, its ``{n}`` filled."""
    form = "one" if is_one(number, language) else "many"
    return say(f"{key}-{form}", language, n=number_text(number, language), **details)


def listed(names: Iterable[str], language: Language) -> str:
    """Names in one phrase: A, B and C."""
    every = list(names)
    if len(every) < 2:
        return "".join(every)
    return f"{', '.join(every[:-1])} {say('and', language)} {every[-1]}"
