"""Does a rule hold for an element? FHIRPath, asked within the resource around it.

https://hl7.org/fhir/R4/conformance-rules.html#constraints
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from passerelle.fhir.profiles.items import Item
from passerelle.values import Json


@dataclass(frozen=True)
class Scene:
    """The resource around an element while a rule is asked, and what its references lead to."""

    resource: Json
    resolve: Callable[[str], Json | None] | None = None


def keeps(expression: str, item: Item, scene: Scene) -> bool:
    """Whether a rule holds for an element. What cannot be evaluated is not held against anyone."""
    from passerelle.fhir.fhirpath import FhirPathError, Node, compile

    kind = f"{item.type}.{item.part}" if item.part else item.type
    node = Node(item.value, kind, item.extra, None, "", None, kind)
    try:
        return compile(expression).holds(node, root=scene.resource, resolve=scene.resolve) is not False
    except FhirPathError:
        return True
