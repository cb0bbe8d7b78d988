"""The pages: plain functions from values to HTML text. ``node`` calls these and decides who may.

A record page streams: ``record_head``, then one ``record_wave`` whenever more sources have answered, then
``record_tail``. Each wave is complete; the stylesheet shows the last one only, so no script is needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from passerelle.fhir.record import Gap, Record, Source
from passerelle.portals.finding import found_row
from passerelle.portals.gaps import missing_row
from passerelle.portals.person import person_name
from passerelle.portals.reading import Reading
from passerelle.portals.rendering import BRAND, render
from passerelle.portals.scopes import scope_rows
from passerelle.portals.speech import Speech
from passerelle.portals.trends import HEIGHT
from passerelle.portals.viewing import FoundPatient, Paths, Viewer
from passerelle.portals.wave import Wave, wave
from passerelle.values import Language, Purpose, Words

_PURPOSES: Mapping[Purpose, str] = {
    Purpose.TREAT: "purpose-treat",
    Purpose.ETREAT: "purpose-emergency",
    Purpose.BTG: "purpose-break-glass",
    Purpose.PATRQT: "purpose-own",
    Purpose.PUBHLTH: "purpose-public-health",
    Purpose.HRESCH: "purpose-research",
    Purpose.HOPERAT: "purpose-operations",
    Purpose.HSYSADMIN: "purpose-administration",
}


SIGN_IN_ERRORS = ("sign-in-wrong", "sign-in-too-often", "sign-in-expired", "sign-in-outside-failed")
"""The keys with which ``sign_in`` can say what went wrong."""


def error_words(language: Language, key: str | None) -> str:
    """The sentence for an error key of this package; a key that it does not know gets the general sentence."""
    if not key:
        return ""
    speech = Speech(language)
    return speech(key) if speech.knows(key) else speech("error-general")


def sign_in(
    language: Language,
    *,
    return_to: str,
    error: str | None,
    outside: tuple[tuple[str, Words], ...],
    csrf: str,
    paths: Paths,
) -> str:
    """User name and password, and a button for each outside provider (its id and name).

    ``error`` is one of ``SIGN_IN_ERRORS``.
    The form posts ``username``, ``password``, ``csrf`` and ``return_to``; the others ``provider`` with the last two.
    """
    return render(
        "sign_in.html",
        language,
        **_frame(Speech(language)("sign-in-title"), "sign-in", paths, None, csrf),
        error=error_words(language, error),
        return_to=return_to,
        outside=outside,
    )


def authorize(
    language: Language,
    *,
    client_name: str,
    scopes: Sequence[str],
    user_name: str,
    csrf: str,
    paths: Paths,
    hidden: Sequence[tuple[str, str]] = (),
) -> str:
    """Whether an application may act for this person. ``hidden`` fields are posted back with ``decision``."""
    speech = Speech(language)
    return render(
        "authorize.html",
        language,
        **_frame(speech("authorize-title", client=client_name), "authorize", paths, None, csrf),
        client_name=client_name,
        scopes=scope_rows(scopes, speech),
        user_name=user_name,
        hidden=tuple(hidden),
    )


def find(
    language: Language,
    *,
    viewer: Viewer,
    csrf: str,
    asked: bool,
    results: tuple[FoundPatient, ...],
    gaps: tuple[Gap, ...],
    error: str | None,
    paths: Paths,
    today: str,
    text: str = "",
    birth_date: str = "",
) -> str:
    """One box, and who was found. Posted, so that no name or number ever stands in an address.

    ``today`` (ISO) is for the ages; ``text`` is what was typed; ``birth_date`` how ``parse_find`` read it;
    ``error`` a key that ``parse_find`` gave.
    """
    speech = Speech(language)
    heading = speech.count("find-found", len(results)) if results else speech("find-found-nobody")
    return render(
        "find.html",
        language,
        **{**_frame(speech("find-title"), "find", paths, viewer, csrf), "typed": text},
        asked=asked,
        heading=heading,
        results=tuple(found_row(found, speech, today) for found in results),
        gaps=tuple(missing_row(gap, speech) for gap in gaps),
        error=error_words(language, error),
        birth_date=speech.dated(birth_date),
    )


def record_head(
    language: Language,
    *,
    viewer: Viewer,
    sources: tuple[Source, ...],
    paths: Paths,
    csrf: str,
) -> str:
    """From the doctype to an opened ``<main>``: who is being asked, before anyone has answered.

    The title holds no name: a browser keeps titles in its history.
    """
    speech = Speech(language)
    title = speech("my-record-title" if viewer.kind == "patient" else "record-title")
    return render(
        "record_head.html",
        language,
        **_frame(title, "record", paths, viewer, csrf),
        asking=speech.count("asking", len(sources)),
    )


def record_wave(
    language: Language,
    record: Record,
    waiting: tuple[Source, ...] = (),
    *,
    viewer: Viewer,
    paths: Paths,
    wave: int,
    final: bool,
) -> str:
    """Everything known so far as one complete section. Number the waves of a page from 1, in order."""
    reading = Reading(record, Speech(language), viewer, () if final else waiting, wave, final)
    return _wave(language, reading, paths, focus=False)


def record_fragment(language: Language, record: Record, *, viewer: Viewer, paths: Paths, wave: int) -> str:
    """The final wave alone, for htmx to put in place of all waves; the heading takes the focus."""
    return _wave(language, Reading(record, Speech(language), viewer, (), wave, True), paths, focus=True)


def record_tail(language: Language, *, viewer: Viewer, paths: Paths, patient_name: str) -> str:
    """Close the page; its foot says that this view is recorded, why, and who will see that."""
    speech = Speech(language)
    own = viewer.kind == "patient"
    recorded = (
        speech("recorded-own")
        if own
        else speech("recorded", purpose=speech(_PURPOSES[viewer.purpose]), patient=patient_name)
    )
    return render("record_tail.html", language, recorded=recorded, paths=paths)


def record_page(language: Language, record: Record, *, viewer: Viewer, paths: Paths, csrf: str) -> str:
    """The whole record page at once, for when everything has been said already."""
    name = person_name(record.patient or {}, Speech(language))
    return (
        record_head(language, viewer=viewer, sources=record.sources, paths=paths, csrf=csrf)
        + record_wave(language, record, viewer=viewer, paths=paths, wave=1, final=True)
        + record_tail(language, viewer=viewer, paths=paths, patient_name=name)
    )


def my_record(language: Language, record: Record, *, viewer: Viewer, paths: Paths, csrf: str) -> str:
    """A patient's own record at once. To stream it, use the ``record_…`` functions with the same viewer."""
    if viewer.kind != "patient":
        raise ValueError("a patient's own record needs a viewer of kind patient")
    return record_page(language, record, viewer=viewer, paths=paths, csrf=csrf)


_NEXT_STEPS = {401: "next-expired", 403: "next-not-allowed", 404: "next-not-found", 410: "next-not-found"}


def message(
    language: Language,
    title: str,
    text: str,
    status: int,
    *,
    paths: Paths,
    viewer: Viewer | None = None,
    csrf: str = "",
    trace: str = "",
) -> str:
    """What happened, in words, and the next step that belongs to the HTTP status."""
    step = _NEXT_STEPS.get(status) or ("next-later" if status >= 429 else "")
    return render(
        "message.html",
        language,
        **_frame(title, "message", paths, viewer, csrf),
        text=text,
        next_step=Speech(language)(step) if step else "",
        sign_in=bool(status == 401 and paths.sign_in),
        trace=trace,
    )


def _frame(title: str, page: str, paths: Paths, viewer: Viewer | None, csrf: str) -> dict[str, Any]:
    """What every page's frame needs."""
    return {
        "title": title,
        "page": page,
        "paths": paths,
        "viewer": viewer,
        "csrf": csrf,
        "typed": "",
        "recorded": "",
    }


def _wave(language: Language, reading: Reading, paths: Paths, *, focus: bool) -> str:
    shown = wave(reading)
    return render(
        "record_wave.html",
        language,
        reading=reading,
        wave=shown,
        paths=paths,
        id=reading.id,
        rest=_rest(shown, reading.speech),
        height=HEIGHT,
        focus=focus,
    )


def _rest(shown: Wave, speech: Speech) -> tuple[tuple[str, str, Any], ...]:
    """The plain sections with their ids and titles; what has no section of its own only where there is some."""
    sections = (
        ("immunizations", speech("immunizations"), shown.immunizations),
        ("visits", speech("visits"), shown.visits),
        ("imaging", speech("imaging"), shown.imaging),
        ("procedures", speech("procedures"), shown.procedures),
        ("documents", speech("documents"), shown.documents),
        ("others", speech("others"), shown.others),
    )
    return tuple(section for section in sections if section[0] != "others" or section[2].total)


__all__ = [
    "BRAND",
    "SIGN_IN_ERRORS",
    "authorize",
    "error_words",
    "find",
    "message",
    "my_record",
    "record_fragment",
    "record_head",
    "record_page",
    "record_tail",
    "record_wave",
    "sign_in",
]
