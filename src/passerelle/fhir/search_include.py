"""What comes along with the matches? ``_include`` and ``_revinclude``, with ``:iterate``.

https://hl7.org/fhir/R4/search.html#include
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from passerelle.fhir.definitions import resource_types
from passerelle.fhir.outcome import BadInput, Issue
from passerelle.fhir.search_known import parameters
from passerelle.fhir.search_meaning import Seen
from passerelle.fhir.search_terms import Include, Query

MOST_INCLUDED = 20_000
"""How many resources may come along with one page."""

Find = Callable[[Sequence[str]], Iterable[Seen]]
"""The current resources at some ``Type/id``, those in scope."""

Pointing = Callable[[str, tuple[str, ...], Sequence[str]], Iterable[Seen]]
"""The resources of a type, in scope, with a row of one of some names whose text is one of some references."""


def beside(query: Query, matched: Sequence[Seen], find: Find, pointing: Pointing) -> dict[str, Seen]:
    """All that comes along with a page of matches, by reference, each once; never a match itself.

    What is not ``:iterate`` is followed from the matches only, what is, from everything that comes along too,
    until nothing new is found: a circle ends by itself.
    """
    if not query.include and not query.revinclude:
        return {}
    known = {one.reference for one in matched}
    found: dict[str, Seen] = {}
    newest, first = list(matched), True
    while newest:
        forward = [one for one in query.include if first or one.iterate]
        backward = [one for one in query.revinclude if first or one.iterate]
        sought = sorted({text for one in newest for text in pointed(one, forward)} - known)
        came = {one.reference: one for one in find(sought)} if sought else {}
        for step in backward:
            came |= {one.reference: one for one in _back(step, newest, pointing)}
        fresh = {name: one for name, one in came.items() if name not in known}
        found |= fresh
        if len(found) > MOST_INCLUDED:
            raise BadInput(
                Issue("search-too-many-included", "too-costly", details={"limit": str(MOST_INCLUDED)})
            )
        known |= fresh.keys()
        newest, first = [fresh[name] for name in sorted(fresh)], False
    return {name: found[name] for name in sorted(found)}


def pointed(seen: Seen, steps: Sequence[Include]) -> set[str]:
    """The references (``Type/id``) that some ``_include`` follow from a resource."""
    followed: set[str] = set()
    for step in steps:
        if step.source not in ("*", seen.type):
            continue
        names, start = _rows(seen.type, step.name)
        if step.target and start not in ("", f"{step.target}/"):
            continue  # `patient` never points to a Group
        start = f"{step.target}/" if step.target else start
        followed |= {
            row.text
            for row in seen.rows
            if row.kind == "reference" and row.text.startswith(start) and (names is None or row.name in names)
        }
    return {text for text in followed if text.partition("/")[0] in resource_types()}


def _rows(type: str, name: str) -> tuple[tuple[str, ...] | None, str]:
    """The names of the rows of a reference parameter, None for all, and how their text must start."""
    if name == "*":
        return None, ""
    known = parameters(type).get(name)
    return (known.rows, known.start) if known else ((), "")


def _back(step: Include, newest: Sequence[Seen], pointing: Pointing) -> Iterable[Seen]:
    """What refers to the newest by the reference of a ``_revinclude``."""
    shown = [one.reference for one in newest if not step.target or one.type == step.target]
    for source in sorted(resource_types()) if step.source == "*" else (step.source,):
        names = source_rows(source, step.name, {one.partition("/")[0] for one in shown})
        if names and shown:
            yield from pointing(source, names, shown)


def source_rows(source: str, name: str, types: Iterable[str]) -> tuple[str, ...]:
    """The names of the rows of a type that may point to some types by a reference parameter or, with ``*``, any."""
    wanted = set(types)
    found: dict[str, None] = {}
    for one in parameters(source).values():
        if one.kind != "reference" or name not in ("*", one.name):
            continue
        if not one.targets or wanted & set(one.targets):
            found |= dict.fromkeys(one.rows)
    return tuple(found)
