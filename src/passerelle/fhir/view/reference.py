"""What is a view's meaning in full? The processing algorithm of the specification, on the general FHIRPath engine.

``closures`` says the same faster for the expressions that views are made of; this runs everything that FHIRPath can
say. https://build.fhir.org/ig/HL7/sql-on-fhir/en/StructureDefinition-ViewDefinition.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain, product
from typing import Any

from passerelle.fhir.fhirpath import Compiled, FhirPathError, Node, compile
from passerelle.fhir.fhirpath.steps import root_node
from passerelle.fhir.outcome import BadInput
from passerelle.fhir.view.closures import many_values
from passerelle.fhir.view.definition import Column, Select, View, refused
from passerelle.fhir.view.plan import read
from passerelle.values import Json

Row = tuple[Any, ...]


@dataclass(frozen=True)
class _Place:
    """Where the algorithm is: the node, the resource, what ``%name`` means."""

    node: Node
    root: Node
    variables: Mapping[str, Any]

    def at(self, node: Node, index: int) -> _Place:
        return replace(self, node=node, variables={**self.variables, "rowIndex": index})


def referenced(view: View) -> Callable[[Json], list[Row]]:
    """A function from one resource to its rows."""
    constants = {name: Node(one.value, one.type) for name, one in view.constants.items()}
    tests = [(f"ViewDefinition.where[{index}]", path) for index, path in enumerate(view.where)]
    compiled = [(at, _compiled(path, at)) for at, path in tests]
    rows = _select(view.whole)

    def make(resource: Json) -> list[Row]:
        if resource.get("resourceType") != view.resource:
            return []
        root = root_node(resource, None)
        place = _Place(root, root, {**constants, "rowIndex": 0})
        if not all(_holds(test, place, at) for at, test in compiled):
            return []
        return rows(place)

    return make


def _holds(test: Compiled, place: _Place, at: str) -> bool:
    found = _run(test, place, at)
    if any(not isinstance(item.value, bool) for item in found):
        raise refused("view-where-not-boolean", at)
    return [item.value for item in found] == [True]


def _select(select: Select) -> Callable[[_Place], list[Row]]:
    """``Process(S, N)``."""
    columns = [_column(column) for column in select.columns]
    parts = [_select(nested) for nested in select.selects]
    if select.union:
        branches = [_select(branch) for branch in select.union]
        parts.append(lambda place: [row for branch in branches for row in branch(place)])
    foci = _foci(select)

    def inside(place: _Place) -> list[Row]:
        own = tuple(column(place) for column in columns)
        return [own + tuple(chain.from_iterable(some)) for some in product(*[part(place) for part in parts])]

    def process(place: _Place) -> list[Row]:
        nodes = foci(place)
        if nodes is None:
            return inside(place)
        if not nodes and select.or_null:
            return [tuple(0 if column.path.strip() == "%rowIndex" else None for column in select.output)]
        return [row for index, node in enumerate(nodes) for row in inside(place.at(node, index))]

    return process


def _foci(select: Select) -> Callable[[_Place], list[Node] | None]:
    if select.each:
        at = f"{select.at}.{'forEachOrNull' if select.or_null else 'forEach'}"
        each = _compiled(select.each, at)
        return lambda place: _run(each, place, at)
    if select.repeat:
        paths = [_compiled(path, f"{select.at}.repeat") for path in select.repeat]
        return lambda place: list(_below(place, paths, f"{select.at}.repeat"))
    return lambda place: None


def _below(place: _Place, paths: list[Compiled], at: str) -> Iterator[Node]:
    for path in paths:
        for child in _run(path, place, at):
            yield child
            yield from _below(replace(place, node=child), paths, at)


def _column(column: Column) -> Callable[[_Place], Any]:
    path = _compiled(column.path, column.at)

    def value(place: _Place) -> Any:
        try:
            found = path.values(place.node, root=place.root, variables=place.variables)
        except FhirPathError as fault:
            raise BadInput(replace(fault.issue(), expression=column.at), status=422) from None
        if column.collection:
            return found
        if len(found) > 1:
            raise many_values(f"{column.at}|{column.name}")
        return found[0] if found else None

    return value


def _compiled(path: str, at: str) -> Compiled:
    read(path, at)
    try:
        return compile(path)
    except FhirPathError as fault:
        raise BadInput(replace(fault.issue(), expression=at), status=422) from None


def _run(path: Compiled, place: _Place, at: str) -> list[Node]:
    try:
        return path(place.node, root=place.root, variables=place.variables)
    except FhirPathError as fault:
        raise BadInput(replace(fault.issue(), expression=at), status=422) from None
