"""When was the care that a resource tells of? For the ``start`` and ``end`` of ``$everything``.

https://hl7.org/fhir/R4/patient-operation-everything.html: the dates of care, not those of the record.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from math import inf

from passerelle.fhir.search_known import parameters
from passerelle.fhir.search_terms import IndexRow
from passerelle.fhir.search_values import Interval

_CARE = (
    "date",
    "period",
    "effective",
    "effective-time",
    "onset-date",
    "abatement-date",
    "occurrence",
    "started",
    "performed",
    "whenhandedover",
    "whenprepared",
    "authoredon",
    "authored-on",
    "authored",
    "recorded-date",
    "recorded",
    "created",
    "identified",
    "datewritten",
    "collected",
    "issued",
    "sent",
    "service-date",
    "billable-period",
    "request-date",
    "datetime",
    "event-date",
    "start-date",
    "target-date",
)
"""Parameters that say when something was done, was so, or was ordered, the best first."""

_NO_CARE = frozenset(
    {"Patient", "RelatedPerson", "Person", "Practitioner", "PractitionerRole", "Organization"}
)
"""What is about somebody or something, whenever: a birth date is no date of care."""


_LASTING = {
    "Condition": (("onset-date", "recorded-date"), ("abatement-date",)),
    "AllergyIntolerance": (("onset", "date"), ()),
}
"""What lasts until it is said to be over: parameters that say since when, and until when."""


@cache
def _rows(type: str, names: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """The names of the rows of some parameters of a type, those that it has."""
    known = parameters(type)
    return tuple(known[name].rows for name in names if name in known and known[name].kind == "date")


def care(type: str, rows: Iterable[IndexRow]) -> Interval | None:
    """From when until when, in UTC epoch milliseconds; None where the resource does not say."""
    dates = [row for row in rows if row.kind == "date"]
    if type in _NO_CARE:
        return None
    if type in _LASTING:
        since, until = (_covered(_rows(type, names), dates) for names in _LASTING[type])
        return (since[0], until[1] if until else inf) if since else until and (-inf, until[1])
    return _covered(_rows(type, _CARE), dates)


def _covered(choices: tuple[tuple[str, ...], ...], dates: list[IndexRow]) -> Interval | None:
    """From the least to the greatest date of the first choice of rows that says any."""
    for names in choices:
        said = [(row.low, row.high) for row in dates if row.name in names and row.low is not None]
        if said:
            return min(low for low, _ in said), max(high for _, high in said if high is not None)
    return None


def cared_for(type: str, rows: Iterable[IndexRow], start: float | None, end: float | None) -> bool:
    """Whether the care of a resource was, at least in part, from ``start`` until before ``end``."""
    when = care(type, rows)
    if when is None:
        return True
    return (start is None or when[1] > start) and (end is None or when[0] < end)
