"""The door: a token of this node's own, or a proof from another node. Nothing else opens it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from passerelle.federation.directory import Directory
from passerelle.node import peer_tokens
from passerelle.node.claims import Rejected, Verified
from passerelle.node.peer_tokens import ReplayGuard
from passerelle.node.tokens import AccessTokens
from passerelle.values import Json


class Door:
    """Says who a request speaks for, by its ``Authorization`` header."""

    def __init__(
        self,
        address: str,
        tokens: AccessTokens,
        directory: Callable[[], Directory],
        now: Callable[[], datetime],
    ) -> None:
        self.address = address
        self.tokens = tokens
        self.directory = directory
        self.now = now
        self.seen = ReplayGuard()

    def __call__(self, method: str, path: str, headers: Mapping[str, str]) -> Verified | Rejected:
        authorization = headers.get("authorization", "")
        if authorization[:5].lower() != "dpop ":
            return self.tokens.authenticate(authorization, now=self.now())
        keys: dict[str, Sequence[Json]] = {entry.id: entry.keys for entry in self.directory().nodes}
        # The address is the one that this node is known by, not what a Host header claims.
        return peer_tokens.verify(
            headers,
            method,
            f"{self.address}{path}",
            here=f"{self.address}/fhir",
            keys=keys,
            now=self.now(),
            seen=self.seen,
        )
