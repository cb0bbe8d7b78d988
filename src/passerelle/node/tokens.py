"""Access tokens that a node gives to its own people and services, and the check at its door.

A token is a JWT for this node only (RFC 9068): ``iss`` and ``aud`` are the node's own address. A verified token is
remembered by its hash until it expires, so that a busy client costs one signature check, not one per request; a
revoked token is refused from the next request on.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import Lock

from passerelle.node.claims import (
    ACCESS_TOKEN,
    Rejected,
    Verified,
    caller_claims,
    caller_of,
    name,
    named_key,
    number,
    opened,
    seconds,
    sign,
    signed_by,
)
from passerelle.node.keys import KeyRing
from passerelle.values import FHIR_ID, Caller, Json, NodeId, Purpose

SKEW = 5
"""Seconds; the same node signs and checks, so only its own clock's corrections matter."""
_HEADERS = frozenset({"typ", "alg", "kid"})


class Revocations:
    """Ids of tokens that were taken back, each remembered until its token would have expired."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}
        self._lock = Lock()

    def revoke(self, jti: str, expires: float, now: float) -> None:
        with self._lock:
            for old in [old for old, end in self._until.items() if end + SKEW <= now]:
                del self._until[old]
            self._until[jti] = expires

    def __contains__(self, jti: object) -> bool:
        return jti in self._until


@dataclass(frozen=True)
class Door:
    """Whose tokens these are: the node, its FHIR base address, and the keys that sign and verify them."""

    node: NodeId
    base: str
    keys: KeyRing


class AccessTokens:
    """Gives out this node's access tokens, and says who presents one."""

    def __init__(self, door: Door, revoked: Revocations | None = None, remembered: int = 10_000) -> None:
        self.door = door
        self.revoked = revoked if revoked is not None else Revocations()
        self._remembered = remembered
        self._known: OrderedDict[bytes, Verified] = OrderedDict()
        self._lock = Lock()

    def issue(
        self, caller: Caller, purpose: Purpose, *, client_id: str, now: datetime, jti: str, lifetime: int
    ) -> str:
        """A token for this caller and purpose. ``lifetime`` is in seconds; the scope is ``caller.scopes``."""
        if (caller.kind == "service") != (caller.id == client_id):
            raise ValueError("A service is its own client, and a person never is.")
        moment = int(seconds(now))
        claims: Json = {
            "iss": self.door.base,
            "sub": caller.id,
            "client_id": client_id,
            "aud": self.door.base,
            "jti": jti,
            "iat": moment,
            "exp": moment + lifetime,
            "scope": " ".join(caller.scopes),
            "extensions": caller_claims(caller, purpose),
        }
        if caller.patient is not None:
            claims["patient"] = caller.patient
        return sign(ACCESS_TOKEN, claims, self.door.keys.current)

    def authenticate(self, authorization: str | None, *, now: datetime) -> Verified | Rejected:
        """Who presents this ``Authorization`` header, or why it proves nothing."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            return Rejected("token-missing")
        return self.check(token, now=now)

    def check(self, token: str, *, now: datetime) -> Verified | Rejected:
        """Who holds this token, or why it proves nothing."""
        moment, mark = seconds(now), hashlib.sha256(token.encode()).digest()
        known = self._known.get(mark)
        verified = known or _verified(token, self.door, moment)
        if isinstance(verified, Rejected):
            return verified
        if verified.expires <= moment - SKEW:
            self._forget(mark)
            return Rejected("token-expired")
        if verified.jti in self.revoked:
            return Rejected("token-revoked")
        if known is None:
            self._remember(mark, verified)
        return verified

    def revoke(self, token: str, *, now: datetime) -> None:
        """Take a token back; one that proves nothing is no one's, and stays so."""
        verified = self.check(token, now=now)
        if isinstance(verified, Verified):
            self.revoked.revoke(verified.jti, verified.expires, seconds(now))

    def _remember(self, mark: bytes, verified: Verified) -> None:
        with self._lock:
            self._known[mark] = verified
            while len(self._known) > self._remembered:
                self._known.popitem(last=False)

    def _forget(self, mark: bytes) -> None:
        with self._lock:
            self._known.pop(mark, None)


def _verified(text: str, door: Door, now: float) -> Verified | Rejected:
    token = opened(text, "token", _HEADERS)
    if isinstance(token, Rejected):
        return token
    claims = token.claims
    key = named_key(_keys(door), token.header.get("kid"))
    expires, issued = number(claims.get("exp")), number(claims.get("iat"))
    checks = (
        ("token-type", token.header.get("typ") == ACCESS_TOKEN),
        ("token-key", key is not None),
        ("token-algorithm", key is not None and token.header.get("alg") == key.algorithm),
        ("token-signature", key is not None and signed_by(token, key)),
        ("token-issuer", claims.get("iss") == door.base),
        ("token-audience", claims.get("aud") == door.base),
        # A token that is bound to a key was made for another road: alone it must open nothing.
        ("token-bound", "cnf" not in claims),
        ("token-claims", expires is not None and issued is not None and bool(name(claims.get("jti")))),
        ("token-early", issued is not None and issued <= now + SKEW),
    )
    failed = next((Rejected(reason) for reason, holds in checks if not holds), None)
    return failed or _holder(claims, door)


def _holder(claims: Json, door: Door) -> Verified | Rejected:
    patient = claims.get("patient")
    if patient is not None and not (isinstance(patient, str) and FHIR_ID.fullmatch(patient)):
        return Rejected("token-claims")
    named = caller_of(claims, door.node, patient)
    if named is None:
        return Rejected("token-claims")
    caller, purpose = named
    return Verified(caller, purpose, claims["jti"], claims["client_id"], float(claims["exp"]))


def _keys(door: Door) -> Sequence[Json]:
    return door.keys.public
