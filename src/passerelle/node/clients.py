"""Which programs are registered here, and how one proves that it is what it says.

A confidential client signs an assertion with its own key (RFC 7523, SMART's asymmetric authentication); there are no
client secrets. A public client proves nothing by itself and can only act for a person who signed in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from authlib.oauth2.rfc6749 import ClientMixin
from authlib.oauth2.rfc6749.errors import InvalidClientError
from authlib.oauth2.rfc7523.client import JWTBearerClientAssertion
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from passerelle.node.claims import number, seconds
from passerelle.node.peer_tokens import ReplayGuard
from passerelle.policy import narrowed
from passerelle.values import Json, Purpose

ASSERTION = JWTBearerClientAssertion.CLIENT_AUTH_METHOD
ALGORITHMS = ("RS384", "ES384", "ES256", "Ed25519")
"""What an assertion may be signed with: SMART's two, and the node's own two."""
LONGEST_ASSERTION = 300
"""Seconds."""


@dataclass(frozen=True)
class Client:
    """A program that is registered here. With ``jwks`` it proves itself by signed assertions; without, it is public
    and can only act for a person. A ``service`` acts for itself, in ``role``; an ``app`` acts for who signed in."""

    id: str
    kind: Literal["service", "app"]
    name: str
    scopes: tuple[str, ...]
    jwks: Json | None = None
    redirect_uris: tuple[str, ...] = ()
    role: str = "service"
    organization: str = ""
    purpose: Purpose | None = None
    """Why a service asks; the first purpose of its role unless given."""
    introspects: bool = False
    """Whether it may ask about tokens that others hold (a resource server beside this node)."""


class Registered(ClientMixin):  # type: ignore[misc]
    """A client, as Authlib asks about it."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.keys = KeySet.import_key_set(client.jwks) if client.jwks else None  # type: ignore[arg-type]

    def get_client_id(self) -> str:
        return self.client.id

    def get_default_redirect_uri(self) -> None:
        """None: an address that was not sent is not guessed."""

    def get_allowed_scope(self, scope: str | None) -> str | None:
        """What of the requested scope may be granted; None when that is nothing (the grant then refuses)."""
        requested = scope.split() if scope else self.client.scopes
        return " ".join(narrowed(requested, self.client.scopes)) or None

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri in self.client.redirect_uris

    def check_client_secret(self, client_secret: str) -> bool:
        return False

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == (ASSERTION if self.keys else "none")

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code" and self.client.kind == "app"

    def check_grant_type(self, grant_type: str) -> bool:
        if self.client.kind == "service":
            return grant_type == "client_credentials" and self.keys is not None
        return grant_type == "authorization_code" or (
            grant_type == "refresh_token" and "offline_access" in self.client.scopes
        )


class Assertion(JWTBearerClientAssertion):  # type: ignore[misc]
    """A client's signed assertion: this token endpoint only, five minutes at most, once."""

    def __init__(self, audience: str, now: Callable[[], datetime], remembered: int) -> None:
        super().__init__(validate_jti=True, leeway=30)
        self._audience, self._now = audience, now
        self._seen = ReplayGuard(remembered)
        self._registry = JWSRegistry(algorithms=list(ALGORITHMS))

    def get_audiences(self) -> list[str]:
        return [self._audience]

    def resolve_client_public_key(self, client: Registered) -> KeySet:
        if client.keys is None:
            raise InvalidClientError(description="The client has no registered keys.")
        return client.keys

    def process_assertion_claims(self, assertion: str, resolve_key: KeySet) -> Json:
        # The library's own step takes its default algorithms, which lack those that SMART asks for.
        try:
            token = jwt.decode(assertion, resolve_key, registry=self._registry)
        except (JoseError, ValueError, TypeError) as error:
            raise InvalidClientError(description="The client assertion is not valid.") from error
        self.verify_claims(token.claims)
        claims: Json = token.claims
        return claims

    def verify_claims(self, claims: Json) -> None:
        ends = number(claims.get("exp"))
        if ends is None or ends > seconds(self._now()) + LONGEST_ASSERTION + self.leeway:
            raise InvalidClientError(description="The client assertion lives longer than five minutes.")
        super().verify_claims(claims)

    def validate_jti(self, claims: Json, jti: object) -> bool:
        if not isinstance(jti, str) or not 0 < len(jti) <= 255:
            return False
        return self._seen.first(str(claims["sub"]), (jti,), seconds(self._now()))
