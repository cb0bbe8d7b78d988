"""What can keep a view from running? Told to people, never with a value of a record."""

from __future__ import annotations

import re

from passerelle.fhir.outcome import BadInput, Issue
from passerelle.fhir.view.closures import many_values

_MANY = re.compile(r"view-many-values:([^;]*);")
_UNREADABLE = "view-source-unreadable;"


class AnalyticsError(Exception):
    """The source, the engine or the output is not as it must be; the message says what to do."""


def unreadable() -> BadInput:
    """A line of the source is not a resource."""
    return BadInput(Issue("view-source-unreadable", "invalid"), status=422)


def told(engine: str, fault: Exception) -> Exception:
    """What an engine's own error means. Its text may quote the data, so only what a view raised itself is read."""
    text = str(fault)
    found = _MANY.search(text)
    if found:
        return many_values(found[1])
    if _UNREADABLE in text:
        return unreadable()
    return AnalyticsError(f"The engine {engine} could not run the view ({type(fault).__name__}).")
