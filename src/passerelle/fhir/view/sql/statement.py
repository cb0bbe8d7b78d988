"""How is a view said to a SQL engine? Its plan as a chain of small queries, one for each step.

Every step takes the rows so far and adds columns or multiplies rows: iterating unnests a list, nested selections follow
one another (which crosses them), a union goes on from the same rows several times. Only what later steps use is carried.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from passerelle.fhir.view.plan import Plan, Selection, Walk
from passerelle.fhir.view.sql.dialect import Dialect
from passerelle.fhir.view.terms import Get, Term, Value, Variable
from passerelle.fhir.view.terms import walk as parts_of


@dataclass(frozen=True)
class Stage:
    """The rows so far: the name of the query, the variables that it carries, the columns that are done."""

    name: str
    variables: tuple[str, ...]
    cells: tuple[str, ...] = ()

    def kept(self, needed: frozenset[str]) -> list[str]:
        return [name for name in self.variables if name in needed] + list(self.cells)


@dataclass
class Query:
    """The queries written so far."""

    plan: Plan
    dialect: Dialect
    steps: list[tuple[str, str]] = field(default_factory=list)
    numbers: int = 0

    def step(self, sql: str, name: str = "") -> str:
        name = name or self.fresh()
        self.steps.append((name, sql))
        return name

    def fresh(self) -> str:
        self.numbers += 1
        return f"step_{self.numbers}"


def statement(plan: Plan, dialect: Dialect, source: str) -> str:
    """One SQL statement that gives the rows of a view; ``source`` selects the resources as the root's variable."""
    query = Query(plan, dialect)
    is_type = Get("code", False, plan.root, "resourceType")
    tests = [f"{dialect.say(is_type)} = {dialect.say(Value('code', False, plan.view.resource))}"]
    tests += [dialect.say(test) for test in plan.where]
    resources = query.step(source)
    kept = query.step(f"SELECT {plan.root.name} FROM {resources} WHERE {' AND '.join(tests)}")
    last = _emit(plan.selection, Stage(kept, (plan.root.name,)), frozenset(), query)
    columns = ", ".join(
        f"{_cell_name(query, output.column.name)} AS {dialect.quoted(output.column.name)}"
        for output in plan.outputs
    )
    steps = ",\n".join(
        f"{name} AS {dialect.hint(_uses(name, query, last))}(\n{sql}\n)" for name, sql in query.steps
    )
    return f"{dialect.beginning} {steps}\nSELECT {columns} FROM {last.name}"


def _uses(name: str, query: Query, last: Stage) -> int:
    """How often a step is named by others; one that names itself counts as several."""
    named = re.compile(rf"\b{name}\b")
    return sum(len(named.findall(sql)) for _, sql in query.steps) + (name == last.name)


def _cell_name(query: Query, name: str) -> str:
    """Columns have numbers on their way: names that differ in capitals alone are one to some engines."""
    names = [output.column.name for output in query.plan.outputs]
    return f"c{names.index(name)}"


def _emit(selection: Selection, stage: Stage, after: frozenset[str], query: Query) -> Stage:
    """The rows after a selection; ``after`` names the variables that are still needed then."""
    if selection.walk is not None and selection.row is not None:
        return _walked(selection, selection.walk, selection.row.name, stage, after, query)
    if selection.foci is None or selection.item is None or selection.row is None:
        return _inside(selection, stage, after, query)
    dialect, foci = query.dialect, query.dialect.say(selection.foci)
    needed = after | _used(selection)
    row = selection.row.name if selection.row.name in _used(selection) else ""
    kept = stage.kept(needed)
    item = selection.item.name
    name = query.step(dialect.unnested(stage.name, kept, foci, item, row))
    variables = tuple(name for name in kept if name not in stage.cells)
    unnested = Stage(name, (*variables, item, *([row] if row else [])), stage.cells)
    filled = _inside(selection, unnested, after, query)
    if not selection.or_null:
        return filled
    empty = f"COALESCE({dialect.length(foci)}, 0) = 0"
    blanks = [f"{said} AS {cell}" for cell, said in _blanks(selection, query)]
    sql = f"SELECT {_list([*stage.kept(after), *blanks])} FROM {stage.name} WHERE {empty}"
    blank = query.step(sql)
    return _together([filled, Stage(blank, filled.variables, filled.cells)], after, query)


def _inside(selection: Selection, stage: Stage, after: frozenset[str], query: Query) -> Stage:
    parts = [*selection.selects]
    needed = [after | _used(*parts[index + 1 :], *selection.union) for index in range(len(parts))]
    if selection.cells:
        stage = _with_cells(selection, stage, after | _used(*parts, *selection.union), query)
    for part, later in zip(parts, needed, strict=True):
        stage = _emit(part, stage, later, query)
    if selection.union:
        stage = _together([_emit(branch, stage, after, query) for branch in selection.union], after, query)
    return stage


def _with_cells(selection: Selection, stage: Stage, needed: frozenset[str], query: Query) -> Stage:
    kept, cells = stage.kept(needed), []
    for cell in selection.cells:
        name = _cell_name(query, cell.name)
        cells.append(name)
        sort = next(output.sort for output in query.plan.outputs if output.column.name == cell.name)
        kept.append(f"{query.dialect.cell(cell.term, sort)} AS {name}")
    name = query.step(f"SELECT {_list(kept)} FROM {stage.name}")
    variables = tuple(variable for variable in stage.variables if variable in needed)
    return Stage(name, variables, (*stage.cells, *cells))


def _together(stages: list[Stage], after: frozenset[str], query: Query) -> Stage:
    """The rows of several stages that have the same columns."""
    first = stages[0]
    kept = _list(first.kept(after))
    name = query.step("\nUNION ALL\n".join(f"SELECT {kept} FROM {stage.name}" for stage in stages))
    return Stage(name, tuple(variable for variable in first.variables if variable in after), first.cells)


def _blanks(selection: Selection, query: Query) -> Iterable[tuple[str, str]]:
    """Nothing in every column of a selection, but 0 where ``%rowIndex`` would be."""
    outputs = {output.column.name: output for output in query.plan.outputs}
    for cell in selection.cells:
        output = outputs[cell.name]
        null = query.dialect.null(output.sort, output.column.collection)
        said = query.dialect.say(Value("Integer", False, 0)) if cell.index else null
        yield _cell_name(query, cell.name), said
    variants = [variant for _, variant in (selection.variants or {}).values()]
    for nested in (*selection.selects, *selection.union[:1], *variants[:1]):
        yield from _blanks(nested, query)


def _walked(
    selection: Selection, walk: Walk, row: str, stage: Stage, after: frozenset[str], query: Query
) -> Stage:
    """``repeat``: the dialect walks, then every type of element is selected from."""
    kinds, variants = list(walk.steps), selection.variants or {}
    kept = stage.kept(after | _used(*(inside for _, inside in variants.values())))
    walked = query.dialect.walked(walk, stage.name, kept, row, query)
    stages = []
    for kind, (item, inside) in variants.items():
        said = query.dialect.opened(item)
        where = f" WHERE walk_kind = {kinds.index(kind)}" if len(kinds) > 1 else ""
        columns = _list([*kept, row, f"{said} AS {item.name}"])
        name = query.step(f"SELECT {columns} FROM {walked}{where}")
        variables = tuple(name for name in kept if name not in stage.cells)
        here = Stage(name, (*variables, row, item.name), stage.cells)
        stages.append(_inside(inside, here, after, query))
    return stages[0] if len(stages) == 1 else _together(stages, after, query)


def _list(columns: list[str]) -> str:
    return ", ".join(columns) or "1 AS nothing"


def _used(*selections: Selection) -> frozenset[str]:
    """The variables that any expression of these selections names."""
    return frozenset(
        part.name for term in _terms(*selections) for part in parts_of(term) if isinstance(part, Variable)
    )


def _terms(*selections: Selection) -> Iterable[Term]:
    for selection in selections:
        yield from (cell.term for cell in selection.cells)
        if selection.foci is not None:
            yield selection.foci
        if selection.walk is not None:
            yield from (child for _, child in selection.walk.first)
        yield from _terms(*selection.selects, *selection.union)
        yield from _terms(*(inside for _, inside in (selection.variants or {}).values()))
