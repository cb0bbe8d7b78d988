"""How does PostgreSQL say a view? Bodies as ``jsonb``, lists as arrays, each list worked on by a small subquery."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from passerelle.fhir.view.plan import Children, Plan, Walk
from passerelle.fhir.view.sql import functions
from passerelle.fhir.view.sql.dialect import Dialect
from passerelle.fhir.view.terms import Chain, Compare, Get, Sort, Term, Variable

if TYPE_CHECKING:
    from passerelle.fhir.view.sql.statement import Query

_P = "pg_temp.passerelle_"


def _call(name: str, *arguments: str) -> str:
    return f"{_P}{name}({', '.join(arguments)})"


def _by_code_points(comparison: str) -> str:
    """Texts compared as Python compares them, whatever the language of the database."""
    return comparison.replace(" < ", ' COLLATE "C" < ').replace(" > ", ' COLLATE "C" > ')


def _setup() -> tuple[str, ...]:
    utc = """to_char(CAST(x AS timestamptz) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')"""
    padded = functions.PADDED.format(dot="strpos(x, '.')")
    scale = "CASE WHEN strpos(x, '.') > 0 THEN length(x) - strpos(x, '.') ELSE 0 END"
    half = f"0.5 / power(10::numeric, {scale})"
    items = (
        "CASE WHEN jsonb_typeof(x) = 'array' THEN x WHEN x IS NULL THEN '[]' ELSE jsonb_build_array(x) END"
    )
    listed = "SELECT i {0} FROM jsonb_array_elements{1}({2}) WITH ORDINALITY AS t(i, o) WHERE {3} ORDER BY o"
    texts = listed.format("", "_text", items, "i IS NOT NULL")
    bodies = {
        "padded(x text)": ("text", padded),
        "canonical(x text)": ("text", functions.CANONICAL.format(utc=utc, padded=f"{_P}padded(x)")),
        "compared(a text, b text)": ("integer", _by_code_points(functions.compared("a", "b"))),
        "time_compared(x text, y text)": ("integer", f"{_P}compared({_P}padded(x), {_P}padded(y))"),
        "date_boundary(x text, high boolean)": ("text", functions.DATE_BOUNDARY),
        "time_boundary(x text, high boolean)": ("text", functions.TIME_BOUNDARY),
        "zone(x text)": ("text", functions.ZONE),
        "moment_boundary(x text, high boolean)": ("text", functions.moment_boundary(_call)),
        "moment_compared(x text, y text)": ("integer", _by_code_points(functions.moment_compared(_call))),
        "number_boundary(x text, high boolean)": (
            "numeric",
            f"CASE WHEN high THEN x::numeric + {half} ELSE x::numeric - {half} END",
        ),
        "items(x jsonb)": (
            "jsonb[]",
            f"ARRAY({listed.format('', '', items, chr(39).join(['i <> ', 'null', '']))})",
        ),
        "texts(x jsonb)": ("text[]", f"ARRAY({texts})"),
    }
    made = [
        f"CREATE OR REPLACE FUNCTION {_P}{head} RETURNS {type} LANGUAGE sql IMMUTABLE AS $body$ SELECT {body} $body$"
        for head, (type, body) in bodies.items()
    ]
    fail = (
        f"CREATE OR REPLACE FUNCTION {_P}fail(said text, kind anyelement) RETURNS anyelement LANGUAGE plpgsql AS "
        "$body$ BEGIN RAISE EXCEPTION '%', said USING ERRCODE = 'data_exception'; END $body$"
    )
    return (*made, fail)


class Postgres(Dialect):
    """PostgreSQL 15 and later."""

    name = "postgresql"
    prefix = _P
    types: ClassVar[Mapping[Sort, str]] = {
        "boolean": "boolean",
        "integer": "bigint",
        "decimal": "text",
        "text": "text",
        "date": "text",
        "dateTime": "text",
        "time": "text",
        "complex": "jsonb",
    }
    setup = _setup()

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    def get(self, term: Get) -> str:
        base, key = self.say(term.base), self.text(term.key)
        if term.sort == "complex":
            return f"{_P}items({base} -> {key})" if term.many else f"({base} -> {key})"
        type = self.types[term.sort]
        if term.many:
            found = f"{_P}texts({base} -> {key})"
            return found if type == "text" else f"CAST({found} AS {type}[])"
        found = f"({base} ->> {key})"
        return found if type == "text" else f"CAST({found} AS {type})"

    def each(self, base: str, name: str, body: str, *, flat: bool) -> str:
        items = f"unnest({base}) WITH ORDINALITY AS t_{name}({name}, o_{name})"
        if flat:
            inner = f"unnest({body}) WITH ORDINALITY AS s_{name}(x_{name}, p_{name})"
            return f"ARRAY(SELECT x_{name} FROM {items}, {inner} ORDER BY o_{name}, p_{name})"
        found = f"SELECT {body} AS x_{name}, o_{name} FROM {items}"
        return (
            f"ARRAY(SELECT x_{name} FROM ({found}) AS s_{name} WHERE x_{name} IS NOT NULL ORDER BY o_{name})"
        )

    def keep(self, base: str, name: str, test: str) -> str:
        items = f"unnest({base}) WITH ORDINALITY AS t_{name}({name}, o_{name})"
        return f"ARRAY(SELECT {name} FROM {items} WHERE {test} ORDER BY o_{name})"

    def chain(self, items: list[tuple[str, bool]], term: Chain) -> str:
        return (
            "("
            + " || ".join(said if many else f"array_remove(ARRAY[{said}], NULL)" for said, many in items)
            + ")"
        )

    def slice(self, base: str, start: int, count: int | None) -> str:
        return f"({base})[{start + 1}:{'' if count is None else start + count}]"

    def distinct(self, base: str) -> str:
        items = f"unnest({base}) WITH ORDINALITY AS d_(x_, o_)"
        return f"ARRAY(SELECT x_ FROM {items} GROUP BY x_ ORDER BY min(o_))"

    def item(self, base: str, index: int) -> str:
        return f"({base})[{f'cardinality({base})' if index < 0 else index + 1}]"

    def length(self, base: str) -> str:
        return f"COALESCE(cardinality({base}), 0)"

    def join(self, base: str, separator: str) -> str:
        return f"array_to_string({base}, {separator})"

    def fail(self, at: str, term: Term) -> str:
        return f"{_P}fail({self.text(f'view-many-values:{at};')}, {self.null(term.sort, False)})"

    def matched(self, base: str, pattern: str) -> str:
        return f"(regexp_match({base}, {pattern}))[2]"

    def numeric(self, text: str) -> str:
        return f"CAST({text} AS numeric)"

    def calculate(self, operator: str, one: str, other: str) -> str:
        return f"round({one} {operator} {f'NULLIF({other}, 0)' if operator == '/' else other}, 8)"

    def digits(self, number: str) -> str:
        return f"CAST(trim_scale({number}) AS text)"

    def position(self, part: str, text: str) -> str:
        return f"strpos({text}, {part})"

    def list_type(self, type: str) -> str:
        return f"{type}[]"

    def ordered(self, said: str, term: Compare) -> str:
        return f'{said} COLLATE "C"' if term.by == "text" and term.operator not in ("=", "!=") else said

    def no_items(self, type: str) -> str:
        return "'{}'"

    def unnested(self, source: str, keep: list[str], foci: str, item: str, row: str) -> str:
        columns = [*keep, item, *([f"u_{item} - 1 AS {row}"] if row else [])]
        items = f"unnest({foci}) WITH ORDINALITY AS t_{item}({item}, u_{item})"
        return f"SELECT {', '.join(columns)} FROM {source} CROSS JOIN LATERAL {items}"

    def walked(self, walk: Walk, source: str, keep: list[str], row: str, query: Query) -> str:
        """A recursive query over jsonb elements, each with its way from the root to put them in order."""
        kinds, kept = list(walk.steps), "".join(f"{name}, " for name in keep)
        lists = "".join(f", {self.say(child)} AS walk_{index}" for index, (_, child) in enumerate(walk.first))
        started = query.step(f"SELECT {kept}row_number() OVER () AS walk_row{lists} FROM {source}")
        first = [
            self._branch(f"walk_{index}", number, kinds.index(child.kind))
            for index, (number, child) in enumerate(walk.first)
        ]
        nodes = "".join(f", walk_node AS {node.name}" for node, _ in walk.steps.values())
        deeper = [
            part for kind in kinds for part in self._deeper(walk.steps[kind][1], kinds, kinds.index(kind))
        ]
        name = query.fresh()
        query.step(
            f"SELECT {kept}walk_row, n AS walk_node, k AS walk_kind, p AS walk_path "
            f"FROM {started} CROSS JOIN LATERAL ({' UNION ALL '.join(first)}) AS t_\nUNION ALL\n"
            f"SELECT {kept}walk_row, n, k, walk_path || p FROM (SELECT *{nodes} FROM {name}) AS w_ "
            f"CROSS JOIN LATERAL ({' UNION ALL '.join(deeper)}) AS t_",
            name,
        )
        order = f"row_number() OVER (PARTITION BY walk_row ORDER BY walk_path) - 1 AS {row}"
        return query.step(f"SELECT {kept}walk_node, walk_kind, {order} FROM {name}")

    def _deeper(self, children: Children, kinds: list[str], here: int) -> list[str]:
        found = [
            self._branch(self.say(child), number, kinds.index(child.kind), f" WHERE walk_kind = {here}")
            for number, child in children
        ]
        return found or ["SELECT NULL::jsonb AS n, 0 AS k, ARRAY[]::bigint[] AS p WHERE false"]

    def _branch(self, items: str, number: int, kind: int, where: str = "") -> str:
        way = f"ARRAY[{number}::bigint, o]"
        return f"SELECT n, {kind} AS k, {way} AS p FROM unnest({items}) WITH ORDINALITY AS u_(n, o){where}"

    def opened(self, item: Variable) -> str:
        return "walk_node"
