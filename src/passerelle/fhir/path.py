"""Where in a resource does a value lie? Element paths, compiled once to closures."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any

Walk = Callable[[Any], Iterable[Any]]
"""From a JSON object to every value at a path, repetitions flattened."""

_FILTERED = re.compile(r"(\w+)\[(\w+)=([\w-]+)\]")


@cache
def walker(steps: tuple[str, ...]) -> Walk:
    """Compile steps such as ``("component", "code")`` or ``("telecom[system=phone]",)``.

    What does not have the shape that R4 says (a string where an object belongs) yields nothing.
    """
    if not steps:
        return lambda value: iter((value,))
    inner = walker(steps[1:]) if len(steps) > 1 else None
    if match := _FILTERED.fullmatch(steps[0]):
        return _filtered(match[1], match[2], match[3], inner)
    return _plain(steps[0], inner)


def _plain(name: str, inner: Walk | None) -> Walk:
    def walk(value: Any) -> Iterator[Any]:
        found = value.get(name) if type(value) is dict else None
        if found is None:
            return
        for item in found if type(found) is list else (found,):
            if inner is None:
                yield item
            else:
                yield from inner(item)

    return walk


def _filtered(name: str, key: str, wanted: str, inner: Walk | None) -> Walk:
    every = _plain(name, None)

    def walk(value: Any) -> Iterator[Any]:
        for item in every(value):
            if type(item) is dict and item.get(key) == wanted:
                if inner is None:
                    yield item
                else:
                    yield from inner(item)

    return walk
