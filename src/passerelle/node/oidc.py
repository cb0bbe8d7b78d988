"""Signing in at an outside OpenID Connect provider: authorization code with PKCE, state and nonce.

Who comes back is a caller of this node only if the configuration gives them a role here; a person unknown to it is
refused, however well the provider knows them. What is believed: the provider's signature over an ID token that was
made for this client, now, in answer to this very sign-in, begun in this very browser.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from base64 import b64encode
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote_plus, urlsplit

import aiohttp
from authlib.common.security import is_secure_transport
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from passerelle.node.claims import Rejected, name, seconds
from passerelle.policy import scopes_of
from passerelle.values import FHIR_ID, Caller, Json, Language, NodeId, Words

ALGORITHMS = ("RS256", "PS256", "ES256", "ES384", "Ed25519")
LONGEST_ANSWER = 256 * 1024
"""Bytes that a provider's answer may have."""
SKEW = 30
"""Seconds."""


@dataclass(frozen=True)
class Provider:
    """An outside provider, and what its claims make of a person here.

    ``roles`` maps values of ``role_claim`` to roles of this node, the first that fits in this order; ``subjects`` maps
    single subjects, and goes before. Who fits neither is a stranger. A claim is named as it stands in the ID token, or
    by the path to it, such as ``realm_access.roles``.
    """

    issuer: str
    client_id: str
    redirect_uri: str
    client_secret: str = field(default="", repr=False)
    """Empty for a public client, which has PKCE alone."""
    scopes: tuple[str, ...] = ("openid", "profile")
    roles: Mapping[str, str] = field(default_factory=dict)
    subjects: Mapping[str, str] = field(default_factory=dict)
    role_claim: str = "roles"
    name_claim: str = "name"
    organization: str = ""
    organization_claim: str = ""
    patient_claim: str = ""
    """The claim with the id of the person's own Patient here, which the role ``patient`` must have."""
    id: str = ""
    """Its name in this node's configuration. Its people are known here as ``id:subject``, because a subject means
    something at its own provider only."""
    name: Words = field(default_factory=lambda: {"en": "", "fr": ""})
    also_through: tuple[str, ...] = ()
    """Origins that a browser passes on its way beside the issuer's, such as a provider behind this one."""

    @property
    def origins(self) -> tuple[str, ...]:
        """Where a browser may be sent: nothing that the provider says about itself can add to it."""
        return (origin(self.issuer), *self.also_through)


@dataclass(frozen=True)
class Wanted:
    """What the browser was after before it left: the language, and an address of this node or nothing."""

    language: Language = "en"
    return_to: str = ""


NOTHING_WANTED = Wanted()


@dataclass(frozen=True)
class Begun:
    """A sign-in under way: where the browser goes, and the value of a cookie that proves it is the same browser."""

    url: str
    browser: str = field(repr=False)


@dataclass(frozen=True)
class _Pending:
    nonce: str
    verifier: str
    browser: bytes
    expires: float
    wanted: Wanted


@dataclass(frozen=True)
class _Known:
    """What the provider says about itself."""

    authorization: str
    token: str
    jwks: str
    read: float


class OutsideSignIn:
    """Sign-in at one provider."""

    PENDING = 600
    """Seconds that a person has to sign in at the provider."""
    FRESH = 3600
    """Seconds that the provider's metadata and keys are believed."""
    KEYS_AGAIN = 30
    """Seconds between two looks for a key that was not there, so that forged tokens make no traffic."""

    def __init__(
        self,
        provider: Provider,
        node: NodeId,
        http: aiohttp.ClientSession,
        now: Callable[[], datetime],
        room: int = 10_000,
    ) -> None:
        self.provider, self.node, self._http, self._now, self._room = provider, node, http, now, room
        self._pending: OrderedDict[str, _Pending] = OrderedDict()
        self._known: _Known | None = None
        self._keys: KeySet | None = None
        self._keys_read = 0.0

    async def begin(self, wanted: Wanted = NOTHING_WANTED) -> Begun | Rejected:
        """Send a browser to the provider. Put ``browser`` in a short-lived HttpOnly, SameSite=Lax cookie."""
        known = await self._discovered()
        if isinstance(known, Rejected):
            return known
        state, nonce, verifier, browser = (secrets.token_urlsafe(32) for _ in range(4))
        expires = seconds(self._now()) + self.PENDING
        self._pending[state] = _Pending(nonce, verifier, _mark(browser), expires, wanted)
        while len(self._pending) > self._room:
            self._pending.popitem(last=False)
        url = prepare_grant_uri(
            known.authorization,
            self.provider.client_id,
            "code",
            redirect_uri=self.provider.redirect_uri,
            scope=" ".join(self.provider.scopes),
            state=state,
            nonce=nonce,
            code_challenge=create_s256_code_challenge(verifier),
            code_challenge_method="S256",
        )
        return Begun(url, browser)

    def wanted(self, parameters: Mapping[str, str], browser: str | None) -> Wanted | None:
        """What this very browser was after when it left; kept here, so that no address can say otherwise."""
        pending = self._pending.get(parameters.get("state", ""))
        if pending is None or not secrets.compare_digest(pending.browser, _mark(browser or "")):
            return None
        return pending.wanted

    async def finish(self, parameters: Mapping[str, str], browser: str | None) -> Caller | Rejected:
        """Who came back from the provider, given the query of the redirect and the browser's cookie."""
        pending = self._pending.pop(parameters.get("state", ""), None)
        if pending is None or pending.expires <= seconds(self._now()):
            return Rejected("provider-state")
        if not secrets.compare_digest(pending.browser, _mark(browser or "")):
            return Rejected("provider-state")
        # RFC 9207: an answer that names another provider is a mix-up, or an attempt at one.
        if parameters.get("iss", self.provider.issuer) != self.provider.issuer:
            return Rejected("provider-proof")
        code = parameters.get("code")
        if not code:
            return Rejected("provider-refused")
        token = await self._exchanged(code, pending.verifier)
        if isinstance(token, Rejected):
            return token
        claims = await self._believed(token, pending.nonce)
        return claims if isinstance(claims, Rejected) else self._caller(claims)

    async def _discovered(self) -> _Known | Rejected:
        """The provider's metadata (OpenID Connect Discovery), whose issuer must be the configured one exactly."""
        now = seconds(self._now())
        if self._known is not None and now - self._known.read < self.FRESH:
            return self._known
        found = await self._get(f"{self.provider.issuer.rstrip('/')}/.well-known/openid-configuration")
        if isinstance(found, Rejected):
            # Better an hour-old address than no sign-in while the provider restarts.
            return self._known or found
        places = [str(found.get(key, "")) for key in ("authorization_endpoint", "token_endpoint", "jwks_uri")]
        if found.get("issuer") != self.provider.issuer or not all(map(is_secure_transport, places)):
            return Rejected("provider-invalid")
        if origin(places[0]) not in self.provider.origins:
            return Rejected("provider-invalid")
        self._known = _Known(places[0], places[1], places[2], now)
        return self._known

    async def _exchanged(self, code: str, verifier: str) -> str | Rejected:
        """The ID token for this code."""
        known = await self._discovered()
        if isinstance(known, Rejected):
            return known
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.provider.redirect_uri,
            "client_id": self.provider.client_id,
            "code_verifier": verifier,
        }
        answer = await self._ask("POST", known.token, data=form, headers=_basic(self.provider))
        if isinstance(answer, Rejected):
            return answer
        token = answer.get("id_token")
        return token if isinstance(token, str) else Rejected("provider-refused")

    async def _believed(self, token: str, nonce: str) -> Json | Rejected:
        """The claims of the ID token, once everything about it holds (OpenID Connect Core 3.1.3.7)."""
        for again in (False, True):
            keys = await self._key_set(again)
            if isinstance(keys, Rejected):
                return keys
            try:
                claims = jwt.decode(token, keys, registry=_registry).claims
            except InvalidKeyIdError:
                continue  # the provider may have begun to use a new key
            except (JoseError, ValueError, TypeError, RecursionError):
                return Rejected("provider-proof")
            return claims if self._holds(claims, nonce) else Rejected("provider-proof")
        return Rejected("provider-proof")

    def _holds(self, claims: Json, nonce: str) -> bool:
        required = jwt.JWTClaimsRegistry(
            now=int(seconds(self._now())),
            leeway=SKEW,
            iss={"essential": True, "value": self.provider.issuer},
            aud={"essential": True, "value": self.provider.client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        try:
            required.validate(claims)
        except (JoseError, TypeError):
            return False
        alone = claims["aud"] in (self.provider.client_id, [self.provider.client_id])
        return claims.get("azp", self.provider.client_id) == self.provider.client_id and (
            alone or "azp" in claims
        )

    async def _key_set(self, again: bool) -> KeySet | Rejected:
        now = seconds(self._now())
        age = now - self._keys_read
        if self._keys is not None and age < (self.KEYS_AGAIN if again else self.FRESH):
            return self._keys
        known = await self._discovered()
        found = known if isinstance(known, Rejected) else await self._get(known.jwks)
        if isinstance(found, Rejected):
            return self._keys or found
        try:
            self._keys = KeySet.import_key_set({"keys": found["keys"]})
        except (JoseError, ValueError, TypeError, KeyError):
            return Rejected("provider-invalid")
        self._keys_read = now
        return self._keys

    def _caller(self, claims: Json) -> Caller | Rejected:
        role, own = self._role(claims), claimed(claims, self.provider.patient_claim)
        patient = own if isinstance(own, str) and FHIR_ID.fullmatch(own) else None
        subject = name(claims.get("sub")) and name(self._known_as(claims["sub"]))
        if not role or not subject:
            return Rejected("provider-stranger")
        if role == "patient" and patient is None:
            return Rejected("provider-stranger")
        return Caller(
            id=subject,
            kind="person",
            role=role,
            node=self.node,
            organization=name(claimed(claims, self.provider.organization_claim))
            or self.provider.organization,
            name=name(claimed(claims, self.provider.name_claim)),
            patient=patient if role == "patient" else None,
            scopes=scopes_of(role),
        )

    def _known_as(self, subject: str) -> str:
        return f"{self.provider.id}:{subject}" if self.provider.id else subject

    def _role(self, claims: Json) -> str:
        role = self.provider.subjects.get(name(claims.get("sub")))
        given = claimed(claims, self.provider.role_claim)
        held = given if isinstance(given, list) else [given]
        return role or next((here for there, here in self.provider.roles.items() if there in held), "")

    async def _get(self, url: str) -> Json | Rejected:
        return await self._ask("GET", url)

    async def _ask(
        self,
        method: str,
        url: str,
        data: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Json | Rejected:
        """One JSON object from the provider. No redirect is followed: what is configured is whom we ask."""
        if not is_secure_transport(url):
            return Rejected("provider-invalid")
        try:
            async with self._http.request(
                method,
                url,
                data=data,
                headers={"Accept": "application/json", **(headers or {})},
                allow_redirects=False,
                timeout=_PATIENCE,
            ) as answer:
                body = await _read(answer)
                if answer.status >= 500:
                    return Rejected("provider-unreachable")
                if answer.status != 200:
                    return Rejected("provider-refused" if method == "POST" else "provider-invalid")
        except (aiohttp.ClientError, TimeoutError):
            return Rejected("provider-unreachable")
        try:
            found = json.loads(body)
        except (ValueError, RecursionError):
            return Rejected("provider-invalid")
        return found if isinstance(found, dict) else Rejected("provider-invalid")


def claimed(claims: Json, path: str) -> object:
    """The claim of this name, or at this path of names with points between them; None when there is none."""
    if path in claims:
        return claims[path]
    first, _, rest = path.partition(".")
    below = claims.get(first)
    return claimed(below, rest) if rest and isinstance(below, dict) else None


def origin(url: str) -> str:
    """The scheme, host and port of an address, as a browser compares them; nothing for what has no host."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    host = parts.hostname or ""
    if ":" in host:
        host = f"[{host}]"
    usual = port is None or port == {"http": 80, "https": 443}.get(parts.scheme)
    return f"{parts.scheme}://{host}" + ("" if usual else f":{port}") if host else ""


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    """The body; nothing if it is too long."""
    body = b""
    async for part in answer.content.iter_any():
        body += part
        if len(body) > LONGEST_ANSWER:
            return b""
    return body


_registry = JWSRegistry(algorithms=list(ALGORITHMS))
_PATIENCE = aiohttp.ClientTimeout(total=5)


def _basic(provider: Provider) -> dict[str, str]:
    """``client_secret_basic`` (RFC 6749 section 2.3.1), where there is a secret."""
    if not provider.client_secret:
        return {}
    pair = f"{quote_plus(provider.client_id)}:{quote_plus(provider.client_secret)}"
    return {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}


def _mark(browser: str) -> bytes:
    return hashlib.sha256(browser.encode()).digest()
