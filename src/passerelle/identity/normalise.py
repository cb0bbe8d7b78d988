"""What of a name, number or address is the same however it is written? Nothing is thrown away but the writing."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from passerelle.fhir import health_number
from passerelle.values import Json

_PARTICLES = frozenset(
    {
        "de",
        "la",
        "le",
        "les",
        "du",
        "des",
        "d",
        "l",
        "van",
        "von",
        "der",
        "den",
        "di",
        "da",
        "del",
        "della",
        "dos",
    }
    | {"el", "al", "bin", "ben", "ibn", "ter", "ten", "zu", "y", "e"}
)
"""Words of a family name that one clerk writes and another leaves out."""

_SAINTS = {"st": "saint", "ste": "sainte"}
_LETTERS = str.maketrans({"ø": "o", "œ": "oe", "æ": "ae", "ß": "ss", "ł": "l", "đ": "d", "ð": "d", "þ": "th"})


@lru_cache(maxsize=16384)
def fold(text: str) -> str:
    """Lower case without accents; hyphens, apostrophes and dots become blanks. Syllabics and other scripts stay."""
    lowered = unicodedata.normalize("NFKD", text.casefold().translate(_LETTERS))
    kept = (letter for letter in lowered if not unicodedata.combining(letter))
    return " ".join("".join(letter if letter.isalnum() else " " for letter in kept).split())


def words(text: str) -> tuple[str, ...]:
    """The words of a name, ``st`` and ``ste`` written out."""
    return tuple(_SAINTS.get(word, word) for word in fold(text).split())


def family_words(text: str) -> tuple[str, ...]:
    """The words of a family name without its particles, unless it has no others."""
    listed = words(text)
    return tuple(word for word in listed if word not in _PARTICLES) or listed


@dataclass(frozen=True)
class Name:
    """One name of a person, folded. ``given`` has one text for each given name, hyphenated ones as one."""

    family: tuple[str, ...]
    given: tuple[str, ...]

    @property
    def single(self) -> bool:
        """Whether one word is the whole name."""
        return len(self.family) + len(self.given) == 1


@dataclass(frozen=True)
class Number:
    """An identifier as it is compared. ``former``: the side that holds it calls it old."""

    system: str
    value: str
    former: bool = False


@dataclass(frozen=True)
class Person:
    """What can be compared of a Patient; what is missing or malformed is empty."""

    numbers: tuple[Number, ...]
    names: tuple[Name, ...]
    birth_date: str
    gender: str
    postal_codes: frozenset[str]
    phones: frozenset[str]

    @property
    def fields(self) -> int:
        """How many kinds of evidence there are."""
        said = (self.numbers, self.names, self.birth_date, self.gender, self.postal_codes, self.phones)
        return sum(map(bool, said))


def person(patient: Json) -> Person:
    """Read a Patient, however untidy."""
    gender = patient.get("gender")
    return Person(
        tuple(dict.fromkeys(filter(None, map(_number, _objects(patient.get("identifier")))))),
        tuple(dict.fromkeys(filter(None, map(_name, _objects(patient.get("name")))))),
        birth_date(patient.get("birthDate")),
        gender if gender in ("male", "female", "other") else "",
        frozenset(
            filter(None, (postal_code(each.get("postalCode")) for each in _objects(patient.get("address"))))
        ),
        frozenset(filter(None, (phone(each) for each in _objects(patient.get("telecom"))))),
    )


def _objects(value: Any) -> list[Json]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


_PLACEHOLDERS = frozenset(
    {"unknown", "inconnu", "inconnue", "na", "none", "aucun", "test", "x", "xx", "xxx", "baby", "bebe"}
)
"""What is typed where a name is not known; it must not make two people alike."""


def _name(name: Json) -> Name | None:
    family = name.get("family")
    parts = name.get("given")
    given = (
        [" ".join(_said(part)) for part in parts if isinstance(part, str)] if isinstance(parts, list) else []
    )
    listed = family_words(family) if isinstance(family, str) else ()
    text = name.get("text")
    if not listed and not given and isinstance(text, str):
        listed, given = _from_text(text)
    kept = tuple(each for each in given if each and each not in _PLACEHOLDERS)
    listed = tuple(word for word in listed if word not in _PLACEHOLDERS)
    return Name(listed, kept) if listed or kept else None


def _said(part: str) -> tuple[str, ...]:
    """The words of one given name without what stands where a name is not known: "Baby Girl" is "Girl", however it
    is cut into parts."""
    return tuple(word for word in words(part) if word not in _PLACEHOLDERS)


def _from_text(text: str) -> tuple[tuple[str, ...], list[str]]:
    """``Family, Given`` or ``Given Given Family``; one word is a family name."""
    if "," in text:
        family, _, given = text.partition(",")
        return family_words(family), list(words(given))
    listed = words(text)
    return listed[-1:], list(listed[:-1])


def _number(identifier: Json) -> Number | None:
    system, value = identifier.get("system"), identifier.get("value")
    if not isinstance(system, str) or not isinstance(value, str) or not system:
        return None
    written = health_number.normalise(system, value).value
    period = identifier.get("period")
    former = identifier.get("use") == "old" or (isinstance(period, dict) and "end" in period)
    # 0000000000 and 9999999999 are what is typed when there is no number.
    return Number(system, written, former) if len(set(written)) > 1 else None


_DATE = re.compile(r"\d{4}(-\d\d(-\d\d)?)?")


def birth_date(value: Any) -> str:
    """A year, a month or a day that exists; "" for anything else."""
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        return ""
    try:
        date.fromisoformat((value + "-01-01")[:10])
    except ValueError:
        return ""
    return value


def transposed(day: str) -> str:
    """The date with day and month exchanged, or "" if there is no such day or it is the same one."""
    exchanged = f"{day[:4]}-{day[8:]}-{day[5:7]}" if len(day) == 10 else ""
    return birth_date(exchanged) if exchanged != day else ""


def postal_code(value: Any) -> str:
    """A postal code without its blank, upper case."""
    return re.sub(r"[^0-9A-Z]", "", value.upper()) if isinstance(value, str) else ""


def phone(telecom: Json) -> str:
    """The last ten digits of a telephone number: country code and writing aside."""
    value = telecom.get("value")
    if telecom.get("system") not in ("phone", "sms", None) or not isinstance(value, str):
        return ""
    digits = re.sub(r"\D", "", value.split("x")[0])
    return digits[-10:] if len(digits) >= 10 and len(set(digits[-10:])) > 1 else ""


@cache
def nicknames() -> dict[str, frozenset[int]]:
    """The groups of ``nicknames.toml`` to which each given name belongs."""
    groups = tomllib.loads(files("passerelle.identity").joinpath("nicknames.toml").read_text("utf-8"))[
        "groups"
    ]
    listed: dict[str, set[int]] = {}
    for index, group in enumerate(groups):
        for name in group:
            listed.setdefault(name, set()).add(index)
    return {name: frozenset(found) for name, found in listed.items()}
