"""Is this a well-formed health number of its province, and does its check digit hold?

The facts are in ``passerelle/jurisdictions/*.toml``: which system, which pattern, which algorithm where one is
published. A number is never refused on its check digit alone: temporary numbers exist. Callers flag it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files

JURISDICTIONS = ("ab", "bc", "mb", "nb", "nl", "ns", "nt", "nu", "on", "pe", "qc", "sk", "yt")
"""The thirteen provinces and territories, in the order of their codes."""


class Verdict(StrEnum):
    """What can be said of a health number without asking the plan that issued it."""

    VALID = "valid"  # right form, and the published check holds
    FAILED = "failed"  # right form, the published check does not hold: flag it, keep it
    UNCHECKED = "unchecked"  # right form (or unknown system), no published check
    MALFORMED = "malformed"  # not the form of this system


@dataclass(frozen=True)
class HealthNumber:
    """A health number without blanks and dashes; ``version`` is Ontario's version code, apart from the number."""

    value: str
    version: str = ""


@dataclass(frozen=True)
class Rule:
    """What a jurisdiction says about its health number."""

    province: str
    system: str
    pattern: re.Pattern[str]
    version: re.Pattern[str] | None
    check: str


@cache
def _rules() -> Mapping[str, Rule]:
    return {rule.system: rule for rule in map(_rule, JURISDICTIONS)}


def _rule(province: str) -> Rule:
    facts = tomllib.loads(files("passerelle.jurisdictions").joinpath(f"{province}.toml").read_text("utf-8"))
    number = facts["health_number"]
    version = number.get("version_pattern")
    pattern = re.compile(number["pattern"], re.ASCII)
    return Rule(
        province, number["system"], pattern, re.compile(version) if version else None, number["check"]
    )


@cache
def systems() -> Mapping[str, str]:
    """The naming system of each jurisdiction's health number, and the jurisdiction's code."""
    return {system: rule.province for system, rule in _rules().items()}


@cache
def system_of(province: str) -> str:
    """The naming system of one jurisdiction; the other way round than ``systems``."""
    return next(system for system, code in systems().items() if code == province)


def normalise(system: str, value: str) -> HealthNumber:
    """The number as it is compared: upper case, no blanks, dashes or dots, Ontario's version code apart."""
    bare = re.sub(r"[\s.\-\u2010-\u2015]", "", value).upper()
    rule = _rules().get(system)
    if rule is None or rule.version is None:
        return HealthNumber(bare)
    parts = re.fullmatch(r"([0-9]+)([A-Z]*)", bare)
    if parts is None or not rule.version.match(parts[2]):
        return HealthNumber(bare)
    return HealthNumber(parts[1], parts[2])


def check(system: str, value: str) -> Verdict:
    """What can be said of a number as it was written. An unknown system is unchecked, not malformed."""
    rule = _rules().get(system)
    if rule is None:
        return Verdict.UNCHECKED
    number = normalise(system, value).value
    if not rule.pattern.match(number):
        return Verdict.MALFORMED
    algorithm = ALGORITHMS.get(rule.check)
    if algorithm is None:
        return Verdict.UNCHECKED
    return Verdict.VALID if algorithm(number) else Verdict.FAILED


def luhn(number: str) -> bool:
    """Ontario: ten digits, the last one is the Luhn check (modulus 10) of the first nine."""
    return number[-1:] == luhn_digit(number[:-1])


def luhn_digit(nine: str) -> str:
    """The check digit for the first nine digits of an Ontario number."""
    doubled = (int(digit) * 2 for digit in nine[::2])
    total = sum(value - 9 if value > 9 else value for value in doubled) + sum(map(int, nine[1::2]))
    return str(-total % 10)


_BC_WEIGHTS = (2, 4, 8, 5, 10, 9, 7, 3)


def bc_weights(number: str) -> bool:
    """British Columbia: weights on digits 2 to 9, each product modulo 11, the sum again; 10 is never a digit."""
    return number[-1:] == bc_digit(number[:-1])


def bc_digit(nine: str) -> str | None:
    """The check digit for the first nine digits of a BC number; None where no digit fits."""
    total = sum(weight * int(digit) % 11 for weight, digit in zip(_BC_WEIGHTS, nine[1:], strict=True))
    digit = -total % 11
    return str(digit) if digit < 10 else None


_RAMQ_WEIGHTS = (7, 1, 1, 3, 9, 7, 3, 9, 5, 3, 1, 3, 5, 7, 6, 9, 1)
# R is 18 and S is 20: the letters follow an EBCDIC-like order that leaves a hole at 19.
_RAMQ_LETTERS = {chr(65 + index): f"{index + (1 if index < 18 else 2):02d}" for index in range(26)}


def ramq(number: str) -> bool:
    """Québec: letters, birth date with its century, and sequence, weighted; 19xx and 20xx are both tried."""
    month = int(number[6:8])
    if not (1 <= month <= 12 or 51 <= month <= 62) or not 1 <= int(number[8:10]) <= 31:
        return False
    return any(number[-1:] == ramq_digit(number[:-1], century) for century in ("19", "20"))


def ramq_digit(eleven: str, century: str) -> str:
    """The check digit for a Québec number without its last digit, for a birth in ``century`` ("19" or "20")."""
    digits = "".join(_RAMQ_LETTERS[letter] for letter in eleven[:4]) + century + eleven[4:]
    return str(sum(weight * int(digit) for weight, digit in zip(_RAMQ_WEIGHTS, digits, strict=True)) % 10)


ALGORITHMS: Mapping[str, Callable[[str], bool]] = {"luhn": luhn, "bc_weights": bc_weights, "ramq": ramq}
"""The published checks by the name that a jurisdiction's file gives. A name that is not here is no check."""
