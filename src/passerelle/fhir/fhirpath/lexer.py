"""Which words does an expression consist of? https://hl7.org/fhirpath/N1/#lexical-elements"""

from __future__ import annotations

import re
from dataclasses import dataclass

from passerelle.fhir.fhirpath.errors import FhirPathError

MOST_CHARACTERS = 64 * 1024
"""Longer expressions are refused: nobody writes them, and reading them costs time."""

_TOKEN = re.compile(
    r"""
      (?P<space>\s+|//[^\r\n]*|/\*.*?\*/)
    | (?P<open>/\*)
    | (?P<datetime>@\d{4}(?:-\d\d(?:-\d\d)?)?T(?:\d\d(?::\d\d(?::\d\d(?:\.\d+)?)?)?(?:Z|[+-]\d\d:\d\d)?)?)
    | (?P<date>@\d{4}(?:-\d\d(?:-\d\d)?)?)
    | (?P<time>@T\d\d(?::\d\d(?::\d\d(?:\.\d+)?)?)?)
    | (?P<number>\d+(?:\.\d+)?)
    | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<quoted>`(?:\\.|[^`\\])*`)
    | (?P<string>'(?:\\.|[^'\\])*')
    | (?P<double>"(?:\\.|[^"\\])*")
    | (?P<special>\$(?:this|index|total)\b)
    | (?P<url>%(?:vs|ext)-[A-Za-z0-9][A-Za-z0-9-]*)
    | (?P<symbol><=|>=|!=|!~|[.,()\[\]{}|+\-*/&<>=~%])
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|.)", re.DOTALL)
_ESCAPED = {"'": "'", '"': '"', "`": "`", "\\": "\\", "/": "/", "r": "\r", "n": "\n", "t": "\t", "f": "\f"}


@dataclass(frozen=True, slots=True)
class Token:
    """One word: its kind (a group of the pattern above, or ``end``), its meaning and its offset."""

    kind: str
    text: str
    at: int


def tokens(expression: str) -> list[Token]:
    """The words of an expression, comments left out, an ``end`` last."""
    if len(expression) > MOST_CHARACTERS:
        raise FhirPathError(f"an expression may have {MOST_CHARACTERS} characters", None, "syntax")
    found: list[Token] = []
    at = 0
    while at < len(expression):
        match = _TOKEN.match(expression, at)
        kind = match.lastgroup if match else None
        if match is None or kind is None or kind == "open":
            raise FhirPathError("not a word of FHIRPath, or not closed", at, "syntax")
        if kind != "space":
            found.append(Token(kind, _meaning(kind, match.group(), at), at))
        at = match.end()
    found.append(Token("end", "", at))
    return found


def _meaning(kind: str, text: str, at: int) -> str:
    if kind in ("quoted", "string", "double"):
        return unescape(text[1:-1], at)
    return text


def unescape(text: str, at: int | None = None) -> str:
    """The text that a literal with escapes such as ``\\n`` or ``\\u0065`` stands for."""

    def one(match: re.Match[str]) -> str:
        code = match[1]
        if len(code) == 5:
            return chr(int(code[1:], 16))
        if code not in _ESCAPED:
            raise FhirPathError("unknown escape in a text", at, "syntax")
        return _ESCAPED[code]

    return _ESCAPE.sub(one, text) if "\\" in text else text
