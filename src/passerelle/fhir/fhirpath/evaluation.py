"""What does an expression know while it is evaluated? The surroundings of one evaluation, and its limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from passerelle.fhir.fhirpath import clock
from passerelle.fhir.fhirpath.errors import FhirPathError
from passerelle.fhir.fhirpath.node import Collection, Node

MOST_ITEMS = 1_000_000
"""How many items one evaluation may walk over: more is an expression that runs away."""

Resolve = Callable[[str], Mapping[str, Any] | None]
"""From the text of a reference to the resource, or None if it is not to be had."""


@dataclass(frozen=True, slots=True)
class Services:
    """What only the caller can answer. Without one, a function that needs it has no answer."""

    conforms: Callable[[Node, str], bool | None] | None = None
    """Whether an element conforms to a profile; None if the profile is unknown."""
    member_of: Callable[[Node, str], bool | None] | None = None
    """Whether a code, Coding or CodeableConcept is in a value set; None if the value set is unknown."""
    subsumes: Callable[[Any, Any], bool | None] | None = None
    """Whether the first Coding (system, code) is or is above the second; None if unknown."""
    trace: Callable[[str, Collection], None] | None = None
    """Told what ``trace()`` sees."""
    now: Callable[[], datetime] = clock.now


NO_SERVICES = Services()


class Evaluation(msgspec.Struct, gc=False):
    """One evaluation on its way. ``this`` is a collection of one: the item that ``$this`` means."""

    root: Node
    this: Collection
    container: Node | None
    """What the caller says that ``%resource`` is; None for the resource around ``root``."""
    variables: Mapping[str, Any]
    resolve: Resolve | None
    services: Services
    index: int | None = None
    total: Collection | None = None
    defined: dict[str, Collection] | None = None
    moment: datetime | None = None
    walked: int = 0

    def now(self) -> datetime:
        """The same moment throughout one evaluation."""
        if self.moment is None:
            self.moment = self.services.now()
        return self.moment

    def walk(self, items: int) -> None:
        """Count what is looked at, and stop an expression that runs away."""
        self.walked += items
        if self.walked > MOST_ITEMS:
            raise FhirPathError(f"the expression looks at more than {MOST_ITEMS} items")


Step = Callable[[Collection, Evaluation], Collection]
"""A compiled part of an expression: from the items before it to the items after it."""
