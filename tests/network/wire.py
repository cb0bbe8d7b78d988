"""One HTTP request as anybody could send it: nothing of the project, only what goes over the wire."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from typing import Any
from urllib.parse import urlsplit

SECONDS = 30.0
FHIR = "application/fhir+json"


@dataclass(frozen=True)
class Heard:
    """One answer; the names of its headers in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    cookies: tuple[str, ...] = ()
    """Every Set-Cookie header."""

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode("utf-8")

    @property
    def said(self) -> str:
        """What the first issue of an OperationOutcome says to a reader."""
        outcome = self.json
        assert outcome["resourceType"] == "OperationOutcome"
        return str(outcome["issue"][0]["details"]["text"])


def call(
    address: str,
    method: str,
    path: str = "",
    body: bytes | Iterable[bytes] | None = None,
    *,
    token: str = "",
    **headers: str,
) -> Heard:
    """Send one request on a connection of its own; ``accept_language="fr"`` is the header Accept-Language."""
    parts = urlsplit(address)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if token:
        named["Authorization"] = f"Bearer {token}"
    connection = HTTPConnection(parts.netloc, timeout=SECONDS)
    try:
        target = f"{parts.path}{path}" + (f"?{parts.query}" if parts.query else "")
        connection.request(method, target or "/", body, named)
        return heard(connection.getresponse())
    finally:
        connection.close()


def heard(response: HTTPResponse) -> Heard:
    headers = {name.lower(): value for name, value in response.getheaders()}
    cookies = tuple(response.headers.get_all("Set-Cookie") or ())
    return Heard(response.status, headers, response.read(), cookies)
