"""Which rows does a view make? Its plain meaning over resources as JSON objects.

Source: the processing algorithm of
https://build.fhir.org/ig/HL7/sql-on-fhir/en/StructureDefinition-ViewDefinition.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, product
from typing import Any

from passerelle.fhir.view.closures import Closure, Places, closure
from passerelle.fhir.view.definition import View
from passerelle.fhir.view.navigate import Unsupported
from passerelle.fhir.view.plan import Children, Plan, Selection, Walk, plan
from passerelle.fhir.view.reference import referenced
from passerelle.values import Json

Row = tuple[Any, ...]
Maker = Callable[[Places], list[Row]]


def rows(resources: Iterable[Json], view: View) -> Iterator[Row]:
    """The rows of a view, in the order of the resources; a tuple per row, in the order of ``view.columns``."""
    try:
        make = compiled(plan(view))
    except Unsupported:
        make = referenced(view)
    for resource in resources:
        yield from make(resource)


def compiled(planned: Plan) -> Callable[[Json], list[Row]]:
    """A function from one resource to its rows."""
    type, name = planned.view.resource, planned.root.name
    tests = [closure(test) for test in planned.where]
    maker = _maker(planned.selection)

    def make(resource: Json) -> list[Row]:
        if resource.get("resourceType") != type:
            return []
        places: Places = {name: resource}
        for test in tests:
            if test(places) is not True:
                return []
        return maker(places)

    return make


def _maker(selection: Selection) -> Maker:
    if selection.walk is not None:
        return _walked(selection, selection.walk)
    inside = _inside(selection)
    if selection.foci is None:
        return inside
    foci, blank = closure(selection.foci), [_blank(selection)] if selection.or_null else []
    item = selection.item.name if selection.item else ""
    row = selection.row.name if selection.row else ""

    def make(places: Places) -> list[Row]:
        found: list[Row] = []
        items = foci(places)
        if not items:
            return blank
        for index, focus in enumerate(items):
            places[item], places[row] = focus, index
            found.extend(inside(places))
        return found

    return make


def _inside(selection: Selection) -> Maker:
    """The columns, crossed with every nested selection and with the union."""
    cells = [closure(cell.term) for cell in selection.cells]
    parts = [_maker(nested) for nested in selection.selects]
    if selection.union:
        branches = [_maker(branch) for branch in selection.union]
        parts.append(lambda places: [row for branch in branches for row in branch(places)])
    if not parts:
        return _columns(cells)
    if not cells and len(parts) == 1:
        return parts[0]

    def make(places: Places) -> list[Row]:
        own = tuple([cell(places) for cell in cells])
        found = [part(places) for part in parts]
        return [own + tuple(chain.from_iterable(combined)) for combined in product(*found)]

    return make


def _columns(cells: list[Closure]) -> Maker:
    return lambda places: [tuple([cell(places) for cell in cells])]


def _blank(selection: Selection) -> Row:
    """The row of ``forEachOrNull`` over nothing."""
    own = tuple(0 if cell.index else None for cell in selection.cells)
    for nested in (*selection.selects, *selection.union[:1]):
        own += _blank(nested)
    for _, variant in list((selection.variants or {}).values())[:1]:
        own += _blank(variant)
    return own


def _walked(selection: Selection, walk: Walk) -> Maker:
    """``repeat``: every element below, parents first, each made into rows by what its type selects."""
    first = _listed(walk.first)
    steps = {kind: (node.name, _listed(children)) for kind, (node, children) in walk.steps.items()}
    variants = {
        kind: (item.name, _inside(inside)) for kind, (item, inside) in (selection.variants or {}).items()
    }
    row = selection.row.name if selection.row else ""

    def below(children: list[tuple[str, Closure]], places: Places) -> Iterator[tuple[str, Any]]:
        for kind, element in [(kind, item) for kind, items in children for item in items(places)]:
            yield kind, element
            name, deeper = steps[kind]
            places[name] = element
            yield from below(deeper, places)

    def make(places: Places) -> list[Row]:
        found: list[Row] = []
        elements = list(below(first, places))
        for index, (kind, element) in enumerate(elements):
            item, inside = variants[kind]
            places[item], places[row] = element, index
            found.extend(inside(places))
        return found

    return make


def _listed(children: Children) -> list[tuple[str, Closure]]:
    return [(child.kind, closure(child)) for _, child in children]
