"""Who looks at a page, where its links lead, and the values that pages show beside a Record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from passerelle.fhir.record import Source
from passerelle.values import Json, Purpose


@dataclass(frozen=True)
class Viewer:
    """The person at the screen. ``kind`` chooses the wording: a clinician, or a patient with their own record."""

    name: str
    role: str = ""
    """The role as people read it, in the language of the page."""
    organization: str = ""
    kind: Literal["clinician", "patient"] = "clinician"
    purpose: Purpose = Purpose.TREAT


@dataclass(frozen=True)
class Paths:
    """Where the links and forms of a page lead; an empty one is not shown. INVARIANT: no name, number or clinical
    value stands in any of them; a record is known by an opaque handle."""

    toggle: str
    """This same page in the other language (GET)."""
    assets: str = "/static/"
    """The folder under which ``static_files()`` are served, with its slash."""
    home: str = ""
    find: str = ""
    """GET shows the empty search page, POST searches."""
    toggle_find: str = ""
    """The search page in the other language: a search that was asked is posted there again."""
    open_record: str = ""
    """POST with ``handle``, ``purpose`` and ``same_person``: opens a record."""
    reload: str = ""
    """This record again from the start (GET): Try again without JavaScript."""
    retry: str = ""
    """The final wave alone (GET): Try again with htmx. Answer with ``record_fragment``."""
    sign_in: str = ""
    sign_out: str = ""
    """POST."""
    outside: str = ""
    """POST with ``provider``: signs in through an outside OpenID Connect provider."""
    authorize: str = ""
    """POST with ``decision`` = allow or deny."""


@dataclass(frozen=True)
class FoundPatient:
    """One candidate of a search. ``handle`` is opaque; ``grade`` is a FHIR match-grade code."""

    handle: str
    patient: Json
    """One Patient made from what the sources sent."""
    grade: str
    """certain, probable, possible (http://terminology.hl7.org/CodeSystem/match-grade)."""
    sources: tuple[Source, ...]
    """The sources that know this person."""
