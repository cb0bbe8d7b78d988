"""How does an engine say a term? What all SQL shares is here; a dialect adds how it keeps lists and JSON.

Every decimal is kept as the text that it was written with, every date as FHIR writes it, every list as a native
array. A column of an engine is therefore the same text that Python would give.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, ClassVar

from passerelle.fhir.view.navigate import Unsupported
from passerelle.fhir.view.terms import (
    Arithmetic,
    Boundary,
    Chain,
    Compare,
    Count,
    Distinct,
    Each,
    Empty,
    Exists,
    First,
    Get,
    Item,
    Join,
    Keep,
    Key,
    Logic,
    Not,
    Only,
    SameLists,
    Slice,
    Sort,
    Term,
    TextFunction,
    ToText,
    Value,
    Variable,
    When,
)
from passerelle.fhir.view.texts import REFERENCE

if TYPE_CHECKING:
    from passerelle.fhir.view.plan import Walk
    from passerelle.fhir.view.sql.statement import Query


class Dialect(ABC):
    """The words of one engine. ``say`` gives the SQL of a term."""

    name: ClassVar[str]
    types: ClassVar[Mapping[Sort, str]]
    setup: ClassVar[tuple[str, ...]] = ()
    """Statements that define the functions that the SQL calls, run once in a session."""
    prefix: ClassVar[str] = "passerelle_"
    beginning: ClassVar[str] = "WITH RECURSIVE"

    def say(self, term: Term) -> str:
        match term:
            case Variable(name=name):
                return name
            case Value():
                return self.value(term)
            case Empty():
                return f"CAST(NULL AS {self.type_of(term)})"
            case Get():
                return self.get(term)
            case Each() | Keep() | Chain() | Slice() | Distinct() | Item():
                return self._list(term)
            case First(items=items):
                return f"COALESCE({', '.join(self.say(item) for item in items)})"
            case When(test=test, base=base, other=other):
                otherwise = "" if other is None else f" ELSE {self.say(other)}"
                return f"CASE WHEN {self.say(test)} THEN {self.say(base)}{otherwise} END"
            case Only(base=base, at=at):
                several = self.say(base)
                return f"CASE WHEN {self.length(several)} > 1 THEN {self.fail(at, term)} ELSE {self.item(several, 0)} END"
            case Exists() | Count() | Compare() | SameLists() | Logic() | Not():
                return self._test(term)
            case _:
                return self._scalar(term)

    def _list(self, term: Term) -> str:
        match term:
            case Each(base=base, variable=variable, body=body):
                return self.each(self.say(base), variable.name, self.say(body), flat=body.many)
            case Keep(base=base, variable=variable, test=test):
                return self.keep(self.say(base), variable.name, self.say(test))
            case Chain(items=items):
                return self.chain([(self.say(item), item.many) for item in items], term)
            case Slice(base=base, start=start, count=count):
                return self.slice(self.say(base), start, count)
            case Distinct(base=base):
                return self.distinct(self.say(base))
            case Item(base=base, index=index):
                return self.item(self.say(base), index)
        raise Unsupported(type(term).__name__)

    def _test(self, term: Term) -> str:
        match term:
            case Exists(base=base):
                said = self.say(base)
                return f"({self.length(said)} > 0)" if base.many else f"({said} IS NOT NULL)"
            case Count(base=base):
                return self.length(self.say(base))
            case Compare():
                return self.compare(term)
            case SameLists(left=left, right=right):
                one, other = self.say(left), self.say(right)
                both = f"{self.length(one)} > 0 AND {self.length(other)} > 0"
                return f"CASE WHEN {both} THEN {one} = {other} END"
            case Not(base=base):
                return f"(NOT {self.say(base)})"
            case Logic(operator=operator, left=left, right=right):
                one, other = self.say(left), self.say(right)
                words = {
                    "and": f"({one} AND {other})",
                    "or": f"({one} OR {other})",
                    "xor": f"({one} <> {other})",
                }
                return words.get(operator, f"((NOT {one}) OR {other})")
        raise Unsupported(type(term).__name__)

    def _scalar(self, term: Term) -> str:
        match term:
            case Arithmetic():
                return self.arithmetic(term)
            case Join(base=base, separator=separator):
                return f"COALESCE({self.join(self.say(base), self.text(separator))}, '')"
            case Boundary():
                return self.boundary(term)
            case Key(base=base, type=wanted):
                pattern = REFERENCE.replace("([A-Z][A-Za-z]*)", f"({wanted})") if wanted else REFERENCE
                return self.matched(self.say(base), self.text(pattern))
            case TextFunction():
                return self.text_function(term)
            case ToText(base=base):
                return f"CAST({self.say(base)} AS {self.types['text']})"
        raise Unsupported(type(term).__name__)

    def call(self, name: str, *arguments: str) -> str:
        """A call of a function that ``setup`` defines."""
        return f"{self.prefix}{name}({', '.join(arguments)})"

    def compare(self, term: Compare) -> str:
        operator = {"!=": "<>"}.get(term.operator, term.operator)
        if term.by in ("date", "dateTime", "time"):
            function = "time_compared" if term.by == "time" else "moment_compared"
            return f"({self.call(function, self.say(term.left), self.say(term.right))} {operator} 0)"
        if term.by == "decimal":
            return f"({self.number(term.left)} {operator} {self.number(term.right)})"
        return f"({self.ordered(self.say(term.left), term)} {operator} {self.say(term.right)})"

    def ordered(self, said: str, term: Compare) -> str:
        """A side of a comparison; texts must sort by their code points."""
        return said

    def number(self, term: Term) -> str:
        """A term as a number of the engine rather than the text of a decimal."""
        if isinstance(term, Value):
            return self.numeric(str(term.value))
        if isinstance(term, Arithmetic) and term.sort == "decimal":
            return self.calculated(term)
        return self.numeric(self.say(term))

    def arithmetic(self, term: Arithmetic) -> str:
        one, other = self.say(term.left), self.say(term.right)
        if term.operator == "&":
            return f"({one} || {other})"
        if term.sort == "integer":
            return f"({one} {term.operator} {other})"
        return self.digits(self.calculated(term))

    def calculated(self, term: Arithmetic) -> str:
        return self.calculate(term.operator, self.number(term.left), self.number(term.right))

    def boundary(self, term: Boundary) -> str:
        said, high = self.say(term.base), "true" if term.high else "false"
        if term.sort == "decimal":
            text = said if term.base.sort == "decimal" else f"CAST({said} AS {self.types['text']})"
            return self.digits(self.call("number_boundary", text, high))
        words = {"date": "date_boundary", "dateTime": "moment_boundary", "time": "time_boundary"}
        return self.call(words[term.sort], said, high)

    def text_function(self, term: TextFunction) -> str:
        said = self.say(term.base)
        arguments = [self.text(str(argument)) for argument in term.arguments]
        words = {"upper": f"upper({said})", "lower": f"lower({said})", "trim": f"trim({said})"}
        words["length"] = f"CAST(length({said}) AS {self.types['integer']})"
        if term.name in words:
            return words[term.name]
        (part,) = arguments
        if term.name == "contains":
            return f"({self.position(part, said)} > 0)"
        size = f"length({part})"
        if term.name == "startsWith":
            return f"(substr({said}, 1, {size}) = {part})"
        return f"(length({said}) >= {size} AND substr({said}, length({said}) - {size} + 1) = {part})"

    def value(self, term: Value) -> str:
        value = term.value
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int) and term.sort != "decimal":
            return f"CAST({value} AS {self.types['integer']})"
        return self.text(str(Decimal(str(value))) if term.sort == "decimal" else str(value))

    def text(self, value: str) -> str:
        """A text literal; whatever a view holds, it stays a text."""
        return "'" + value.replace("'", "''") + "'"

    def type_of(self, term: Term) -> str:
        return self.list_type(self.types[term.sort]) if term.many else self.types[term.sort]

    def cell(self, term: Term, sort: Sort) -> str:
        """A cell as its column keeps values."""
        type, said = self.types[sort], self.say(term)
        if self.types[term.sort] != type:
            said = f"CAST({said} AS {self.list_type(type) if term.many else type})"
        return f"COALESCE({said}, {self.no_items(type)})" if term.many else said

    def null(self, sort: Sort, many: bool) -> str:
        type = self.types[sort]
        return f"CAST(NULL AS {self.list_type(type) if many else type})"

    # --- what a dialect says for itself ---------------------------------------------------------------------

    @abstractmethod
    def get(self, term: Get) -> str: ...
    @abstractmethod
    def each(self, base: str, name: str, body: str, *, flat: bool) -> str: ...
    @abstractmethod
    def keep(self, base: str, name: str, test: str) -> str: ...
    @abstractmethod
    def chain(self, items: list[tuple[str, bool]], term: Chain) -> str: ...
    @abstractmethod
    def slice(self, base: str, start: int, count: int | None) -> str: ...
    @abstractmethod
    def distinct(self, base: str) -> str: ...
    @abstractmethod
    def item(self, base: str, index: int) -> str: ...
    @abstractmethod
    def length(self, base: str) -> str: ...
    @abstractmethod
    def join(self, base: str, separator: str) -> str: ...
    @abstractmethod
    def fail(self, at: str, term: Term) -> str: ...
    @abstractmethod
    def matched(self, base: str, pattern: str) -> str: ...
    @abstractmethod
    def numeric(self, text: str) -> str: ...
    @abstractmethod
    def calculate(self, operator: str, one: str, other: str) -> str:
        """Two numbers of the engine, the result rounded to eight decimals."""

    @abstractmethod
    def digits(self, number: str) -> str: ...
    @abstractmethod
    def position(self, part: str, text: str) -> str: ...
    @abstractmethod
    def list_type(self, type: str) -> str: ...
    @abstractmethod
    def no_items(self, type: str) -> str: ...
    @abstractmethod
    def unnested(self, source: str, keep: list[str], foci: str, item: str, row: str) -> str:
        """``SELECT keep, item, row FROM source`` with a row for each of the foci."""

    @abstractmethod
    def walked(self, walk: Walk, source: str, keep: list[str], row: str, query: Query) -> str:
        """The name of a step with the elements of a walk as ``walk_node`` and ``walk_kind``, and their index."""

    @abstractmethod
    def opened(self, item: Variable) -> str:
        """An element of a walk as terms take it."""

    def quoted(self, name: str) -> str:
        return f'"{name}"'

    def hint(self, uses: int) -> str:
        """What stands between AS and a step: one that is used once needs no table of its own."""
        return "NOT MATERIALIZED " if uses == 1 else ""
