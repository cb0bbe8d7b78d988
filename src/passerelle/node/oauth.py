"""How a program gets an access token of this node: SMART App Launch and SMART Backend Services over OAuth 2.

This is the HTTP face; ``grants`` has the steps, ``clients`` the programs. Not here yet: a clinician's app that needs a
patient chosen at launch (``launch``, ``patient/`` scopes of a clinician), and ``openid fhirUser``; such scopes are left
out of what is granted.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749.errors import InvalidRequestError
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from passerelle.node.clients import ALGORITHMS, Client
from passerelle.node.grants import NO_STORE, Asked, Server, Settings, SignedIn
from passerelle.values import Json

__all__ = ["Client", "Pages", "Server", "Settings", "SignedIn", "Wish", "routes", "smart_configuration"]

LONGEST_BODY = 64 * 1024


@dataclass(frozen=True)
class Wish:
    """What an app asks a person to allow, for the page that asks them. ``action`` is where its form is posted, with
    ``csrf`` and ``decision`` (``allow`` or anything else) as fields. The answer leads on to the app, at ``origin``:
    a page with a content policy must let its form go there."""

    client: Client
    scopes: tuple[str, ...]
    signed_in: SignedIn
    action: str
    origin: str


_PAGE = {**NO_STORE, "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer"}


@dataclass(frozen=True)
class Pages:
    """What the portals give: who is signed in, where to sign in (given the request and the address to come back to),
    and the page that asks a person whether an app may act for them."""

    signed_in: Callable[[Request], SignedIn | None]
    sign_in: Callable[[Request, str], str]
    ask: Callable[[Request, Wish], Response]


def smart_configuration(settings: Settings) -> Json:
    """The content of ``/.well-known/smart-configuration`` (SMART App Launch 2.2)."""
    at = f"{settings.root}/oauth"
    return {
        "issuer": settings.base,
        "jwks_uri": f"{at}/jwks",
        "authorization_endpoint": f"{at}/authorize",
        "token_endpoint": settings.token_url,
        "revocation_endpoint": f"{at}/revoke",
        "introspection_endpoint": f"{at}/introspect",
        "token_endpoint_auth_methods_supported": ["private_key_jwt", "none"],
        "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "grant_types_supported": ["authorization_code", "client_credentials", "refresh_token"],
        "response_types_supported": ["code"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "scopes_supported": [
            "patient/*.rs",
            "user/*.cruds",
            "system/*.cruds",
            "launch/patient",
            "offline_access",
        ],
        "capabilities": [
            "launch-standalone",
            "client-public",
            "client-confidential-asymmetric",
            "context-standalone-patient",
            "permission-offline",
            "permission-patient",
            "permission-user",
            "permission-v1",
            "permission-v2",
        ],
    }


def routes(server: Server, pages: Pages) -> list[Route]:
    """The routes below ``/oauth``."""

    async def token(http: Request) -> Response:
        return await _posted(server, http, server.create_token_response)

    async def revoke(http: Request) -> Response:
        return await _posted(server, http, lambda asked: server.create_endpoint_response("revocation", asked))

    async def introspect(http: Request) -> Response:
        return await _posted(
            server, http, lambda asked: server.create_endpoint_response("introspection", asked)
        )

    async def authorize(http: Request) -> Response:
        return await _authorize(server, pages, http)

    async def jwks(http: Request) -> Response:
        return JSONResponse(server.tokens.door.keys.jwks(), headers={"Cache-Control": "public, max-age=300"})

    return [
        Route("/oauth/token", token, methods=["POST"]),
        Route("/oauth/revoke", revoke, methods=["POST"]),
        Route("/oauth/introspect", introspect, methods=["POST"]),
        Route("/oauth/authorize", authorize, methods=["GET", "POST"]),
        Route("/oauth/jwks", jwks, methods=["GET"]),
    ]


async def _posted(server: Server, http: Request, answer: Callable[[Asked], Response]) -> Response:
    try:
        form = _once_each(parse_qsl((await _body(http)).decode(), keep_blank_values=True))
        # The address is the one that we were told, never the Host header that came.
        asked = Asked("POST", f"{server.settings.root}{http.url.path}", http.headers, None, form)
        return answer(asked)
    except OAuth2Error as error:
        return _plain(server, error)
    except ValueError:
        # Authlib does not repeat characters that RFC 6749 keeps out of a description.
        return _plain(server, InvalidRequestError("The request cannot be read."))


async def _body(http: Request) -> bytes:
    if http.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        raise InvalidRequestError("The body must be application/x-www-form-urlencoded.")
    body = b""
    async for chunk in http.stream():
        body += chunk
        if len(body) > LONGEST_BODY:
            raise InvalidRequestError("The body is too long.")
    return body


def _once_each(pairs: list[tuple[str, str]]) -> Json:
    """RFC 6749 section 3.2: no parameter more than once."""
    if len({name for name, _ in pairs}) != len(pairs):
        raise InvalidRequestError("A parameter was sent more than once.")
    return dict(pairs)


async def _authorize(server: Server, pages: Pages, http: Request) -> Response:
    """Ask the person; when they have answered, send their browser back to the app."""
    here = f"{server.settings.root}{http.url.path}"
    signed_in = pages.signed_in(http)
    if signed_in is None:
        return RedirectResponse(pages.sign_in(http, f"{http.url.path}?{http.url.query}"), 303, NO_STORE)
    try:
        args = _once_each(http.query_params.multi_items())
        form = {} if http.method == "GET" else _once_each(parse_qsl((await _body(http)).decode()))
        asked = Asked(http.method, here, http.headers, args, form)
        grant = server.get_consent_grant(asked, signed_in)
        if http.method == "GET":
            wish = Wish(
                asked.client.client,
                server.offered(asked),
                signed_in,
                f"{http.url.path}?{http.url.query}",
                _origin(asked.payload.redirect_uri),
            )
            page = pages.ask(http, wish)
            page.headers.update(_PAGE)
            return page
        if not secrets.compare_digest(form.get("csrf", "").encode(), signed_in.csrf.encode()):
            return _plain(server, InvalidRequestError("The form did not come from this session."))
        granted = signed_in if form.get("decision") == "allow" else None
        response: Response = server.create_authorization_response(asked, granted, grant)
        return response
    except OAuth2Error as error:
        return _plain(server, error)
    except ValueError:
        return _plain(server, InvalidRequestError("The request cannot be read."))


def _origin(address: str) -> str:
    """Where an address leads, as a content policy names it: ``https://app.example``, or ``org.example.app:``."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else f"{parts.scheme}:"


def _plain(server: Server, error: OAuth2Error) -> Response:
    """An error as RFC 6749 has it: to the app's own address once that is known to be its own, else as JSON here."""
    return server.handle_response(*error())
