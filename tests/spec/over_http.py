"""One node of a country, asked over HTTP without a socket: the edge as the server beneath calls it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from passerelle.fhir.intake import Limits
from passerelle.node.claims import Rejected, Verified
from passerelle.node.edge import Edge
from passerelle.values import Purpose
from tests.spec.country import Country, run, service

JSON = "application/fhir+json"
XML = "application/fhir+xml"


@dataclass(frozen=True)
class Answered:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def kind(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0]


class Node:
    """Ontario, empty, behind its edge."""

    def __init__(self, *, origins: tuple[str, ...] = (), max_bytes: int = 1024 * 1024) -> None:
        self.country = Country("on")
        self.here = self.country.nodes["on"]
        object.__setattr__(self.here, "limits", Limits(max_bytes=max_bytes))
        self.edge = Edge(self.here, self.gate, b'{"resourceType":"CapabilityStatement"}', origins)

    def gate(self, method: str, path: str, headers: Mapping[str, str]) -> Verified | Rejected:
        if headers.get("authorization") == "nobody":
            return Rejected("token-missing")
        return Verified(service("on"), Purpose.TREAT, "jti", "loader", 9e9)

    def ask(
        self, method: str, target: str, body: bytes | Mapping[str, Any] = b"", **headers: str
    ) -> Answered:
        """Header names as keyword arguments, a hyphen as an underscore."""
        path, _, query = target.partition("?")
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        if not isinstance(body, bytes):
            headers.setdefault("content_type", JSON)
        pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        scope = {
            "type": "http",
            "method": method,
            "path": f"/fhir{path}",
            "query_string": query.encode(),
            "headers": pairs,
            "client": ("192.0.2.1", 1),
        }
        return run(self._ask(scope, content))

    async def _ask(self, scope: dict[str, Any], body: bytes) -> Answered:
        sent: list[Any] = []
        half = len(body) // 2
        parts = [
            {"type": "http.request", "body": body[:half], "more_body": True},
            {"type": "http.request", "body": body[half:], "more_body": False},
        ]

        async def receive() -> Any:
            return parts.pop(0)

        async def send(message: Any) -> None:
            sent.append(message)

        await self.edge(scope, receive, send)
        start, end = sent
        headers: dict[str, str] = {}
        for name, value in start["headers"]:
            headers[name.decode()] = ", ".join(filter(None, [headers.get(name.decode()), value.decode()]))
        return Answered(start["status"], headers, end["body"])
