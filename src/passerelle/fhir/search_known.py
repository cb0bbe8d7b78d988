"""Which search parameters does a type understand here, and which index rows hold their values?"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import cache
from types import MappingProxyType
from typing import cast

from passerelle.fhir.definitions import SearchParameter, resource_types, search_parameters, sources
from passerelle.fhir.outcome import BadInput, Issue
from passerelle.fhir.search_terms import Kind, Parameter

COMMON: Mapping[str, Parameter] = MappingProxyType(
    {
        "_id": Parameter("_id", "token", coded=True, rows=("_id",)),
        "_lastUpdated": Parameter("_lastUpdated", "date", rows=("_lastUpdated",)),
        "_tag": Parameter("_tag", "token", rows=("_tag",)),
        "_security": Parameter("_security", "token", rows=("_security",)),
        "_profile": Parameter("_profile", "uri", rows=("_profile",)),
        "_source": Parameter("_source", "uri", rows=("_source",)),
    }
)
"""The parameters of every type that look at the resource itself."""

_PLAIN = frozenset({"code", "boolean", "id", "string", "uri", "markdown", "Deceased"})


@cache
def parameters(type: str) -> Mapping[str, Parameter]:
    """The search parameters that a type understands, by name; empty for what is not an R4 resource type."""
    if type not in resource_types():
        return MappingProxyType({})
    return MappingProxyType({**COMMON, **{one.name: _known(type, one) for one in search_parameters(type)}})


def _known(type: str, found: SearchParameter) -> Parameter:
    if found.ways:
        parts = tuple(cast(Kind, part.kind) for part in found.ways[0])
        return Parameter(found.name, parts[-1], parts=parts)
    kind = cast(Kind, found.kind)
    coded = kind == "token" and is_coded(type, found.rows)
    return Parameter(found.name, kind, found.targets, (), coded, found.rows, found.start)


def is_coded(type: str, rows: tuple[str, ...]) -> bool:
    """Whether all values of some rows are plain codes or booleans, so that a system in a query says nothing."""
    return datatypes(type, rows) <= _PLAIN


@cache
def datatypes(type: str, rows: tuple[str, ...]) -> frozenset[str]:
    """The datatypes of what is written under some names of rows."""
    return frozenset(source.path.type for source in sources(type) if source.name in rows)


def common_parameters(types: tuple[str, ...]) -> Mapping[str, Parameter]:
    """What may be asked and sorted by in a search across types: what all of them understand alike."""
    if not types:
        return COMMON
    first, *others = types
    return {
        name: one
        for name, one in parameters(first).items()
        if all(getattr(parameters(type).get(name), "kind", None) == one.kind for type in others)
    }


# --- what to say when it does not -------------------------------------------------------------------------------


def unknown_type(type: str) -> Issue:
    nearest = nearest_names(type, resource_types())
    return Issue("unknown-type-nearest", "not-supported", details={"type": shown(type), "nearest": nearest})


def unknown_parameter(type: str, name: str, known: Iterable[str]) -> BadInput:
    details = {"parameter": shown(name), "type": type or "*", "nearest": nearest_names(name, known)}
    return BadInput(Issue("search-parameter-unknown", "not-supported", details=details))


def nearest_names(name: str, known: Iterable[str]) -> str:
    """The known names that look most like a misspelt one, for a message; all of a few, none of many."""
    near = get_close_matches(name[:64], sorted(known), n=3, cutoff=0.5)
    return ", ".join(near) or "—"


def shown(name: str) -> str:
    """A name from outside as a message may repeat it: only when it looks like a name, not like a value."""
    return name if re.fullmatch(r"[A-Za-z_$][A-Za-z_:.\-]{0,63}", name) else "?"


def refused(key: str, written: str) -> BadInput:
    return BadInput(Issue(key, "not-supported", details={"parameter": shown(written)}))


def bad_value(name: str, expected: str) -> BadInput:
    return BadInput(Issue(f"search-value-{expected}", "value", details={"parameter": shown(name)}))
