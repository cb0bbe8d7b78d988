"""Every page once in each language, as tests and eyes want to see them."""

from __future__ import annotations

from collections.abc import Mapping

from passerelle.fhir import capability
from passerelle.fhir.record import Record
from passerelle.portals import interface, pages
from passerelle.portals.viewing import Viewer
from passerelle.values import LANGUAGES, Language
from tests.portals import world

TOKEN = "anti-forgery-token"


def streamed(language: Language, record: Record | None = None, viewer: Viewer = world.CLINICIAN) -> str:
    """A record page as it arrives: two unfinished waves, then the final one."""
    paths, whole = world.paths(language), record or world.record()
    first = world.partial_record("on", "ab"), world.waiting("qc", "bc", "mb", "ns", "nl")
    second = world.partial_record("on", "ab", "qc", "bc"), world.waiting("mb", "ns", "nl")
    parts = [pages.record_head(language, viewer=viewer, sources=whole.sources, paths=paths, csrf=TOKEN)]
    for number, (known, waiting) in enumerate((first, second), start=1):
        parts.append(
            pages.record_wave(language, known, waiting, viewer=viewer, paths=paths, wave=number, final=False)
        )
    parts.append(pages.record_wave(language, whole, viewer=viewer, paths=paths, wave=3, final=True))
    parts.append(pages.record_tail(language, viewer=viewer, paths=paths, patient_name="Marie-Ève Tremblay"))
    return "".join(parts)


def unfinished(language: Language) -> str:
    """A record page while two of its sources have answered, closed so that it can be judged."""
    paths = world.paths(language)
    waiting = world.waiting("qc", "bc", "mb", "ns", "nl")
    viewer = world.CLINICIAN
    return (
        pages.record_head(language, viewer=viewer, sources=world.record().sources, paths=paths, csrf=TOKEN)
        + pages.record_wave(
            language,
            world.partial_record("on", "ab"),
            waiting,
            viewer=viewer,
            paths=paths,
            wave=1,
            final=False,
        )
        + pages.record_tail(language, viewer=viewer, paths=paths, patient_name="Marie-Ève Tremblay")
    )


def find_page(language: Language, **changed: object) -> str:
    values: dict[str, object] = {
        "viewer": world.CLINICIAN,
        "csrf": TOKEN,
        "asked": True,
        "results": world.found(),
        "gaps": (world.gap("ns", "deadline"),),
        "error": None,
        "paths": world.paths(language),
        "today": "2026-03-20",
        "text": "Tremblay 14 mars 1961",
        "birth_date": "1961-03-14",
    }
    return pages.find(language, **{**values, **changed})  # type: ignore[arg-type]


def sign_in_page(language: Language, error: str | None = None) -> str:
    outside = (("bcsc", {"en": "BC Services Card", "fr": "la carte BC Services"}),)
    paths = world.paths(language)
    return pages.sign_in(
        language, return_to="/en/find", error=error, outside=outside, csrf=TOKEN, paths=paths
    )


def authorize_page(language: Language) -> str:
    return pages.authorize(
        language,
        client_name="GlucoChart",
        scopes=("openid", "launch/patient", "offline_access", "patient/Observation.rs", "patient/*.cruds"),
        user_name="Dr. A. Chen",
        csrf=TOKEN,
        paths=world.paths(language),
        hidden=(("state", "s1"),),
    )


def message_page(language: Language, status: int = 401) -> str:
    title = {"en": "Your session ended", "fr": "Votre session a pris fin"}[language]
    text = {"en": "Nothing was lost.", "fr": "Rien n’est perdu."}[language]
    return pages.message(language, title, text, status, paths=world.paths(language), trace="4bf92f35")


def interface_page(language: Language) -> str:
    server = capability.Server("https://on.example/fhir", "Passerelle on", "0.1.0", "2026-03-20", "a", "t")
    return interface.page(capability.statement(server, lambda type: ()), language)


def gallery() -> Mapping[str, str]:
    """Every page by a name that ends in its language."""
    shown: dict[str, str] = {}
    for language in LANGUAGES:
        shown |= {
            f"record-{language}": streamed(language),
            f"unfinished-{language}": unfinished(language),
            f"complete-{language}": streamed(language, world.complete_record()),
            f"nobody-{language}": streamed(language, world.NOBODY),
            f"mine-{language}": streamed(language, viewer=world.PATIENT),
            f"find-{language}": find_page(language),
            f"find-error-{language}": find_page(language, error="find-number-wrong", results=(), gaps=()),
            f"find-empty-{language}": find_page(
                language, asked=False, results=(), gaps=(), text="", birth_date=""
            ),
            f"sign-in-{language}": sign_in_page(language, "sign-in-wrong"),
            f"authorize-{language}": authorize_page(language),
            f"message-{language}": message_page(language),
            f"interface-{language}": interface_page(language),
        }
    return shown
