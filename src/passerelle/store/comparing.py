"""How intervals and moments compare, as SQL (``fhir.search.holds``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import and_, or_
from sqlalchemy.sql.selectable import FromClause

from passerelle.store.compose import Condition, value
from passerelle.store.shapes import TestShape

# A row's low is below its high, so `low <= high of the test` only bounds the look-up where it follows anyway.
_INTERVALS: dict[str, Callable[[Any, Any, Any], Condition]] = {
    "eq": lambda row, low, high: and_(row.low >= low, row.low <= high, row.high <= high),
    "ne": lambda row, low, high: or_(row.low < low, row.high > high),
    "gt": lambda row, low, high: row.high > high,
    "lt": lambda row, low, high: row.low < low,
    "ge": lambda row, low, high: or_(row.high > high, and_(row.low >= low, row.high <= high)),
    "le": lambda row, low, high: or_(row.low < low, and_(row.low >= low, row.high <= high)),
    "sa": lambda row, low, high: row.low >= high,
    "eb": lambda row, low, high: row.high <= low,
    "ap": lambda row, low, high: and_(row.low < high, row.high > low),
}

# `_lastUpdated` covers the smallest interval above a whole millisecond, so each comparison is one of its start.
_MOMENTS: dict[str, Callable[[Any, Any, Any], Condition]] = {
    "eq": lambda at, low, high: and_(at >= low, at < high),
    "ne": lambda at, low, high: or_(at < low, at >= high),
    "gt": lambda at, low, high: at >= high,
    "lt": lambda at, low, high: at < low,
    "ge": lambda at, low, high: at >= low,
    "le": lambda at, low, high: at < high,
    "sa": lambda at, low, high: at >= high,
    "eb": lambda at, low, high: at < low,
    "ap": lambda at, low, high: and_(at >= low, at < high),
}


def interval_passes(shape: TestShape, covered: FromClause) -> Condition:
    assert shape.low is not None and shape.high is not None  # noqa: S101  the lowering leaves others out
    return _INTERVALS[shape.operator](covered.c, value(shape.low), value(shape.high))


def moment_passes(shape: TestShape, row: FromClause) -> Condition:
    assert shape.low is not None and shape.high is not None  # noqa: S101
    return _MOMENTS[shape.operator](row.c.instant, value(shape.low), value(shape.high))
