"""Where do they live, and what time is it there?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache

from passerelle.fhir.health_number import JURISDICTIONS
from passerelle.synthetic.tables import rows, toml
from passerelle.values import Language, NodeId

NODES: tuple[NodeId, ...] = tuple(NodeId(code) for code in JURISDICTIONS)
"""The thirteen nodes, one per province and territory."""

SHARES: tuple[int, ...] = tuple(toml("regions")[node]["share"] for node in NODES)
"""People in thousands, in the order of ``NODES``; the territories count as 150 each, so that each has a few."""


@dataclass(frozen=True)
class Place:
    """A town, how many thousands live there, and its forward sortation areas."""

    node: NodeId
    city: str
    weight: int
    prefixes: tuple[str, ...]


@dataclass(frozen=True)
class Hospital:
    """A real hospital's name and address; what happens there is invented."""

    node: NodeId
    city: str
    name: str
    street: str
    postal: str


@cache
def places(node: NodeId) -> tuple[Place, ...]:
    return tuple(
        Place(node, row["city"], int(row["weight"]), tuple(row["prefixes"].split()))
        for row in rows("places")
        if row["node"] == node
    )


@cache
def hospitals(node: NodeId) -> tuple[Hospital, ...]:
    return tuple(
        Hospital(node, row["city"], row["name"], row["street"], row["postal"])
        for row in rows("hospitals")
        if row["node"] == node
    )


@cache
def place(node: NodeId, city: str) -> Place:
    return next(each for each in places(node) if each.city == city)


def record_language(node: NodeId, spoken: str) -> Language:
    """The language in which a node writes about a person: French in Québec, the person's in New Brunswick."""
    if node == "qc":
        return "fr"
    return "fr" if node == "nb" and spoken == "fr" else "en"


@lru_cache(maxsize=65536)
def day_text(day: int) -> str:
    """An ordinal day as YYYY-MM-DD."""
    return date.fromordinal(day).isoformat()


@lru_cache(maxsize=65536)
def stamp(node: NodeId, day: int, minute: int = 600) -> str:
    """A FHIR dateTime at a minute of the node's local day."""
    offset = _offset(node, day)
    sign = "-" if offset < 0 else "+"
    hours, minutes = divmod(abs(offset), 60)
    return f"{day_text(day)}T{minute // 60:02d}:{minute % 60:02d}:00{sign}{hours:02d}:{minutes:02d}"


def _offset(node: NodeId, day: int) -> int:
    region = toml("regions")[node]
    summer: bool = region["summer"] and _in_summer(day)
    return int(region["offset"]) + (60 if summer else 0)


@cache
def _summer(year: int) -> tuple[int, int]:
    """First and last day of summer time: since 2007 from the second Sunday of March to the first of November."""
    if year >= 2007:
        return _sunday(year, 3, 8), _sunday(year, 11, 1)
    return _sunday(year, 4, 1), _sunday(year, 10, 25)


def _sunday(year: int, month: int, day: int) -> int:
    """The first Sunday on or after a date."""
    start = date(year, month, day)
    return start.toordinal() + (6 - start.weekday()) % 7


def _in_summer(day: int) -> bool:
    first, last = _summer(date.fromordinal(day).year)
    return first <= day < last
