"""Proof from one node to another of who asks: a short JWT of the asking node, bound to one request by DPoP.

The token (IHE IUA, JWT option) is signed by the asking node and checked against its keys in the directory; ``iss``
is the node's id there, ``aud`` the answering node's FHIR base. The proof (RFC 9449) is signed for one method and
address, and carries the hash of its token. Both are used once: a node mints a pair for every request, which costs
two signatures and leaves nothing worth stealing. Not here yet: binding to the TLS client certificate (RFC 8705), and
server-provided nonces.
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from urllib.parse import urlsplit

from passerelle.node.claims import (
    ACCESS_TOKEN,
    Opened,
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
from passerelle.node.keys import SigningKey, verifying_key
from passerelle.values import Caller, Json, NodeId, Purpose

LIFETIME = 60
"""Seconds that a minted token lives; a pair is used at once."""
LONGEST_LIFETIME = 300
SKEW = 30
"""Seconds by which two nodes' clocks may differ."""
PROOF = "dpop+jwt"
_TOKEN_HEADERS = frozenset({"typ", "alg", "kid"})
_PROOF_HEADERS = frozenset({"typ", "alg", "jwk"})


class ReplayGuard:
    """Remembers which token and proof ids were used, per issuer, for as long as they could be used again.

    INVARIANT: an id is forgotten only when every token that could carry it has expired. When an issuer's share is
    full its next token is refused: better a silence than a replay, and no issuer can push out another's ids.
    """

    KEEP = LONGEST_LIFETIME + 2 * SKEW

    def __init__(self, capacity: int = 200_000) -> None:
        self._capacity = capacity
        self._used: dict[str, dict[str, float]] = {}
        self._lock = Lock()

    def first(self, issuer: str, ids: Sequence[str], now: float) -> bool:
        """Whether none of these ids was used before; from now on they were."""
        with self._lock:
            used = self._used.setdefault(issuer, {})
            self._forget(used, now)
            if len(used) + len(ids) > self._capacity or any(id in used for id in ids):
                return False
            used.update(dict.fromkeys(ids, now + self.KEEP))
            return True

    def _forget(self, used: dict[str, float], now: float) -> None:
        # Everything is kept for the same time, so the oldest come first.
        while used:
            id = next(iter(used))
            if used[id] > now:
                return
            del used[id]

    def __len__(self) -> int:
        with self._lock:
            return sum(len(used) for used in self._used.values())


@dataclass(frozen=True)
class Asking:
    """The node that asks: its id in the directory and the key that it signs with."""

    node: NodeId
    key: SigningKey


def mint(
    caller: Caller,
    purpose: Purpose,
    *,
    asking: Asking,
    audience: str,
    now: datetime,
    jti: str,
    proof_thumbprint: str | None = None,
) -> str:
    """A token that says, to this audience only, who asks and why. Its scope is ``caller.scopes``.

    ``proof_thumbprint`` is that of the key that will sign the proofs: the node's own unless given.
    """
    service = caller.kind == "service"
    if not service and caller.id == asking.node:
        raise ValueError("A person cannot have the id of the node that vouches for them.")
    moment = int(seconds(now))
    claims: Json = {
        "iss": asking.node,
        "sub": caller.id,
        "client_id": caller.id if service else asking.node,
        "aud": audience,
        "jti": jti,
        "iat": moment,
        "nbf": moment,
        "exp": moment + LIFETIME,
        "scope": " ".join(caller.scopes),
        "cnf": {"jkt": proof_thumbprint or asking.key.kid},
        "extensions": caller_claims(caller, purpose),
    }
    return sign(ACCESS_TOKEN, claims, asking.key)


def prove(token: str, *, method: str, url: str, key: SigningKey, now: datetime, jti: str) -> str:
    """A DPoP proof for one request with this token."""
    jwk = {name: value for name, value in key.public.items() if name in ("kty", "crv", "x", "y")}
    claims: Json = {
        "htm": method,
        "htu": _address(url),
        "iat": int(seconds(now)),
        "jti": jti,
        "ath": _hash(token),
    }
    return sign(PROOF, claims, key, {"jwk": jwk})


def sign_request(
    caller: Caller,
    purpose: Purpose,
    *,
    asking: Asking,
    audience: str,
    method: str,
    url: str,
    now: datetime,
    new_id: Callable[[], str],
) -> dict[str, str]:
    """The two headers that one request to another node carries."""
    token = mint(caller, purpose, asking=asking, audience=audience, now=now, jti=new_id())
    proof = prove(token, method=method, url=url, key=asking.key, now=now, jti=new_id())
    return {"Authorization": f"DPoP {token}", "DPoP": proof}


def verify(
    headers: Mapping[str, str],
    method: str,
    url: str,
    *,
    here: str,
    keys: Mapping[str, Sequence[Json]],
    now: datetime,
    seen: ReplayGuard,
) -> Verified | Rejected:
    """Who asks, proved, or why it is not proved.

    ``url`` is the address as the asker wrote it, ``here`` this node's FHIR base, ``keys`` the public JWKs of each
    node in the directory. What is remembered in ``seen`` is only what passed every other check.
    """
    moment = seconds(now)
    presented = _presented(headers)
    if isinstance(presented, Rejected):
        return presented
    token = _checked_token(presented.token, here, keys, moment)
    if isinstance(token, Rejected):
        return token
    refusal = _check_proof(presented, token.claims, method, url, moment)
    if refusal:
        return refusal
    return _once(token.claims, presented, moment, seen)


@dataclass(frozen=True)
class _Presented:
    """What the request carries, the proof taken apart."""

    token: str
    proof: Opened


def _presented(headers: Mapping[str, str]) -> _Presented | Rejected:
    authorization, proofs = _all(headers, "authorization"), _all(headers, "dpop")
    if len(authorization) != 1:
        return Rejected("token-missing")
    scheme, _, token = authorization[0].partition(" ")
    if scheme.lower() != "dpop" or not token:
        return Rejected("token-missing")
    # RFC 9449 section 4.3: not more than one DPoP header.
    if len(proofs) != 1:
        return Rejected("proof-missing")
    proof = opened(proofs[0], "proof", _PROOF_HEADERS)
    return proof if isinstance(proof, Rejected) else _Presented(token, proof)


def _all(headers: Mapping[str, str], wanted: str) -> list[str]:
    """Every header of this name; Starlette's ``Headers`` lists a repeated one twice."""
    return [value for key, value in headers.items() if key.lower() == wanted]


def _checked_token(text: str, here: str, keys: Mapping[str, Sequence[Json]], now: float) -> Opened | Rejected:
    token = opened(text, "token", _TOKEN_HEADERS)
    if isinstance(token, Rejected):
        return token
    if token.header.get("typ") != ACCESS_TOKEN:
        return Rejected("token-type")
    issuer = name(token.claims.get("iss"))
    if not issuer or issuer not in keys:
        return Rejected("token-issuer")
    key = named_key(keys[issuer], token.header.get("kid"))
    if key is None:
        return Rejected("token-key")
    if token.header.get("alg") != key.algorithm:
        return Rejected("token-algorithm")
    if not signed_by(token, key):
        return Rejected("token-signature")
    # One string, compared whole: a list of audiences would let one token open several doors.
    if token.claims.get("aud") != here:
        return Rejected("token-audience")
    return _in_time(token, now) or token


def _in_time(token: Opened, now: float) -> Rejected | None:
    issued, starts, ends = (number(token.claims.get(claim)) for claim in ("iat", "nbf", "exp"))
    if issued is None or starts is None or ends is None or not name(token.claims.get("jti")):
        return Rejected("token-claims")
    if issued > now + SKEW or starts > now + SKEW:
        return Rejected("token-early")
    if ends <= now - SKEW:
        return Rejected("token-expired")
    if not 0 < ends - issued <= LONGEST_LIFETIME:
        return Rejected("token-lifetime")
    return None


def _check_proof(presented: _Presented, claims: Json, method: str, url: str, now: float) -> Rejected | None:
    proof = presented.proof
    if proof.header.get("typ") != PROOF:
        return Rejected("proof-type")
    jwk = proof.header.get("jwk")
    key = verifying_key(jwk) if isinstance(jwk, dict) else None
    if key is None or proof.header.get("alg") != key.algorithm:
        return Rejected("proof-algorithm")
    bound = claims.get("cnf")
    if not isinstance(bound, dict) or bound.get("jkt") != key.thumbprint:
        return Rejected("proof-key")
    if not signed_by(proof, key):
        return Rejected("proof-signature")
    issued, address = number(proof.claims.get("iat")), proof.claims.get("htu")
    checks = (
        ("proof-claims", issued is not None and bool(name(proof.claims.get("jti")))),
        ("proof-method", proof.claims.get("htm") == method),
        ("proof-address", isinstance(address, str) and _address(address) == _address(url)),
        ("proof-token", proof.claims.get("ath") == _hash(presented.token)),
        ("proof-time", issued is not None and abs(now - issued) <= LIFETIME + SKEW),
    )
    return next((Rejected(reason) for reason, holds in checks if not holds), None)


def _once(claims: Json, presented: _Presented, now: float, seen: ReplayGuard) -> Verified | Rejected:
    named = caller_of(claims, NodeId(claims["iss"]))
    if named is None:
        return Rejected("token-claims")
    jti = claims["jti"]
    if not seen.first(claims["iss"], (f"token {jti}", f"proof {presented.proof.claims['jti']}"), now):
        return Rejected("token-replayed")
    caller, purpose = named
    return Verified(caller, purpose, jti, claims["client_id"], float(claims["exp"]))


def _hash(token: str) -> str:
    """The ``ath`` of RFC 9449 section 4.2."""
    return urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).rstrip(b"=").decode()


def _address(url: str) -> str:
    """An address as proofs compare it (RFC 9449 section 4.3): no query, no fragment, the host's case ignored."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "?"
    usual = {"http": 80, "https": 443}.get(parts.scheme.lower())
    host = (parts.hostname or "").lower()
    authority = host if port in (None, usual) else f"{host}:{port}"
    return f"{parts.scheme.lower()}://{authority}{parts.path or '/'}"
