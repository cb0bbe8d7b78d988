"""How is an expression built? Text to syntax tree, by precedence. https://hl7.org/fhirpath/N1/#grammar"""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache

from passerelle.fhir.fhirpath.errors import FhirPathError
from passerelle.fhir.fhirpath.lexer import Token, tokens
from passerelle.fhir.fhirpath.syntax import (
    Binary,
    Call,
    Constant,
    Dot,
    Expression,
    Indexer,
    Literal,
    Member,
    Nothing,
    QuantityLiteral,
    Special,
    TimeLiteral,
    TypeName,
    TypeOperation,
    Unary,
)

MOST_DEPTH = 200
"""How deep an expression may nest, brackets and long chains counted alike."""

MOST_DIGITS = 100
_BINDING = {
    "implies": 1,
    "or": 2,
    "xor": 2,
    "and": 3,
    "in": 4,
    "contains": 4,
    "=": 5,
    "~": 5,
    "!=": 5,
    "!~": 5,
    "<=": 6,
    "<": 6,
    ">": 6,
    ">=": 6,
    "|": 7,
    "is": 8,
    "as": 8,
    "+": 9,
    "-": 9,
    "&": 9,
    "*": 10,
    "/": 10,
    "div": 10,
    "mod": 10,
}
_UNARY = 11
_RESERVED = {"and", "or", "xor", "implies", "div", "mod", "true", "false"}
CALENDAR_UNITS = {
    word + plural: word
    for word in ("year", "month", "week", "day", "hour", "minute", "second", "millisecond")
    for plural in ("", "s")
}
"""Every calendar word, singular and plural, with its singular."""


@lru_cache(maxsize=4096)
def parse(expression: str) -> Expression:
    """The syntax tree of an expression; FhirPathError with the position if it is not one."""
    parser = _Parser(tokens(expression))
    try:
        tree = parser.expression(0)
    except RecursionError:
        raise FhirPathError("nested too deep", parser.peek().at, "syntax") from None
    parser.expect("end", "")
    return tree


class _Parser:
    """One reading of one expression: the words and how far we are."""

    def __init__(self, words: list[Token]) -> None:
        self.words = words
        self.next = 0
        self.depth = 0

    def take(self) -> Token:
        word = self.words[self.next]
        self.next += 1
        return word

    def peek(self, ahead: int = 0) -> Token:
        return self.words[min(self.next + ahead, len(self.words) - 1)]

    def at_symbol(self, text: str) -> bool:
        word = self.words[self.next]
        return word.kind == "symbol" and word.text == text

    def expect(self, kind: str, text: str) -> Token:
        word = self.peek()
        if word.kind != kind or (text and word.text != text):
            raise FhirPathError(f"{text or 'the end'} expected", word.at, "syntax")
        return self.take()

    def expression(self, least: int) -> Expression:
        """An expression whose operators bind tighter than ``least``."""
        self.depth += 1
        if self.depth > MOST_DEPTH:
            raise FhirPathError(f"nested deeper than {MOST_DEPTH}", self.peek().at, "syntax")
        left, chain = self.operand(), 0
        while (binding := self.binding()) > least:
            chain += 1
            if chain > MOST_DEPTH:
                raise FhirPathError(f"more than {MOST_DEPTH} operators in a row", self.peek().at, "syntax")
            left = self.operation(left, binding)
        self.depth -= 1
        return left

    def binding(self) -> int:
        word = self.peek()
        return _BINDING.get(word.text, 0) if word.kind in ("symbol", "word") else 0

    def operation(self, left: Expression, binding: int) -> Expression:
        word = self.take()
        if word.text in ("is", "as"):
            return TypeOperation(word.text, left, self.type_name(), word.at)
        return Binary(word.text, left, self.expression(binding), word.at)

    def operand(self) -> Expression:
        word = self.peek()
        if word.kind == "symbol" and word.text in "+-":
            self.take()
            return Unary(word.text, self.expression(_UNARY - 1), word.at)
        return self.chain(self.term())

    def chain(self, left: Expression) -> Expression:
        """What follows a term: ``.member``, ``.function()``, ``[index]``."""
        for _ in range(MOST_DEPTH):
            word = self.peek()
            if self.at_symbol("."):
                self.take()
                left = Dot(left, self.invocation(), word.at)
            elif self.at_symbol("["):
                self.take()
                left = Indexer(left, self.expression(0), word.at)
                self.expect("symbol", "]")
            else:
                return left
        raise FhirPathError(f"more than {MOST_DEPTH} steps in a row", self.peek().at, "syntax")

    def invocation(self) -> Member | Call | Special:
        word = self.take()
        if word.kind == "special":
            return Special(word.text, word.at)
        if word.kind not in ("word", "quoted"):
            raise FhirPathError("the name of an element or function expected", word.at, "syntax")
        if self.at_symbol("("):
            return Call(word.text, self.arguments(), word.at)
        return Member(word.text, word.at)

    def arguments(self) -> tuple[Expression, ...]:
        self.expect("symbol", "(")
        found: list[Expression] = []
        while not self.at_symbol(")"):
            if found:
                self.expect("symbol", ",")
            found.append(self.argument())
        self.take()
        return tuple(found)

    def argument(self) -> Expression:
        """An expression, or for ``sort`` one with a direction: ``family desc`` is ``-family``."""
        found = self.expression(0)
        word = self.peek()
        if word.kind == "word" and word.text in ("asc", "desc"):
            self.take()
            return Unary("-", found, word.at) if word.text == "desc" else found
        return found

    def term(self) -> Expression:
        word = self.peek()
        if word.kind == "symbol":
            return self.symbol_term(word)
        if word.kind == "number":
            return self.number()
        if word.kind in ("date", "datetime", "time"):
            return self.time_literal()
        if word.kind == "string":
            self.take()
            return Literal(word.text, word.at)
        if word.kind == "url":
            self.take()
            return Constant(word.text[1:], word.at)
        if word.kind == "word" and word.text in ("true", "false"):
            self.take()
            return Literal(word.text == "true", word.at)
        if word.kind in ("quoted", "special") or (word.kind == "word" and word.text not in _RESERVED):
            return self.invocation()
        raise FhirPathError("a value, a name or a bracket expected", word.at, "syntax")

    def symbol_term(self, word: Token) -> Expression:
        self.take()
        if word.text == "(":
            inside = self.expression(0)
            self.expect("symbol", ")")
            return inside
        if word.text == "{":
            self.expect("symbol", "}")
            return Nothing(word.at)
        if word.text == "%":
            name = self.take()
            if name.kind not in ("word", "quoted", "string", "double"):
                raise FhirPathError("the name of a constant expected", name.at, "syntax")
            return Constant(name.text, word.at)
        raise FhirPathError("a value, a name or a bracket expected", word.at, "syntax")

    def number(self) -> Expression:
        word = self.take()
        if len(word.text) > MOST_DIGITS:
            raise FhirPathError(f"a number may have {MOST_DIGITS} digits", word.at, "syntax")
        unit = self.peek()
        if unit.kind == "string":
            self.take()
            return QuantityLiteral(Decimal(word.text), unit.text, False, word.at)
        if unit.kind == "word" and unit.text in CALENDAR_UNITS:
            self.take()
            return QuantityLiteral(Decimal(word.text), CALENDAR_UNITS[unit.text], True, word.at)
        return Literal(Decimal(word.text) if "." in word.text else int(word.text), word.at)

    def time_literal(self) -> Expression:
        word = self.take()
        kind = {"date": "Date", "datetime": "DateTime", "time": "Time"}[word.kind]
        return TimeLiteral(kind, word.text[2:] if kind == "Time" else word.text[1:], word.at)

    def type_name(self) -> TypeName:
        first = self.take()
        if first.kind not in ("word", "quoted"):
            raise FhirPathError("the name of a type expected", first.at, "syntax")
        if not self.at_symbol("."):
            return TypeName("", first.text, first.at)
        self.take()
        second = self.take()
        if second.kind not in ("word", "quoted"):
            raise FhirPathError("the name of a type expected", second.at, "syntax")
        return TypeName(first.text, second.text, first.at)
