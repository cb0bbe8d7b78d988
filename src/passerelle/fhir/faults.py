"""A fault on its way up: found deep in a resource, it learns its place from each level that it passes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from passerelle.fhir.outcome import Issue


@dataclass(slots=True)
class Fault:
    """One thing that is wrong. ``where`` grows to the left, so that a resource without faults pays nothing."""

    key: str
    code: str = "structure"
    details: Mapping[str, str] = field(default_factory=dict)
    where: str = ""
    local: str = ""
    """For a reference to a contained resource: its id. It is no fault once that resource is found."""

    def issue(self, root: str) -> Issue:
        return Issue(self.key, self.code, root + self.where, self.details)


Faults = list[Fault]

Check = Callable[[Any], Faults | None]
"""None (or an empty list) for a good value."""


def inside(step: str, found: Faults) -> Faults:
    """The faults as the level above sees them."""
    for fault in found:
        fault.where = step + fault.where
    return found


def one(key: str, code: str = "structure", **details: str) -> Faults:
    return [Fault(key, code, details)]
