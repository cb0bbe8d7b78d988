"""The compiled rules, codes and profiles in the box: files of one line for each key, read when it is first asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec


class Lines:
    """A file of ``key<TAB>JSON`` lines, of which only the places are kept in memory."""

    def __init__(self, name: str) -> None:
        self._path = files(__package__).joinpath("data", name)
        self._places: Mapping[str, tuple[int, int]] | None = None

    def _index(self) -> Mapping[str, tuple[int, int]]:
        places: dict[str, tuple[int, int]] = {}
        at = 0
        for line in self._path.read_bytes().splitlines(keepends=True):
            key = line[: line.index(b"\t")]
            places[key.decode()] = (at + len(key) + 1, at + len(line))
            at += len(line)
        return places

    @property
    def places(self) -> Mapping[str, tuple[int, int]]:
        if self._places is None:
            self._places = self._index()
        return self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self.places)

    def get(self, key: str) -> Any:
        """What stands under a key, or None."""
        place = self.places.get(key)
        if place is None:
            return None
        with self._path.open("rb") as file:
            file.seek(place[0])
            return msgspec.json.decode(file.read(place[1] - place[0]))


@cache
def lines(name: str) -> Lines:
    return Lines(name)


Rule = tuple[str, str, bool, str, str]
"""(part, key, is an error, FHIRPath expression, the rule in English words)."""


@cache
def rules(type: str) -> tuple[Rule, ...]:
    """The invariants that R4 states for a type and its parts, without those that plain code checks."""
    found = lines("r4.jsonl").get(type) or {}
    return tuple(
        (part, key, bool(error), expression, words)
        for part, key, error, expression, words in found.get("rules", ())
    )


@cache
def bound(type: str) -> Mapping[str, str]:
    """The value set of each element of a type that R4 binds with strength ``required``, by its path in the type."""
    found: Mapping[str, str] = (lines("r4.jsonl").get(type) or {}).get("bound", {})
    return found


@cache
def canonical_targets(type: str) -> Mapping[str, list[str]]:
    """The types of resource whose canonical address an element may hold, by its path in the type."""
    found: Mapping[str, list[str]] = (lines("r4.jsonl").get(type) or {}).get("canonical", {})
    return found


@cache
def system_codes(system: str) -> frozenset[str] | None:
    """Every code of a code system that R4 publishes whole, or None for any other."""
    found = lines("systems.jsonl").get(system)
    return None if found is None else frozenset(found)


@cache
def codes(value_set: str) -> Mapping[str, frozenset[str]] | None:
    """The codes of a value set by system, or None if they cannot be listed here."""
    url = value_set.split("|")[0]
    found = lines("codes.jsonl").get(url)
    return None if found is None else {system: frozenset(each) for system, each in found.items()}
