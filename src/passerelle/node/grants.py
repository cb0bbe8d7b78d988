"""By which steps does a program get a token? Authlib's grants, with what is stricter here and what they remember.

A request is validated by the library (RFC 6749, PKCE RFC 7636, revocation RFC 7009, introspection RFC 7662). Stricter:
PKCE with S256 for every client, redirect addresses compared whole, ``aud`` required, a refresh token used once, and
whatever a used code or refresh token led to is taken back when it comes again. Codes and refresh tokens live in memory:
after a restart people sign in again.
"""

from __future__ import annotations

import logging
import secrets
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from authlib.common.urls import add_params_to_uri
from authlib.oauth2.rfc6749 import AuthorizationServer, OAuth2Request
from authlib.oauth2.rfc6749.errors import InvalidRequestError, InvalidScopeError
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant, ClientCredentialsGrant, RefreshTokenGrant
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from starlette.responses import JSONResponse, RedirectResponse, Response

from passerelle.node.claims import Rejected, seconds
from passerelle.node.clients import ASSERTION, Assertion, Client, Registered
from passerelle.node.granted import Code, Grantee, Memory, Refresh, Shown, mark
from passerelle.node.tokens import AccessTokens
from passerelle.policy import purpose_of
from passerelle.values import Caller, Json, Purpose

# The library notes the tokens that it issues at debug level; a token has no place in any log.
logging.getLogger("authlib").setLevel(logging.INFO)

_METHODS = [ASSERTION, "none"]
NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


@dataclass(frozen=True)
class SignedIn:
    """The person whose browser asks for an authorization, and the secret of that browser's forms."""

    caller: Caller
    purpose: Purpose
    csrf: str


@dataclass(frozen=True)
class Settings:
    """What the authorization server is told by the one who wires it."""

    root: str
    """The node's address without a path, such as ``https://node.example``; the routes hang below it."""
    base: str
    """The FHIR base address, the one audience of every token."""
    clients: tuple[Client, ...]
    service_lifetime: int = 300
    person_lifetime: int = 900
    code_lifetime: int = 60
    refresh_lifetime: int = 12 * 3600
    remembered: int = 20_000

    @property
    def token_url(self) -> str:
        return f"{self.root}/oauth/token"


class Asked(OAuth2Request):  # type: ignore[misc]
    """A request in Authlib's words, its parameters already read: ``args`` from the address (None where they are not
    read from there), ``form`` from the body."""

    def __init__(
        self, method: str, uri: str, headers: Mapping[str, str], args: Json | None, form: Json
    ) -> None:
        super().__init__(method, uri, headers=dict(headers))
        self._args, self._form = args or {}, form
        self.payload = BasicOAuth2Payload(form if args is None else args)

    @property
    def args(self) -> Json:
        return self._args

    @property
    def form(self) -> Json:
        return self._form


class _Challenge(CodeChallenge):  # type: ignore[misc]
    """PKCE for every client, and by S256 only."""

    SUPPORTED_CODE_CHALLENGE_METHOD = ["S256"]

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        data = grant.request.payload.data
        if not data.get("code_challenge") or data.get("code_challenge_method") != "S256":
            raise InvalidRequestError("A code_challenge with code_challenge_method=S256 is required.")
        super().validate_code_challenge(grant, redirect_uri)


class _Codes(AuthorizationCodeGrant):  # type: ignore[misc]
    """A person lets an app act for them."""

    TOKEN_ENDPOINT_AUTH_METHODS = _METHODS
    server: Server

    def validate_requested_scope(self) -> None:
        audience = self.request.payload.data.get("aud", "").rstrip("/")
        if audience != self.server.settings.base.rstrip("/"):
            raise InvalidRequestError("The aud parameter must be the FHIR base address of this node.")
        if not self.server.offered(self.request):
            raise InvalidScopeError()

    def save_authorization_code(self, code: str, request: Asked) -> None:
        self.server.keep_code(code, request)

    def query_authorization_code(self, code: str, client: Registered) -> Code | None:
        return self.server.code(code, client)

    def delete_authorization_code(self, authorization_code: Code) -> None:
        self.server.code_used(self.request.form["code"], authorization_code)

    def authenticate_user(self, authorization_code: Code) -> Grantee:
        return authorization_code.grantee


class _Services(ClientCredentialsGrant):  # type: ignore[misc]
    """A service acts for itself."""

    TOKEN_ENDPOINT_AUTH_METHODS = [ASSERTION]

    def validate_requested_scope(self) -> None:
        allowed = self.request.client.get_allowed_scope(self.request.payload.scope)
        if allowed is None:
            raise InvalidScopeError()
        self.request.scope = allowed

    def generate_token(self, user: object = None, scope: str | None = None, **more: Any) -> Any:
        return super().generate_token(user=user, scope=self.request.scope, **more)


class _Refreshes(RefreshTokenGrant):  # type: ignore[misc]
    """An app goes on for as long as it was allowed to."""

    TOKEN_ENDPOINT_AUTH_METHODS = _METHODS
    INCLUDE_NEW_REFRESH_TOKEN = True
    server: Server

    def authenticate_refresh_token(self, refresh_token: str) -> Refresh | None:
        return self.server.refresh(refresh_token)

    def authenticate_user(self, refresh_token: Refresh) -> Grantee:
        return refresh_token.grantee

    def revoke_old_credential(self, refresh_token: Refresh) -> None:
        self.server.refresh_used(self.request.form["refresh_token"], refresh_token)


class _Revocation(RevocationEndpoint):  # type: ignore[misc]
    CLIENT_AUTH_METHODS = _METHODS
    server: Server

    def query_token(self, token_string: str, token_type_hint: str | None) -> Shown | None:
        return self.server.shown(token_string)

    def revoke_token(self, token: Shown, request: Asked) -> None:
        self.server.take_back(token)


class _Introspection(IntrospectionEndpoint):  # type: ignore[misc]
    CLIENT_AUTH_METHODS = [ASSERTION]
    server: Server

    def query_token(self, token_string: str, token_type_hint: str | None) -> Shown | None:
        return self.server.shown(token_string)

    def check_permission(self, token: Shown, client: Registered, request: Asked) -> bool:
        return client.client.introspects or token.check_client(client)

    def introspect_token(self, token: Shown) -> Json:
        return _described(token, self.server.settings)


class Server(AuthorizationServer):  # type: ignore[misc]
    """The authorization server of one node: Authlib's order of checks, our clients, codes and tokens."""

    def __init__(self, settings: Settings, tokens: AccessTokens, now: Callable[[], datetime]) -> None:
        super().__init__()
        self.settings, self.tokens, self.now = settings, tokens, now
        self.memory = Memory(settings.remembered)
        self.replace_clients(settings.clients)
        self.register_client_auth_method(ASSERTION, Assertion(settings.token_url, now, settings.remembered))
        self.register_grant(_Codes, [_Challenge(required=True)])
        self.register_grant(_Services)
        self.register_grant(_Refreshes)
        self.register_endpoint(_Revocation)
        self.register_endpoint(_Introspection)
        self.register_token_generator("default", self.write_token)

    def replace_clients(self, clients: Iterable[Client]) -> None:
        """Know these programs from now on. A token that another one holds ends with its own short life."""
        self._registered = {client.id: Registered(client) for client in clients}

    def forget(self, people: Collection[str]) -> None:
        """Take back whatever programs were allowed to do for these people."""
        places: tuple[OrderedDict[bytes, Any], ...] = (self.memory.codes, self.memory.refreshes)
        for place in places:
            for kept in [kept for kept in place.values() if kept.grantee.caller.id in people]:
                self._end(kept.grantee.family)

    def query_client(self, client_id: str) -> Registered | None:
        return self._registered.get(client_id)

    def save_token(self, token: Json, request: Asked) -> None:
        """Nothing to save: an access token proves itself, and a refresh token was kept when it was made."""

    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        """Nobody listens."""

    def create_oauth2_request(self, request: Asked) -> Asked:
        return request

    def handle_response(self, status: int, body: object, headers: list[tuple[str, str]]) -> Response:
        location = dict(headers).get("Location")
        if location is not None:
            # RFC 9207: the answer says which server it comes from.
            return RedirectResponse(add_params_to_uri(location, [("iss", self.settings.base)]), 303, NO_STORE)
        return JSONResponse(body, status, {**dict(headers), **NO_STORE})

    def offered(self, request: Asked) -> tuple[str, ...]:
        """What of the requested scope an app can be granted for this person: each sees as what they signed in as."""
        client: Registered = request.client
        allowed = (client.get_allowed_scope(request.payload.scope) or "").split()
        signed_in: SignedIn = request.user
        mine = "patient/" if signed_in.caller.patient is not None else "user/"
        kept = [s for s in allowed if s.startswith(mine) or s == "offline_access"]
        if signed_in.caller.patient is not None:
            kept += [s for s in allowed if s == "launch/patient"]
        return tuple(kept) if any("/" in s and s != "launch/patient" for s in kept) else ()

    def keep_code(self, code: str, request: Asked) -> None:
        granted = request.user
        kept = Code(
            client_id=request.client.client.id,
            redirect_uri=request.payload.redirect_uri,
            scope=" ".join(self.offered(request)),
            code_challenge=request.payload.data["code_challenge"],
            grantee=Grantee(granted.caller, granted.purpose, secrets.token_urlsafe(16)),
            expires=seconds(self.now()) + self.settings.code_lifetime,
        )
        self.memory.keep(self.memory.codes, mark(code), kept)

    def code(self, code: str, client: Registered) -> Code | None:
        """The code of this client; a code that comes a second time takes back what the first led to (RFC 6749 4.1.2)."""
        self._again(code)
        kept = self.memory.codes.get(mark(code))
        if kept is None or kept.client_id != client.client.id or kept.expires <= seconds(self.now()):
            return None
        return kept

    def code_used(self, text: str, code: Code) -> None:
        del self.memory.codes[mark(text)]
        self.memory.keep(self.memory.used, mark(text), code.grantee.family)

    def refresh(self, text: str) -> Refresh | None:
        """A refresh token that is still good; one that comes a second time ends its whole family (RFC 9700 4.14)."""
        self._again(text)
        kept = self.memory.refreshes.get(mark(text))
        return kept if kept and kept.expires > seconds(self.now()) else None

    def refresh_used(self, text: str, refresh: Refresh) -> None:
        self.memory.refreshes.pop(mark(text), None)
        self.memory.keep(self.memory.used, mark(text), refresh.grantee.family)

    def _again(self, text: str) -> None:
        family = self.memory.used.get(mark(text))
        if family is not None:
            self._end(family)

    def _end(self, family: str) -> None:
        for jti, expires in self.memory.forget_family(family).items():
            self.tokens.revoked.revoke(jti, expires, seconds(self.now()))

    def shown(self, text: str) -> Shown | None:
        """The token that a client shows, if it is one of ours and still good."""
        kept = self.memory.refreshes.get(mark(text))
        if kept is not None and kept.expires > seconds(self.now()):
            return Shown(kept.client_id, None, kept, text)
        verified = self.tokens.check(text, now=self.now())
        return None if isinstance(verified, Rejected) else Shown(verified.client_id, verified, None, text)

    def take_back(self, token: Shown) -> None:
        """Revoke a token; with a refresh token go the access tokens that came from the same authorization."""
        if token.refresh is not None:
            self._end(token.refresh.grantee.family)
        if token.access is not None:
            self.tokens.revoked.revoke(token.access.jti, token.access.expires, seconds(self.now()))

    def write_token(
        self,
        grant_type: str,
        client: Registered,
        user: Grantee | None = None,
        scope: str | None = None,
        expires_in: int | None = None,
        include_refresh_token: bool = True,
    ) -> Json:
        """The token answer of RFC 6749 section 5.1, with SMART's launch context."""
        grantee = user or _itself(client.client, self.tokens)
        scopes = tuple((scope or "").split())
        caller = replace(grantee.caller, scopes=scopes)
        lifetime = self.settings.person_lifetime if user else self.settings.service_lifetime
        jti, now = secrets.token_urlsafe(16), self.now()
        answer: Json = {
            "token_type": "Bearer",
            "access_token": self.tokens.issue(
                caller, grantee.purpose, client_id=client.client.id, now=now, jti=jti, lifetime=lifetime
            ),
            "expires_in": lifetime,
            "scope": " ".join(scopes),
        }
        if caller.patient is not None:
            answer["patient"] = caller.patient
        if user is not None:
            kept = self.memory.families.get(user.family, {})
            self.memory.keep(self.memory.families, user.family, {**kept, jti: seconds(now) + lifetime})
            if "offline_access" in scopes and include_refresh_token:
                answer["refresh_token"] = self._new_refresh(client, user, " ".join(scopes))
        return answer

    def _new_refresh(self, client: Registered, grantee: Grantee, scope: str) -> str:
        text = secrets.token_urlsafe(32)
        expires = seconds(self.now()) + self.settings.refresh_lifetime
        self.memory.keep(
            self.memory.refreshes, mark(text), Refresh(client.client.id, scope, grantee, expires)
        )
        return text


def _itself(client: Client, tokens: AccessTokens) -> Grantee:
    """A service as the caller that it is."""
    caller = Caller(client.id, "service", client.role, tokens.door.node, client.organization, client.name)
    purpose = client.purpose or purpose_of(client.role)
    if purpose is None:
        raise ValueError(f"The role {client.role} of client {client.id} is not known to policy.")
    return Grantee(caller, purpose, "")


def _described(token: Shown, settings: Settings) -> Json:
    if token.access is None:
        assert token.refresh is not None  # noqa: S101  a token shown is one or the other
        return {"active": True, "client_id": token.client_id, "scope": token.refresh.scope}
    caller = token.access.caller
    about: Json = {
        "active": True,
        "client_id": token.client_id,
        "scope": " ".join(caller.scopes),
        "token_type": "Bearer",
        "sub": caller.id,
        "iss": settings.base,
        "aud": settings.base,
        "exp": int(token.access.expires),
        "jti": token.access.jti,
    }
    return {**about, "patient": caller.patient} if caller.patient is not None else about
