"""May a page from another origin call this node? (https://fetch.spec.whatwg.org/#http-cors-protocol)

A caller proves who asks by a token in a header, never by a cookie, so an origin that is let in gains nothing that the
page's user does not give it. Which origins are let in is configuration.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from passerelle.node.asgi import Headers, heard

METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
_ALLOWED = (
    b"Accept, Accept-Language, Authorization, Content-Encoding, Content-Type, DPoP, If-Match, If-Modified-Since, "
    b"If-None-Exist, If-None-Match, Prefer, X-Request-Id, X-Security-Context"
)
_EXPOSED = b"Allow, Content-Location, ETag, Last-Modified, Location, Retry-After, WWW-Authenticate, X-Progress, X-Request-Id"

SHARED = frozenset(
    {
        "/.well-known/smart-configuration",
        "/fhir/.well-known/smart-configuration",
        "/oauth/token",
        "/oauth/revoke",
        "/oauth/introspect",
        "/oauth/jwks",
    }
)
"""What an application in a browser calls beside the FHIR interface, to find out how to get a token and to get it.
Nothing here looks at a cookie."""


class Cors:
    """The origins that may call, ``*`` being every one."""

    def __init__(self, origins: Sequence[str] = ()) -> None:
        self.any = "*" in origins
        self.origins = frozenset(origins)

    def _let_in(self, origin: str) -> bool:
        return self.any or origin in self.origins

    def headers(self, origin: str) -> Headers:
        """What an answer says to the browser of a page from this origin."""
        if not self._let_in(origin):
            return [(b"vary", b"Origin")]
        said = b"*" if self.any else origin.encode("latin-1")
        vary = [] if self.any else [(b"vary", b"Origin")]
        return [(b"access-control-allow-origin", said), (b"access-control-expose-headers", _EXPOSED), *vary]

    def preflight(self, headers: Mapping[str, str]) -> Headers:
        """What the answer to a browser's first question says beside: which methods, and with which headers."""
        told: Headers = [(b"allow", METHODS)]
        if "origin" in headers and self._let_in(headers["origin"]):
            told += [
                (b"access-control-allow-methods", METHODS),
                (b"access-control-allow-headers", _ALLOWED),
                (b"access-control-max-age", b"86400"),
            ]
        return told

    def around(self, app: ASGIApp, *, everywhere: bool = False) -> ASGIApp:
        """The same application, which also answers pages of other origins at the shared addresses, or ``everywhere``."""

        async def shared(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http" or not (everywhere or scope["path"] in SHARED):
                await app(scope, receive, send)
                return
            headers = heard(scope["headers"])
            if "origin" not in headers:
                await app(scope, receive, send)
            elif scope["method"] == "OPTIONS":
                told = [*self.headers(headers["origin"]), *self.preflight(headers)]
                await send({"type": "http.response.start", "status": 204, "headers": told})
                await send({"type": "http.response.body", "body": b""})
            else:
                await app(scope, receive, _adding(self.headers(headers["origin"]), send))

        return shared


def _adding(more: Headers, send: Send) -> Send:
    async def speak(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], *more]}
        await send(message)

    return speak
