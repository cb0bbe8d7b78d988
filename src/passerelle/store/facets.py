"""Which values has a resource? Its facets, their fingerprints, and what of them the database has already written out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from passerelle.fhir.search import IndexRow
from passerelle.store.compose import Dialect
from passerelle.store.numbers import bucket, fingerprint
from passerelle.store.tables import SHORT

Key = Any
"""A fingerprint as an engine keeps it: bytes, or the text of a UUID."""

Facet = tuple[str, str, str, str, str, int]
"""Type, name, text, system, exact, slot."""

FacetRow = tuple[int, Key, str, str, str, str, int]
"""As ``tables.facet`` has it."""

PRESENT = ":"
"""Starts the names of the facets that say which names a resource has rows of; for references also to which types."""

MOST = 20_000
"""How many facets are remembered, twice."""


class Lexicon:
    """Facets that the database is known to have written out. What is asked for often is remembered longest."""

    def __init__(self, dialect: Dialect) -> None:
        self._key = _short if dialect == "sqlite" else _hex
        self._young: dict[Any, Key] = {}
        self._old: dict[Any, Key] = {}
        self.generation: Any = None
        """Of PostgreSQL: the erasure that was the last when this was learnt (``SqlChange.purge``)."""

    def get(self, facet: Any) -> Key | None:
        found = self._young.get(facet)
        if found is None and (found := self._old.get(facet)) is not None:
            self._young[facet] = found
        return found

    def made(self, facet: Any) -> Key:
        return self._key(fingerprint(facet))

    def learn(self, facets: dict[Any, Key]) -> None:
        """After the commit: these are in the database now."""
        self._young.update(facets)
        if len(self._young) > MOST:
            self._old, self._young = self._young, {}

    def forget(self) -> None:
        self._young, self._old = {}, {}


class Described:
    """The facets and intervals of resources, and the rows that spell out what is not known to be spelled out."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        self.fresh: dict[Any, Key] = {}
        self.rows: list[FacetRow] = []

    def describe(
        self, type: str, rows: Iterable[IndexRow]
    ) -> tuple[list[Key], list[tuple[Key, float, float]]]:
        """The terms of a resource, and its intervals with their facets."""
        terms: dict[Key, None] = {}
        spans: dict[tuple[Key, float, float], None] = {}
        marks = set()
        known, fresh = self._lexicon.get, self.fresh.get
        for name, kind, text, system, exact, low, high, slot in rows:
            facet = (type, name, text, system, exact, slot)
            key = known(facet) or fresh(facet) or self._spell(facet)
            if low is None or high is None:
                terms[key] = None
            else:
                spans[key, low, high] = None
            marks.add((name, ""))
            if kind == "reference":
                marks.add((name, text[: text.find("/") + 1]))
        present = (type, PRESENT, *sorted(marks))
        terms[known(present) or fresh(present) or self._spell_present(type, present)] = None
        return list(terms), list(spans)

    def _spell(self, facet: Facet) -> Key:
        key = self.fresh[facet] = self._lexicon.made(facet)
        self.rows.append((bucket(facet[0]), key, *facet[1:]))
        return key

    def _spell_present(self, type: str, present: Any) -> Key:
        key = self.fresh[present] = self._lexicon.made(present)
        home = bucket(type)
        self.rows += [(home, key, PRESENT + name, start, "", "", 0) for name, start in present[2:]]
        return key


Packed = Callable[[list[Key]], Any]


def packed(dialect: Dialect) -> Packed:
    """How the terms of a resource are written: one after another, or as an array."""
    return b"".join if dialect == "sqlite" else _array


def terms_of(kept: Any) -> list[Key]:
    """The terms of a resource as they were written."""
    if isinstance(kept, bytes):
        return [kept[start : start + SHORT] for start in range(0, len(kept), SHORT)]
    return [key.hex if hasattr(key, "hex") else key for key in kept]


def _array(keys: list[Key]) -> str:
    return "{" + ",".join(keys) + "}"


def _short(found: bytes) -> bytes:
    return found[:SHORT]


def _hex(found: bytes) -> str:
    return found.hex()
