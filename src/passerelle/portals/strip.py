"""Ten years on one line per source: where marks stand, and the same as a table.

Positions along time are percentages of the drawing's width, so marks and words keep their size on any screen.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby

from passerelle.fhir.clinical import clinical_time
from passerelle.fhir.record import Entry, Source, State
from passerelle.portals.gaps import STATE_WORDS
from passerelle.portals.lists import is_imaging
from passerelle.portals.medications import TYPES as MEDICATION_TYPES
from passerelle.portals.reading import Reading

YEARS = 10
_STEP = 0.8  # percent: marks closer than this would lie on one another

KINDS = ("visit", "lab", "medication", "imaging")
"""From top to bottom in a lane. The shape of each is in the page's head."""
SHAPES = {"visit": "triangle", "lab": "circle", "medication": "square", "imaging": "diamond"}
_HEIGHTS = {"visit": 9, "lab": 18, "medication": 27, "imaging": 36}

_BROKEN = frozenset({State.SILENT, State.REFUSED, State.FAULTY, State.UNCERTAIN, State.WAITING})


@dataclass(frozen=True)
class Mark:
    kind: str
    shape: str
    x: str
    y: int


@dataclass(frozen=True)
class Lane:
    """One source. ``words`` is set for a source that did not answer: its lane is hatched, never empty."""

    name: str
    marks: tuple[Mark, ...]
    words: str = ""
    waiting: bool = False


@dataclass(frozen=True)
class Tick:
    year: int
    x: str


@dataclass(frozen=True)
class YearRow:
    """What one source holds for one year: counts in the order of ``KINDS``."""

    name: str
    year: int
    counts: tuple[int, ...]


@dataclass(frozen=True)
class Strip:
    lanes: tuple[Lane, ...]
    ticks: tuple[Tick, ...]
    rows: tuple[YearRow, ...]
    older: int
    """How many dated items lie before the strip."""
    start: int


@dataclass(frozen=True)
class _Happened:
    node: str
    kind: str
    day: date


def strip(reading: Reading) -> Strip:
    """The last ten years, up to the day on which the record was assembled."""
    end = reading.record.assembled.date()
    start = date(end.year - YEARS, end.month, 1)
    happened = [found for entry in reading.record.entries for found in _happened(entry)]
    within = [each for each in happened if start <= each.day <= end + timedelta(days=1)]
    lanes = tuple(
        _lane(reading, source, within, start, end)
        for source in reading.sources
        if source.state is State.ANSWERED or source.state in _BROKEN
    )
    ticks = tuple(
        Tick(year, _x(date(year, 1, 1), start, end)) for year in range(start.year + 1, end.year + 1)
    )
    older = sum(each.day < start for each in happened)
    return Strip(lanes, ticks, _rows(reading, within), older, start.year)


def kind_of(entry: Entry) -> str | None:
    """Which of the four kinds an entry is; none for what is not an event."""
    if entry.type == "Encounter":
        return "visit"
    if entry.type in MEDICATION_TYPES:
        return "medication"
    if entry.type in ("ImagingStudy", "DiagnosticReport"):
        return "imaging" if is_imaging(entry.resource) else "lab"
    return "lab" if entry.type == "Observation" else None


def _happened(entry: Entry) -> list[_Happened]:
    kind, when = kind_of(entry), clinical_time(entry.resource)
    if kind is None or not when:
        return []
    try:
        # A date of a month or year alone stands at its beginning.
        day = date.fromisoformat((when[:10] + "-01-01")[:10])
    except ValueError:
        return []
    return [_Happened(origin.node, kind, day) for origin in entry.origins]


def _lane(reading: Reading, source: Source, happened: list[_Happened], start: date, end: date) -> Lane:
    name = reading.names[source.node]
    if source.state in _BROKEN:
        return Lane(name, (), reading.speech(STATE_WORDS[source.state]), source.state is State.WAITING)
    places = {
        (each.kind, round(_percent(each.day, start, end) / _STEP))
        for each in happened
        if each.node == source.node
    }
    ordered = sorted(places, key=lambda place: (KINDS.index(place[0]), place[1]))
    return Lane(
        name,
        tuple(
            Mark(kind, SHAPES[kind], f"{min(100, step * _STEP):.4g}%", _HEIGHTS[kind])
            for kind, step in ordered
        ),
    )


def _rows(reading: Reading, happened: list[_Happened]) -> tuple[YearRow, ...]:
    """Newest year first within each source, in the order of the sources; years without an event are left out."""
    order = list(reading.names)
    known = sorted(
        (each for each in happened if each.node in reading.names),
        key=lambda e: (order.index(e.node), -e.day.year),
    )
    rows = []
    for (node, year), group in groupby(known, key=lambda each: (each.node, each.day.year)):
        counts = Counter(each.kind for each in group)
        rows.append(YearRow(reading.names[node], year, tuple(counts[kind] for kind in KINDS)))
    return tuple(rows)


def _percent(day: date, start: date, end: date) -> float:
    return max(0.0, min(100.0, 100 * (day - start).days / max(1, (end - start).days)))


def _x(day: date, start: date, end: date) -> str:
    return f"{_percent(day, start, end):.4g}%"
