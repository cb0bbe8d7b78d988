"""Other nodes over HTTP: sign each request, send it, repeat it only where that is safe."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from datetime import datetime

import aiohttp

from passerelle.audit import Line
from passerelle.federation.directory import NodeEntry
from passerelle.flows.exchange import Asked, exchange
from passerelle.flows.ports import Heard, Here, Nothing, Wire
from passerelle.flows.requests import understand
from passerelle.node import tracing
from passerelle.node.edge import record
from passerelle.node.peer_tokens import Asking, sign_request
from passerelle.values import Caller, Purpose

TRIES = 2
"""A question to another node reads and changes nothing there, so one broken connection may be tried once more."""


class Peers:
    """The other nodes, and this node itself when a question is about what is held here."""

    def __init__(self, asking: Asking, now: Callable[[], datetime], connections: int, largest: int) -> None:
        self.asking = asking
        self.now = now
        self.connections = connections
        self.largest = largest
        self.here: Here | None = None
        self._session: aiohttp.ClientSession | None = None

    async def ask(
        self, node: NodeEntry, wire: Wire, caller: Caller, purpose: Purpose, seconds: float
    ) -> Heard | Nothing:
        try:
            async with asyncio.timeout(seconds):
                if node.id == self.asking.node:
                    return await self._ask_here(wire, caller, purpose)
                return await self._ask_there(node, wire, caller, purpose)
        except TimeoutError:
            return Nothing("deadline")

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def _ask_here(self, wire: Wire, caller: Caller, purpose: Purpose) -> Heard:
        assert self.here is not None  # noqa: S101  set when the node is wired, before anything is served
        request = understand(wire.method, wire.path, "", wire.body)
        # Nobody sent it over a network: the node asks itself.
        line = Line(server_address=self.here.base)
        asked = Asked(caller, purpose, request, secrets.token_hex(12), line=line)
        answer = await exchange(asked, self.here)
        await record(answer.events, self.here)
        return Heard(answer.status, answer.body)

    async def _ask_there(
        self, node: NodeEntry, wire: Wire, caller: Caller, purpose: Purpose
    ) -> Heard | Nothing:
        for attempt in range(TRIES):
            try:
                return await self._send(node, wire, caller, purpose)
            except aiohttp.ClientConnectionError:
                if attempt + 1 == TRIES:
                    return Nothing("connection")
            except aiohttp.ClientError:
                return Nothing("connection")
        return Nothing("connection")

    async def _send(self, node: NodeEntry, wire: Wire, caller: Caller, purpose: Purpose) -> Heard | Nothing:
        url = f"{node.fhir}/{wire.path}"
        headers = self._signed(node, wire, url, caller, purpose)
        async with self._client().request(
            wire.method, url, data=wire.body or None, headers=headers, allow_redirects=False
        ) as response:
            body = await self._read(response)
            return Nothing("too-large") if body is None else Heard(response.status, body)

    async def _read(self, response: aiohttp.ClientResponse) -> bytes | None:
        """The body, or None as soon as it is larger than a record may be."""
        if (response.content_length or 0) > self.largest:
            return None
        parts: list[bytes] = []
        size = 0
        async for part in response.content.iter_any():
            size += len(part)
            if size > self.largest:
                return None
            parts.append(part)
        return b"".join(parts)

    def _signed(
        self, node: NodeEntry, wire: Wire, url: str, caller: Caller, purpose: Purpose
    ) -> dict[str, str]:
        signed = sign_request(
            caller,
            purpose,
            asking=self.asking,
            audience=node.fhir,
            method=wire.method,
            url=url,
            now=self.now(),
            new_id=lambda: secrets.token_urlsafe(16),
        )
        return {
            **signed,
            **tracing.passed_on(),
            "Accept": "application/fhir+json",
            "Content-Type": "application/fhir+json",
            "X-Request-Id": secrets.token_hex(12),
        }

    def _client(self) -> aiohttp.ClientSession:
        # Made on first use because a session belongs to the running event loop.
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=0, limit_per_host=self.connections, keepalive_timeout=30)
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=True,
                trust_env=False,
            )
        return self._session
