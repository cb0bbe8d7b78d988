"""How does a FHIR value compare? Folded text, instants as intervals, numbers as intervals, references as one form."""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from math import inf, nextafter
from typing import Any

Interval = tuple[float, float]
"""[low, high): high is exclusive; infinities are open ends."""

EVER: Interval = (-inf, inf)

# --- text -------------------------------------------------------------------------------------------------

_LETTERS = str.maketrans(
    {
        "œ": "oe",
        "æ": "ae",
        "ø": "o",
        "ł": "l",
        "đ": "d",
        "ð": "d",
        "ı": "i",
        "’": "'",
        "‘": "'",
        "ʼ": "'",
        "‐": "-",
        "‑": "-",
    }
)


_SHORT = 256
"""Longer texts are not remembered: they do not come back, and would fill the memory."""


def fold(text: str) -> str:
    """Lower case without accents and with single spaces, so that ``tremblay`` finds ``Trémblay``."""
    return _short_fold(text) if len(text) <= _SHORT else _fold(text)


def _fold(text: str) -> str:
    folded = text.casefold()
    if not folded.isascii():
        marked = unicodedata.normalize("NFKD", folded.translate(_LETTERS)).casefold()
        folded = "".join(letter for letter in marked if not unicodedata.combining(letter))
    return " ".join(folded.split())


_short_fold = lru_cache(16384)(_fold)


# --- dates ------------------------------------------------------------------------------------------------

_DATE = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,18}))?)?(Z|[+-]\d\d:\d\d)?)?)?)?"
)
_EPOCH = date(1970, 1, 1).toordinal()
_SECOND = (
    10_000_000  # in ticks of 100 ns, the finest that a float of milliseconds keeps apart for our century
)
_DAY = 86_400 * _SECOND


def moments(text: str) -> Interval | None:
    """The interval that a date, dateTime or instant of any precision covers, in UTC epoch milliseconds.

    Without a zone UTC is taken. None if it is not a date.
    """
    return _moments(text) if len(text) <= _SHORT else None


@lru_cache(16384)
def _moments(text: str) -> Interval | None:
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    try:
        start = date(int(year), int(month or 1), int(day or 1)).toordinal()
    except ValueError:
        return None
    if hour is None:
        return _milliseconds((start - _EPOCH) * _DAY, (_after(start, year, month, day) - _EPOCH) * _DAY)
    if int(hour) > 23 or int(minute) > 59 or int(second or 0) > 60:
        return None
    clock = (int(hour) * 60 + int(minute) - _offset(zone)) * 60 + int(second or 0)
    low = (start - _EPOCH) * _DAY + clock * _SECOND
    if fraction is not None:
        low += int(fraction[:7].ljust(7, "0"))
        return _milliseconds(low, low + 1)
    return _milliseconds(low, low + (_SECOND if second else 60 * _SECOND))


def _after(start: int, year: str, month: str | None, day: str | None) -> int:
    if day:
        return start + 1
    if month and month != "12":
        return date(int(year), int(month) + 1, 1).toordinal()
    return date(int(year), 12, 31).toordinal() + 1


def _offset(zone: str | None) -> int:
    if zone is None or zone == "Z":
        return 0
    minutes = int(zone[1:3]) * 60 + int(zone[4:6])
    return -minutes if zone[0] == "-" else minutes


def _milliseconds(low: int, high: int) -> Interval:
    start = low / 10_000
    return start, max(high / 10_000, nextafter(start, inf))


def period(value: Any) -> Interval | None:
    """The interval of a Period; a missing end is open."""
    start, end = value.get("start"), value.get("end")
    low = moments(start) if isinstance(start, str) else EVER
    high = moments(end) if isinstance(end, str) else EVER
    if low is None or high is None or (start is None and end is None):
        return None
    if low[0] >= high[1]:  # written the wrong way round
        low, high = high, low
    return low[0], high[1]


# --- numbers ----------------------------------------------------------------------------------------------


def number(value: Any) -> Interval | None:
    """The narrowest half-open interval that holds a JSON number."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    try:
        exact = float(value)
    except OverflowError:
        return None
    return exact, nextafter(exact, inf)


def written_number(text: str) -> tuple[Decimal, Decimal] | None:
    """A number of a query and half of its implied precision: 5.4 is 5.4 ± 0.05, 1e2 is 100 ± 5 (R4, number)."""
    if not re.fullmatch(r"[+-]?\d{1,30}(\.\d{1,30})?([eE][+-]?\d{1,2})?", text):
        return None
    try:
        value = Decimal(text)
    except InvalidOperation:  # pragma: no cover  the pattern above admits only decimals
        return None
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)  # noqa: S101  the pattern admits no NaN
    return value, Decimal(5).scaleb(exponent - 2 if exponent > 0 else exponent - 1)


# --- references -------------------------------------------------------------------------------------------

RELATIVE = re.compile(r"([A-Z][A-Za-z]{2,63})/([A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?")


def reference(text: str, base: str = "") -> str:
    """One form for each target: ``Type/id`` when relative or under ``base``, else the URL without a version."""
    return _short_reference(text, base) if len(text) <= _SHORT else _reference(text, base)


def _reference(text: str, base: str) -> str:
    if base:
        text = text.removeprefix(base.rstrip("/") + "/")
    if match := RELATIVE.fullmatch(text):
        return f"{match[1]}/{match[2]}"
    return text.partition("/_history/")[0]


_short_reference = lru_cache(16384)(_reference)
