"""What can be found of a resource? Its index rows, in one walk that is compiled once for each type."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from passerelle.fhir.definitions import resource_types, sources
from passerelle.fhir.search_measure import Read, Rows
from passerelle.fhir.search_read import reader
from passerelle.fhir.search_terms import IndexRow
from passerelle.values import Json


def index(resource: Json, base: str = "", *, columns: bool = True) -> tuple[IndexRow, ...]:
    """Every searchable value of a resource, each once.

    ``base`` is this server's FHIR address: references to it become relative. Without ``columns`` what an engine
    holds in columns of its own is left out: ``_id`` and ``_lastUpdated``.
    """
    rows: Rows = []
    find = _visits(resource.get("resourceType", ""), columns).get
    for name, value in resource.items():
        visit = find(name)
        if visit is not None:
            visit(value, base, 0, rows)
    for names, row in _absent(resource.get("resourceType", "")):
        if names.isdisjoint(resource):
            rows.append(row)
    return tuple(dict.fromkeys(rows))


_META = (
    ("meta.tag", "_tag", "token", "Coding"),
    ("meta.security", "_security", "token", "Coding"),
    ("meta.profile", "_profile", "uri", "canonical"),
    ("meta.source", "_source", "uri", "uri"),
)
_COLUMNS = (("id", "_id", "token", "id"), ("meta.lastUpdated", "_lastUpdated", "date", "instant"))
_STEP = re.compile(r"(\w+)(?:\[(?:(\w+)=([\w-]+)|0)\])?")


@dataclass
class _Node:
    """What to do at one element: read its value, and go on to its children."""

    readers: list[Read] = field(default_factory=list)
    children: dict[str, _Node] = field(default_factory=dict)
    chosen: dict[tuple[str, str] | None, _Node] = field(default_factory=dict)
    """Behind a filter: (element, value) as in ``telecom[system=phone]``, or None for the first only."""
    slotted: bool = False

    def at(self, steps: tuple[str, ...]) -> _Node:
        if not steps:
            return self
        match = _STEP.fullmatch(steps[0])
        assert match is not None  # noqa: S101  the compiler of the definitions writes nothing else
        child = self.children.setdefault(match[1], _Node())
        if "[" in steps[0]:
            child = child.chosen.setdefault((match[2], match[3]) if match[2] else None, _Node())
        return child.at(steps[1:])

    def visit(self) -> Read:
        """From the value of this element, one or a list of them."""
        each = self._each()
        several = [_chosen(choice, node.visit()) for choice, node in self.chosen.items()]
        if self.readers or self.children:
            several.append(_numbered(each) if self.slotted else _every(each))
        return several[0] if len(several) == 1 else _all(several)

    def _each(self) -> Read:
        """From one value."""
        steps = list(self.readers)
        visits = {name: child.visit() for name, child in self.children.items()}
        if len(visits) == 1:
            steps.append(_only(*next(iter(visits.items()))))
        elif visits:
            steps.append(_known(visits))
        return steps[0] if len(steps) == 1 else _all(steps)


@cache
def _absent(type: str) -> tuple[tuple[frozenset[str], IndexRow], ...]:
    """What is said by the absence of some elements: who is not said to be deceased is not."""
    said = [source for source in sources(type) if source.path.type == "Deceased"]
    names = frozenset(source.path.steps[0] for source in said)
    return ((names, IndexRow(said[0].name, "token", "false")),) if said else ()


@cache
def _visits(type: str, columns: bool) -> dict[str, Read]:
    """What to do with the value of each top-level element of a type."""
    if type not in resource_types():
        return {}
    top = _Node()
    for path, name, kind, datatype in (*_META, *(_COLUMNS if columns else ())):
        top.at(tuple(path.split("."))).readers.append(reader(name, kind, datatype))
    for source in sources(type):
        top.at(source.path.steps).readers.append(reader(source.name, source.kind, source.path.type))
        if source.slotted:
            top.at((source.path.steps[0].partition("[")[0],)).slotted = True
    return {name: child.visit() for name, child in top.children.items()}


# --- closures ---------------------------------------------------------------------------------------------------


def _all(reads: list[Read]) -> Read:
    if not reads:
        return lambda value, base, slot, rows: None
    if len(reads) == 2:
        first, second = reads

        def both(value: Any, base: str, slot: int, rows: Rows) -> None:
            first(value, base, slot, rows)
            second(value, base, slot, rows)

        return both

    def read(value: Any, base: str, slot: int, rows: Rows) -> None:
        for one in reads:
            one(value, base, slot, rows)

    return read


def _every(each: Read) -> Read:
    def read(value: Any, base: str, slot: int, rows: Rows) -> None:
        if type(value) is list:
            for item in value:
                each(item, base, slot, rows)
        else:
            each(value, base, slot, rows)

    return read


def _numbered(each: Read) -> Read:
    def read(value: Any, base: str, slot: int, rows: Rows) -> None:
        for place, item in enumerate(value if type(value) is list else (value,), start=1):
            each(item, base, place, rows)

    return read


def _only(name: str, visit: Read) -> Read:
    def read(value: Any, base: str, slot: int, rows: Rows) -> None:
        found = value.get(name) if type(value) is dict else None
        if found is not None:
            visit(found, base, slot, rows)

    return read


def _known(visits: dict[str, Read]) -> Read:
    find = visits.get

    def read(value: Any, base: str, slot: int, rows: Rows) -> None:
        if type(value) is dict:
            for name, child in value.items():
                visit = find(name)
                if visit is not None:
                    visit(child, base, slot, rows)

    return read


def _chosen(choice: tuple[str, str] | None, visit: Read) -> Read:
    def read(value: Any, base: str, slot: int, rows: Rows) -> None:
        items = value if type(value) is list else [value]
        if choice is None:
            visit(items[0] if items else None, base, slot, rows)
            return
        name, wanted = choice
        for item in items:
            if type(item) is dict and item.get(name) == wanted:
                visit(item, base, slot, rows)

    return read
