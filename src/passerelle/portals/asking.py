"""What did the person type into the one box? Name, birth date and health number, in any order and language."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date

from passerelle.fhir.health_number import Verdict, check, normalise, systems
from passerelle.values import Json

LONGEST = 200
"""No name with a number and a date is longer; whatever is, was not typed by a person."""

_MONTHS = {
    **dict.fromkeys(("january", "jan", "janvier", "janv"), 1),
    **dict.fromkeys(("february", "feb", "fevrier", "fevr", "fev"), 2),
    **dict.fromkeys(("march", "mar", "mars"), 3),
    **dict.fromkeys(("april", "apr", "avril", "avr"), 4),
    **dict.fromkeys(("may", "mai"), 5),
    **dict.fromkeys(("june", "jun", "juin"), 6),
    **dict.fromkeys(("july", "jul", "juillet", "juil"), 7),
    **dict.fromkeys(("august", "aug", "aout"), 8),
    **dict.fromkeys(("september", "sept", "sep", "septembre"), 9),
    **dict.fromkeys(("october", "oct", "octobre"), 10),
    **dict.fromkeys(("november", "nov", "novembre"), 11),
    **dict.fromkeys(("december", "dec", "decembre"), 12),
}
_FILLERS = re.compile(
    r"\b(?:born(?: on)?|née? le|née?|dob|ddn|date of birth|date de naissance|hcn|nam|phn|ohip|ramq"
    r"|health (?:card )?number|num[ée]ro d[’']assurance maladie|name|nom)\b(?:\s*:)?",
    re.IGNORECASE,
)
"""Labels that people copy along with the value."""

_DIGITS = re.compile(
    r"(?<![^\s,;])(?:[A-Z]{4}[\s-]?\d{4}[\s-]?\d{4}|[A-Z][\s-]?\d{3}[\s-]?\d{4}"
    r"|\d(?:[\s.-]?\d){6,14}(?:[\s-]?[A-Z]{1,2}(?![^\s,;]))?)(?![^\s,;])",
    re.IGNORECASE,
)
_WORD = r"([^\W\d_]{3,9})\.?"
_DAY = r"(\d{1,2})(?:er|st|nd|rd|th)?"
_DATES = (
    ("ymd", re.compile(r"(?<!\d)(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?!\d)")),
    ("dmy", re.compile(r"(?<!\d)(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})(?!\d)")),
    ("dwy", re.compile(rf"(?<!\d){_DAY}[\s-]+(?:de\s+)?{_WORD},?[\s-]+(\d{{4}})(?!\d)", re.IGNORECASE)),
    ("wdy", re.compile(rf"(?<!\w){_WORD}\s+{_DAY},?\s+(\d{{4}})(?!\d)", re.IGNORECASE)),
    ("ymd", re.compile(r"(?<![\w-])((?:19|20)\d{2})(\d{2})(\d{2})(?![\w-])")),
)
_PARTICLES = frozenset(
    ("de", "du", "des", "la", "le", "van", "von", "der", "den", "di", "da", "el", "al", "st", "ste", "mac")
)


@dataclass(frozen=True)
class FindRequest:
    """What was understood. Either ``patient`` is given, shaped for ``$match``, or ``error`` says what to do.

    ``error`` is a key of this package's catalogue: find-empty, find-too-long, find-date-wrong, find-number-wrong,
    find-date-alone, find-name-alone, find-number-alone.
    """

    patient: Json | None = None
    error: str | None = None
    birth_date: str = ""
    """The birth date as understood, so that the page can say how it read 03/04/1961."""


def parse_find(text: str) -> FindRequest:
    """Split the one box. Two of name, birth date and number are needed: that is what every source asks for, so that
    a slip of the finger in one of them does not open somebody else's record."""
    cleaned = " ".join(_FILLERS.sub(" ", unicodedata.normalize("NFC", text)).split())
    if not cleaned:
        return FindRequest(error="find-empty")
    if len(cleaned) > LONGEST:
        return FindRequest(error="find-too-long")
    try:
        birth, rest = _take_date(cleaned)
        identifiers, rest = _take_number(rest)
    except _UnreadableError as unreadable:
        return FindRequest(error=str(unreadable))
    return _request(birth, identifiers, _name(rest))


class _UnreadableError(Exception):
    """A part looked like a date or a number and is none. Carries the message key."""


def _request(birth: str, identifiers: list[Json], name: Json | None) -> FindRequest:
    alone = (("find-date-alone", birth), ("find-name-alone", name), ("find-number-alone", identifiers))
    given = [key for key, value in alone if value]
    if len(given) < 2:
        return FindRequest(error=given[0] if given else "find-empty")
    patient: Json = {"resourceType": "Patient"}
    if identifiers:
        patient["identifier"] = identifiers
    if name:
        patient["name"] = [name]
    if birth:
        patient["birthDate"] = birth
    return FindRequest(patient, birth_date=birth)


def _take_date(text: str) -> tuple[str, str]:
    """The birth date in ISO form and the text without it; a day-month-year that cannot be is tried month first."""
    for order, pattern in _DATES:
        for found in pattern.finditer(text):
            parts = _date_parts(order, found.groups())
            if parts is None:
                continue
            written = _iso(*parts) or (_iso(parts[0], parts[2], parts[1]) if order == "dmy" else "")
            if written:
                return written, f"{text[: found.start()]} {text[found.end() :]}"
            if len(found[0]) > 8:
                raise _UnreadableError("find-date-wrong")
    return "", text


def _date_parts(order: str, groups: tuple[str, ...]) -> tuple[int, int, int] | None:
    """(year, month, day), or None when the word between is not a month."""
    if order == "ymd":
        return int(groups[0]), int(groups[1]), int(groups[2])
    if order == "dmy":
        return int(groups[2]), int(groups[1]), int(groups[0])
    word, day = (groups[1], groups[0]) if order == "dwy" else (groups[0], groups[1])
    month = _MONTHS.get(_folded(word))
    return (int(groups[2]), month, int(day)) if month else None


def _iso(year: int, month: int, day: int) -> str:
    try:
        return date(year, month, day).isoformat() if year >= 1850 else ""
    except ValueError:
        return ""


def _take_number(text: str) -> tuple[list[Json], str]:
    """The health number as an identifier of every plan that could have issued it, and the text without it."""
    found = _DIGITS.search(text)
    if found is None:
        if re.search(r"\d", text):
            raise _UnreadableError("find-number-wrong")
        return [], text
    identifiers = candidates(found[0])
    rest = f"{text[: found.start()]} {text[found.end() :]}"
    if not identifiers or re.search(r"\d", rest):
        raise _UnreadableError("find-number-wrong")
    return identifiers, rest


def candidates(number: str) -> list[Json]:
    """An identifier for each system whose form this number has: those whose check holds first.

    A failed check is left out only where another check holds: temporary numbers exist.
    """
    verdicts = {system: check(system, number) for system in systems()}
    ranked = [
        [system for system, verdict in verdicts.items() if verdict is wanted]
        for wanted in (Verdict.VALID, Verdict.UNCHECKED, Verdict.FAILED)
    ]
    chosen = ranked[0] + ranked[1] + ([] if ranked[0] else ranked[2])
    return [{"system": system, "value": normalise(system, number).value} for system in chosen]


def _name(text: str) -> Json | None:
    """``Tremblay, Marie-Ève`` or ``Marie-Ève Tremblay``: the last word is the family name, with its particles."""
    parts = [_words(part) for part in text.split(",")]
    parts = [part for part in parts if part]
    if not parts:
        return None
    if len(parts) > 1:
        family, given = parts[0], [word for part in parts[1:] for word in part]
    else:
        family, given = _split(parts[0])
    name: Json = {"family": " ".join(family)}
    if given:
        name["given"] = given
    return name


def _words(text: str) -> list[str]:
    """The words that have a letter in any script, without what cannot be in a name."""
    words = (re.sub(r"[^\w'’.\-\u02bb\u02bc]", "", word).strip("-._") for word in re.split(r"[\s;]+", text))
    return [word for word in words if any(letter.isalpha() for letter in word)]


def _split(words: list[str]) -> tuple[list[str], list[str]]:
    start = len(words) - 1
    while start > 1 and _folded(words[start - 1]).strip(".") in _PARTICLES:
        start -= 1
    return words[start:], words[:start]


def _folded(word: str) -> str:
    decomposed = unicodedata.normalize("NFD", word.casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))
