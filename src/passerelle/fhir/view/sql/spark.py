"""How does Spark say a view? As DuckDB does, with other words; it lacks recursion, so a walk folds level by level."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from passerelle.fhir.view.navigate import Unsupported
from passerelle.fhir.view.plan import Children, Plan, Walk
from passerelle.fhir.view.sql import functions
from passerelle.fhir.view.sql.dialect import Dialect
from passerelle.fhir.view.sql.shapes import Shape, Shapes
from passerelle.fhir.view.terms import Chain, Get, Sort, Term, Variable

if TYPE_CHECKING:
    from passerelle.fhir.view.sql.statement import Query

MOST = 64
"""How deep elements may nest below one another."""

_NODE = "STRUCT<n: STRING, k: INT, p: ARRAY<INT>>"
_LEVELS = f"STRUCT<done: ARRAY<{_NODE}>, level: ARRAY<{_NODE}>>"
_UTC = "COALESCE(date_format(try_cast(x AS TIMESTAMP), \"yyyy-MM-dd'T'HH:mm:ss.SSS'Z'\"), x)"
_NUMBER = "try_cast(x AS DECIMAL(38, 15))"
_SCALE = "CASE WHEN instr(x, '.') > 0 THEN length(x) - instr(x, '.') ELSE 0 END"
_HALF = f"CAST(0.5 / pow(10, {_SCALE}) AS DECIMAL(38, 15))"
_PADDED = functions.PADDED.format(dot="instr(x, '.')")


_numbers = itertools.count(1)


def _call(name: str, *arguments: str) -> str:
    """A function written out where it is called: Spark's own are not allowed inside lambdas.

    An argument that is more than a word gets a name of its own by a lambda, so that it is written once.
    """
    parameters = ("a", "b") if name == "compared" else ("x", "high" if name.endswith("boundary") else "y")
    bound, given = [], {}
    for parameter, argument in zip(parameters, arguments, strict=False):
        given[parameter] = argument
        if not re.fullmatch(r"\w+", argument):
            given[parameter] = f"{parameter}{next(_numbers)}_"
            bound.append((given[parameter], argument))
    words = re.compile(rf"(?<!['\w])({'|'.join(given)})(?!['\w])")
    said = "(" + words.sub(lambda found: given[found[1]], _BODIES[name]) + ")"
    for variable, argument in reversed(bound):
        said = f"get(transform(array({argument}), {variable} -> {said}), 0)"
    return said


_BODIES: dict[str, str] = {
    "padded": _PADDED,
    "compared": functions.compared("a", "b"),
    "date_boundary": functions.DATE_BOUNDARY,
    "time_boundary": functions.TIME_BOUNDARY,
    "zone": functions.ZONE,
    "number_boundary": f"CASE WHEN high THEN {_NUMBER} + {_HALF} ELSE {_NUMBER} - {_HALF} END",
}
_BODIES["canonical"] = functions.CANONICAL.format(utc=_UTC, padded=_call("padded", "x"))
_BODIES["time_compared"] = _call("compared", _call("padded", "x"), _call("padded", "y"))
_BODIES["moment_boundary"] = functions.moment_boundary(_call)
_BODIES["moment_compared"] = functions.moment_compared(_call)


class Spark(Dialect):
    """Spark 4 with ``spark.sql.session.timeZone`` UTC."""

    name = "spark"
    beginning = "WITH"
    types: ClassVar[Mapping[Sort, str]] = {
        "boolean": "BOOLEAN",
        "integer": "BIGINT",
        "decimal": "STRING",
        "text": "STRING",
        "date": "STRING",
        "dateTime": "STRING",
        "time": "STRING",
        "complex": "STRING",
    }

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.shapes = Shapes(plan)

    def packed(self, body: str) -> str:
        """The root's variable, read from the text of a resource."""
        if self.shapes.root.whole:
            raise Unsupported("$this")
        return f"from_json({body}, {self._structure(self.shapes.root)}) AS {self.plan.root.name}"

    def _structure(self, shape: Shape) -> str:
        return self.text(", ".join(self._fields(shape, " ")))

    def _fields(self, shape: Shape, between: str) -> list[str]:
        return [
            f"{self.quoted(key)}{between}{self._type(child.shape, child.sort, child.many)}"
            for key, child in shape.found().children.items()
        ]

    def _type(self, shape: Shape | None, sort: Sort, many: bool) -> str:
        found = shape.found() if shape is not None else None
        if found is None or found.is_json:
            type = self.types[sort]
        else:
            type = f"STRUCT<{', '.join(self._fields(found, ': '))}>"
        return f"ARRAY<{type}>" if many else type

    # --- terms -----------------------------------------------------------------------------------------------

    def call(self, name: str, *arguments: str) -> str:
        return _call(name, *arguments)

    def get(self, term: Get) -> str:
        holder, said = self.shapes.of(term.base), self.say(term.base)
        if holder is not None and holder.is_json and holder.children:
            only = Shape(children={term.key: holder.children[term.key]})
            said = f"from_json({said}, {self._structure(only)})"
        found = f"({said}).{self.quoted(term.key)}"
        if term.many and term.sort != "complex":
            return f"filter({found}, x_ -> x_ IS NOT NULL)"
        return found

    def each(self, base: str, name: str, body: str, *, flat: bool) -> str:
        if flat:
            return f"flatten(filter(transform({base}, {name} -> {body}), x_ -> x_ IS NOT NULL))"
        return f"filter(transform({base}, {name} -> {body}), x_ -> x_ IS NOT NULL)"

    def keep(self, base: str, name: str, test: str) -> str:
        return f"filter({base}, {name} -> {test})"

    def chain(self, items: list[tuple[str, bool]], term: Chain) -> str:
        lists = [
            f"COALESCE({said}, array())" if many else f"filter(array({said}), x_ -> x_ IS NOT NULL)"
            for said, many in items
        ]
        return f"concat({', '.join(lists)})"

    def slice(self, base: str, start: int, count: int | None) -> str:
        return f"slice({base}, {start + 1}, {self.length(base) if count is None else count})"

    def distinct(self, base: str) -> str:
        return f"array_distinct({base})"

    def item(self, base: str, index: int) -> str:
        return f"try_element_at({base}, {index if index < 0 else index + 1})"

    def length(self, base: str) -> str:
        return f"COALESCE(array_size({base}), 0)"

    def join(self, base: str, separator: str) -> str:
        return f"array_join({base}, {separator})"

    def fail(self, at: str, term: Term) -> str:
        return f"CAST(raise_error({self.text(f'view-many-values:{at};')}) AS {self._type(self.shapes.of(term), term.sort, False)})"

    def matched(self, base: str, pattern: str) -> str:
        return f"CASE WHEN {base} RLIKE {pattern} THEN regexp_extract({base}, {pattern}, 2) END"

    def numeric(self, text: str) -> str:
        return f"try_cast({text} AS DECIMAL(38, 15))"

    def calculate(self, operator: str, one: str, other: str) -> str:
        if operator in "*/":
            one, other = f"CAST({one} AS DOUBLE)", f"CAST({other} AS DOUBLE)"
        if operator == "/":
            other = f"NULLIF({other}, 0)"
        return f"CAST(round({one} {operator} {other}, 8) AS DECIMAL(38, 8))"

    def digits(self, number: str) -> str:
        text = f"CAST({number} AS STRING)"
        return f"CASE WHEN instr({text}, '.') > 0 THEN regexp_replace({text}, '[.]?0+$', '') ELSE {text} END"

    def position(self, part: str, text: str) -> str:
        return f"instr({text}, {part})"

    def list_type(self, type: str) -> str:
        return f"ARRAY<{type}>"

    def no_items(self, type: str) -> str:
        return f"CAST(array() AS ARRAY<{type}>)"

    def text(self, value: str) -> str:
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"

    def quoted(self, name: str) -> str:
        return f"`{name}`"

    def hint(self, uses: int) -> str:
        return ""

    # --- rows ------------------------------------------------------------------------------------------------

    def unnested(self, source: str, keep: list[str], foci: str, item: str, row: str) -> str:
        columns = [*keep, item, *([row] if row else [])]
        place = row or f"o_{item}"
        return f"SELECT {', '.join(columns)} FROM {source} LATERAL VIEW posexplode({foci}) t_{item} AS {place}, {item}"

    def walked(self, walk: Walk, source: str, keep: list[str], row: str, query: Query) -> str:
        """Level below level, each made of the one above, until one is empty; ``MOST`` levels are looked at."""
        kinds, kept = list(walk.steps), "".join(f"{name}, " for name in keep)
        cases = []
        for index, (node, children) in enumerate(walk.steps.values()):
            inside = f"flatten(transform(array(n_.n), {node.name} -> {self._listed(children, kinds)}))"
            cases.append(f"WHEN {index} THEN {inside}")
        child = "named_struct('n', c_.n, 'k', c_.k, 'p', concat(n_.p, c_.p))"
        below = (
            f"flatten(transform(s_.level, n_ -> transform(CASE n_.k {' '.join(cases)} END, c_ -> {child})))"
        )
        start = (
            f"CAST(named_struct('done', array(), 'level', {self._listed(walk.first, kinds)}) AS {_LEVELS})"
        )
        step = f"CAST(named_struct('done', concat(s_.done, s_.level), 'level', {below}) AS {_LEVELS})"
        deeper = f"CAST(raise_error('nested deeper than {MOST}') AS ARRAY<{_NODE}>)"
        done = f"CASE WHEN array_size(s_.level) > 0 THEN {deeper} ELSE s_.done END"
        every = f"aggregate(sequence(1, {MOST}), {start}, (s_, i0_) -> {step}, s_ -> {done})"
        started = query.step(
            f"SELECT {kept}monotonically_increasing_id() AS walk_row, {every} AS walk_items FROM {source}"
        )
        found = query.step(
            f"SELECT {kept}walk_row, u_.n AS walk_node, u_.k AS walk_kind, u_.p AS walk_path "
            f"FROM {started} LATERAL VIEW explode(walk_items) t_ AS u_"
        )
        order = f"row_number() OVER (PARTITION BY walk_row ORDER BY walk_path) - 1 AS {row}"
        return query.step(f"SELECT {kept}walk_node, walk_kind, {order} FROM {found}")

    def _listed(self, children: Children, kinds: list[str]) -> str:
        lists = [f"CAST(array() AS ARRAY<{_NODE}>)"]
        for number, child in children:
            node = f"named_struct('n', w_, 'k', {kinds.index(child.kind)}, 'p', array({number}, i_))"
            lists.append(f"COALESCE(transform({self.say(child)}, (w_, i_) -> {node}), array())")
        return f"concat({', '.join(lists)})"

    def opened(self, item: Variable) -> str:
        shape = self.shapes.of(item)
        if shape is None or shape.is_json:
            return "walk_node"
        return f"from_json(walk_node, {self._structure(shape)})"
