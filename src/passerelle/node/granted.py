"""What was granted to programs and may still be used: codes, refresh tokens, and what each of them led to."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from passerelle.node.claims import Verified
from passerelle.node.clients import Registered
from passerelle.values import Caller, Purpose


@dataclass(frozen=True)
class Grantee:
    """Who a token is for. What came from one authorization is one family, and is taken back together."""

    caller: Caller
    purpose: Purpose
    family: str


@dataclass(frozen=True)
class Code:
    """An authorization code, as Authlib's grant and its PKCE extension ask for it."""

    client_id: str
    redirect_uri: str
    scope: str
    code_challenge: str
    grantee: Grantee
    expires: float
    code_challenge_method: str = "S256"

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope


@dataclass(frozen=True)
class Refresh:
    """A refresh token, as Authlib's grant asks for it."""

    client_id: str
    scope: str
    grantee: Grantee
    expires: float

    def check_client(self, client: Registered) -> bool:
        return client.client.id == self.client_id

    def get_scope(self) -> str:
        return self.scope


@dataclass(frozen=True)
class Shown:
    """An access or refresh token that a client shows us, for revocation and introspection."""

    client_id: str
    access: Verified | None
    refresh: Refresh | None
    text: str = field(repr=False)

    def check_client(self, client: Registered) -> bool:
        return client.client.id == self.client_id

    def is_expired(self) -> bool:
        return False  # what has expired is not found in the first place

    def is_revoked(self) -> bool:
        return False  # nor is what was revoked


class Memory:
    """Codes and refresh tokens by their hash, and which access tokens each family led to. The oldest go first."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.codes: OrderedDict[bytes, Code] = OrderedDict()
        self.used: OrderedDict[bytes, str] = OrderedDict()
        """Codes and refresh tokens that were used, with their family."""
        self.refreshes: OrderedDict[bytes, Refresh] = OrderedDict()
        self.families: OrderedDict[str, dict[str, float]] = OrderedDict()
        """Per family the ids of its access tokens and when they expire."""

    def keep(self, place: OrderedDict[Any, Any], key: object, value: object) -> None:
        place[key] = value
        while len(place) > self.room:
            place.popitem(last=False)

    def forget_family(self, family: str) -> Mapping[str, float]:
        """Forget what a family may still use; its access tokens are given back to be revoked."""
        places: tuple[OrderedDict[bytes, Any], ...] = (self.codes, self.refreshes)
        for place in places:
            for old in [old for old, kept in place.items() if kept.grantee.family == family]:
                del place[old]
        return self.families.pop(family, {})


def mark(text: str) -> bytes:
    """Kept by hash: a look into memory yields nothing to use."""
    return hashlib.sha256(text.encode()).digest()
