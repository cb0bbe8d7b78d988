"""Words that people read, in English and French together, from catalogues beside the code that says them.

A catalogue is a TOML file of ``[key]`` tables with ``en`` and ``fr``. A key without both languages, or with
different ``{places}`` in them, stops the program when the catalogue is loaded, and so fails the build.
"""

from __future__ import annotations

import string
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from passerelle.values import LANGUAGES, Language, Words


class IncompleteCatalogueError(Exception):
    """A message lacks a language, or its languages do not have the same places to fill."""


@dataclass(frozen=True)
class Catalogue:
    """The messages of one file, by key."""

    name: str
    messages: Mapping[str, Words]

    def say(self, key: str, language: Language, **details: object) -> str:
        """The message in one language, its places filled."""
        text = self.messages[key][language]
        return text.format_map(details) if details else text

    def both(self, key: str, **details: object) -> Words:
        """The message in both languages."""
        return {language: self.say(key, language, **details) for language in LANGUAGES}


@cache
def catalogue(package: str, filename: str) -> Catalogue:
    """Load ``filename`` of ``package``, checked for completeness."""
    messages = tomllib.loads(files(package).joinpath(filename).read_text("utf-8"))
    for key, words in messages.items():
        _check(f"{package}/{filename}: {key}", words)
    return Catalogue(f"{package}/{filename}", messages)


def _check(where: str, words: Mapping[str, str]) -> None:
    if set(words) != set(LANGUAGES) or not all(words.values()):
        raise IncompleteCatalogueError(f"{where} needs exactly {', '.join(LANGUAGES)}")
    if places(words["en"]) != places(words["fr"]):
        raise IncompleteCatalogueError(f"{where} does not have the same places in each language")


def places(text: str) -> set[str]:
    """The names of the places to fill in a message."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}
