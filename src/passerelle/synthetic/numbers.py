"""Invented health numbers: the right form for the province, a valid check where one is published, never twice."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import date

from passerelle.fhir.health_number import bc_digit, luhn_digit, ramq_digit, system_of
from passerelle.synthetic.dice import digest
from passerelle.synthetic.names import Name, Sex
from passerelle.values import NodeId

# Prime, and so coprime to every modulus below: different people get different numbers, spread over the range.
_STEP = 387_420_499
_CAST = 1_000


@dataclass(frozen=True, slots=True)
class HealthNumber:
    """A number, who issued it, and when it was in force. ``temporary`` numbers may fail the published check."""

    node: NodeId
    value: str
    version: str = ""
    start: int | None = None
    end: int | None = None
    temporary: bool = False

    @property
    def system(self) -> str:
        return system_of(self.node)


@dataclass(frozen=True, slots=True)
class Born:
    """What a number can depend on: which person of the population, and birth name, day and sex.

    ``index`` counts people from 0; the cast counts down from -1.
    """

    index: int
    name: Name
    day: int
    sex: Sex


def issue(node: NodeId, born: Born) -> str:
    """The number of this person in one province."""
    if node == "on":
        nine = str(100_000_000 + _serial(node, born, 900_000_000))
        return nine + luhn_digit(nine)
    if node == "bc":
        return _with_bc_check(f"9{_serial(node, born, 10**7):07d}")
    if node == "qc":
        return _quebec(born)
    prefix, digits = _PLAIN[node]
    return f"{prefix}{_serial(node, born, 10**digits):0{digits}d}"


_PLAIN: dict[str, tuple[str, int]] = {
    "ab": ("", 9),
    "mb": ("", 9),
    "nb": ("", 9),
    "nl": ("", 12),
    "ns": ("", 10),
    "nt": ("N", 7),
    "nu": ("1", 8),
    "pe": ("", 8),
    "sk": ("", 9),
    "yt": ("002", 6),
}
"""For provinces without a published check: what the number starts with, and how many digits follow."""


def version_code(born: Born) -> str:
    """The two letters that follow an Ontario number."""
    first, second = divmod((born.index + _CAST) * 37 % 576, 24)
    letters = "ABCDEFGHJKLMNPQRSTUVWXYZ"
    return letters[first] + letters[second]


def failing(node: NodeId, value: str) -> str:
    """A number of the right form whose check does not hold, as a temporary number may be."""
    if node not in {"on", "bc", "qc"}:
        return value
    return value[:-1] + str((int(value[-1]) + 1) % 10)


def _serial(node: NodeId, born: Born, size: int) -> int:
    """Another start in each province, so that one person's numbers do not resemble each other."""
    return ((born.index + _CAST) * _STEP + int(digest("number", node), 16)) % size


def _with_bc_check(eight: str) -> str:
    for ninth in "0123456789":
        digit = bc_digit(eight + ninth)
        if digit is not None:
            return eight + ninth + digit
    raise AssertionError("a ninth digit shifts the sum, so one of ten fits")


def _quebec(born: Born) -> str:
    family, given = born.name.family or born.name.given[0], born.name.given[0]
    day = date.fromordinal(born.day)
    month = day.month + (50 if born.sex == "female" else 0)
    letters = f"{_letters(family)[:3]:X<3}{_letters(given)[:1] or 'X'}"
    eleven = f"{letters}{day.year % 100:02d}{month:02d}{day.day:02d}{born.index % 9 + 1}"
    return eleven + ramq_digit(eleven, str(day.year // 100))


def _letters(name: str) -> str:
    plain = unicodedata.normalize("NFD", name).upper()
    return "".join(letter for letter in plain if "A" <= letter <= "Z")
