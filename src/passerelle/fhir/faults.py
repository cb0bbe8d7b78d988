"""A fault on its way up: found deep in a resource, it learns its place from each level that it passes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from passerelle.fhir.outcome import Issue
from passerelle.fhir.search_known import nearest_names


@dataclass(slots=True)
class Fault:
    """One thing that is wrong. ``where`` grows to the left, so that a resource without faults pays nothing."""

    key: str
    code: str = "structure"
    details: Mapping[str, str] = field(default_factory=dict)
    where: str = ""
    known: Collection[str] = ()
    """For an unknown name: those that it may have been meant to be, of which the nearest are told."""
    local: str = ""
    """For a reference to a contained resource: its id. It is no fault once that resource is found."""

    def issue(self, root: str) -> Issue:
        details = self.details
        if self.known:
            details = {**details, "nearest": nearest_names(next(iter(details.values())), self.known)}
        return Issue(self.key, self.code, root + self.where, details)


Faults = list[Fault]

Check = Callable[[Any], Faults | None]
"""None (or an empty list) for a good value."""


def inside(step: str, found: Faults) -> Faults:
    """The faults as the level above sees them."""
    for fault in found:
        fault.where = step + fault.where
    return found


def stranger(key: str, code: str, known: Collection[str], **details: str) -> Faults:
    """An unknown name. Which ones are near is only worked out for the faults that are told."""
    return [Fault(key, code, details, known=known)]


def one(key: str, code: str = "structure", **details: str) -> Faults:
    return [Fault(key, code, details)]
