"""What an operator's instruments read: health and metrics, on a listener of their own or on the node's.

Health says only which part is missing. Metrics say how much is asked here, which is nobody else's business: they are told
on a listener that only the operator reaches, or to who has the token, or to this machine; without configuration, to nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from passerelle import __version__
from passerelle.flows.jobs import milliseconds
from passerelle.flows.ports import Here
from passerelle.node import metrics
from passerelle.node.health import Needs, ready
from passerelle.node.jobs import Worker
from passerelle.node.metrics import Metrics
from passerelle.node.shedding import Shedding

TEXT = "text/plain; version=0.0.4; charset=utf-8"
NO_STORE = {"Cache-Control": "no-store"}
_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


@dataclass(frozen=True)
class Watch:
    """The instruments of one node."""

    needs: Needs
    counted: Metrics
    worker: Worker
    shedding: Shedding
    token: str = ""
    """Who has it may read the metrics on the node's own listener."""
    loopback: bool = False
    """Whether this machine may, when nothing stands in between."""

    def routes(self) -> list[Route]:
        return [
            Route("/health", self.health),
            Route("/health/live", self.health),
            Route("/health/ready", self.ready),
            Route("/metrics", self.metrics),
        ]

    async def health(self, http: Request) -> Response:
        return JSONResponse({"status": "up", "version": __version__}, headers=NO_STORE)

    async def ready(self, http: Request) -> Response:
        status, parts = await self.readiness()
        return JSONResponse(parts, status, headers=NO_STORE)

    async def metrics(self, http: Request) -> Response:
        if not self.may_read(http):
            return Response(status_code=404, headers=NO_STORE)
        return Response(await self.page(), headers={**NO_STORE, "Content-Type": TEXT})

    async def readiness(self) -> tuple[int, Mapping[str, object]]:
        parts = await ready(self.needs)
        good = all(parts.values())
        told = {name: "ok" if is_there else "missing" for name, is_there in parts.items()}
        return (200 if good else 503), {"status": "ready" if good else "not ready", "parts": told}

    async def page(self) -> bytes:
        """The metrics as they are now."""
        here: Here = self.needs.here
        jobs, (letters, oldest) = await here.store.look(
            lambda view: (view.jobs.counts(), view.jobs.letters())
        )
        now = metrics.Now(
            jobs=jobs,
            ends=dict(self.worker.done),
            letters=letters,
            oldest_letter=(milliseconds(here) - oldest) / 1000 if letters else 0.0,
            journal=here.ledger.waiting,
            waiting=self.shedding.waiting,
        )
        return await asyncio.to_thread(metrics.page, self.counted, now)

    def may_read(self, http: Request) -> bool:
        """Whether whoever asks on the node's own listener may read the metrics."""
        sent = http.headers.get("authorization", "")
        if self.token and hmac.compare_digest(sent.encode(), f"Bearer {self.token}".encode()):
            return True
        # What came through a proxy on this machine seems to come from this machine.
        through = any(name in http.headers for name in _FORWARDED)
        host = http.client.host if http.client else ""
        return self.loopback and not through and host in ("127.0.0.1", "::1")


async def listen(watch: Watch, host: str, port: int) -> asyncio.Server:
    """A listener for the instruments alone. It understands ``GET`` of three paths and no more."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(
            OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError
        ):
            async with asyncio.timeout(10):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(await _told(watch, head.split(b"\r\n", 1)[0].split(b" ")))
                await writer.drain()
        writer.close()

    return await asyncio.start_server(answer, host, port, limit=16_384)


async def _told(watch: Watch, line: list[bytes]) -> bytes:
    from json import dumps

    path = line[1].partition(b"?")[0] if len(line) == 3 and line[0] == b"GET" else b""
    status, kind, body = 404, "application/json", b"{}"
    if path == b"/metrics":
        status, kind, body = 200, TEXT, await watch.page()
    elif path == b"/health/ready":
        status, parts = await watch.readiness()
        body = dumps(parts).encode()
    elif path in (b"/health", b"/health/live"):
        status, body = 200, dumps({"status": "up", "version": __version__}).encode()
    head = f"HTTP/1.1 {status} {_WORDS[status]}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"Cache-Control: no-store\r\nConnection: close\r\n\r\n" + body


_WORDS = {200: "OK", 404: "Not Found", 503: "Service Unavailable"}
