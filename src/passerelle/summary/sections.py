"""Which section of the summary takes a fact? The table is ``sections.toml``; this reads it and asks it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any

from passerelle.fhir.clinical import clinical_time, moment
from passerelle.values import Json, Words

Codes = Mapping[str, frozenset[str]]
"""For each element, the codes that count."""


@dataclass(frozen=True)
class Take:
    """One kind of resource that a section takes."""

    type: str
    when: Codes
    unless: Codes
    recent_days: int | None
    profile: str
    """The key of the rules in ``profiles.toml``; "" where base R4 is enough."""

    def accepts(self, resource: Json, now: datetime) -> bool:
        """Whether this fact belongs here at this moment."""
        return (
            resource.get("resourceType") == self.type
            and all(codes(resource.get(element)) & wanted for element, wanted in self.when.items())
            and not any(codes(resource.get(element)) & barred for element, barred in self.unless.items())
            and (self.recent_days is None or _still_true(resource, now - timedelta(days=self.recent_days)))
        )


@dataclass(frozen=True)
class Section:
    """One section of the document, and what it takes."""

    key: str
    loinc: str
    title: Words
    required: bool
    limit: int | None
    none_known: frozenset[str]
    no_information: frozenset[str]
    takes: tuple[Take, ...]

    @property
    def types(self) -> frozenset[str]:
        return frozenset(take.type for take in self.takes)

    def says_none(self, resource: Json) -> bool:
        """Whether this fact states that there is nothing of this kind (never "no known *drug* allergy")."""
        return not _said(resource).isdisjoint(self.none_known)

    def says_nothing(self, resource: Json) -> bool:
        """Whether this fact states only that its source cannot say."""
        return not _said(resource).isdisjoint(self.no_information)


@cache
def sections() -> tuple[Section, ...]:
    """Every section, in the order in which they are shown."""
    table = tomllib.loads(files("passerelle.summary").joinpath("sections.toml").read_text("utf-8"))
    return tuple(map(_section, table["section"]))


def section_for(resource: Json, now: datetime) -> tuple[Section, Take] | None:
    """The section that takes this fact and the row that said so. What was entered in error goes nowhere."""
    if entered_in_error(resource):
        return None
    offered = _taking().get(resource.get("resourceType", ""), ())
    return next(((section, take) for section, take in offered if take.accepts(resource, now)), None)


@cache
def _taking() -> Mapping[str, tuple[tuple[Section, Take], ...]]:
    """The rows that can take a resource of each type, in the order of the sections."""
    table: dict[str, tuple[tuple[Section, Take], ...]] = {}
    for section in sections():
        for take in section.takes:
            table[take.type] = (*table.get(take.type, ()), (section, take))
    return table


def entered_in_error(resource: Json) -> bool:
    said = codes(resource.get("status")) | codes(resource.get("verificationStatus"))
    return "entered-in-error" in said


def codes(value: Any) -> frozenset[str]:
    """Every code that an element says, alone and as ``system|code``, whatever its shape."""
    if value is None:
        return _NO_CODES
    found: list[str] = []
    _gather(value, found)
    return frozenset(found)


_NO_CODES: frozenset[str] = frozenset()


def _gather(value: Any, found: list[str]) -> None:
    if type(value) is str:
        found.append(value)
    elif type(value) is list:
        for each in value:
            _gather(each, found)
    elif type(value) is dict:
        if "coding" in value:
            _gather(value["coding"], found)
        code = value.get("code")
        if type(code) is str:
            found += (code, f"{value.get('system', '')}|{code}")


def _said(resource: Json) -> frozenset[str]:
    return (
        codes(resource.get("code"))
        | codes(resource.get("medicationCodeableConcept"))
        | codes(resource.get("vaccineCode"))
    )


def _still_true(resource: Json, since: datetime) -> bool:
    ended = (resource.get("effectivePeriod") or {}).get("end")
    last = moment(ended or clinical_time(resource))
    return not last or last >= moment(since.isoformat())[: len(last)]


def _section(row: Mapping[str, Any]) -> Section:
    return Section(
        key=row["key"],
        loinc=row["loinc"],
        title=row["title"],
        required=row.get("required", False),
        limit=row.get("limit"),
        none_known=frozenset(row.get("none_known", ())),
        no_information=frozenset(row.get("no_information", ())),
        takes=tuple(map(_take, row["take"])),
    )


def _take(row: Mapping[str, Any]) -> Take:
    return Take(
        type=row["type"],
        when={element: frozenset(wanted) for element, wanted in row.get("when", {}).items()},
        unless={element: frozenset(barred) for element, barred in row.get("unless", {}).items()},
        recent_days=row.get("recent_days"),
        profile=row.get("profile", ""),
    )
