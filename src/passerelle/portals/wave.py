"""Everything known so far, ready to be shown: one wave of a record that streams in."""

from __future__ import annotations

from dataclasses import dataclass

from passerelle.fhir.record import ANSWERS
from passerelle.portals import lists
from passerelle.portals.conflicts import Difference, person_differences
from passerelle.portals.gaps import MissingRow, SourceRow, missing_rows, source_rows, waiting_names
from passerelle.portals.lists import Listing
from passerelle.portals.medications import Medications, medications
from passerelle.portals.person import Banner, banner
from passerelle.portals.reading import Item, Reading
from passerelle.portals.results import ResultRow, latest_results
from passerelle.portals.strip import Strip, strip
from passerelle.portals.trends import Trend, trends

RESULTS_AT_ONCE = 10


@dataclass(frozen=True)
class Wave:
    """The sections of the record page, in the order in which they stand."""

    banner: Banner
    heading: str
    timing: str
    waiting: tuple[str, ...]
    missing: tuple[MissingRow, ...]
    differences: tuple[Difference, ...]
    sources: tuple[SourceRow, ...]
    problems: Listing
    allergies: Listing
    allergy_statements: tuple[Item, ...]
    medications: Medications
    strip: Strip
    trends: tuple[Trend, ...]
    results: tuple[ResultRow, ...]
    more_results: tuple[ResultRow, ...]
    immunizations: Listing
    visits: Listing
    procedures: Listing
    imaging: Listing
    documents: Listing
    others: Listing


def wave(reading: Reading) -> Wave:
    """Read the record out, section by section."""
    rows = latest_results(reading)
    at_once = max(RESULTS_AT_ONCE, sum(bool(row.conflict) for row in rows))
    return Wave(
        banner=banner(reading),
        heading=heading(reading),
        timing=timing(reading),
        waiting=() if reading.final else waiting_names(reading),
        missing=missing_rows(reading),
        differences=person_differences(reading),
        sources=source_rows(reading),
        problems=lists.problems(reading),
        allergies=lists.allergies(reading),
        allergy_statements=lists.allergy_statements(reading),
        medications=medications(reading),
        strip=strip(reading),
        trends=trends(reading),
        results=rows[:at_once],
        more_results=rows[at_once:] if reading.final else (),
        immunizations=lists.immunizations(reading),
        visits=lists.visits(reading),
        procedures=lists.procedures(reading),
        imaging=lists.imaging(reading),
        documents=lists.documents(reading),
        others=lists.others(reading),
    )


def heading(reading: Reading) -> str:
    """``6 of 7 sources answered, 5 hold a record``: the page's first sentence."""
    speech = reading.speech
    asked, answered, holding = len(reading.sources), reading.answered, reading.holding
    key = "heading" if reading.final else "heading-so-far"
    first = speech.count(key, answered, asked=speech.number(asked))
    return f"{first}{speech.count('heading-holding', holding)}"


def timing(reading: Reading) -> str:
    """When the first and the last answer came, in seconds."""
    speech = reading.speech
    times = [s.seconds for s in reading.sources if s.state in ANSWERS and s.seconds is not None]
    if not times:
        return speech("timing-none")
    if len(times) == 1:
        return speech("timing-one", first=speech.seconds(times[0]))
    return speech("timing", first=speech.seconds(min(times)), last=speech.seconds(max(times)))
