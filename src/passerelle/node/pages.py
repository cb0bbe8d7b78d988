"""The pages' routes: find, open a record and watch it stream in, try a source again.

Pages are rendered by ``portals``; here are sessions, forms and what may be asked. Everything that changes something or
names a person is posted with the session's own token; a record is known in an address by an opaque handle only.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from typing import Literal
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from passerelle import audit, policy
from passerelle.audit import Line
from passerelle.fhir.record import Gap, Record, State
from passerelle.fhir.words import catalogue
from passerelle.flows.federate import Question, Said, ask_everyone, assemble, sources_to_ask
from passerelle.flows.find import find
from passerelle.flows.ports import Here
from passerelle.flows.receipts import receipts, senders
from passerelle.node.compress import Squeeze
from passerelle.node.desk import SAFE_PAGE, Desk, field_of, go, html, language_in, toggled
from passerelle.node.edge import language_of, line_of, record
from passerelle.node.sessions import Session
from passerelle.node.signing_in import SigningIn
from passerelle.portals import pages
from passerelle.portals.asking import parse_find
from passerelle.portals.assets import static_files
from passerelle.portals.person import person_name
from passerelle.portals.speech import Speech
from passerelle.portals.viewing import FoundPatient, Paths, Viewer
from passerelle.values import LANGUAGES, Access, Json, Language, NodeId

FIRST_WAVE = 0.15
"""Seconds after which the first answers are shown, if more are still out."""
NEXT_WAVE = 0.3


class Opening:
    """One record being opened: notes what each other node sent for it before any of it is shown."""

    def __init__(self, access: Access, line: Line, here: Here) -> None:
        self.access, self.line, self.here = access, line, here
        self.noted: set[NodeId] = set()

    async def received(self, known: Record) -> Record:
        """The same record, once what is new in it is durably noted."""
        events = receipts(known, self.access, self.here, noted=self.noted, line=self.line)
        await record(events, self.here)
        self.noted |= {source.node for source in senders(known, self.here.id)}
        return known


class Portal:
    """The routes of one node's pages."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.here = desk.here

    def routes(self) -> list[Route]:
        return [
            Route("/", self.root),
            Route("/static/{name}", static),
            *SigningIn(self.desk).routes(),
            Route("/{language}/find", self.find, methods=["GET", "POST"]),
            Route("/{language}/mine", self.mine),
            Route("/{language}/open", self.open, methods=["POST"]),
            Route("/{language}/record/{handle}", self.record),
            Route("/{language}/record/{handle}/again", self.again),
        ]

    async def root(self, http: Request) -> Response:
        language = language_of(http.headers.get("accept-language", ""))
        return go(f"/{language}/{'find' if self.desk.session_of(http) else 'sign-in'}")

    async def find(self, http: Request) -> Response:
        language, session = language_in(http), self.desk.session_of(http)
        if language is None or session is None:
            return self._unknown(http)
        if session.caller.patient is not None:
            return go(f"/{language}/mine")
        if http.method == "GET":
            return html(self._find_page(http, language, session))
        form = await http.form(max_fields=8, max_part_size=4096)
        if not session.meant(field_of(form, "csrf")):
            return self._say(http, language, "page-expired", 403, session)
        typed = field_of(form, "text") or field_of(form, "q")
        asked = parse_find(typed)
        if asked.patient is None:
            return html(self._find_page(http, language, session, text=typed, error=asked.error), 400)
        await self._note(self._access(session, "$match"), line_of(http, self.here))
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
            text=typed,
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
            today=self.here.now().date().isoformat(),
            text=text,
            birth_date=birth_date,
        )

    async def mine(self, http: Request) -> Response:
        """A patient's own record, from what this node knows of them."""
        language, session = language_in(http), self.desk.session_of(http)
        if language is None or session is None or session.caller.patient is None:
            return self._unknown(http)
        patient = session.caller.patient
        stored = await self.here.store.look(lambda view: view.read("Patient", patient))
        if stored is None or stored.body is None:
            return self._say(http, language, "record-gone", 404, session)
        from passerelle.fhir.resource import decode

        return go(f"/{language}/record/{session.hold(decode(stored.body))}")

    async def open(self, http: Request) -> Response:
        language, session = language_in(http), self.desk.session_of(http)
        if language is None or session is None:
            return self._unknown(http)
        form = await http.form(max_fields=8, max_part_size=4096)
        handle = field_of(form, "handle")
        if not session.meant(field_of(form, "csrf")) or session.held(handle) is None:
            return self._say(http, language, "page-expired", 403, session)
        if field_of(form, "same_person") != "yes":
            return self._say(http, language, "not-confirmed", 400, session)
        return go(f"/{language}/record/{quote(handle)}")

    async def record(self, http: Request) -> Response:
        """The record page, each source shown as it answers."""
        language, session = language_in(http), self.desk.session_of(http)
        if language is None or session is None:
            return self._unknown(http)
        demographics = session.held(http.path_params["handle"])
        if demographics is None:
            return self._say(http, language, "record-gone", 404, session)
        opening = await self._opening(http, session)
        if opening is None:
            return self._say(http, language, "record-refused", 403, session)
        stream = self._stream(http, language, session, demographics, opening)
        squeeze = Squeeze.if_wanted(http.headers.get("accept-encoding", ""))
        return StreamingResponse(
            squeeze.all(stream),
            media_type="text/html; charset=utf-8",
            headers={**SAFE_PAGE, **squeeze.headers},
        )

    async def _stream(
        self, http: Request, language: Language, session: Session, demographics: Json, opening: Opening
    ) -> AsyncIterator[str]:
        question = Question(session.caller, session.purpose, demographics)
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
                    await opening.received(assemble(said, self.here)),
                    waiting,
                    viewer=viewer,
                    paths=paths,
                    wave=wave,
                    final=False,
                )
        whole = await opening.received(assemble(said, self.here))
        yield pages.record_wave(language, whole, viewer=viewer, paths=paths, wave=wave + 1, final=True)
        name = person_name(whole.patient or question.demographics, Speech(language))
        yield pages.record_tail(language, viewer=viewer, paths=paths, patient_name=name)

    async def again(self, http: Request) -> Response:
        """The whole question once more; with htmx only its last wave is sent, to take the place of those shown."""
        language, session = language_in(http), self.desk.session_of(http)
        demographics = session.held(http.path_params["handle"]) if session else None
        if language is None or session is None or demographics is None:
            return self._unknown(http)
        opening = await self._opening(http, session)
        if opening is None:
            return self._say(http, language, "record-refused", 403, session)
        said: dict[NodeId, Said] = {}
        async for answer in ask_everyone(Question(session.caller, session.purpose, demographics), self.here):
            said[answer.source.node] = answer
        paths = self._record_paths(http, language)
        number = int(self.here.now().timestamp())
        return html(
            pages.record_fragment(
                language,
                await opening.received(assemble(said, self.here)),
                viewer=self.viewer(session, language),
                paths=paths,
                wave=number,
            )
        )

    async def _opening(self, http: Request, session: Session) -> Opening | None:
        """May this person open a record? The answer is written down either way."""
        access, line = self._access(session, "$record"), line_of(http, self.here)
        decision = policy.decide(access, here=self.here.id)
        await self._note(access, line, "0" if decision.allowed else "4", decision.reasons)
        return Opening(access, line, self.here) if decision.allowed else None

    def _access(self, session: Session, interaction: str) -> Access:
        patient = session.caller.patient
        return Access(
            session.caller, session.purpose, interaction, "Patient", patient, patient, secrets.token_hex(12)
        )

    async def _note(
        self, access: Access, line: Line, outcome: str = "0", reasons: tuple[str, ...] = ()
    ) -> None:
        """INVARIANT: the event is durable before anything of a person is shown."""
        event = audit.event(
            access, outcome=outcome, recorded=self.here.now(), here=self.here.id, reasons=reasons, line=line
        )
        await record((event,), self.here)

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
            toggle=toggled(http.url.path, language),
            home=f"{at}/find",
            find=f"{at}/find",
            toggle_find=toggled(f"{at}/find", language),
            open_record=f"{at}/open",
            sign_in=f"{at}/sign-in",
            sign_out=f"{at}/sign-out",
        )

    def _record_paths(self, http: Request, language: Language) -> Paths:
        reload = f"/{language}/record/{http.path_params['handle']}"
        return replace(
            self._paths(http, language),
            toggle=toggled(reload, language),
            reload=reload,
            retry=f"{reload}/again",
        )

    def _unknown(self, http: Request) -> Response:
        """Nobody is signed in, or the address means nothing: to the sign-in page, and back afterwards."""
        language = language_in(http)
        if language is None:
            return self._say(http, _spoken(http), "page-unknown", 404, None)
        if http.headers.get("hx-request"):
            return Response(status_code=401, headers={"HX-Redirect": f"/{language}/sign-in", **SAFE_PAGE})
        back = {"return_to": http.url.path} if http.method == "GET" else {}
        return go(f"/{language}/sign-in" + (f"?{urlencode(back)}" if back else ""))

    async def lost(self, http: Request, _: Exception) -> Response:
        """An address where nothing is."""
        return self._say(http, _spoken(http), "page-unknown", 404, self.desk.session_of(http))

    async def failed(self, http: Request, _: Exception) -> Response:
        """A bug: said plainly, and nothing about what it was."""
        return self._say(http, _spoken(http), "page-failed", 500, None)

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


def _spoken(http: Request) -> Language:
    """The language of an address, else of the browser."""
    named = next((each for each in LANGUAGES if http.url.path.startswith(f"/{each}/")), None)
    return named or language_of(http.headers.get("accept-language", ""))


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
    # INVARIANT: a bug in the asking is not passed over. The last wave would take who was not heard for nobody.
    await listener
    yield dict(said)


async def static(http: Request) -> Response:
    found = static_files().get(http.path_params["name"])
    if found is None:
        return Response(status_code=404)
    body, kind = found
    return Response(
        body, headers={"Content-Type": kind, "Cache-Control": "public, max-age=31536000, immutable"}
    )
