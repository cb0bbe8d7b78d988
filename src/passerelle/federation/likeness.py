"""Do two pieces of FHIR mean the same to a reader? Codes by any shared coding, times by instant."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from passerelle.fhir.clinical import moment
from passerelle.fhir.coding import Pair, codings, concept_names, contradict, folded, telling
from passerelle.values import Json


def identifiers(resource: Json) -> set[Pair]:
    """The (system, value) pairs by which the world knows a resource; a temporary one is none."""
    found: set[Pair] = set()
    for name in ("identifier", "masterIdentifier"):
        listed = resource.get(name)
        for each in listed if listed.__class__ is list else (listed,):
            if each.__class__ is dict and each.get("use") not in ("temp", "old"):
                system, value = each.get("system"), each.get("value")
                if system.__class__ is str and value.__class__ is str and value.strip():
                    found.add((system, value.strip()))
    return found


def alike(one: Any, other: Any) -> bool:
    """Whether two values mean the same to a reader."""
    return one == other or (includes(one, other) and includes(other, one))


_MOST = 64
"""Longer lists are compared as they are: a careless or hostile source must not make the comparison slow."""


def includes(one: Any, other: Any) -> bool:
    """Whether ``one`` says everything that ``other`` says: codes by any shared coding, times by instant."""
    if one == other:
        return True
    if one.__class__ is not other.__class__:
        return False
    if one.__class__ is str:
        return _tells_time(one, other)
    if one.__class__ is list:
        short = len(one) <= _MOST and len(other) <= _MOST
        return short and all(any(includes(mine, theirs) for mine in one) for theirs in other)
    return one.__class__ is dict and _includes_object(one, other)


_TIME = re.compile(r"\d{4}(-\d\d(-\d\d(T.*)?)?)?")


def _tells_time(one: str, other: str) -> bool:
    """Whether both are times and ``one`` is at least as exact: 10:00 on a day says all that the day says."""
    if not _TIME.fullmatch(one) or not _TIME.fullmatch(other):
        return False
    mine, theirs = moment(one), moment(other)
    return len(mine) >= len(theirs) and near(mine, theirs)


def near(one: str, other: str) -> bool:
    """Whether two moments can be one: equal, or one of them unknown or only a day that is not far from the other."""
    if one == other or not one or not other:
        return True
    if len(one) > 10 and len(other) > 10:
        return False
    if min(len(one), len(other)) < 10:
        return one.startswith(other) or other.startswith(one)
    # A day without a time zone can begin up to a day before or after the same day in UTC.
    try:
        return abs(date.fromisoformat(one[:10]) - date.fromisoformat(other[:10])).days <= (
            len(one) != len(other)
        )
    except ValueError:
        return False


def _includes_object(one: Json, other: Json) -> bool:
    if "coding" in one or "coding" in other:
        return _same_concept(one, other)
    if "value" in other and ("code" in other or "unit" in other):
        return _same_quantity(one, other)
    if "hash" in one and "hash" in other:
        return bool(one["hash"] == other["hash"])
    return all(
        name in one and includes(one[name], value)
        for name, value in other.items()
        if name not in ("id", "display") and not is_reference(value)
    )


def _same_concept(one: Json, other: Json) -> bool:
    mine, theirs = codings(one), codings(other)
    if not mine or not theirs:
        return bool(set(concept_names(one)) & set(concept_names(other)))
    if not telling(mine & theirs) and folded(one.get("text")) != folded(other.get("text")):
        return False
    return bool(mine & theirs) and not contradict(mine, theirs)


def _same_quantity(one: Json, other: Json) -> bool:
    member = "code" if one.get("code") and other.get("code") else "unit"
    return all(one.get(name) == other.get(name) for name in ("value", "comparator", member))


def is_reference(value: Any) -> bool:
    return value.__class__ is dict and "reference" in value
