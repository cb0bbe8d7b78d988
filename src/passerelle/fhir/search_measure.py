"""What does a number, a quantity or a range say to a search? As written, and in canonical units (UCUM)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from math import inf
from typing import Any

from passerelle.fhir import ucum
from passerelle.fhir.search_terms import IndexRow
from passerelle.fhir.search_values import Interval, number

Rows = list[IndexRow]
Read = Callable[[Any, str, int, Rows], None]
"""Write the rows of one value: the value, the base address of this server, the slot, the rows."""

UCUM = "http://unitsofmeasure.org"
CANONICAL = "~"
"""Ends the name of the rows that hold a quantity in canonical units, or an identifier by its type."""

_CURRENCY = "urn:iso:std:iso:4217"
_new: Callable[..., IndexRow] = (
    tuple.__new__
)  # half the time of the constructor, and it is called millions of times


def _text(value: Any) -> str:
    return value if type(value) is str else ""


def number_reader(name: str) -> Read:
    def read(value: Any, base: str, slot: int, rows: Rows) -> None:
        covered = number(value)
        if covered is not None:
            rows.append(_new(IndexRow, (name, "number", "", "", "", *covered, slot)))

    return read


@lru_cache(16384)
def canonical_number(value: Decimal | int, code: str) -> tuple[Interval, str] | None:
    """A number and its UCUM code in canonical units; None if the code is not understood."""
    found = ucum.canonical(Decimal(value), code)
    covered = number(found[0]) if found else None
    return (covered, found[1]) if found and covered else None


def _compared(covered: Interval, comparator: object) -> Interval:
    """A measured "< 5" is every number below 5."""
    low, high = covered
    match comparator:
        case "<":
            return -inf, low
        case "<=":
            return -inf, high
        case ">":
            return high, inf
        case ">=":
            return low, inf
    return covered


def quantity_reader(name: str) -> Read:
    """As written, and where UCUM is understood in canonical units under a name of its own."""
    other = name + CANONICAL

    def read(value: Any, base: str, slot: int, rows: Rows) -> None:
        measured = value.get("value") if type(value) is dict else None
        covered = number(measured)
        if covered is None:
            return
        code, unit = _text(value.get("code")), _text(value.get("unit"))
        system, comparator = _text(value.get("system")), value.get("comparator")
        shown = unit if unit != (code or unit) else ""
        limits = _compared(covered, comparator) if comparator else covered
        rows.append(_new(IndexRow, (name, "quantity", code or unit, system, shown, *limits, slot)))
        known = canonical_number(measured, code) if code and system == UCUM else None
        if known is not None:
            limits = _compared(known[0], comparator) if comparator else known[0]
            rows.append(_new(IndexRow, (other, "quantity", known[1], UCUM, "", *limits, slot)))

    return read


def money_reader(name: str) -> Read:
    def read(value: Any, base: str, slot: int, rows: Rows) -> None:
        covered = number(value.get("value")) if type(value) is dict else None
        if covered is not None:
            currency = _text(value.get("currency"))
            rows.append(_new(IndexRow, (name, "quantity", currency, _CURRENCY, "", *covered, slot)))

    return read


def _bounds(name: str, lowest: Rows, highest: Rows, rows: Rows) -> None:
    """One row from the rows of a low and a high quantity, for each of the two ways that a quantity is written."""
    for other in (name, name + CANONICAL):
        low = next((row for row in lowest if row.name == other), None)
        high = next((row for row in highest if row.name == other), None)
        known = low or high
        if known is None or (low and high and (low.text, low.system) != (high.text, high.system)):
            continue
        ends = low.low if low else -inf, high.high if high else inf
        if None not in ends and ends[0] >= ends[1]:  # type: ignore[operator]  # written the wrong way round
            ends = high.low if high else -inf, low.high if low else inf
        rows.append(known._replace(low=ends[0], high=ends[1]))


def range_reader(name: str) -> Read:
    measure = quantity_reader(name)

    def read(value: Any, base: str, slot: int, rows: Rows) -> None:
        if type(value) is dict:
            lowest: Rows = []
            highest: Rows = []
            measure(value.get("low"), base, slot, lowest)
            measure(value.get("high"), base, slot, highest)
            _bounds(name, lowest, highest, rows)

    return read


def range_number_reader(name: str) -> Read:
    """A Range searched as a number has no unit."""
    read_range = range_reader(name)

    def read(value: Any, base: str, slot: int, rows: Rows) -> None:
        found: Rows = []
        read_range(value, base, slot, found)
        rows += [
            row._replace(kind="number", text="", system="", exact="") for row in found if row.name == name
        ]

    return read


def sampled_reader(name: str) -> Read:
    """The bounds of the values in sampled data (R4, Observation value-quantity)."""
    measure = quantity_reader(name)

    def read(value: Any, base: str, slot: int, rows: Rows) -> None:
        origin = value.get("origin") if type(value) is dict else None
        zero = origin.get("value") if type(origin) is dict else None
        if type(origin) is not dict or zero is None or number(zero) is None:
            return
        factor = value.get("factor", 1)
        words = _text(value.get("data")).split()
        said = [Decimal(word) for word in words if _is_number(word)]
        limits = {"L": value.get("lowerLimit"), "U": value.get("upperLimit")}
        said += [
            Decimal(limit)
            for mark, limit in limits.items()
            if (mark in words or not words) and number(limit) is not None
        ]
        if said and number(factor) is not None:
            ends = [Decimal(zero) + Decimal(factor) * end for end in (min(said), max(said))]
            lowest: Rows = []
            highest: Rows = []
            measure({**origin, "value": min(ends)}, base, slot, lowest)
            measure({**origin, "value": max(ends)}, base, slot, highest)
            _bounds(name, lowest, highest, rows)

    return read


def _is_number(word: str) -> bool:
    return len(word) <= 30 and word.replace(".", "", 1).lstrip("-").isdecimal() and word.isascii()
