"""A small chart for each laboratory test that was measured more than once, and the table under it.

Along time everything is a percentage of the width; heights are pixels. So nothing is ever stretched.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import pairwise

from passerelle.fhir.clinical import clinical_time
from passerelle.fhir.concept import Phrase
from passerelle.fhir.speech import unit_text
from passerelle.portals.reading import Badge, Reading
from passerelle.portals.results import Measurement, Series, flag_text, reference_text, series, value_text

MOST_CHARTS = 6
MOST_POINTS = 60
HEIGHT = 132
_TOP, _BOTTOM = 26, 98
_LEFT, _RIGHT = 5.0, 95.0
_SHAPES = ("circle", "square", "triangle", "diamond", "cross", "ring")
_LABELLED = 8
"""Up to so many points, each may be labelled; beyond, the ends and the extremes."""
_ROOM = 9.0
"""Percent of the width that a label needs for itself."""


@dataclass(frozen=True)
class Point:
    """One result: where, which shape and colour its source has, and its label where it gets one."""

    x: str
    y: float
    shape: str
    tone: int
    label: str
    anchor: str


@dataclass(frozen=True)
class Segment:
    x1: str
    y1: float
    x2: str
    y2: float


@dataclass(frozen=True)
class Limit:
    """One end of the reference range as a line."""

    y: float
    label: str


@dataclass(frozen=True)
class Key:
    """Which shape and colour one source has."""

    name: str
    shape: str
    tone: int


@dataclass(frozen=True)
class TrendRow:
    when: str
    value: str
    flag: str
    reference: str
    badges: tuple[Badge, ...]


@dataclass(frozen=True)
class Trend:
    """One chart with its words: ``summary`` tells what the eye sees."""

    name: Phrase
    unit: str
    points: tuple[Point, ...]
    segments: tuple[Segment, ...]
    limits: tuple[Limit, ...]
    ticks: tuple[tuple[str, str], ...]
    keys: tuple[Key, ...]
    rows: tuple[TrendRow, ...]
    summary: str


def trends(reading: Reading) -> tuple[Trend, ...]:
    return tuple(_trend(reading, one) for one in series(reading, MOST_CHARTS))


def _trend(reading: Reading, one: Series) -> Trend:
    measured = one.measurements[-MOST_POINTS:]
    scale = _Scale.around(measured)
    keys = _keys(reading, measured)
    points = _points(reading, measured, scale, keys)
    return Trend(
        one.name,
        unit_text(one.unit),
        points,
        tuple(Segment(a.x, a.y, b.x, b.y) for a, b in pairwise(points)),
        _limits(reading, measured[-1], scale),
        _ticks(scale),
        tuple(keys.values()),
        tuple(_row(reading, each) for each in reversed(measured)),
        _summary(reading, one),
    )


@dataclass(frozen=True)
class _Scale:
    """From days and values to places in the drawing."""

    first: date
    last: date
    low: Decimal
    high: Decimal

    @classmethod
    def around(cls, measured: tuple[Measurement, ...]) -> _Scale:
        """Room for every value, and for the newest reference range unless it would flatten the line."""
        values = [each.value for each in measured]
        low, high = min(values), max(values)
        spread = max(high - low, abs(high) / 20, Decimal("0.1"))
        for limit in (measured[-1].low, measured[-1].high):
            if limit is not None and low - 2 * spread <= limit <= high + 2 * spread:
                low, high = min(low, limit), max(high, limit)
        if low == high:
            low, high = low - spread, high + spread
        return cls(measured[0].day, measured[-1].day, low, high)

    def x(self, day: date) -> float:
        days = (self.last - self.first).days
        return _LEFT + (_RIGHT - _LEFT) * ((day - self.first).days / days if days else 0.5)

    def y(self, value: Decimal) -> float:
        share = float((value - self.low) / (self.high - self.low))
        return round(_BOTTOM - share * (_BOTTOM - _TOP), 1)

    def holds(self, value: Decimal) -> bool:
        return self.low <= value <= self.high


def _keys(reading: Reading, measured: tuple[Measurement, ...]) -> dict[str, Key]:
    """A shape and a colour for each source of this chart, in the order of the source table."""
    nodes = {each.entry.origins[0].node for each in measured}
    ordered = [node for node in reading.names if node in nodes] + sorted(nodes.difference(reading.names))
    return {
        node: Key(reading.names.get(node, node), _SHAPES[index % len(_SHAPES)], index % len(_SHAPES))
        for index, node in enumerate(ordered)
    }


def _points(
    reading: Reading, measured: tuple[Measurement, ...], scale: _Scale, keys: dict[str, Key]
) -> tuple[Point, ...]:
    told = _labelled(measured, scale)
    points = []
    for index, each in enumerate(measured):
        key, x = keys[each.entry.origins[0].node], scale.x(each.day)
        label = reading.speech.number(each.value) if index in told else ""
        anchor = "start" if x < 8 else "end" if x > 92 else "middle"
        points.append(Point(f"{x:.4g}%", scale.y(each.value), key.shape, key.tone, label, anchor))
    return tuple(points)


def _labelled(measured: tuple[Measurement, ...], scale: _Scale) -> set[int]:
    """Which points get their value written: the newest first, then the extremes, as long as none touch."""
    indexes = range(len(measured))
    lowest = min(indexes, key=lambda index: measured[index].value)
    highest = max(indexes, key=lambda index: measured[index].value)
    wanted = [len(measured) - 1, highest, lowest, 0]
    if len(measured) <= _LABELLED:
        wanted += indexes
    chosen: set[int] = set()
    for index in wanted:
        x = scale.x(measured[index].day)
        if all(abs(x - scale.x(measured[other].day)) >= _ROOM for other in chosen):
            chosen.add(index)
    return chosen


def _limits(reading: Reading, newest: Measurement, scale: _Scale) -> tuple[Limit, ...]:
    ends = ((newest.low, "limit-low"), (newest.high, "limit-high"))
    return tuple(
        Limit(scale.y(value), reading.speech(key, value=reading.speech.number(value)))
        for value, key in ends
        if value is not None and scale.holds(value)
    )


def _ticks(scale: _Scale) -> tuple[tuple[str, str], ...]:
    """The first of each year in between; at most six, so that years never touch on a narrow screen."""
    years = range(scale.first.year + 1, scale.last.year + 1)
    step = max(1, -(-len(years) // 6))
    ticks = [(f"{scale.x(date(year, 1, 1)):.4g}%", str(year)) for year in years[::step]]
    if ticks:
        return tuple(ticks)
    return ((f"{scale.x(scale.first):.4g}%", str(scale.first.year)),)


def _row(reading: Reading, each: Measurement) -> TrendRow:
    resource, speech = each.entry.resource, reading.speech
    return TrendRow(
        speech.dated(clinical_time(resource)),
        value_text(resource, speech),
        flag_text(resource, speech),
        reference_text(resource, speech),
        reading.badges([each.entry]),
    )


def _summary(reading: Reading, one: Series) -> str:
    speech, latest = reading.speech, one.latest.entry
    return speech.count(
        "trend-summary",
        len(one.measurements),
        value=value_text(latest.resource, speech),
        day=speech.dated(clinical_time(latest.resource)),
        source=", ".join(badge.name for badge in reading.badges([latest])),
    )
