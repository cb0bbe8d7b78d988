"""What one interaction is given and what it gives back, and the refusals that many of them share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from passerelle.fhir.intake import Limits
from passerelle.fhir.outcome import BadInput, Issue
from passerelle.fhir.profiles import IN_THE_BOX, Profiles
from passerelle.fhir.resource import Stored
from passerelle.fhir.search import Found, Query, Scope
from passerelle.fhir.search_values import moments
from passerelle.flows.ports import UNSEALED, Ids, Rules, Seal, View
from passerelle.flows.requests import Request
from passerelle.values import Json


@dataclass(frozen=True)
class Done:
    """What an interaction did or found."""

    status: int
    stored: Stored | None = None
    found: Found | None = None
    query: Query | None = None
    kind: Literal["resource", "searchset", "history", "none"] = "resource"
    patient: str | None = None
    """The one patient that this was about, where there is one (for the audit event)."""
    notes: tuple[Issue, ...] = ()
    """What should be said beside the answer, such as parameters that were left out."""
    body: bytes | None = field(default=None, repr=False)
    """What to say instead of the stored resource, such as a part of it."""


@dataclass(frozen=True)
class Reach:
    """How far one request reaches: what it sees and changes, and what it may look up on the way."""

    scope: Scope
    sees: Callable[[str], Scope]
    """What may be searched of a type: for the condition of a request and the references inside a resource."""
    rules: Rules
    new_id: Ids
    check: Callable[[Json, str], Json]
    """The resource, if it is R4 of that type; else BadInput."""
    limits: Limits
    base: str = ""
    profiles: Profiles = IN_THE_BOX
    seal: Seal = UNSEALED


Look = Callable[[Request, View, Reach], Done]


def absent(request: Request) -> BadInput:
    """Absent, and out of scope, look the same."""
    return not_found("/".join(request.within or (request.type or "", request.id or "")))


def not_found(reference: str) -> BadInput:
    return BadInput(Issue("not-found", "not-found", details={"reference": reference}), status=404)


def gone(stored: Stored) -> BadInput:
    return BadInput(Issue("gone", "deleted", details={"reference": stored.reference}), status=410)


def at_entry(index: int, bad: BadInput) -> BadInput:
    """The same fault, its place told from the Bundle."""
    prefix = f"Bundle.entry[{index}]"
    issues = (
        replace(issue, expression=f"{prefix}.resource.{issue.expression}" if issue.expression else prefix)
        for issue in bad.issues
    )
    return BadInput(*issues, status=bad.status)


def type_of(request: Request) -> str:
    assert request.type is not None  # noqa: S101  the roads table gives every such request a type
    return request.type


def id_of(request: Request) -> str:
    assert request.id is not None  # noqa: S101  the roads table gives every such request an id
    return request.id


def period(name: str, value: str) -> tuple[datetime, datetime]:
    """The time that a date, dateTime or instant of any precision covers."""
    interval = moments(value)
    if interval is None:
        raise bad_value(name)
    # What is stored is told to the millisecond, so a moment with a fraction is that millisecond.
    return _moment(interval[0]), _moment(max(interval[1], interval[0] + 1))


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _moment(milliseconds: float) -> datetime:
    try:
        return _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


def bad_value(name: str) -> BadInput:
    return BadInput(Issue("bad-parameter-value", "value", details={"parameter": name}))


def whole(name: str, value: str) -> int:
    """A whole number that a parameter has."""
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        raise bad_value(name)
    return int(value)


def unknown_parameter(name: str, known: str) -> BadInput:
    """A parameter that is not known is refused, never ignored: an ignored one answers with more than was asked."""
    details = {"parameter": plain(name), "known": known}
    return BadInput(Issue("unknown-parameter", "not-supported", details=details))


def plain(name: str) -> str:
    """The name of a parameter as a message may repeat it."""
    return name[:40] if name.replace("_", "").replace("-", "").isalnum() and name.isascii() else "?"
