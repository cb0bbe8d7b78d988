"""How does DuckDB say a view? Typed structures read from JSON, lists with lambdas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import msgspec

from passerelle.fhir.view.navigate import Unsupported
from passerelle.fhir.view.plan import Children, Plan, Walk
from passerelle.fhir.view.sql import functions
from passerelle.fhir.view.sql.dialect import Dialect
from passerelle.fhir.view.sql.shapes import Shape, Shapes
from passerelle.fhir.view.terms import Chain, Get, Sort, Term, Variable

if TYPE_CHECKING:
    from passerelle.fhir.view.sql.statement import Query

_P = Dialect.prefix


def _call(name: str, *arguments: str) -> str:
    return f"{_P}{name}({', '.join(arguments)})"


def _macros() -> tuple[str, ...]:
    utc = "COALESCE(strftime(make_timestamp(epoch_us(TRY_CAST(x AS TIMESTAMPTZ))), '%Y-%m-%dT%H:%M:%S.%g') || 'Z', x)"
    padded = functions.PADDED.format(dot="instr(x, '.')")
    number = "TRY_CAST(x AS DECIMAL(38, 15))"
    scale = "CASE WHEN instr(x, '.') > 0 THEN length(x) - instr(x, '.') ELSE 0 END"
    half = f"CAST(0.5 / pow(10, {scale}) AS DECIMAL(38, 15))"
    macros = {
        "padded(x)": padded,
        "canonical(x)": functions.CANONICAL.format(utc=utc, padded=f"{_P}padded(x)"),
        "compared(a, b)": functions.compared("a", "b"),
        "time_compared(x, y)": f"{_P}compared({_P}padded(x), {_P}padded(y))",
        "date_boundary(x, high)": functions.DATE_BOUNDARY,
        "time_boundary(x, high)": functions.TIME_BOUNDARY,
        "zone(x)": functions.ZONE,
        "moment_boundary(x, high)": functions.moment_boundary(_call),
        "moment_compared(x, y)": functions.moment_compared(_call),
        "number_boundary(x, high)": f"CASE WHEN high THEN {number} + {half} ELSE {number} - {half} END",
    }
    return tuple(f"CREATE OR REPLACE TEMP MACRO {_P}{head} AS ({body})" for head, body in macros.items())


class DuckDb(Dialect):
    """DuckDB 1.3 and later: lambdas are written with the word ``lambda``."""

    name = "duckdb"
    types: ClassVar[Mapping[Sort, str]] = {
        "boolean": "BOOLEAN",
        "integer": "BIGINT",
        "decimal": "VARCHAR",
        "text": "VARCHAR",
        "date": "VARCHAR",
        "dateTime": "VARCHAR",
        "time": "VARCHAR",
        "complex": "JSON",
    }
    setup = _macros()

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.shapes = Shapes(plan)

    # --- what is read ----------------------------------------------------------------------------------------

    def columns(self) -> Mapping[str, str]:
        """The columns that are read of NDJSON, with their types."""
        root = self.shapes.root
        if root.whole:
            raise Unsupported("$this")
        return {key: self._type(child.shape, child.sort, child.many) for key, child in root.children.items()}

    def packed(self) -> str:
        """The root's variable, made of the columns that were read."""
        fields = ", ".join(f"{self.text(key)}: {self.quoted(key)}" for key in self.columns())
        return f"{{{fields}}} AS {self.plan.root.name}"

    def transformed(self, body: str) -> str:
        """The root's variable, made of a JSON document: slower, and forgiving of other types of resources."""
        return f"from_json({body}, {self._structure(self.shapes.root)}) AS {self.plan.root.name}"

    def _type(self, shape: Shape | None, sort: Sort, many: bool) -> str:
        found = shape.found() if shape is not None else None
        if found is None or found.is_json:
            type = self.types[sort]
        else:
            inside = (
                f"{self.quoted(key)} {self._type(child.shape, child.sort, child.many)}"
                for key, child in found.children.items()
            )
            type = f"STRUCT({', '.join(inside)})"
        return f"{type}[]" if many else type

    def _structure(self, shape: Shape) -> str:
        """A shape as the JSON text that ``from_json`` takes."""
        return self.text(msgspec.json.encode(self._plain(shape)).decode())

    def _plain(self, shape: Shape) -> dict[str, object]:
        found: dict[str, object] = {}
        for key, child in shape.found().children.items():
            inside = child.shape.found() if child.shape is not None else None
            type: object = self.types[child.sort] if inside is None or inside.is_json else self._plain(inside)
            found[key] = [type] if child.many else type
        return found

    # --- terms -----------------------------------------------------------------------------------------------

    def get(self, term: Get) -> str:
        holder, said = self.shapes.of(term.base), self.say(term.base)
        if holder is not None and holder.is_json and holder.children:
            only = Shape(children={term.key: holder.children[term.key]})
            said = f"from_json({said}, {self._structure(only)})"
        found = f"struct_extract({said}, {self.text(term.key)})"
        if term.many and term.sort != "complex":
            return f"list_filter({found}, lambda x_: x_ IS NOT NULL)"
        return found

    def each(self, base: str, name: str, body: str, *, flat: bool) -> str:
        mapped = f"list_transform({base}, lambda {name}: {body})"
        return f"flatten({mapped})" if flat else f"list_filter({mapped}, lambda x_: x_ IS NOT NULL)"

    def keep(self, base: str, name: str, test: str) -> str:
        return f"list_filter({base}, lambda {name}: {test})"

    def chain(self, items: list[tuple[str, bool]], term: Chain) -> str:
        lists = [
            said if many else f"list_filter([{said}], lambda x_: x_ IS NOT NULL)" for said, many in items
        ]
        found = lists[0]
        for other in lists[1:]:
            found = f"list_concat({found}, {other})"
        return found

    def slice(self, base: str, start: int, count: int | None) -> str:
        return f"list_slice({base}, {start + 1}, {-1 if count is None else start + count})"

    def distinct(self, base: str) -> str:
        return f"list_filter({base}, lambda x_, i_: list_position({base}, x_) = i_)"

    def item(self, base: str, index: int) -> str:
        return f"list_extract({base}, {index if index < 0 else index + 1})"

    def length(self, base: str) -> str:
        return f"COALESCE(len({base}), 0)"

    def join(self, base: str, separator: str) -> str:
        return f"array_to_string({base}, {separator})"

    def fail(self, at: str, term: Term) -> str:
        return f"error({self.text(f'view-many-values:{at};')})"

    def matched(self, base: str, pattern: str) -> str:
        return f"CASE WHEN regexp_matches({base}, {pattern}) THEN regexp_extract({base}, {pattern}, 2) END"

    def numeric(self, text: str) -> str:
        return f"TRY_CAST({text} AS DECIMAL(38, 15))"

    def calculate(self, operator: str, one: str, other: str) -> str:
        """Multiplied and divided as doubles, since two wide decimals have no product type."""
        if operator in "*/":
            one, other = f"CAST({one} AS DOUBLE)", f"CAST({other} AS DOUBLE)"
        if operator == "/":
            other = f"NULLIF({other}, 0)"
        return f"CAST(round({one} {operator} {other}, 8) AS DECIMAL(38, 8))"

    def digits(self, number: str) -> str:
        text = f"CAST({number} AS VARCHAR)"
        return f"CASE WHEN instr({text}, '.') > 0 THEN rtrim(rtrim({text}, '0'), '.') ELSE {text} END"

    def position(self, part: str, text: str) -> str:
        return f"instr({text}, {part})"

    def list_type(self, type: str) -> str:
        return f"{type}[]"

    # --- rows ------------------------------------------------------------------------------------------------

    def no_items(self, type: str) -> str:
        return "[]"

    def unnested(self, source: str, keep: list[str], foci: str, item: str, row: str) -> str:
        columns = [*keep, f"unnest({foci}) AS {item}"]
        if row:
            columns.append(f"generate_subscripts({foci}, 1) - 1 AS {row}")
        return f"SELECT {', '.join(columns)} FROM {source}"

    def walked(self, walk: Walk, source: str, keep: list[str], row: str, query: Query) -> str:
        """A recursive query over JSON elements, each with its way from the root to put them in order."""
        kinds, kept = list(walk.steps), "".join(f"{name}, " for name in keep)
        started = query.step(
            f"SELECT {kept}row_number() OVER () AS walk_row, {self._listed(walk.first, kinds)} AS walk_items FROM {source}"
        )
        nodes = "".join(f", walk_node AS {node.name}" for node, _ in walk.steps.values())
        cases = " ".join(
            f"WHEN {index} THEN {self._listed(walk.steps[kind][1], kinds)}"
            for index, kind in enumerate(kinds)
        )
        name = query.fresh()
        query.step(
            f"SELECT {kept}walk_row, u_.n AS walk_node, u_.k AS walk_kind, u_.p AS walk_path "
            f"FROM (SELECT {kept}walk_row, unnest(walk_items) AS u_ FROM {started})\nUNION ALL\n"
            f"SELECT {kept}walk_row, u_.n, u_.k, list_concat(walk_path, u_.p) "
            f"FROM (SELECT {kept}walk_row, walk_path, unnest(CASE walk_kind {cases} END) AS u_ "
            f"FROM (SELECT *{nodes} FROM {name}))",
            name,
        )
        order = f"row_number() OVER (PARTITION BY walk_row ORDER BY walk_path) - 1 AS {row}"
        return query.step(f"SELECT {kept}walk_node, walk_kind, {order} FROM {name}")

    def _listed(self, children: Children, kinds: list[str]) -> str:
        """The children as one list of node, kind and way."""
        found = "CAST([] AS STRUCT(n JSON, k BIGINT, p BIGINT[])[])"
        for number, child in children:
            kind = kinds.index(child.kind)
            item = f"{{'n': w_, 'k': CAST({kind} AS BIGINT), 'p': [CAST({number} AS BIGINT), i_]}}"
            found = f"list_concat({found}, list_transform({self.say(child)}, lambda w_, i_: {item}))"
        return found

    def opened(self, item: Variable) -> str:
        """An element of a walk, read from its JSON."""
        shape = self.shapes.of(item)
        if shape is None or shape.is_json:
            return "walk_node"
        return f"from_json(walk_node, {self._structure(shape)})"
