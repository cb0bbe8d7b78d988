"""FHIRPath Patch: a Parameters resource that says what to add, insert, delete, replace or move, one after the other.

https://hl7.org/fhir/R4/fhirpatch.html . Each operation sees what the ones before it made. A path leads to elements;
the node of an element knows where it lies, and that is where is written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from passerelle.fhir.fhirpath import FhirPathError, compile
from passerelle.fhir.fhirpath.node import Node
from passerelle.fhir.outcome import BadInput, Issue
from passerelle.fhir.patch_places import Target, child_of, place_of, tidy
from passerelle.fhir.patch_result import MOST_OPERATIONS, copied, kept
from passerelle.fhir.patch_values import Given, given
from passerelle.values import Json


def fhirpath_patch(resource: Json, parameters: Json) -> Json:
    """The resource after the operations. BadInput tells which one is malformed (400) or cannot be done (422)."""
    operations = parameters.get("parameter", [])
    if parameters.get("resourceType") != "Parameters" or type(operations) is not list:
        raise BadInput(Issue("parameters-expected", "structure", "Parameters"))
    if len(operations) > MOST_OPERATIONS:
        details = {"limit": str(MOST_OPERATIONS)}
        raise BadInput(Issue("patch-too-long", "too-long", details=details), status=413)
    patched = copied(resource)
    for at, parameter in enumerate(operations):
        operation = _operation(parameter, f"Parameters.parameter[{at}]")
        _OPERATIONS[operation.type](operation, patched)
    return kept(resource, patched)


@dataclass(frozen=True)
class Operation:
    """One operation; ``where`` is its place in the Parameters."""

    where: str
    type: str
    path: str
    parts: Mapping[str, Any] = field(repr=False)

    def refuse(self, key: str, code: str = "processing", status: int = 422, **details: str) -> NoReturn:
        raise BadInput(Issue(key, code, self.where, details), status=status)

    def number(self, name: str) -> int:
        """``index``, ``source`` or ``destination``."""
        value = self.parts.get(name, {}).get("valueInteger")
        if type(value) is not int or value < 0:
            self.refuse("patch-part", "required", 400, part=name)
        return value

    def value(self, type: str) -> Given:
        """What is to be written as an element of a type."""
        part = self.parts.get("value")
        found = given(part, type) if part is not None else None
        if found is None:
            self.refuse("patch-part", "value" if part else "required", 422 if part else 400, part="value")
        return found


def _operation(parameter: Any, where: str) -> Operation:
    parts: dict[str, Any] = {}
    if isinstance(parameter, dict) and isinstance(parameter.get("part"), list):
        parts = {str(p.get("name")): p for p in parameter["part"] if isinstance(p, dict)}
    kind = _text(parts.get("type"))
    path = _text(parts.get("path"))
    if not isinstance(parameter, dict) or parameter.get("name") != "operation" or kind not in _OPERATIONS:
        types = ", ".join(_OPERATIONS)
        raise BadInput(Issue("patch-operation", "structure", where, {"types": types}))
    operation = Operation(where, kind, path, parts)
    if not path:
        operation.refuse("patch-part", "required", 400, part="path")
    return operation


def _text(part: Any) -> str:
    """``valueCode`` or ``valueString`` of a part."""
    found = (part.get("valueCode") or part.get("valueString")) if isinstance(part, dict) else None
    return found if isinstance(found, str) else ""


def _nodes(operation: Operation, path: str, resource: Json) -> Sequence[Node]:
    """The elements that a path leads to."""
    try:
        found = compile(path)(resource)
    except FhirPathError as error:
        issue = error.issue()
        raise BadInput(Issue(issue.key, issue.code, operation.where, issue.details)) from None
    if any(node.type.startswith("System.") for node in found):
        operation.refuse("patch-path-element", "value", 400)
    return found


def _one(operation: Operation, path: str, resource: Json) -> Node:
    """The one element that a path leads to."""
    found = _nodes(operation, path, resource)
    if not found:
        operation.refuse("patch-path-nothing", "not-found")
    if len(found) > 1:
        operation.refuse("patch-path-several", "multiple-matches")
    return found[0]


# --- the operations -----------------------------------------------------------------------------------------


def _add(operation: Operation, resource: Json) -> None:
    parent = _one(operation, operation.path, resource)
    name = _text(operation.parts.get("name"))
    if not name:
        operation.refuse("patch-part", "required", 400, part="name")
    target = _child(operation, parent, name)
    if target.many:
        target.place.insert(len(target.place), operation.value(target.type))
    elif target.taken:
        operation.refuse("patch-there-already", "duplicate")
    else:
        target.place.write(0, operation.value(target.type))


def _child(operation: Operation, parent: Node, name: str) -> Target:
    """Where the elements of a name lie in an element; of a choice, those of the type of the value."""
    target = child_of(parent, name, _kind(operation.parts.get("value")))
    if target is None:
        operation.refuse("patch-name", "structure")
    return target


def _kind(part: Any) -> str:
    """The name that a value has for a choice: ``Quantity`` of ``valueQuantity``."""
    names = (name.lstrip("_") for name in part) if isinstance(part, dict) else ()
    return next((name.removeprefix("value") for name in names if name.startswith("value")), "")


_LAST_STEP = re.compile(r"(.*)\.([A-Za-z][A-Za-z0-9]*)", re.DOTALL)


def _list(operation: Operation, resource: Json) -> Target:
    """The list that all elements of a path lie in; an empty one is found by its parent and its name."""
    nodes = _nodes(operation, operation.path, resource)
    if not nodes:
        split = _LAST_STEP.fullmatch(operation.path.strip())
        if split is None:
            operation.refuse("patch-path-nothing", "not-found")
        target = _child(operation, _one(operation, split[1], resource), split[2])
        if not target.many:
            operation.refuse("patch-not-a-list", "structure")
        return target
    places = [place_of(node) for node in nodes]
    if places[0] is None or nodes[0].index is None:
        operation.refuse("patch-not-a-list", "structure")
    if any(place is None or not place.same(places[0]) for place in places):
        operation.refuse("patch-path-several", "multiple-matches")
    return Target(places[0], nodes[0].type, True)


def _insert(operation: Operation, resource: Json) -> None:
    target = _list(operation, resource)
    at = operation.number("index")
    if at > len(target.place):
        operation.refuse("patch-index", "value", index="index")
    target.place.insert(at, operation.value(target.type))


def _delete(operation: Operation, resource: Json) -> None:
    found = _nodes(operation, operation.path, resource)
    if not found:
        return  # what is not there is deleted already
    if len(found) > 1:
        operation.refuse("patch-path-several", "multiple-matches")
    place = place_of(found[0])
    if place is None:
        operation.refuse("patch-root", "business-rule")
    place.take(found[0].index or 0)
    tidy(found[0].parent)


def _replace(operation: Operation, resource: Json) -> None:
    node = _one(operation, operation.path, resource)
    place = place_of(node)
    if place is None or node.parent is None:
        operation.refuse("patch-root", "business-rule")
    if node.name == node.key or node.index is not None:
        place.write(node.index or 0, operation.value(node.type))
        return
    # Another type of a choice lies under another name.
    target = _child(operation, node.parent, node.name)
    value = operation.value(target.type)
    place.take(0)
    target.place.write(0, value)


def _move(operation: Operation, resource: Json) -> None:
    target = _list(operation, resource)
    source, destination = operation.number("source"), operation.number("destination")
    for name, index in (("source", source), ("destination", destination)):
        if index >= len(target.place):
            operation.refuse("patch-index", "value", index=name)
    target.place.insert(destination, target.place.take(source))


_OPERATIONS: Mapping[str, Callable[[Operation, Json], None]] = {
    "add": _add,
    "insert": _insert,
    "delete": _delete,
    "replace": _replace,
    "move": _move,
}
