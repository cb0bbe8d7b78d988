"""Which functions do engines lack? Dates of less precision and their boundaries, in words that all engines share.

Each is (name, parameters, type of the result, expression); a dialect wraps them in its own CREATE. They say what
``moments`` says in Python.
"""

from __future__ import annotations

from collections.abc import Callable

Call = Callable[..., str]
"""How an engine calls a function: (name, the SQL of each argument)."""

PADDED = (
    "CASE WHEN {dot} > 0 THEN substr(x || '000', 1, {dot} + 3) "
    "WHEN length(x) - length(replace(x, ':', '')) = 2 THEN x || '.000' ELSE x END"
)
"""Seconds with three decimals; ``{dot}`` is the place of the point in x."""

CANONICAL = (
    "CASE WHEN length(x) <= 10 THEN x "
    "WHEN substr(x, length(x), 1) = 'Z' OR substr(x, length(x) - 5, 1) IN ('+', '-') THEN {utc} "
    "ELSE {padded} END"
)
"""A moment in UTC; ``{utc}`` is what the engine makes of x when it has a zone."""

COMPARED = (
    "CASE WHEN {a} < {b} THEN -1 WHEN {a} > {b} THEN 1 WHEN length({left}) = length({right}) THEN 0 END"
)


def compared(left: str, right: str) -> str:
    """-1, 0 or 1 for two texts, nothing if one is only the beginning of the other."""
    shared = f"least(length({left}), length({right}))"
    parts = {side: f"substr({side}, 1, {shared})" for side in (left, right)}
    return COMPARED.format(a=parts[left], b=parts[right], left=left, right=right)


DATE_BOUNDARY = (
    "substr(x, 1, 4) || '-' || {month} || '-' || "
    "CASE WHEN length(x) >= 10 THEN substr(x, 9, 2) WHEN NOT high THEN '01' "
    "WHEN {month} IN ('04', '06', '09', '11') THEN '30' WHEN {month} <> '02' THEN '31' "
    "WHEN CAST(substr(x, 1, 4) AS INTEGER) % 4 = 0 AND (CAST(substr(x, 1, 4) AS INTEGER) % 100 <> 0 "
    "OR CAST(substr(x, 1, 4) AS INTEGER) % 400 = 0) THEN '29' ELSE '28' END"
).format(month="CASE WHEN length(x) >= 7 THEN substr(x, 6, 2) WHEN high THEN '12' ELSE '01' END")

TIME_BOUNDARY = (
    "CASE WHEN length(x) > 8 THEN substr(x || CASE WHEN high THEN '999' ELSE '000' END, 1, 12) "
    "ELSE x || substr(CASE WHEN high THEN '23:59:59.999' ELSE '00:00:00.000' END, length(x) + 1) END"
)

ZONE = (
    "CASE WHEN length(x) > 10 AND substr(x, length(x), 1) = 'Z' THEN 'Z' "
    "WHEN length(x) > 10 AND substr(x, length(x) - 5, 1) IN ('+', '-') THEN substr(x, length(x) - 5) ELSE '' END"
)
"""The zone that a moment is written with."""


def moment_boundary(call: Call) -> str:
    """The boundary of a moment, from those of its date and its time."""
    zone = call("zone", "x")
    time = f"substr(x, 12, length(x) - 11 - length({zone}))"
    last = f"CASE WHEN {zone} <> '' THEN {zone} WHEN high THEN '-12:00' ELSE '+14:00' END"
    at = f"(CASE WHEN length(x) > 10 THEN {time} ELSE '' END)"
    date = call("date_boundary", "substr(x, 1, 10)", "high")
    return f"{date} || 'T' || {call('time_boundary', at, 'high')} || {last}"


def moment_compared(call: Call) -> str:
    """Moments, of which one may not say its zone: then it may be in any, from +14:00 to -12:00."""
    bounds = {
        (side, high): call("canonical", call("moment_boundary", side, high))
        for side in ("x", "y")
        for high in ("true", "false")
    }
    apart = (
        f"CASE WHEN {bounds['x', 'true']} < {bounds['y', 'false']} THEN -1 "
        f"WHEN {bounds['x', 'false']} > {bounds['y', 'true']} THEN 1 END"
    )
    alike = call("compared", call("canonical", "x"), call("canonical", "y"))
    one_zoned = f"({call('zone', 'x')} <> '') <> ({call('zone', 'y')} <> '')"
    return f"CASE WHEN {one_zoned} THEN {apart} ELSE {alike} END"
