"""The HTTP edge: one FHIR request in, one answer out, and its event durable in between.

It stands directly on ASGI: a read of one resource costs tens of microseconds, of which a framework's request and
response objects would be the larger part.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Protocol

import structlog
from starlette.requests import Request as HttpRequest
from starlette.types import ASGIApp, Receive, Scope, Send

from passerelle.audit import Line
from passerelle.fhir.outcome import BadInput, Issue, operation_outcome
from passerelle.fhir.resource import encode
from passerelle.flows.doing import aside
from passerelle.flows.exchange import Answer, Asked, exchange, refused
from passerelle.flows.ports import Here
from passerelle.flows.requests import Request, understand
from passerelle.node import binaries, formats
from passerelle.node.asgi import Headers, Said, Talk, heard, received, speak
from passerelle.node.claims import Rejected, Verified
from passerelle.node.compress import unpacked
from passerelle.node.cors import Cors
from passerelle.node.formats import FHIR_JSON, PLAIN, Wish
from passerelle.node.shedding import BusyError, Crowd, Shedding
from passerelle.store.errors import StoreError, StoreTimeoutError
from passerelle.values import Json, Language

log = structlog.get_logger()

BASE = "/fhir"
OPEN = ("/fhir/.well-known/", "/fhir/openapi.")
"""What lies below the base and is not FHIR."""
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{8,64}")
_WITH_BODY = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class Gate(Protocol):
    """Checks the credentials of a request."""

    def __call__(self, method: str, path: str, headers: Mapping[str, str]) -> Verified | Rejected: ...


class Edge:
    """Serves everything below the FHIR base."""

    def __init__(
        self,
        here: Here,
        gate: Gate,
        capability: bytes,
        origins: Sequence[str] = (),
        shedding: Shedding | None = None,
    ) -> None:
        self.shedding = shedding or Shedding(Crowd())
        self.here = here
        self.gate = gate
        self.capability = capability
        self.cors = Cors(origins)

    def before(self, app: ASGIApp) -> ASGIApp:
        """This edge for what lies below the FHIR base, and ``app`` for everything else."""
        others = self.cors.around(app)

        async def either(scope: Scope, receive: Receive, send: Send) -> None:
            path = scope.get("path", "")
            mine = path[:6] == "/fhir/" or path == BASE
            if scope["type"] != "http" or not mine or path.startswith(OPEN):
                await others(scope, receive, send)
            else:
                await self(scope, receive, send)

        return either

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = heard(scope["headers"])
        talk = Talk(
            scope=scope,
            receive=receive,
            headers=headers,
            request_id=_request_id(headers.get("x-request-id", "")),
            method=scope["method"],
            path=scope["path"][len(BASE) + 1 :],
            query=scope["query_string"].decode("utf-8", "replace"),
            language=language_of(headers.get("accept-language", "")),
        )
        if "origin" in headers:
            talk.more = self.cors.headers(headers["origin"])
        try:
            said = await self._said(talk)
        except BadInput as bad:
            said = await self._outcome(talk, bad)
            if isinstance(bad, BusyError):
                said.headers.append((b"retry-after", b"%d" % bad.seconds))
        except (
            Exception
        ) as bug:  # the last line of defence: the process lives, the operator sees the trace id
            log.error(
                "request failed", request_id=talk.request_id, fault=type(bug).__name__, where=where(bug)
            )
            said = await self._outcome(talk, _fault(bug))
        await speak(said, talk, send)

    async def _said(self, talk: Talk) -> Said:
        if talk.method == "OPTIONS":
            return Said(204, self.cors.preflight(talk.headers))
        wish = formats.wish(talk.headers.get("accept", ""), talk.query)
        talk.wish = wish or PLAIN
        if talk.path == "metadata" and talk.method in ("GET", "HEAD"):
            if wish is None:
                raise formats.unspoken(406)
            return await _written(talk, 200, [], self.capability)
        who = self.gate(talk.method, talk.scope["path"], talk.headers)
        if isinstance(who, Rejected):
            return await self._unauthenticated(talk, who)
        if not self.shedding.enter(who.purpose):
            await self.shedding.wait()
        try:
            request = await self._understood(talk, wish, who)
            if isinstance(request, Said):
                return request
            answer = await exchange(self._asked(talk, who, request), self.here)
            return await self._spoken(talk, answer, request)
        finally:
            self.shedding.leave()

    async def _understood(self, talk: Talk, wish: Wish | None, who: Verified) -> Request | Said:
        """The request as a value; one that cannot be read is refused, with its event."""
        try:
            # A Binary is answered in its own type, which may be any.
            if wish is None and not (talk.path.startswith("Binary/") and "_format" not in talk.query):
                raise formats.unspoken(406)
            if talk.method in _WITH_BODY:
                body, headers = await self._body(talk)
            else:
                body, headers = b"", talk.headers
            return understand(talk.method, talk.path, talk.query, body, headers, talk.language)
        except BadInput as bad:
            asked = self._asked(talk, who, Request("unreadable", language=talk.language))
            return await self._spoken(talk, refused(asked, self.here, bad), asked.request)

    async def _body(self, talk: Talk) -> tuple[bytes, Mapping[str, str]]:
        """The body in FHIR JSON (or what else may be sent), and the headers that go with it."""
        headers, limits = talk.headers, self.here.limits
        body = await received(talk, limits.max_bytes)
        if encoding := headers.get("content-encoding"):
            body = await unpacked(body, encoding, limits.max_bytes)
        if talk.path[:6] == "Binary":
            wrapped = await aside(
                len(body), lambda: binaries.wrapped(talk.method, talk.path, body, headers, limits)
            )
            if wrapped is not None:
                return wrapped, {**headers, "content-type": FHIR_JSON}
        kind = formats.spoken(headers.get("content-type", ""))
        form = talk.path.endswith("_search")
        if kind is None or (body and not formats.readable(talk.method, kind, form)):
            raise formats.unspoken(415)
        if form and (b"_format" in body or b"_pretty" in body):
            wish = formats.wish(headers.get("accept", ""), body.decode("latin-1"))
            if wish is None:
                raise formats.unspoken(406)
            talk.wish = wish
        if kind in formats.XML_TYPES:
            return await formats.as_json(body, kind, limits), {**headers, "content-type": FHIR_JSON}
        return body, headers

    def _asked(self, talk: Talk, who: Verified, request: Request) -> Asked:
        # A node that vouches for a person is named as a node, not as one more program.
        client = who.client_id if who.client_id != who.caller.node else ""
        peer = talk.scope.get("client")
        line = Line(client, peer[0] if peer else "", self.here.base)
        return Asked(who.caller, who.purpose, request, talk.request_id, who.jti, line)

    async def _spoken(self, talk: Talk, answer: Answer, request: Request) -> Said:
        # INVARIANT: no event, no answer.
        await record(answer.events, self.here)
        headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in answer.headers.items()]
        if request.type == "Binary" and answer.status == 200 and _as_bytes(request, talk.wish):
            kind, data = await aside(len(answer.body), lambda: binaries.bytes_of(answer.body))
            return Said(200, [*headers, (b"content-type", kind), *binaries.SAFE], data)
        if answer.status == 415 and talk.method == "PATCH":
            headers.append((b"accept-patch", formats.PATCHES))
        if "Content-Type" in answer.headers:  # what is no resource is said as it is
            return Said(answer.status, headers, answer.body)
        return await _written(talk, answer.status, headers, answer.body)

    async def _unauthenticated(self, talk: Talk, rejected: Rejected) -> Said:
        log.info("request not authenticated", request_id=talk.request_id, reason=rejected.reason)
        said = await self._outcome(talk, BadInput(Issue("unauthenticated", "login"), status=401))
        said.headers.append((b"www-authenticate", b'Bearer, DPoP algs="ES256 EdDSA"'))
        return said

    async def _outcome(self, talk: Talk, bad: BadInput) -> Said:
        body = encode(operation_outcome(bad.issues, talk.language, talk.request_id))
        return await _written(talk, bad.status, [], body)


def _as_bytes(request: Request, wish: Wish) -> bool:
    """Whether a Binary is wanted as the bytes that it holds."""
    part = any(name in ("_elements", "_summary") for name, _ in request.params)
    return not (wish.named or part) and request.interaction in ("read", "vread")


def line_of(http: HttpRequest, here: Here, client: str = "") -> Line:
    """How a request came in, for its event; without a ``client`` it is the node that vouches for the caller."""
    return Line(client, http.client.host if http.client else "", here.base)


async def record(events: Sequence[Json], here: Here) -> None:
    """Write audit events, all of them or none; when this returns they are durable."""
    if events:
        await here.ledger.append([{**event, "id": here.new_id()} for event in events])


async def _written(talk: Talk, status: int, headers: Headers, body: bytes) -> Said:
    """An answer in the format that is wanted."""
    if not body:
        return Said(status, headers)
    wish = talk.wish
    if wish.xml or wish.pretty:
        try:
            body = await formats.said(body, wish)
        except BadInput:
            if talk.method in ("GET", "HEAD"):
                raise
            wish = PLAIN  # what was done is done, and is told in the format that can tell it
    return Said(status, [*headers, (b"content-type", formats.content_type(wish))], body)


def language_of(accept: str) -> Language:
    """The first of our languages that an Accept-Language header prefers (by order; weights rarely differ)."""
    return _language(accept[: formats.LONGEST])


@lru_cache(256)
def _language(accept: str) -> Language:
    for part in accept.lower().split(","):
        if part.strip().startswith("fr"):
            return "fr"
        if part.strip().startswith("en"):
            return "en"
    return "en"


def _request_id(given: str) -> str:
    return given if given and _REQUEST_ID.fullmatch(given) else os.urandom(12).hex()


def _fault(bug: Exception) -> BadInput:
    """What a caller hears of what went wrong here."""
    if isinstance(bug, StoreTimeoutError):
        return BadInput(Issue("query-timeout", "timeout"), status=503)
    if isinstance(bug, StoreError):
        return BadInput(Issue("store-unavailable", "transient"), status=503)
    return BadInput(Issue("internal", "exception"), status=500)


def where(bug: BaseException) -> str:
    """File and line of a bug, never its message: a message may hold a value."""
    trace = bug.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}" if trace else ""
