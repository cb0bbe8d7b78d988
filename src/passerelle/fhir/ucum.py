"""Do two units measure the same, and how much is one in the other? UCUM, exactly.

A code such as ``mg/dL`` is read once to a factor and its base units; ``canonical`` gives an amount in base units, so
that equal amounts have equal canonical forms whatever unit they were written in. https://ucum.org/ucum
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal, DecimalException
from fractions import Fraction
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

_MOST_CHARACTERS, _MOST_DEPTH = 200, 20
_WIDE = Context(prec=120, rounding=ROUND_HALF_EVEN)
"""Enough digits for a product of any value in a record with any factor to be exact."""
_NARROW = Context(prec=28, rounding=ROUND_HALF_EVEN)

_TOKEN = re.compile(
    r"(?P<annotation>\{[^{}]*\})"
    r"|(?P<atom>(?:10[*^]|\[[^\]\s]*\]|[^\s\d+\-./()\[\]{}])+)(?P<exponent>[+-]?\d{1,2})?"
    r"|(?P<number>\d{1,24})"
    r"|(?P<sign>[./()])"
)


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit told in base units: ``(reading + add) * factor`` of ``base``, a tuple of (unit, exponent) in order."""

    factor: Fraction
    base: tuple[tuple[str, int], ...]
    add: Decimal | None = None

    @property
    def name(self) -> str:
        """The base units as a UCUM code that is always the same: ``g.m-3``; ``1`` when there are none."""
        return ".".join(f"{atom}{power if power != 1 else ''}" for atom, power in self.base) or "1"


_ONE = Unit(Fraction(1), ())


class _NotUnderstoodError(Exception):
    """The code is not of UCUM, or beyond what we know."""


def canonical(value: Decimal, code: str) -> tuple[Decimal, str] | None:
    """An amount in base units, such as ``(Decimal("54"), "g.m-3")``; None if the code is not understood.

    Equal amounts give equal numbers; an amount without an end in decimals (one third) has 28 digits.
    """
    unit = understand(code)
    amount = _scaled(value, unit, up=True) if unit is not None else None
    return None if amount is None or unit is None else (amount, unit.name)


def comparable(a: str, b: str) -> bool:
    """Whether two codes measure the same thing."""
    first, second = understand(a), understand(b)
    return first is not None and second is not None and first.base == second.base


def convert(value: Decimal, code: str, to: str) -> Decimal | None:
    """An amount in another unit; None if they do not measure the same thing."""
    target = understand(to)
    found = canonical(value, code)
    if target is None or found is None or found[1] != target.name:
        return None
    return found[0] if target == _ONE else _scaled_between(value, code, target)


def _scaled_between(value: Decimal, code: str, target: Unit) -> Decimal | None:
    """One step from unit to unit, so that nothing is rounded twice."""
    source = understand(code)
    if source is None:
        return None
    if source.add is not None or target.add is not None:
        base = _scaled(value, source, up=True)
        return None if base is None else _scaled(base, target, up=False)
    return _scaled(value, Unit(source.factor / target.factor, ()), up=True)


def _scaled(value: Decimal, unit: Unit, up: bool) -> Decimal | None:
    factor = unit.factor if up else 1 / unit.factor
    try:
        start = _WIDE.add(value, unit.add) if up and unit.add is not None else value
        product = _WIDE.multiply(start, Decimal(factor.numerator))
        found = _NARROW.divide(product, Decimal(factor.denominator)).normalize(_NARROW)
        return _NARROW.subtract(found, unit.add) if not up and unit.add is not None else found
    except DecimalException:
        return None


@lru_cache(maxsize=8192)
def understand(code: str) -> Unit | None:
    """The unit that a UCUM code means; None if it is not understood."""
    if not code or len(code) > _MOST_CHARACTERS:
        return None
    try:
        return _Reader(code).whole()
    except (_NotUnderstoodError, ZeroDivisionError):
        return None


class _Reader:
    """One reading of one code. https://ucum.org/ucum#section-Syntax-Rules"""

    def __init__(self, code: str) -> None:
        self.words: list[re.Match[str]] = []
        at = 0
        while at < len(code):
            match = _TOKEN.match(code, at)
            if match is None:
                raise _NotUnderstoodError
            self.words.append(match)
            at = match.end()
        self.next = 0

    def whole(self) -> Unit:
        found = self.term(0)
        if self.next < len(self.words):
            raise _NotUnderstoodError
        return found

    def sign(self) -> str | None:
        return self.words[self.next]["sign"] if self.next < len(self.words) else None

    def term(self, depth: int) -> Unit:
        """Components multiplied and divided from left to right; a leading ``/`` divides one."""
        if depth > _MOST_DEPTH:
            raise _NotUnderstoodError
        found = _ONE if self.sign() == "/" else self.component(depth)
        while (sign := self.sign()) in (".", "/"):
            self.next += 1
            found = _product(found, self.component(depth), 1 if sign == "." else -1)
        return found

    def component(self, depth: int) -> Unit:
        if self.next >= len(self.words):
            raise _NotUnderstoodError
        word = self.words[self.next]
        self.next += 1
        if word["sign"] == "(":
            found = self.term(depth + 1)
            if self.sign() != ")":
                raise _NotUnderstoodError
            self.next += 1
        elif word["sign"]:
            raise _NotUnderstoodError
        elif word["annotation"]:
            return _ONE
        elif word["number"]:
            found = Unit(Fraction(int(word["number"])), ())
        else:
            found = _power(_atom(word["atom"]), int(word["exponent"] or 1))
        self.annotation()
        return found

    def annotation(self) -> None:
        """An annotation says something to people and nothing about the unit."""
        if self.next < len(self.words) and self.words[self.next]["annotation"]:
            self.next += 1


def _product(left: Unit, right: Unit, sign: int) -> Unit:
    if (left.add is not None or right.add is not None) and _ONE not in (left, right):
        raise _NotUnderstoodError  # twice a temperature has no meaning
    if left == _ONE and sign == 1:
        return right
    if right == _ONE:
        return left
    if right.add is not None:
        raise _NotUnderstoodError
    powers = dict(left.base)
    for atom, power in right.base:
        powers[atom] = powers.get(atom, 0) + sign * power
    base = tuple(sorted((atom, power) for atom, power in powers.items() if power))
    return Unit(left.factor * right.factor**sign, base)


def _power(unit: Unit, exponent: int) -> Unit:
    if exponent == 1:
        return unit
    if unit.add is not None or exponent == 0:
        raise _NotUnderstoodError
    return Unit(unit.factor**exponent, tuple((atom, power * exponent) for atom, power in unit.base))


@dataclass(frozen=True, slots=True)
class _Table:
    """What ``ucum.toml`` says: prefixes, and units with and without them, most of them not read yet."""

    prefixes: Mapping[str, Fraction]
    metric: Mapping[str, Any]
    plain: Mapping[str, Any]


@cache
def _table() -> _Table:
    found = tomllib.loads(files("passerelle.fhir").joinpath("ucum.toml").read_text("utf-8"))
    scales, arbitrary = found["scales"], found["arbitrary"]
    metric = found["metric"] | dict.fromkeys(arbitrary["metric"], "base")
    plain = found["plain"] | dict.fromkeys(arbitrary["plain"], "base")
    for code, scale in scales.items():
        (metric if scale.get("metric") else plain)[code] = scale
    return _Table({code: Fraction(value) for code, value in found["prefixes"].items()}, metric, plain)


@lru_cache(maxsize=4096)
def _atom(code: str) -> Unit:
    """A unit of the table, alone or with a prefix."""
    table = _table()
    told = table.metric.get(code) or table.plain.get(code)
    if told is not None:
        return _told(code, told)
    for length in (1, 2):
        prefix, rest = table.prefixes.get(code[:length]), code[length:]
        if prefix is not None and rest in table.metric:
            return _prefixed(prefix, _told(rest, table.metric[rest]))
    raise _NotUnderstoodError


def _told(code: str, told: Any) -> Unit:
    if told == "base":
        return Unit(Fraction(1), ((code, 1),))
    if isinstance(told, str):
        value, _, rest = told.partition(" ")
        unit = _Reader(rest).whole()
        return Unit(Fraction(value) * unit.factor, unit.base)
    unit = _atom(told["unit"])
    return Unit(Fraction(told["times"]) * unit.factor, unit.base, Decimal(told["add"]))


def _prefixed(prefix: Fraction, unit: Unit) -> Unit:
    if unit.add is None:
        return Unit(prefix * unit.factor, unit.base)
    # A milli-degree is a thousandth of the degree, counted from the same zero.
    add = unit.add * prefix.denominator / prefix.numerator
    return Unit(prefix * unit.factor, unit.base, add)
