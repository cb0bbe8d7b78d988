"""Where in a resource are we? An element on the way, with its type and its way back.

A collection is a list of nodes (elements of a resource) and plain System values (bool, int, Decimal, str, Date,
DateTime, Time, Quantity). Collections are shared between steps: INVARIANT: nobody changes a list that was returned.
"""

from __future__ import annotations

from typing import Any

import msgspec


class Node(msgspec.Struct, eq=False, gc=False):
    """One element: its JSON value, FHIR type, the other half of a primitive, and the way back to the root.

    ``parent`` never leads in a circle, so the collector need not look at nodes.
    """

    value: Any
    type: str
    extra: dict[str, Any] | None = None
    """The half of a primitive that holds its id and extensions (``_birthDate``)."""
    parent: Node | None = None
    key: str = ""
    """The JSON name in the parent, such as ``valueQuantity``."""
    index: int | None = None
    """The place in the parent's list, or None if the element does not repeat."""
    name: str = ""
    """The FHIRPath name: ``value`` of ``valueQuantity``; for a root the type."""

    @property
    def path(self) -> str:
        """The way from the root in FHIRPath: ``Patient.name[0].given[1]``."""
        step = self.name if self.index is None else f"{self.name}[{self.index}]"
        return f"{self.parent.path}.{step}" if self.parent is not None else step


Item = Any
"""A Node or a System value."""
Collection = list[Any]
