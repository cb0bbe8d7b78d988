"""A service's own view of a node, for the command line: get a token with a signed assertion, ask, read the answer.

Only the standard library: the command line must start fast and ask one thing.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from passerelle.node.claims import sign
from passerelle.node.keys import SigningKey, load_key

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class Unreachable(Exception):  # noqa: N818  an expected outcome of asking over a network
    """The node did not answer, or answered something that is not usable; the message says which and what to do."""


@dataclass(frozen=True)
class Answered:
    """A status and the body as received."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    """By name in lower case."""

    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """One registered service at one node. Keeps its connection and its token."""

    def __init__(
        self, fhir: str, client_id: str, key: SigningKey, scope: str = "system/*.cruds", seconds: float = 60.0
    ) -> None:
        self.fhir = fhir.rstrip("/")
        self.client_id = client_id
        self.key = key
        self.scope = scope
        self.seconds = seconds
        self._token: tuple[str, float] | None = None
        self._connection: HTTPConnection | None = None

    @classmethod
    def of_demo(cls, network: Path, node: str, **options: Any) -> Client:
        """The service client that ``network.json`` names for a node."""
        described = read_network(network)
        fhir = next((n["fhir"] for n in described["nodes"] if n["id"] == node), None)
        services = (c for c in described["clients"] if c["grant"] == "client_credentials")
        client = next((c for c in services if c["node"] == node), None)
        if fhir is None or client is None:
            raise Unreachable(f"{network} names no node or client {node!r}.")
        key = Path(client["private_key"])
        # The file's paths start at the folder in which the demo was started; the keys always lie beside the file.
        beside = network.parent / "keys" / key.name
        key = beside if beside.exists() else key
        return cls(fhir, client["client_id"], load_key(key), client["scope"], **options)

    def ask(
        self, method: str, path: str, body: bytes | None = None, *, language: str = "en", prefer: str = ""
    ) -> Answered:
        """One request below the FHIR base, with a token."""
        headers = {
            "Authorization": f"Bearer {self._bearer()}",
            "Content-Type": "application/fhir+json",
            "Accept": "application/fhir+json",
            "Accept-Language": language,
            **({"Prefer": prefer} if prefer else {}),
        }
        return self._send(method, f"{urlsplit(self.fhir).path}/{path.lstrip('/')}".rstrip("/"), body, headers)

    def _bearer(self) -> str:
        if self._token is None or self._token[1] < time.time() + 10:
            self._token = self._fetch()
        return self._token[0]

    def _fetch(self) -> tuple[str, float]:
        parts = urlsplit(self.fhir)
        endpoint = f"{parts.scheme}://{parts.netloc}/oauth/token"
        now = int(time.time())
        claims = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": endpoint,
            "jti": secrets.token_urlsafe(16),
            "iat": now,
            "exp": now + 60,
        }
        form = {
            "grant_type": "client_credentials",
            "scope": self.scope,
            "client_assertion_type": ASSERTION,
            "client_assertion": sign("JWT", claims, self.key),
        }
        answer = self._send(
            "POST",
            "/oauth/token",
            urlencode(form).encode(),
            {"Content-Type": "application/x-www-form-urlencoded"},
        )
        if answer.status != 200:
            raise Unreachable(
                f"{parts.netloc} did not give a token to {self.client_id} (status {answer.status}). Is its key registered there?"
            )
        given = answer.json()
        return given["access_token"], time.time() + given["expires_in"]

    def _send(self, method: str, target: str, body: bytes | None, headers: dict[str, str]) -> Answered:
        for attempt in (1, 2):
            try:
                response = self._request(method, target, body, headers)
                named = {name.lower(): value for name, value in response.getheaders()}
                return Answered(response.status, response.read(), named)
            except (HTTPException, OSError) as fault:
                fresh = self._connection is None
                self.close()
                # A kept connection may have been closed by the other side meanwhile; only then is it tried again.
                if attempt == 2 or fresh or isinstance(fault, TimeoutError):
                    raise Unreachable(
                        f"{urlsplit(self.fhir).netloc} did not answer. Is the node running?"
                    ) from None
        raise AssertionError("unreachable")

    def _request(self, method: str, target: str, body: bytes | None, headers: dict[str, str]) -> HTTPResponse:
        if self._connection is None:
            parts = urlsplit(self.fhir)
            kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
            connection = kind(parts.netloc, timeout=self.seconds)
            connection.request(method, target, body, headers)
            response = connection.getresponse()
            self._connection = connection
            return response
        self._connection.request(method, target, body, headers)
        return self._connection.getresponse()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def read_network(path: Path) -> Any:
    """The file that ``passerelle demo`` writes."""
    try:
        return json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise Unreachable(f"There is no {path}. Start the demo country first: make demo") from None
