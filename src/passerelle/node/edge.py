"""The HTTP edge: one FHIR request in, one answer out, and its event durable in between."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import structlog
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from passerelle.audit import Line
from passerelle.fhir.outcome import BadInput, Issue, operation_outcome
from passerelle.fhir.resource import encode
from passerelle.flows.exchange import Answer, Asked, exchange, refused
from passerelle.flows.ports import Here
from passerelle.flows.requests import Request, understand
from passerelle.node.claims import Rejected, Verified
from passerelle.values import Json, Language

log = structlog.get_logger()

FHIR_JSON = "application/fhir+json"
_ACCEPTABLE = re.compile(r"\*/\*|application/\*|application/(fhir\+)?json|text/json")
_JSON_TYPES = frozenset({FHIR_JSON, "application/json", "text/json"})
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{8,64}")


class Gate(Protocol):
    """Checks the credentials of a request."""

    def __call__(self, method: str, path: str, headers: Mapping[str, str]) -> Verified | Rejected: ...


class Edge:
    """Serves everything below the FHIR base."""

    def __init__(self, here: Here, gate: Gate, capability: bytes) -> None:
        self.here = here
        self.gate = gate
        self.capability = capability

    async def answer(self, http: HttpRequest) -> Response:
        language = language_of(http.headers.get("accept-language", ""))
        request_id = _request_id(http.headers.get("x-request-id", ""))
        try:
            return await self._serve(http, language, request_id)
        except BadInput as bad:
            return _outcome(bad, language, request_id)
        except (
            Exception
        ) as bug:  # the last line of defence: the process lives, the operator sees the trace id
            log.error("request failed", request_id=request_id, fault=type(bug).__name__, where=where(bug))
            return _outcome(BadInput(Issue("internal", "exception"), status=500), language, request_id)

    async def _serve(self, http: HttpRequest, language: Language, request_id: str) -> Response:
        path = http.path_params.get("path", "")
        if path == "metadata" and http.method in ("GET", "HEAD"):
            return Response(self.capability, media_type=FHIR_JSON)
        headers = dict(http.headers.items())
        who = self.gate(http.method, http.url.path, http.headers)
        if isinstance(who, Rejected):
            return _unauthenticated(who, language, request_id)
        request = await self._understood(http, path, headers, language, who, request_id)
        if isinstance(request, Response):
            return request
        answer = await exchange(self._asked(http, who, request, request_id), self.here)
        return await self._speak(answer, request_id, http.method == "HEAD")

    async def _understood(
        self,
        http: HttpRequest,
        path: str,
        headers: dict[str, str],
        language: Language,
        who: Verified,
        request_id: str,
    ) -> Request | Response:
        """The request as a value; one that cannot be read is refused, with its event."""
        try:
            _must_be_acceptable(http)
            body = await _body(http, self.here.limits.max_bytes)
            return replace(understand(http.method, path, http.url.query, body, headers), language=language)
        except BadInput as bad:
            asked = self._asked(http, who, Request("unreadable", language=language), request_id)
            return await self._speak(refused(asked, self.here, bad), request_id, False)

    def _asked(self, http: HttpRequest, who: Verified, request: Request, request_id: str) -> Asked:
        # A node that vouches for a person is named as a node, not as one more program.
        client = who.client_id if who.client_id != who.caller.node else ""
        return Asked(who.caller, who.purpose, request, request_id, who.jti, line_of(http, self.here, client))

    async def _speak(self, answer: Answer, request_id: str, head: bool) -> Response:
        # INVARIANT: no event, no answer.
        await record(answer.events, self.here)
        headers = {"X-Request-Id": request_id, "Cache-Control": "no-store", **answer.headers}
        body = b"" if head else answer.body
        return Response(body, answer.status, headers, media_type=FHIR_JSON if answer.body else None)


def line_of(http: HttpRequest, here: Here, client: str = "") -> Line:
    """How a request came in, for its event; without a ``client`` it is the node that vouches for the caller."""
    return Line(client, http.client.host if http.client else "", here.base)


async def record(events: Sequence[Json], here: Here) -> None:
    """Write audit events, all of them or none; when this returns they are durable."""
    if events:
        await here.ledger.append([{**event, "id": here.new_id()} for event in events])


async def _body(http: HttpRequest, limit: int) -> bytes:
    """The body, refused as soon as it passes the limit."""
    declared = http.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise BadInput(Issue("too-large", "too-long", details={"limit": str(limit)}), status=413)
    parts: list[bytes] = []
    size = 0
    async for part in http.stream():
        size += len(part)
        if size > limit:
            raise BadInput(Issue("too-large", "too-long", details={"limit": str(limit)}), status=413)
        parts.append(part)
    return b"".join(parts)


def _must_be_acceptable(http: HttpRequest) -> None:
    accept = http.query_params.get("_format") or http.headers.get("accept", "*/*")
    if not _ACCEPTABLE.search(accept) and accept not in ("json", ""):
        raise BadInput(Issue("not-acceptable", "not-supported"), status=406)
    content = http.headers.get("content-type", "").partition(";")[0].strip().lower()
    form = http.url.path.endswith("/_search") and content == "application/x-www-form-urlencoded"
    if http.method in ("POST", "PUT") and content and content not in _JSON_TYPES and not form:
        raise BadInput(Issue("unsupported-media-type", "not-supported"), status=415)


def _unauthenticated(rejected: Rejected, language: Language, request_id: str) -> Response:
    log.info("request not authenticated", request_id=request_id, reason=rejected.reason)
    response = _outcome(BadInput(Issue("unauthenticated", "login"), status=401), language, request_id)
    response.headers["WWW-Authenticate"] = 'Bearer, DPoP algs="ES256 EdDSA"'
    return response


def _outcome(bad: BadInput, language: Language, request_id: str) -> Response:
    body = encode(operation_outcome(bad.issues, language, request_id))
    headers = {"X-Request-Id": request_id, "Cache-Control": "no-store"}
    return Response(body, bad.status, headers, media_type=FHIR_JSON)


def language_of(accept: str) -> Language:
    """The first of our languages that an Accept-Language header prefers (by order; weights rarely differ)."""
    for part in accept.lower().split(","):
        if part.strip().startswith("fr"):
            return "fr"
        if part.strip().startswith("en"):
            return "en"
    return "en"


def _request_id(given: str) -> str:
    return given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(12)


def where(bug: BaseException) -> str:
    """File and line of a bug, never its message: a message may hold a value."""
    trace = bug.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}" if trace else ""
