"""How a program that is not ours gets a token: a signed assertion (SMART Backend Services), by an outside library."""

from __future__ import annotations

import secrets
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from joserfc import jws, jwt
from joserfc.jwk import ECKey

from tests.network.wire import call

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ALGORITHMS = ["ES256", "ES384", "HS256"]


def service_token(address: str, client_id: str, key: Path, scope: str = "system/*.cruds") -> str:
    """An access token of the node at this address for one of its service clients."""
    endpoint = call(address, "GET", "/.well-known/smart-configuration").json["token_endpoint"]
    now = int(time.time())
    claims = {"iss": client_id, "sub": client_id, "aud": endpoint, "jti": secrets.token_urlsafe(16)}
    form = {
        "grant_type": "client_credentials",
        "scope": scope,
        "client_assertion_type": ASSERTION,
        "client_assertion": signed({**claims, "iat": now, "exp": now + 60}, key, typ="JWT"),
    }
    kind = "application/x-www-form-urlencoded"
    answer = call(address, "POST", "/oauth/token", urlencode(form).encode(), content_type=kind)
    assert answer.status == 200, answer.status
    return str(answer.json["access_token"])


def signed(claims: dict[str, Any], key: Path | ECKey, **header: str) -> str:
    """A JWT of these claims by the key in this file."""
    private = ECKey.import_key(key.read_bytes()) if isinstance(key, Path) else key
    return jwt.encode({"alg": "ES256", **header}, claims, private, algorithms=_ALGORITHMS)


def read(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The header and the claims of a JWT, whoever signed it."""
    import json

    taken = jws.extract_compact(token.encode())
    return dict(taken.headers()), json.loads(taken.payload)
