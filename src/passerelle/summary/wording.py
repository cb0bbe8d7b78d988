"""How does the summary speak? Its sentences, dates and numbers, in Canadian English or French."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from babel.dates import format_date, format_skeleton, format_time
from babel.numbers import format_decimal

from passerelle.fhir.words import Catalogue, catalogue
from passerelle.values import Language

LOCALES: dict[Language, str] = {"en": "en_CA", "fr": "fr_CA"}
NO_BREAK = "\u00a0"

_WRITTEN = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2})(?:T(\d{2}):(\d{2})\S*)?)?)?")


def words() -> Catalogue:
    """Every sentence of the summary, in both languages."""
    return catalogue("passerelle.summary", "words.toml")


def say(key: str, language: Language, **details: object) -> str:
    return words().say(key, language, **details)


def count(key: str, number: int, language: Language, **details: object) -> str:
    """The ``-one`` or ``-many`` form of a sentence, its ``{n}`` filled. In French zero is singular."""
    one = number in (0, 1) if language == "fr" else number == 1
    return say(f"{key}-{'one' if one else 'many'}", language, n=figure(number, language), **details)


def tag(language: Language) -> str:
    """The BCP 47 tag of what the summary itself says."""
    return LOCALES[language].replace("_", "-")


def listed(names: Iterable[str], language: Language) -> str:
    """Names in one phrase: A, B and C."""
    every = list(names)
    if len(every) < 2:
        return "".join(every)
    return f"{', '.join(every[:-1])} {say('and', language)} {every[-1]}"


def date_text(written: str, language: Language) -> str:
    """A FHIR date or dateTime for a reader, no more precise than it was written and in the zone it was written in."""
    match = _WRITTEN.fullmatch(written)
    if match is None:
        return written
    year, month, day, hour, minute = match.groups()
    try:
        return _date_text(int(year), month, day, hour, minute, language)
    except ValueError:
        return written


def _date_text(
    year: int, month: str | None, day: str | None, hour: str | None, minute: str | None, language: Language
) -> str:
    locale = LOCALES[language]
    if month is None:
        return f"{year:04d}"
    if day is None:
        return str(format_skeleton("yMMMM", date(year, int(month), 1), locale=locale))
    when = datetime(year, int(month), int(day), int(hour or 0), int(minute or 0))
    long = str(format_date(when.date(), "long", locale=locale))
    if language == "fr" and when.day == 1:
        long = long.replace("1", "1er", 1)
    if hour is None:
        return long
    return f"{long}, {_time_text(when, language)}"


def _time_text(when: datetime, language: Language) -> str:
    shown = str(format_time(when.time(), "short", locale=LOCALES[language]))
    # Canadian French writes 9 h 05; the locale data pad the hour, and break the parts apart.
    return (
        shown.removeprefix("0").replace(" ", NO_BREAK)
        if language == "fr"
        else shown.replace("\u202f", NO_BREAK)
    )


def figure(value: Any, language: Language) -> str:
    """A number with every digit that it came with: 7.40 → ``7,40`` in French."""
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return str(value)
    if not number.is_finite():
        return str(value)
    decimals = max(0, -int(number.as_tuple().exponent))
    pattern = "#,##0" + ("." + "0" * decimals if decimals else "")
    return str(format_decimal(number, format=pattern, locale=LOCALES[language], decimal_quantization=False))
