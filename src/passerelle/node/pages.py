"""The pages' routes: sign in, find, open a record and watch it stream in, try a source again.

Pages are rendered by ``portals``; here are sessions, forms and what may be asked. Everything that changes something or
names a person is posted with the session's own token; a record is known in an address by an opaque handle only.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal
from urllib.parse import quote, urlencode

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from passerelle import audit, policy
from passerelle.fhir.record import Gap, State
from passerelle.fhir.words import catalogue
from passerelle.flows.federate import Question, Said, ask_everyone, assemble, sources_to_ask
from passerelle.flows.find import find
from passerelle.flows.ports import Here
from passerelle.node.accounts import Account, Accounts
from passerelle.node.claims import Rejected
from passerelle.node.compress import Squeeze
from passerelle.node.edge import language_of, record
from passerelle.node.sessions import Session, Sessions
from passerelle.portals import pages
from passerelle.portals.asking import parse_find
from passerelle.portals.assets import static_files
from passerelle.portals.person import person_name
from passerelle.portals.speech import Speech
from passerelle.portals.viewing import FoundPatient, Paths, Viewer
from passerelle.values import LANGUAGES, Access, Language, NodeId, Words

FIRST_WAVE = 0.15
"""Seconds after which the first answers are shown, if more are still out."""
NEXT_WAVE = 0.3

SAFE_PAGE = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
BEFORE = "passerelle-before"
"""The cookie that ties a sign-in form to the browser that it was given to."""


@dataclass(frozen=True)
class Desk:
    """What the pages need: the node, who may sign in, and who is signed in."""

    here: Here
    accounts: Accounts
    sessions: Sessions
    now: Callable[[], datetime]
    outside: tuple[tuple[str, Words], ...] = ()

    def account_opens(self, account: Account) -> tuple[str, Session] | None:
        """A session for an account, with the scopes and the purpose of its role."""
        purpose = policy.purpose_of(account.role)
        if purpose is None:
            return None
        caller = account.caller(self.here.id, policy.scopes_of(account.role))
        return self.sessions.open(caller, purpose, self.now())

    def session_of(self, http: Request) -> Session | None:
        return self.sessions.find(http.cookies.get(self.sessions.rules.cookie_name), self.now())


class Portal:
    """The routes of one node's pages."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.here = desk.here

    def routes(self) -> list[Route]:
        return [
            Route("/", self.root),
            Route("/static/{name}", static),
            Route("/{language}/sign-in", self.sign_in, methods=["GET", "POST"]),
            Route("/{language}/sign-out", self.sign_out, methods=["POST"]),
            Route("/{language}/find", self.find, methods=["GET", "POST"]),
            Route("/{language}/mine", self.mine),
            Route("/{language}/open", self.open, methods=["POST"]),
            Route("/{language}/record/{handle}", self.record),
            Route("/{language}/record/{handle}/again", self.again),
        ]

    async def root(self, http: Request) -> Response:
        language = language_of(http.headers.get("accept-language", ""))
        return _go(f"/{language}/{'find' if self.desk.session_of(http) else 'sign-in'}")

    async def sign_in(self, http: Request) -> Response:
        language = _language(http)
        if language is None:
            return self._unknown(http)
        if http.method == "GET":
            return self._sign_in_page(
                http, language, http.query_params.get("return_to", ""), http.query_params.get("error")
            )
        form = await http.form(max_fields=8, max_part_size=4096)
        return_to = _text(form, "return_to")
        if not secrets.compare_digest(_text(form, "csrf").encode(), http.cookies.get(BEFORE, "?").encode()):
            return self._sign_in_page(http, language, return_to, "sign-in-expired")
        address = http.client.host if http.client else ""
        account = await self.desk.accounts.sign_in(
            _text(form, "username"), _text(form, "password"), address, self.desk.now()
        )
        opened = None if isinstance(account, Rejected) else self.desk.account_opens(account)
        if isinstance(account, Rejected) or opened is None:
            waits = isinstance(account, Rejected) and account.reason == "sign-in-wait"
            return self._sign_in_page(
                http, language, return_to, "sign-in-too-often" if waits else "sign-in-wrong"
            )
        value, session = opened
        response = _go(_local(return_to) or home_of(session, language))
        response.headers.append("Set-Cookie", self.desk.sessions.set_cookie(value))
        return response

    def _sign_in_page(self, http: Request, language: Language, return_to: str, error: str | None) -> Response:
        token = secrets.token_urlsafe(24)
        toggle = _toggled(http.url.path, language) + (
            f"?{urlencode({'return_to': return_to})}" if return_to else ""
        )
        page = pages.sign_in(
            language,
            return_to=return_to,
            error=error,
            outside=self.desk.outside,
            csrf=token,
            paths=Paths(
                toggle=toggle, sign_in=f"/{language}/sign-in", outside=f"/{language}/sign-in/outside"
            ),
        )
        response = html(page, 401 if error else 200)
        response.set_cookie(
            BEFORE, token, httponly=True, samesite="lax", secure=self.desk.sessions.rules.secure
        )
        return response

    async def sign_out(self, http: Request) -> Response:
        language, session = _language(http) or "en", self.desk.session_of(http)
        form = await http.form(max_fields=4, max_part_size=4096)
        if session is not None and session.meant(_text(form, "csrf")):
            self.desk.sessions.close(http.cookies.get(self.desk.sessions.rules.cookie_name))
        response = _go(f"/{language}/sign-in")
        response.headers.append("Set-Cookie", self.desk.sessions.clear_cookie())
        return response

    async def find(self, http: Request) -> Response:
        language, session = _language(http), self.desk.session_of(http)
        if language is None or session is None:
            return self._unknown(http)
        if session.caller.patient is not None:
            return _go(f"/{language}/mine")
        if http.method == "GET":
            return html(self._find_page(http, language, session))
        form = await http.form(max_fields=8, max_part_size=4096)
        if not session.meant(_text(form, "csrf")):
            return self._say(http, language, "page-expired", 403, session)
        text = _text(form, "text") or _text(form, "q")
        asked = parse_find(text)
        if asked.patient is None:
            return html(self._find_page(http, language, session, text=text, error=asked.error), 400)
        await self._record_event(session, "$match")
        found = await find(Question(session.caller, session.purpose, asked.patient), self.here)
        results = tuple(
            FoundPatient(session.hold(person.patient), person.patient, person.grade, person.sources)
            for person in found.people
        )
        gaps = tuple(Gap(s.node, s.name, s.reason, s.state is State.SILENT) for s in found.unheard)
        page = self._find_page(
            http,
            language,
            session,
            text=text,
            asked=True,
            results=results,
            gaps=gaps,
            birth_date=asked.birth_date,
        )
        return html(page)

    def _find_page(
        self,
        http: Request,
        language: Language,
        session: Session,
        *,
        text: str = "",
        asked: bool = False,
        results: tuple[FoundPatient, ...] = (),
        gaps: tuple[Gap, ...] = (),
        error: str | None = None,
        birth_date: str = "",
    ) -> str:
        return pages.find(
            language,
            viewer=self.viewer(session, language),
            csrf=session.csrf,
            asked=asked,
            results=results,
            gaps=gaps,
            error=error,
            paths=self._paths(http, language),
            today=self.desk.now().date().isoformat(),
            text=text,
            birth_date=birth_date,
        )

    async def mine(self, http: Request) -> Response:
        """A patient's own record, from what this node knows of them."""
        language, session = _language(http), self.desk.session_of(http)
        if language is None or session is None or session.caller.patient is None:
            return self._unknown(http)
        patient = session.caller.patient
        stored = await self.here.store.look(lambda view: view.read("Patient", patient))
        if stored is None or stored.body is None:
            return self._say(http, language, "record-gone", 404, session)
        from passerelle.fhir.resource import decode

        return _go(f"/{language}/record/{session.hold(decode(stored.body))}")

    async def open(self, http: Request) -> Response:
        language, session = _language(http), self.desk.session_of(http)
        if language is None or session is None:
            return self._unknown(http)
        form = await http.form(max_fields=8, max_part_size=4096)
        handle = _text(form, "handle")
        if not session.meant(_text(form, "csrf")) or session.held(handle) is None:
            return self._say(http, language, "page-expired", 403, session)
        return _go(f"/{language}/record/{quote(handle)}")

    async def record(self, http: Request) -> Response:
        """The record page, each source shown as it answers."""
        language, session = _language(http), self.desk.session_of(http)
        if language is None or session is None:
            return self._unknown(http)
        demographics = session.held(http.path_params["handle"])
        if demographics is None:
            return self._say(http, language, "record-gone", 404, session)
        if not self._may(session):
            return self._say(http, language, "record-refused", 403, session)
        await self._record_event(session, "$record")
        question = Question(session.caller, session.purpose, demographics)
        stream = self._stream(http, language, session, question)
        squeeze = Squeeze.if_wanted(http.headers.get("accept-encoding", ""))
        return StreamingResponse(
            squeeze.all(stream),
            media_type="text/html; charset=utf-8",
            headers={**SAFE_PAGE, **squeeze.headers},
        )

    async def _stream(
        self, http: Request, language: Language, session: Session, question: Question
    ) -> AsyncIterator[str]:
        viewer, paths = self.viewer(session, language), self._record_paths(http, language)
        asked = sources_to_ask(question, self.here)
        yield pages.record_head(language, viewer=viewer, sources=asked, paths=paths, csrf=session.csrf)
        said: dict[NodeId, Said] = {}
        wave = 0
        async for said in moments(ask_everyone(question, self.here)):
            waiting = tuple(source for source in asked if source.node not in said)
            if waiting:
                wave += 1
                yield pages.record_wave(
                    language,
                    assemble(said, self.here),
                    waiting,
                    viewer=viewer,
                    paths=paths,
                    wave=wave,
                    final=False,
                )
        whole = assemble(said, self.here)
        yield pages.record_wave(language, whole, viewer=viewer, paths=paths, wave=wave + 1, final=True)
        name = person_name(whole.patient or question.demographics, Speech(language))
        yield pages.record_tail(language, viewer=viewer, paths=paths, patient_name=name)

    async def again(self, http: Request) -> Response:
        """The whole question once more; with htmx only its last wave is sent, to take the place of those shown."""
        language, session = _language(http), self.desk.session_of(http)
        demographics = session.held(http.path_params["handle"]) if session else None
        if language is None or session is None or demographics is None or not self._may(session):
            return self._unknown(http)
        await self._record_event(session, "$record")
        said: dict[NodeId, Said] = {}
        async for answer in ask_everyone(Question(session.caller, session.purpose, demographics), self.here):
            said[answer.source.node] = answer
        paths = self._record_paths(http, language)
        number = int(self.desk.now().timestamp())
        return html(
            pages.record_fragment(
                language,
                assemble(said, self.here),
                viewer=self.viewer(session, language),
                paths=paths,
                wave=number,
            )
        )

    def _may(self, session: Session) -> bool:
        access = self._access(session, "$record")
        return policy.decide(access, here=self.here.id).allowed

    def _access(self, session: Session, interaction: str) -> Access:
        patient = session.caller.patient
        return Access(
            session.caller, session.purpose, interaction, "Patient", patient, patient, secrets.token_hex(12)
        )

    async def _record_event(self, session: Session, interaction: str) -> None:
        """INVARIANT: the event is durable before anything of a person is shown."""
        event = audit.event(
            self._access(session, interaction), outcome="0", recorded=self.desk.now(), here=self.here.id
        )
        await record(event, self.here)

    def viewer(self, session: Session, language: Language) -> Viewer:
        caller = session.caller
        kind: Literal["clinician", "patient"] = "patient" if caller.patient is not None else "clinician"
        role = catalogue("passerelle.node", "words.toml").say(f"role-{caller.role}", language)
        return Viewer(
            caller.name or caller.id,
            role,
            caller.organization or self.here.name[language],
            kind,
            session.purpose,
        )

    def _paths(self, http: Request, language: Language) -> Paths:
        at = f"/{language}"
        return Paths(
            toggle=_toggled(http.url.path, language),
            home=f"{at}/find",
            find=f"{at}/find",
            toggle_find=_toggled(f"{at}/find", language),
            open_record=f"{at}/open",
            sign_in=f"{at}/sign-in",
            sign_out=f"{at}/sign-out",
        )

    def _record_paths(self, http: Request, language: Language) -> Paths:
        reload = f"/{language}/record/{http.path_params['handle']}"
        return replace(
            self._paths(http, language),
            toggle=_toggled(reload, language),
            reload=reload,
            retry=f"{reload}/again",
        )

    def _unknown(self, http: Request) -> Response:
        """Nobody is signed in, or the address means nothing: to the sign-in page, and back afterwards."""
        language = _language(http)
        if language is None:
            return self._say(http, "en", "page-unknown", 404, None)
        if http.headers.get("hx-request"):
            return Response(status_code=401, headers={"HX-Redirect": f"/{language}/sign-in", **SAFE_PAGE})
        back = {"return_to": http.url.path} if http.method == "GET" else {}
        return _go(f"/{language}/sign-in" + (f"?{urlencode(back)}" if back else ""))

    def _say(
        self, http: Request, language: Language, key: str, status: int, session: Session | None
    ) -> Response:
        words = catalogue("passerelle.node", "words.toml")
        page = pages.message(
            language,
            words.say(f"{key}-title", language),
            words.say(key, language),
            status,
            paths=self._paths(http, language),
            viewer=self.viewer(session, language) if session else None,
            csrf=session.csrf if session else "",
        )
        return html(page, status)


async def moments(answers: AsyncIterator[Said]) -> AsyncIterator[dict[NodeId, Said]]:
    """What was said so far, whenever it is worth showing: not at every answer, and never later than it must be."""
    queue: asyncio.Queue[Said | None] = asyncio.Queue()

    async def listen() -> None:
        try:
            async for answer in answers:
                queue.put_nowait(answer)
        finally:
            queue.put_nowait(None)

    listener = asyncio.create_task(listen())
    said: dict[NodeId, Said] = {}
    pause, fresh = FIRST_WAVE, False
    loop = asyncio.get_running_loop()
    due = loop.time() + pause
    try:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(due if fresh else None):
                    answer = await queue.get()
                    if answer is None:
                        break
                    said[answer.source.node] = answer
                    fresh = True
                    continue
            yield dict(said)
            fresh, due = False, loop.time() + NEXT_WAVE
    finally:
        listener.cancel()
    await asyncio.gather(listener, return_exceptions=True)
    yield dict(said)


async def static(http: Request) -> Response:
    found = static_files().get(http.path_params["name"])
    if found is None:
        return Response(status_code=404)
    body, kind = found
    return Response(
        body, headers={"Content-Type": kind, "Cache-Control": "public, max-age=31536000, immutable"}
    )


def home_of(session: Session, language: Language) -> str:
    return f"/{language}/{'mine' if session.caller.patient is not None else 'find'}"


def html(page: str, status: int = 200) -> Response:
    return Response(page, status, SAFE_PAGE, media_type="text/html; charset=utf-8")


def _go(address: str) -> Response:
    return RedirectResponse(address, 303, {"Cache-Control": "no-store"})


def _language(http: Request) -> Language | None:
    named = http.path_params.get("language", "")
    return next((language for language in LANGUAGES if language == named), None)


def _toggled(path: str, language: Language) -> str:
    other = "fr" if language == "en" else "en"
    return f"/{other}{path.removeprefix(f'/{language}')}"


def _local(address: str) -> str:
    """An address of this node to come back to; anything that could lead elsewhere is dropped."""
    plain = address.startswith("/") and not address.startswith("//") and "\\" not in address
    return address if plain and address.isprintable() else ""


def _text(form: FormData, name: str) -> str:
    value = form.get(name)
    return value if isinstance(value, str) else ""
