"""One HTTP exchange as the server beneath hands it over: headers heard, a body received, an answer spoken."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from starlette.types import Receive, Scope, Send

from passerelle.fhir.outcome import BadInput, Issue
from passerelle.node.compress import WORTH_IT, squeezed
from passerelle.node.formats import PLAIN, Wish
from passerelle.values import Language

Headers = list[tuple[bytes, bytes]]


@dataclass(slots=True)
class Talk:
    """One request as it came in, and how its answer is wanted."""

    scope: Scope
    receive: Receive
    headers: Mapping[str, str]
    request_id: str
    method: str
    path: str
    """Below the FHIR base."""
    query: str
    language: Language = "en"
    wish: Wish = PLAIN
    more: Headers = field(default_factory=list)
    """What every answer to it says, whatever it is."""


@dataclass(slots=True)
class Said:
    """An answer in bytes."""

    status: int
    headers: Headers
    body: bytes = b""


def heard(pairs: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """The headers by name. One that came several times is joined by commas, as RFC 9110 reads it; a credential that
    came twice then proves nothing."""
    headers: dict[str, str] = {}
    for raw, value in pairs:
        name = raw.decode("latin-1")
        headers[name] = (
            f"{headers[name]}, {value.decode('latin-1')}" if name in headers else value.decode("latin-1")
        )
    return headers


async def received(talk: Talk, limit: int) -> bytes:
    """The body, refused as soon as it passes the limit."""
    declared = talk.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise _too_large(limit)
    message = await talk.receive()
    if not message.get("more_body"):
        body: bytes = message.get("body", b"")
        if len(body) > limit:
            raise _too_large(limit)
        return body
    parts: list[bytes] = []
    size = 0
    while True:
        if message["type"] == "http.disconnect":
            raise BadInput(Issue("body-broken-off", "incomplete"))
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise _too_large(limit)
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)
        message = await talk.receive()


def _too_large(limit: int) -> BadInput:
    return BadInput(Issue("too-large", "too-long", details={"limit": str(limit)}), status=413)


_ALWAYS = (b"cache-control", b"no-store")
_VARIES = (b"vary", b"Accept, Accept-Encoding, Authorization")


async def speak(said: Said, talk: Talk, send: Send) -> None:
    """Send an answer: compressed where that is wanted and worth it, and without its body to a HEAD."""
    body, headers = said.body, said.headers
    headers += ((b"x-request-id", talk.request_id.encode()), _ALWAYS, _VARIES, *talk.more)
    wanted = talk.headers.get("accept-encoding")
    if wanted and len(body) >= WORTH_IT:
        body, coding = await squeezed(body, wanted)
        if coding:
            headers.append((b"content-encoding", coding.encode()))
    if said.status not in (204, 304):
        headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": said.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if talk.method == "HEAD" else body})
