"""What the two kinds of token have in common: how a JWT is signed and opened, and how a caller is written in it.

The claims about the caller are IHE IUA's (``extensions.ihe_iua``, JWT token option of ITI-71).
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from joserfc import jws
from joserfc.errors import JoseError

from passerelle.node.keys import SigningKey, VerifyingKey, verifying_key
from passerelle.values import Caller, Json, NodeId, Purpose

ACT_REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
ROLE = "https://passerelle.example/fhir/CodeSystem/role"
ACCESS_TOKEN = "at+jwt"  # noqa: S105  the media type of RFC 9068, not a secret

LONGEST_TOKEN = 8192
"""Characters; a longer one is refused before it is decoded."""
LONGEST_ID = 255

_registry = jws.JWSRegistry(algorithms=["ES256", "Ed25519"])


@dataclass(frozen=True)
class Rejected:
    """A token that proves nothing. ``reason`` is a key of ``words.toml``; it never holds a value that arrived."""

    reason: str


@dataclass(frozen=True)
class Verified:
    """A token that proves who asks and why. ``expires`` is in seconds since 1970."""

    caller: Caller
    purpose: Purpose
    jti: str
    client_id: str
    expires: float


@dataclass(frozen=True)
class Opened:
    """A JWT taken apart; nothing in it is believed before ``signed_by``."""

    header: Json
    claims: Json
    signature: jws.CompactSignature


def sign(typ: str, claims: Json, key: SigningKey, header: Json | None = None) -> str:
    """A compact JWS of these claims."""
    protected = {"typ": typ, "alg": key.algorithm, **({"kid": key.kid} if header is None else header)}
    return jws.serialize_compact(protected, json.dumps(claims), key.private, registry=_registry)


def opened(token: str, what: str, headers: frozenset[str]) -> Opened | Rejected:
    """Take a JWT apart. ``what`` begins the reason; a header outside ``headers`` (``jku``, ``x5u``, ``crit`` …)
    is refused, so that nothing that arrives can say where a key comes from."""
    if len(token) > LONGEST_TOKEN:
        return Rejected(f"{what}-malformed")
    try:
        signature = jws.extract_compact(token.encode("ascii"))
        claims = json.loads(signature.payload)
    except (JoseError, ValueError, TypeError, RecursionError):
        return Rejected(f"{what}-malformed")
    header = signature.headers()
    if not isinstance(header, dict) or not isinstance(claims, dict) or not set(header) <= headers:
        return Rejected(f"{what}-malformed")
    return Opened(header, claims, signature)


def signed_by(token: Opened, key: VerifyingKey) -> bool:
    """Whether this key signed it, with the one algorithm that the key is for."""
    if token.header.get("alg") != key.algorithm:
        return False
    try:
        return jws.validate_compact(token.signature, key.public, registry=_registry)
    except (JoseError, ValueError, TypeError):
        return False


def named_key(keys: Sequence[Json], kid: object) -> VerifyingKey | None:
    """The key that the token names, by its published id or its thumbprint."""
    for jwk in keys:
        key = verifying_key(jwk)
        if key and kid in (key.thumbprint, jwk.get("kid", key.thumbprint)):
            return key
    return None


def number(value: object) -> float | None:
    """A NumericDate (RFC 7519) as seconds; None for anything else, NaN and booleans included."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        seconds = float(value)
    except OverflowError:
        return None
    return seconds if math.isfinite(seconds) else None


def seconds(now: datetime) -> float:
    return now.timestamp()


def name(value: object) -> str:
    """A non-empty identifier of reasonable length, else an empty string."""
    return value if isinstance(value, str) and len(value) <= LONGEST_ID else ""


def caller_claims(caller: Caller, purpose: Purpose) -> Json:
    """The caller and the purpose, in IHE IUA's words."""
    about: Json = {
        "subject_name": caller.name,
        "subject_organization": caller.organization,
        "subject_role": [{"system": ROLE, "code": caller.role}],
        "purpose_of_use": [{"system": ACT_REASON, "code": purpose.value}],
        "person_id": caller.id if caller.kind == "person" else "",
    }
    return {"ihe_iua": {key: value for key, value in about.items() if value}}


def caller_of(claims: Json, node: NodeId, patient: str | None = None) -> tuple[Caller, Purpose] | None:
    """The caller and the purpose that the claims name; None when they do not name exactly one of each."""
    extensions = claims.get("extensions")
    about = extensions.get("ihe_iua") if isinstance(extensions, dict) else None
    if not isinstance(about, dict):
        return None
    role, code = _code(about.get("subject_role"), ROLE), _code(about.get("purpose_of_use"), ACT_REASON)
    subject, client, scope = name(claims.get("sub")), name(claims.get("client_id")), claims.get("scope")
    if not (role and code in _PURPOSES and subject and client and isinstance(scope, str)):
        return None
    caller = Caller(
        id=subject,
        # As RFC 9068 section 2.2 has it: a service that asks for itself is its own subject.
        kind="service" if subject == client else "person",
        role=role,
        node=node,
        organization=name(about.get("subject_organization")),
        name=name(about.get("subject_name")),
        patient=patient,
        scopes=tuple(scope.split()),
    )
    return caller, Purpose(code)


_PURPOSES = frozenset(Purpose)


def _code(codings: object, system: str) -> str:
    """The one code of this system, or nothing: two purposes or two roles would leave a choice to the reader."""
    if not isinstance(codings, list) or len(codings) != 1 or not isinstance(codings[0], dict):
        return ""
    return name(codings[0].get("code")) if codings[0].get("system") == system else ""
