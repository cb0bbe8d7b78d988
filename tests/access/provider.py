"""An OpenID provider to sign in at, with a switch for each way in which an ID token can be forged.

Run as ``python provider.py PORT``. ``POST /forge`` with ``{"claims": {…}, "drop": [...], "alg": …, "key": …}`` says what
the next ID tokens are like; ``POST /rotate`` changes the signing key. It signs in whoever comes: ``login`` in the
authorization request is who they are.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import secrets
import sys
import time
from typing import Any

from granian.constants import Interfaces
from granian.server.embed import Server
from joserfc import jws
from joserfc.jwk import ECKey, OctKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

PORT = int(sys.argv[1]) if len(sys.argv) > 1 else 0
ISSUER = f"http://127.0.0.1:{PORT}"
CLIENT, SECRET = "passerelle-on", "se:cret/ü"
PEOPLE: dict[str, dict[str, Any]] = {
    "dr-test": {"name": "Invented Person", "groups": ["staff", "doctors"], "org": "Invented Clinic"},
    "p-test": {"name": "Someone Invented", "groups": ["patients"], "fhir_patient": "p1"},
    "p-unknown": {"name": "Someone Invented", "groups": ["patients"]},
    "visitor": {"name": "A Visitor", "groups": ["visitors"]},
    "auditor": {"name": "An Auditor"},
}


class Provider:
    """What the provider remembers."""

    def __init__(self) -> None:
        self.key = ECKey.generate_key("P-256", auto_kid=True)
        self.codes: dict[str, dict[str, str]] = {}
        self.forge: dict[str, Any] = {}
        self.metadata: dict[str, Any] = {}
        self.keys_read = 0


provider = Provider()


async def discovery(request: Request) -> Response:
    told = {
        "issuer": ISSUER,
        "authorization_endpoint": f"{ISSUER}/authorize",
        "token_endpoint": f"{ISSUER}/token",
        "jwks_uri": f"{ISSUER}/jwks",
    }
    return JSONResponse({**told, **provider.metadata})


async def jwks(request: Request) -> Response:
    provider.keys_read += 1
    return JSONResponse(
        {"keys": [provider.key.as_dict(private=False)]}, headers={"x-read": str(provider.keys_read)}
    )


async def authorize(request: Request) -> Response:
    asked = dict(request.query_params)
    if asked["client_id"] != CLIENT or asked["response_type"] != "code" or "openid" not in asked["scope"]:
        return JSONResponse({"error": "invalid_request"}, 400)
    code = secrets.token_urlsafe()
    provider.codes[code] = asked
    back = f"{asked['redirect_uri']}?code={code}&state={asked['state']}"
    return RedirectResponse(back, 302)


async def token(request: Request) -> Response:
    form = dict(await request.form())
    asked = provider.codes.pop(str(form.get("code")), None)
    challenge = base64.urlsafe_b64encode(
        hashlib.sha256(str(form.get("code_verifier")).encode()).digest()
    ).rstrip(b"=")
    basic = "Basic " + base64.b64encode(b"passerelle-on:se%3Acret%2F%C3%BC").decode()
    if (
        asked is None
        or challenge.decode() != asked["code_challenge"]
        or form["redirect_uri"] != asked["redirect_uri"]
    ):
        return JSONResponse({"error": "invalid_grant"}, 400)
    if request.headers.get("authorization") != basic:
        return JSONResponse({"error": "invalid_client"}, 401)
    if "answer" in provider.forge:
        return Response(provider.forge["answer"], media_type="application/json")
    return JSONResponse({"access_token": "x", "token_type": "Bearer", "id_token": id_token(asked)})


def id_token(asked: dict[str, str]) -> str:
    now, login = int(time.time()), asked.get("login", "dr-test")
    claims = {
        "iss": ISSUER,
        "sub": login,
        "aud": CLIENT,
        "iat": now,
        "exp": now + 60,
        "nonce": asked["nonce"],
    }
    claims |= PEOPLE.get(login, {}) | provider.forge.get("claims", {})
    claims = {name: value for name, value in claims.items() if name not in provider.forge.get("drop", ())}
    alg = provider.forge.get("alg", "ES256")
    if alg == "none":
        return ".".join([encoded({"alg": "none"}), encoded(claims), ""])
    key: Any = provider.key
    if provider.forge.get("key") == "stranger":
        key = ECKey.generate_key("P-256", parameters={"kid": str(provider.key.kid)})
    if alg == "HS256":
        key = OctKey.import_key(SECRET.encode() * 4, {"kid": str(provider.key.kid)})
    kid = provider.forge.get("kid", key.kid)
    return jws.serialize_compact({"alg": alg, "kid": kid}, json.dumps(claims), key, algorithms=[alg])


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


async def forge(request: Request) -> Response:
    told = await request.json()
    provider.metadata = told.pop("metadata", {})
    provider.forge = told
    return JSONResponse({"keys_read": provider.keys_read})


async def rotate(request: Request) -> Response:
    provider.key = ECKey.generate_key("P-256", auto_kid=True)
    return JSONResponse({})


app = Starlette(
    routes=[
        Route("/.well-known/openid-configuration", discovery),
        Route("/jwks", jwks),
        Route("/authorize", authorize),
        Route("/token", token, methods=["POST"]),
        Route("/forge", forge, methods=["POST"]),
        Route("/rotate", rotate, methods=["POST"]),
    ]
)

if __name__ == "__main__":
    asyncio.run(Server(app, address="127.0.0.1", port=PORT, interface=Interfaces.ASGI).serve())
