"""A source may send a resource of an odd shape: the page still stands, and the rest is still read."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from passerelle.fhir.record import Entry
from passerelle.portals import pages
from tests.portals import world

JUNK = (None, 5, "x", [None], {"a": 1})
PATIENT = world.entry(world.person(), "on")
KINDS = {each.type: each for each in (*world.record().entries, PATIENT)}
"""One entry of each type."""


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every element of a JSON value."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inside:
        yield (*at, key)
        yield from places(each, (*at, key))


def spoiled(entry: Entry) -> Iterator[Entry]:
    """The entry with one element after the other replaced by something that does not belong there."""
    for place in places(entry.resource):
        for junk in JUNK:
            if place == ("resourceType",):
                continue
            resource = copy.deepcopy(entry.resource)
            holder: Any = resource
            for step in place[:-1]:
                holder = holder[step]
            holder[place[-1]] = junk
            yield replace(entry, resource=resource)


@pytest.mark.parametrize("kind", KINDS)
def test_no_odd_element_takes_the_page_down(kind: str) -> None:
    for entry in spoiled(KINDS[kind]):
        patient = entry.resource if kind == "Patient" else world.person()
        entries = (
            () if kind == "Patient" else (entry, world.entry(world.problem("c", "Asthma", "2020"), "qc"))
        )
        record = replace(world.record(), patient=patient, entries=entries, conflicts=())
        html = pages.record_wave(
            "fr", record, viewer=world.CLINICIAN, paths=world.paths("fr"), wave=1, final=True
        )
        assert kind == "Patient" or "Asthma" in html


def test_a_number_that_fills_the_page_is_not_printed() -> None:
    entry = world.entry(world.result("r", "Glucose", "14749-6", "1E+999999", "mmol/L", "2026-01-01"), "on")
    record = replace(world.record(), entries=(entry,), conflicts=())
    html = pages.record_wave(
        "en", record, viewer=world.CLINICIAN, paths=world.paths("en"), wave=1, final=True
    )
    assert len(html) < 50_000
