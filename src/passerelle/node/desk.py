"""What all pages of a node share: who may sign in, who is signed in, and how a page is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from passerelle import policy
from passerelle.flows.ports import Here
from passerelle.node.accounts import Accounts
from passerelle.node.oidc import OutsideSignIn
from passerelle.node.sessions import Session, Sessions
from passerelle.values import LANGUAGES, Caller, Language, Words

SAFE_PAGE = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True)
class Desk:
    """What the pages need: the node, who may sign in, and who is signed in."""

    here: Here
    accounts: Accounts
    sessions: Sessions
    providers: Mapping[str, OutsideSignIn] = field(default_factory=dict)
    """Where else people may sign in, by the provider's id."""

    @property
    def outside(self) -> tuple[tuple[str, Words], ...]:
        """A button for each outside provider: its id and its name."""
        return tuple((id_, sign_in.provider.name) for id_, sign_in in self.providers.items())

    @property
    def outside_origins(self) -> tuple[str, ...]:
        """Where a browser may be sent on its way to sign in."""
        return tuple(dict.fromkeys(o for each in self.providers.values() for o in each.provider.origins))

    def opens(self, caller: Caller) -> tuple[str, Session] | None:
        """A session with the purpose of the caller's role, and its cookie's value."""
        purpose = policy.purpose_of(caller.role)
        return None if purpose is None else self.sessions.open(caller, purpose, self.here.now())

    def session_of(self, http: Request) -> Session | None:
        return self.sessions.find(http.cookies.get(self.sessions.rules.cookie_name), self.here.now())


def html(page: str, status: int = 200, forms_to: tuple[str, ...] = ()) -> Response:
    """A page. ``forms_to``: origins beside this node that a form of it may lead to."""
    headers = SAFE_PAGE
    if forms_to:
        # A browser holds a form to this policy through every redirect that answers it.
        policy = SAFE_PAGE["Content-Security-Policy"]
        wider = policy.replace("form-action 'self'", " ".join(("form-action 'self'", *forms_to)))
        headers = {**SAFE_PAGE, "Content-Security-Policy": wider}
    return Response(page, status, headers, media_type="text/html; charset=utf-8")


def go(address: str) -> Response:
    return RedirectResponse(address, 303, {"Cache-Control": "no-store"})


def language_in(http: Request) -> Language | None:
    """The language that an address begins with."""
    named = http.path_params.get("language", "")
    return next((language for language in LANGUAGES if language == named), None)


def toggled(path: str, language: Language) -> str:
    """The same page in the other language."""
    other = "fr" if language == "en" else "en"
    return f"/{other}{path.removeprefix(f'/{language}')}"


def local(address: str) -> str:
    """An address of this node to come back to; anything that could lead elsewhere is dropped."""
    plain = address.startswith("/") and not address.startswith("//") and "\\" not in address
    return address if plain and address.isprintable() else ""


def home_of(session: Session, language: Language) -> str:
    return f"/{language}/{'mine' if session.caller.patient is not None else 'find'}"


def field_of(form: FormData, name: str) -> str:
    value = form.get(name)
    return value if isinstance(value, str) else ""
