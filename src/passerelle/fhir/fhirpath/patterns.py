"""Does a text match a regular expression, without ever taking forever?

Python's own engine goes back and forth and may take exponential time (``(a+)+b``). Patterns that could make it do so are
run here as a set of states instead, one step for each character, and are refused if they look back or ahead as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from re import _constants as op  # type: ignore[attr-defined]  # the standard library's own reading of a pattern, so that both ways agree
from re import _parser  # type: ignore[attr-defined]
from typing import Any

from passerelle.fhir.fhirpath.errors import FhirPathError

_MOST_CHARACTERS, _MOST_STATES, _MOST_STEPS = 2000, 4000, 2000
_LONG = 20_000
"""Texts longer than this are not given to Python's engine at all."""
_MANY = 16
"""A part that may repeat more often than this can make Python's engine slow."""
_NESTED = 10
"""What a repetition in a repetition counts for: its time is exponential."""
_MOST_WORK = 10**8
"""What replacing may cost: characters to the power of the repetitions that can share them out."""
_FEW = 8
"""So many small choices (``a?``, ``a|b``) may stand in a pattern before it counts as slow."""
_FLAGS = re.DOTALL
Test = Callable[[int], bool]


def matches(text: str, wanted: str, whole: bool) -> bool:
    """Whether a pattern is found in a text, or is all of it, in time proportional to both."""
    if is_slow(wanted) or len(text) > _LONG:
        return _automaton(wanted).run(text, anywhere=not whole)
    found = _compiled(wanted)
    return (found.fullmatch(text) if whole else found.search(text)) is not None


def replacing(wanted: str, length: int) -> re.Pattern[str]:
    """A pattern to replace with in a text of that length: only Python's engine tells groups, so not for a slow one."""
    long, short = _choices(_parsed(wanted))
    if short > _FEW or max(length, 2) ** (long + 1) > _MOST_WORK:
        raise FhirPathError("this regular expression could take forever on this text: let it repeat less")
    return _compiled(wanted)


@lru_cache(maxsize=1024)
def _compiled(wanted: str) -> re.Pattern[str]:
    return re.compile(_as_python(wanted), _FLAGS)


_NAMED = re.compile(r"(?<!\\)\(\?<(?=[A-Za-z_])")


def _as_python(wanted: str) -> str:
    """A named group is written ``(?<name>…)`` in FHIRPath."""
    return _NAMED.sub("(?P<", wanted)


@lru_cache(maxsize=1024)
def is_slow(text: str) -> bool:
    """Whether going back and forth could take long: repetition in repetition, or one after the other."""
    long, short = _choices(_parsed(text))
    return long > 1 or short > _FEW


@lru_cache(maxsize=1024)
def _parsed(text: str) -> Any:
    if len(text) > _MOST_CHARACTERS:
        raise FhirPathError(f"a regular expression may have {_MOST_CHARACTERS} characters")
    try:
        return _parser.parse(_as_python(text), _FLAGS)
    except (re.error, RecursionError, OverflowError):
        raise FhirPathError("not a regular expression") from None


def _choices(parts: Any) -> tuple[int, int]:
    """How many repetitions and small choices could share out the same characters."""
    long = short = 0
    for code, told in parts:
        if code in _REPEATS:
            least, most, inner = told
            inside = sum(_choices(inner))
            long += (_NESTED if inside else 1) if most > _MANY and (inside or most != least) else 0
            short += inside * min(most, _MANY) + (most != least)
        elif code is op.BRANCH:
            within = [_choices(branch) for branch in told[1]]
            long, short = long + sum(a for a, _ in within), short + 1 + sum(b for _, b in within)
        elif code is op.SUBPATTERN or code in (op.ASSERT, op.ASSERT_NOT):
            a, b = _choices(told[-1])
            long, short = long + a, short + b
        elif code is op.GROUPREF:
            long += 1
    return long, short


_REPEATS = (op.MAX_REPEAT, op.MIN_REPEAT)
_STARTS = (op.AT_BEGINNING, op.AT_BEGINNING_STRING)
_ENDS = (op.AT_END, op.AT_END_STRING)


@lru_cache(maxsize=64)
def _automaton(text: str) -> _Automaton:
    parts = _parsed(text)
    if parts.state.flags & (re.IGNORECASE | re.MULTILINE | re.LOCALE | re.VERBOSE | re.ASCII):
        raise FhirPathError("a regular expression that repeats like this may not set flags")
    return _Automaton(parts)


@dataclass(slots=True)
class _State:
    """A place in a pattern: it eats a character that passes ``test``, or it leads on without one."""

    test: Test | None = None
    onward: list[int] = field(default_factory=list)
    needs: str = ""
    """``start`` or ``end`` for a place that is only passed there."""


class _Automaton:
    """A pattern as states. https://swtch.com/~rsc/regexp/regexp1.html"""

    def __init__(self, parts: Any) -> None:
        self.states: list[_State] = []
        self.last = self._new()
        self.first = self._sequence(parts, self.last)
        self.known: dict[tuple[frozenset[int], int, bool], frozenset[int]] = {}

    def run(self, text: str, anywhere: bool) -> bool:
        """Whether the text matches, as a whole or anywhere."""
        length = len(text)
        here = self._reached({self.first}, start=True, end=_at_end(text, 0, length))
        for at in range(length):
            if anywhere and self.last in here:
                return True
            here = self._step(here, ord(text[at]), _at_end(text, at + 1, length), anywhere)
            if not here:
                return False
        return self.last in here

    def _step(self, here: frozenset[int], character: int, end: bool, anywhere: bool) -> frozenset[int]:
        key = (here, character if not anywhere else -character - 1, end)
        found = self.known.get(key)
        if found is None:
            eaten = {
                onward
                for state in here
                if (test := self.states[state].test) is not None and test(character)
                for onward in self.states[state].onward
            }
            if anywhere:
                eaten.add(self.first)
            found = self._reached(eaten, start=False, end=end)
            if len(self.known) > _MOST_STEPS:
                self.known.clear()
            self.known[key] = found
        return found

    def _reached(self, states: set[int], start: bool, end: bool) -> frozenset[int]:
        """The states and all that they lead to without a character."""
        found, waiting = set(states), list(states)
        while waiting:
            state = self.states[waiting.pop()]
            passed = state.test is None and (not state.needs or (start if state.needs == "start" else end))
            for onward in state.onward if passed else ():
                if onward not in found:
                    found.add(onward)
                    waiting.append(onward)
        return frozenset(found)

    def _new(self, test: Test | None = None, *onward: int, needs: str = "") -> int:
        if len(self.states) >= _MOST_STATES:
            raise FhirPathError("this regular expression is too long when its repetitions are written out")
        self.states.append(_State(test, list(onward), needs))
        return len(self.states) - 1

    def _sequence(self, parts: Any, after: int) -> int:
        for code, told in reversed(list(parts)):
            after = self._part(code, told, after)
        return after

    def _part(self, code: Any, told: Any, after: int) -> int:
        if code in _REPEATS:
            least, most, inner = told
            return self._repeat(least, most, inner, after)
        if code is op.SUBPATTERN and not told[1] and not told[2]:
            return self._sequence(told[3], after)
        if code is op.BRANCH:
            return self._new(None, *(self._sequence(branch, after) for branch in told[1]))
        if code is op.AT and told in _STARTS + _ENDS:
            return self._new(None, after, needs="start" if told in _STARTS else "end")
        return self._new(_test(code, told), after)

    def _repeat(self, least: int, most: Any, inner: Any, after: int) -> int:
        if most is op.MAXREPEAT:
            loop = self._new(None, after)
            self.states[loop].onward.append(self._sequence(inner, loop))
            after = loop
        else:
            end = after
            for _ in range(most - least):
                after = self._new(None, end, self._sequence(inner, after))
        for _ in range(least):
            after = self._sequence(inner, after)
        return after


def _at_end(text: str, at: int, length: int) -> bool:
    return at == length or (at == length - 1 and text[at] == "\n")


def _test(code: Any, told: Any) -> Test:
    """Whether one character is what a part of the pattern wants."""
    if code is op.LITERAL:
        return lambda character: character == told
    if code is op.NOT_LITERAL:
        return lambda character: character != told
    if code is op.ANY:
        return lambda character: True
    if code is op.RANGE:
        return lambda character: told[0] <= character <= told[1]
    if code is op.CATEGORY:
        matches = re.compile(_CATEGORIES[told]).match
        return lambda character: matches(chr(character)) is not None
    if code is op.IN:
        negated = told[0][0] is op.NEGATE
        tests = [_test(*part) for part in told[negated:]]
        return lambda character: any(test(character) for test in tests) is not negated
    raise FhirPathError("a regular expression that repeats like this may not look back or ahead")


_CATEGORIES = {
    op.CATEGORY_DIGIT: r"\d",
    op.CATEGORY_NOT_DIGIT: r"\D",
    op.CATEGORY_SPACE: r"\s",
    op.CATEGORY_NOT_SPACE: r"\S",
    op.CATEGORY_WORD: r"\w",
    op.CATEGORY_NOT_WORD: r"\W",
}
