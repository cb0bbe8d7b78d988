"""In which steps does a view make its rows? Every expression lowered, every selection with what it iterates over.

The plan is the same for every engine: ``closures`` runs it in Python, ``sql`` writes it for the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from passerelle.fhir.fhirpath import FhirPathError, parse, syntax
from passerelle.fhir.outcome import BadInput
from passerelle.fhir.view.definition import Column, Select, View, refused
from passerelle.fhir.view.lower import lower
from passerelle.fhir.view.navigate import (
    Alternatives,
    Names,
    Scope,
    Unsupported,
    as_list,
    boolean,
    literal,
    single,
)
from passerelle.fhir.view.terms import Chain, Empty, First, Only, Sort, Term, ToText, Variable, sort_of


@dataclass(frozen=True)
class Cell:
    """One column of a selection: its name and the term that fills it."""

    name: str
    term: Term
    index: bool = False
    """Whether it is plainly ``%rowIndex``, which is 0 in the row of an empty ``forEachOrNull``."""


Children = tuple[tuple[int, Term], ...]
"""Where the children of an element are: the number of the ``repeat`` path, and a list of elements."""


@dataclass(frozen=True)
class Walk:
    """The recursive iteration of ``repeat``: the first elements, and per type of element its children."""

    first: Children
    steps: Mapping[str, tuple[Variable, Children]]


@dataclass(frozen=True)
class Selection:
    """One selection structure. Without ``foci`` and ``walk`` it is about what its parent is about."""

    cells: tuple[Cell, ...] = ()
    selects: tuple[Selection, ...] = ()
    union: tuple[Selection, ...] = ()
    foci: Term | None = None
    item: Variable | None = None
    row: Variable | None = None
    """The index of the item among the foci."""
    or_null: bool = False
    walk: Walk | None = None
    variants: Mapping[str, tuple[Variable, Selection]] | None = None
    """With ``walk``: what is selected of an element of each type."""


@dataclass(frozen=True)
class Output:
    """One column of the result. ``sort`` says how its values are kept in every engine."""

    column: Column
    sort: Sort


@dataclass(frozen=True)
class Plan:
    """A whole view: the resource's variable, the conditions, the selection, the columns."""

    view: View
    root: Variable
    where: tuple[Term, ...]
    selection: Selection
    outputs: tuple[Output, ...]


def plan(view: View) -> Plan:
    """Lower every expression of a view; refuses bad paths, raises Unsupported for what only memory can do."""
    names = Names()
    root = names.fresh(view.resource)
    scope = Scope((root,), root, literal(0), view.constants, names)
    where = tuple(_condition(path, index, scope) for index, path in enumerate(view.where))
    selection = _selection(view.whole, scope)
    found = dict(_kinds(selection))
    outputs = tuple(Output(column, _sort(column, found.get(column.name, []))) for column in view.columns)
    return Plan(view, root, where, selection, outputs)


def outputs(view: View) -> tuple[Output, ...]:
    """The columns of a view, also of one that only memory can run: those say what they declare."""
    try:
        return plan(view).outputs
    except Unsupported:
        return tuple(Output(column, sort_of(column.type or "string")) for column in view.columns)


def read(path: str, at: str) -> syntax.Expression:
    """The syntax tree of a path of a view, or the refusal that names its place."""
    try:
        return parse(path)
    except FhirPathError as fault:
        raise BadInput(replace(fault.issue(), expression=at), status=422) from None


def _condition(path: str, index: int, scope: Scope) -> Term:
    at = f"ViewDefinition.where[{index}]"
    found = lower(read(path, at), replace(scope, at=at))
    kinds = {branch.sort for branch in found}
    if kinds - {"boolean"}:
        raise refused("view-where-not-boolean", at)
    return boolean(found, replace(scope, at=at))


def _selection(select: Select, scope: Scope) -> Selection:
    if select.each:
        return _iteration(select, scope)
    if select.repeat:
        return _recursion(select, scope)
    return _inside(select, scope)


def _inside(select: Select, scope: Scope) -> Selection:
    return Selection(
        cells=tuple(_cell(column, scope) for column in select.columns),
        selects=tuple(_selection(nested, scope) for nested in select.selects),
        union=tuple(_selection(branch, scope) for branch in select.union),
    )


def _iteration(select: Select, scope: Scope) -> Selection:
    at = f"{select.at}.{'forEachOrNull' if select.or_null else 'forEach'}"
    foci = as_list(lower(read(select.each, at), replace(scope, at=at)), scope)
    item, row = scope.names.fresh(foci.kind), scope.names.fresh("Integer")
    inside = _inside(select, replace(scope, this=(item,), row=row))
    return replace(inside, foci=foci, item=item, row=row, or_null=select.or_null)


def _recursion(select: Select, scope: Scope) -> Selection:
    at = f"{select.at}.repeat"
    paths = [read(path, at) for path in select.repeat]
    if len(scope.this) != 1 or scope.this[0].many:
        raise Unsupported("repeat")
    first = _children(paths, replace(scope, at=at))
    steps: dict[str, tuple[Variable, Children]] = {}
    waiting = [child.kind for _, child in first]
    while waiting:
        kind = waiting.pop()
        if kind in steps:
            continue
        node = scope.names.fresh(kind)
        steps[kind] = (node, _children(paths, replace(scope, this=(node,), at=at)))
        waiting.extend(child.kind for _, child in steps[kind][1])
    row = scope.names.fresh("Integer")
    variants = {}
    for kind in steps:
        item = scope.names.fresh(kind)
        variants[kind] = (item, _inside(select, replace(scope, this=(item,), row=row)))
    if not variants:  # nothing can ever be there, but the columns are
        nothing = _inside(select, replace(scope, this=(), row=row))
        return replace(nothing, foci=Empty("string", True), item=scope.names.fresh("string"), row=row)
    return Selection(row=row, walk=Walk(first, steps), variants=variants)


def _children(paths: list[syntax.Expression], scope: Scope) -> Children:
    """The children of one element: per path, and per type if a path leads to several."""
    found: list[tuple[int, Term]] = []
    for number, path in enumerate(paths):
        for branch in lower(path, scope):
            if branch.sort != "complex":
                raise Unsupported("repeat")
            found.append((number, branch if branch.many else Chain(branch.kind, True, (branch,))))
    return tuple(found)


def _cell(column: Column, scope: Scope) -> Cell:
    expression = read(column.path, column.at)
    here = replace(scope, at=f"{column.at}|{column.name}")
    found = _of_declared_type(lower(expression, here), column)
    if column.collection:
        return Cell(column.name, _collection(found, here))
    index = isinstance(expression, syntax.Constant) and expression.name == "rowIndex"
    return Cell(column.name, _one(found, here), index)


def _of_declared_type(found: Alternatives, column: Column) -> Alternatives:
    """Of several possible types the one that the column declares, if it declares one of them."""
    declared = tuple(branch for branch in found if branch.kind == column.type)
    return declared if len(found) > 1 and declared else found


def _collection(found: Alternatives, scope: Scope) -> Term:
    items = as_list(found, scope)
    return items if items.many else Chain(items.kind, True, (items,))


def _one(found: Alternatives, scope: Scope) -> Term:
    try:
        return single(found, scope)
    except Unsupported:
        if any(branch.sort == "complex" or branch.sort == "decimal" for branch in found):
            raise
    ones = tuple(Only(branch.kind, False, branch, scope.at) if branch.many else branch for branch in found)
    return First("String", False, tuple(ToText("String", False, one) for one in ones))


def _kinds(selection: Selection) -> dict[str, list[Term]]:
    """Every term that fills a column, by the column's name."""
    found: dict[str, list[Term]] = {}
    inside = [variant for _, variant in (selection.variants or {}).values()]
    for cell in selection.cells:
        found.setdefault(cell.name, []).append(cell.term)
    for nested in (*selection.selects, *selection.union, *inside):
        for name, terms in _kinds(nested).items():
            found.setdefault(name, []).extend(terms)
    return found


def _sort(column: Column, terms: list[Term]) -> Sort:
    """How a column's values are kept: as its terms are, or as it declares where they are nothing or disagree."""
    sorts = {term.sort for term in terms if not isinstance(term, Empty)}
    if len(sorts) == 1:
        return sorts.pop()
    if sorts == {"integer", "decimal"}:
        return "decimal"
    if not sorts and column.type:
        return sort_of(column.type)
    if "complex" in sorts:
        raise Unsupported("unionAll")
    return "text"
