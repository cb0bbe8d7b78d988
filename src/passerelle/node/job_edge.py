"""What is served below ``_jobs``: how far a job is, its files, and its end."""

from __future__ import annotations

import asyncio
import re
import secrets
import zlib
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

from starlette.requests import Request as HttpRequest
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from passerelle.fhir.outcome import BadInput, Issue, operation_outcome
from passerelle.fhir.resource import encode
from passerelle.flows import job_answers
from passerelle.flows.deciding import Asked
from passerelle.flows.exchange import Answer, refused
from passerelle.flows.job_answers import File
from passerelle.flows.jobs import AREA
from passerelle.flows.ports import Here
from passerelle.flows.requests import Request
from passerelle.node.claims import Rejected
from passerelle.node.cors import Cors
from passerelle.node.edge import Gate, language_of, line_of, record
from passerelle.node.formats import FHIR_JSON
from passerelle.node.job_files import JobFiles

PREFIX = f"/fhir/{AREA}/"
NDJSON = "application/fhir+ndjson"
CHUNK = 1024 * 1024
_PLACE = re.compile(r"([A-Za-z0-9\-]{1,64})(?:/([A-Za-z]{1,64}\.[0-9]{1,6}\.ndjson))?")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{8,64}")
_GZIP = re.compile(r"\bgzip\b(?!\s*;\s*q=0(\.0+)?\s*(,|$))", re.IGNORECASE)


class JobEdge:
    """Serves the jobs of a node, behind the same door as everything else."""

    def __init__(
        self, here: Here, gate: Gate, files: JobFiles, wake: Callable[[], None], origins: Sequence[str] = ()
    ) -> None:
        self.here = here
        self.origins = origins
        self.gate = gate
        self.files = files
        self.wake = wake

    def before(self, app: ASGIApp) -> ASGIApp:
        """This edge for what lies below ``_jobs``, and ``app`` for everything else."""

        async def own(scope: Scope, receive: Receive, send: Send) -> None:
            response = await self.answer(HttpRequest(scope, receive))
            await response(scope, receive, send)

        jobs = Cors(self.origins).around(own, everywhere=True)

        async def either(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and scope["path"].startswith(PREFIX):
                await jobs(scope, receive, send)
            else:
                await app(scope, receive, send)

        return either

    async def answer(self, http: HttpRequest) -> Response:
        asked = self._asked(http)
        if isinstance(asked, Response):
            return asked
        place = _PLACE.fullmatch(http.url.path[len(PREFIX) :])
        if place is None:
            return await self._speak(job_answers.unknown(asked, self.here), asked)
        job, name = place.groups()
        if name is not None and http.method in ("GET", "HEAD"):
            return await self._file(asked, job, name, http)
        if name is None and http.method in ("GET", "HEAD"):
            return await self._speak(await job_answers.status(asked, job, self.here), asked)
        if name is None and http.method == "DELETE":
            answer = await job_answers.cancel(asked, job, self.here)
            self.wake()
            return await self._speak(answer, asked)
        methods = "GET" if name else "GET, DELETE"
        bad = BadInput(Issue("method-not-allowed", "not-supported", details={"methods": methods}), status=405)
        return await self._speak(refused(asked, self.here, bad), asked)

    async def _file(self, asked: Asked, job: str, name: str, http: HttpRequest) -> Response:
        found = await job_answers.fetch(asked, job, name, self.here)
        path = self.files.path(job, name)
        if isinstance(found, File) and not path.is_file():
            found = job_answers.unknown(asked, self.here)
        if isinstance(found, Answer):
            return await self._speak(found, asked)
        # INVARIANT: no event, no answer.
        await record(found.answer.events, self.here)
        return sent(path, http.headers.get("accept-encoding", ""), asked.request_id)

    def _asked(self, http: HttpRequest) -> Asked | Response:
        language = language_of(http.headers.get("accept-language", ""))
        given = http.headers.get("x-request-id", "")
        named = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(12)
        who = self.gate(http.method, http.scope["path"], http.headers)
        if isinstance(who, Rejected):
            body = encode(operation_outcome([Issue("unauthenticated", "login")], language, named))
            headers = {"WWW-Authenticate": 'Bearer, DPoP algs="ES256 EdDSA"', "X-Request-Id": named}
            return Response(body, 401, {**headers, "Cache-Control": "no-store"}, media_type=FHIR_JSON)
        client = who.client_id if who.client_id != who.caller.node else ""
        request = Request("$export", language=language)
        return Asked(who.caller, who.purpose, request, named, who.jti, line_of(http, self.here, client))

    async def _speak(self, answer: Answer, asked: Asked) -> Response:
        await record(answer.events, self.here)
        headers = {"X-Request-Id": asked.request_id, "Cache-Control": "no-store", **answer.headers}
        media = headers.pop("Content-Type", FHIR_JSON)
        return Response(answer.body, answer.status, headers, media_type=media if answer.body else None)


def sent(path: Path, accept_encoding: str, named: str) -> Response:
    """A file as a response; compressed where that is accepted."""
    headers = {"Cache-Control": "no-store", "Vary": "Accept-Encoding", "X-Request-Id": named}
    if not _GZIP.search(accept_encoding):
        return FileResponse(path, headers=headers, media_type=NDJSON)
    headers["Content-Encoding"] = "gzip"
    return StreamingResponse(_squeezed(path), headers=headers, media_type=NDJSON)


async def _squeezed(path: Path) -> AsyncIterator[bytes]:
    """Compressed in a thread, part after part: fast rather than small, for a node has more to do."""
    squeezer = zlib.compressobj(1, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    file = await asyncio.to_thread(path.open, "rb")
    try:
        while chunk := await asyncio.to_thread(file.read, CHUNK):
            yield await asyncio.to_thread(squeezer.compress, chunk)
        yield squeezer.flush()
    finally:
        file.close()
