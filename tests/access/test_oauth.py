"""How programs get tokens: what is granted, to whom, and every way in which it is refused."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse

from passerelle.node.claims import Verified
from passerelle.node.keys import KeyRing, make_key
from passerelle.node.oauth import Client, Pages, Server, Settings, SignedIn, Wish, routes, smart_configuration
from passerelle.node.tokens import AccessTokens, Door
from passerelle.values import Caller, NodeId, Purpose

ROOT = "https://on.example"
BASE = f"{ROOT}/fhir"
ON = NodeId("on")
RSA = RSAKey.generate_key(2048, auto_kid=True)
EC = ECKey.generate_key("P-384", auto_kid=True)
JWKS = {"keys": [RSA.as_dict(private=False), EC.as_dict(private=False)]}
VERIFIER = "v" * 64
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
BACK = "https://app.example/back"

FEED = Client("feed", "service", "Invented laboratory feed", ("system/*.cruds",), JWKS)
NARROW = Client("narrow", "service", "Invented registry", ("system/Immunization.rs",), JWKS)
AUDITOR = Client("gateway", "service", "Invented gateway", ("system/*.rs",), JWKS, introspects=True)
APP_SCOPES = ("patient/*.rs", "user/*.cruds", "launch/patient", "offline_access")
APP = Client("app", "app", "Invented app", APP_SCOPES, redirect_uris=(BACK,))
SIGNED_APP = Client("signed-app", "app", "Invented server app", APP_SCOPES, JWKS, (BACK,))
OTHER_APP = Client(
    "other-app", "app", "Another invented app", APP_SCOPES, redirect_uris=("https://other.example/",)
)

CLINICIAN = SignedIn(Caller("dr-test", "person", "physician", ON), Purpose.TREAT, "form-secret")
PATIENT = SignedIn(Caller("p-test", "person", "patient", ON, patient="p1"), Purpose.PATRQT, "form-secret")


@dataclass
class Heard:
    """One answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def sent_to(self) -> dict[str, str]:
        """What the browser takes back to the app's own address."""
        assert self.status == 303
        assert self.headers["location"].startswith(BACK)
        return dict(parse_qsl(urlsplit(self.headers["location"]).query))


@dataclass
class World:
    """A node's authorization server with a clock and at most one signed-in browser."""

    browser: SignedIn | None = None
    later: timedelta = timedelta()
    asked: list[Wish] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.tokens = AccessTokens(Door(ON, BASE, KeyRing(make_key())))
        clients = (FEED, NARROW, AUDITOR, APP, SIGNED_APP, OTHER_APP)
        self.server = Server(Settings(ROOT, BASE, clients), self.tokens, self.now)
        pages = Pages(
            lambda http: self.browser, lambda http, back: f"/sign-in?{urlencode({'back': back})}", self.page
        )
        self.app = Starlette(routes=list(routes(self.server, pages)))

    def now(self) -> datetime:
        return datetime.now(UTC) + self.later

    def page(self, http: Any, wish: Wish) -> PlainTextResponse:
        self.asked.append(wish)
        return PlainTextResponse("May this app act for you?")

    def call(self, method: str, path: str, query: str = "", body: bytes = b"", kind: str = "") -> Heard:
        return asyncio.run(self._call(method, path, query, body, kind))

    async def _call(self, method: str, path: str, query: str, body: bytes, kind: str) -> Heard:
        headers = [(b"host", b"attacker.example")] + ([(b"content-type", kind.encode())] if kind else [])
        scope = {"type": "http", "method": method, "path": path, "raw_path": path.encode(), "scheme": "http"}
        scope |= {
            "query_string": query.encode(),
            "headers": headers,
            "server": ("127.0.0.1", 1),
            "http_version": "1.1",
        }
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        found = {key.decode(): value.decode() for key, value in sent[0]["headers"]}
        return Heard(sent[0]["status"], found, b"".join(m.get("body", b"") for m in sent[1:]))

    def post(self, place: str, **form: str) -> Heard:
        return self.call("POST", f"/oauth/{place}", body=urlencode(form).encode(), kind=FORM)

    def service(
        self, client: str = "feed", scope: str = "system/*.rs", assertion: str | None = None
    ) -> Heard:
        return self.post(
            "token", grant_type="client_credentials", scope=scope, **signed(assertion or asserted(client))
        )

    def authorize(
        self, decision: str | None = None, csrf: str = "form-secret", **changes: str | None
    ) -> Heard:
        """Ask for a code; with a decision, answer the page."""
        given: dict[str, str | None] = {
            "response_type": "code",
            "client_id": "app",
            "redirect_uri": BACK,
            "scope": "launch/patient patient/*.rs user/*.rs offline_access",
            "state": "app-state",
            "aud": BASE,
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
            **changes,
        }
        query = urlencode({key: value for key, value in given.items() if value is not None})
        if decision is None:
            return self.call("GET", "/oauth/authorize", query)
        body = urlencode({"decision": decision, "csrf": csrf}).encode()
        return self.call("POST", "/oauth/authorize", query, body, FORM)

    def code(self, **changes: str | None) -> str:
        return self.authorize("allow", **changes).sent_to["code"]

    def redeem(self, code: str, **changes: str) -> Heard:
        given = {"client_id": "app", "redirect_uri": BACK, "code_verifier": VERIFIER, **changes}
        return self.post("token", grant_type="authorization_code", code=code, **given)

    def refresh(self, token: str, **changes: str) -> Heard:
        return self.post(
            "token", grant_type="refresh_token", refresh_token=token, **{"client_id": "app", **changes}
        )

    def holder(self, token: str) -> Caller | None:
        said = self.tokens.check(token, now=self.now())
        return said.caller if isinstance(said, Verified) else None


FORM = "application/x-www-form-urlencoded"


def signed(assertion: str) -> dict[str, str]:
    kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    return {"client_assertion_type": kind, "client_assertion": assertion}


def asserted(client: str = "feed", key: Any = RSA, alg: str = "RS384", **changes: Any) -> str:
    now = int(time.time())
    claims = {"iss": client, "sub": client, "aud": f"{ROOT}/oauth/token", "iat": now, "exp": now + 120}
    claims |= {
        "jti": base64.urlsafe_b64encode(
            hashlib.sha256(str(time.perf_counter_ns()).encode()).digest()
        ).decode()
    }
    claims = {name: value for name, value in {**claims, **changes}.items() if value is not None}
    return jwt.encode({"alg": alg, "kid": key.kid}, claims, key, algorithms=[alg])


# Services


@pytest.mark.parametrize(("key", "alg"), [(RSA, "RS384"), (EC, "ES384")])
def test_a_service_proves_itself_and_gets_a_short_token(key: Any, alg: str) -> None:
    world = World()
    answer = world.service(assertion=asserted(key=key, alg=alg))
    assert answer.status == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json["expires_in"] <= 300
    assert answer.json["token_type"] == "Bearer"
    assert "refresh_token" not in answer.json
    holder = world.holder(answer.json["access_token"])
    assert holder == Caller("feed", "service", "service", ON, "", FEED.name, None, ("system/*.rs",))


@pytest.mark.parametrize(
    ("registered", "requested", "granted"),
    [
        ("feed", "system/*.read", "system/*.read"),
        ("feed", "system/Patient.rs", "system/Patient.rs"),
        ("narrow", "system/Immunization.r system/Patient.r", "system/Immunization.r"),
        ("narrow", "system/Immunization.r user/Immunization.r", "system/Immunization.r"),
    ],
)
def test_a_service_gets_what_lies_within_its_registration(
    registered: str, requested: str, granted: str
) -> None:
    assert World().service(registered, requested).json["scope"] == granted


@pytest.mark.parametrize("scope", ["system/*.rs", "system/Immunization.cruds", "user/*.rs", "nonsense"])
def test_a_service_gets_nothing_beyond_its_registration(scope: str) -> None:
    answer = World().service("narrow", scope)
    assert (answer.status, answer.json["error"]) == (400, "invalid_scope")


NOW = int(time.time())
STRANGER = RSAKey.generate_key(2048, parameters={"kid": str(RSA.kid)})
FORGED: list[tuple[str, Callable[[], str]]] = [
    ("for another server", lambda: asserted(aud="https://bc.example/oauth/token")),
    ("for the FHIR base", lambda: asserted(aud=BASE)),
    ("for the address in the Host header", lambda: asserted(aud="http://attacker.example/oauth/token")),
    ("for nobody", lambda: asserted(aud=None)),
    ("expired", lambda: asserted(exp=NOW - 300)),
    ("without an end", lambda: asserted(exp=None)),
    ("that lives too long", lambda: asserted(exp=NOW + 3600)),
    ("that lives for ever", lambda: asserted(exp=float("inf"))),
    ("from the future", lambda: asserted(iat=NOW + 600)),
    ("without an id", lambda: asserted(jti=None)),
    ("with an id that is no text", lambda: asserted(jti=[1])),
    ("by one client about another", lambda: asserted(iss="narrow")),
    ("without a subject", lambda: asserted(sub=None)),
    ("of an unknown client", lambda: asserted("stranger")),
    ("of a public client", lambda: asserted("app")),
    ("signed by a stranger's key", lambda: asserted(key=STRANGER)),
    ("in an algorithm that is not offered", lambda: asserted(alg="RS256")),
    ("that is no JWT", lambda: "a.b.c"),
    ("without a signature", lambda: unsigned(asserted())),
    (
        "with a shared secret",
        lambda: asserted(key=OctKey.generate_key(256, parameters={"kid": str(RSA.kid)}), alg="HS256"),
    ),
]


def unsigned(assertion: str) -> str:
    header = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    return ".".join([header, assertion.split(".")[1], ""])


@pytest.mark.parametrize(("what", "make"), FORGED, ids=[row[0] for row in FORGED])
def test_no_token_is_given_for_an_assertion(what: str, make: Callable[[], str]) -> None:
    answer = World().service(assertion=make())
    assert answer.status in (400, 401)
    assert answer.json["error"] == "invalid_client"


def test_an_assertion_is_used_once() -> None:
    world, assertion = World(), asserted()
    assert world.service(assertion=assertion).status == 200
    assert world.service(assertion=assertion).json["error"] == "invalid_client"


def test_one_client_s_assertion_id_is_not_another_s() -> None:
    world = World()
    assert world.service(assertion=asserted(jti="same")).status == 200
    assert world.service("narrow", "system/Immunization.r", asserted("narrow", jti="same")).status == 200


def test_a_service_without_an_assertion_gets_nothing() -> None:
    world = World()
    for form in ({"client_id": "feed"}, {}, {"client_id": "feed", "client_secret": "x"}):
        answer = world.post("token", grant_type="client_credentials", scope="system/*.rs", **form)
        assert answer.json["error"] == "invalid_client"


def test_an_app_is_given_no_token_for_itself() -> None:
    answer = World().service("signed-app", "user/*.rs")
    assert answer.json["error"] == "unauthorized_client"


# People and their apps


def test_a_patient_lets_an_app_read_their_own_record() -> None:
    world = World(PATIENT)
    answer = world.redeem(world.code())
    assert answer.status == 200
    assert answer.json["patient"] == "p1"
    assert set(answer.json["scope"].split()) == {"launch/patient", "patient/*.rs", "offline_access"}
    holder = world.holder(answer.json["access_token"])
    assert holder is not None
    assert (holder.patient, holder.role, holder.kind) == ("p1", "patient", "person")


def test_a_clinician_lets_an_app_act_for_them_and_no_patient_is_bound() -> None:
    world = World(CLINICIAN)
    answer = world.redeem(world.code())
    assert set(answer.json["scope"].split()) == {"user/*.rs", "offline_access"}
    assert "patient" not in answer.json


def test_an_app_that_only_wants_what_is_not_offered_gets_nothing() -> None:
    assert World(CLINICIAN).authorize(scope="launch/patient patient/*.rs").sent_to["error"] == "invalid_scope"
    assert World(PATIENT).authorize(scope="user/*.rs openid").sent_to["error"] == "invalid_scope"
    assert World(PATIENT).authorize(scope="launch/patient").sent_to["error"] == "invalid_scope"


def test_a_confidential_app_proves_itself_when_it_redeems_its_code() -> None:
    world = World(PATIENT)
    code = world.code(client_id="signed-app")
    assert world.redeem(code, client_id="signed-app").json["error"] == "invalid_client"
    assert world.redeem(code, client_id="signed-app", **signed(asserted("signed-app"))).status == 200


def test_the_page_shows_what_would_be_granted_and_cannot_be_framed() -> None:
    world = World(PATIENT)
    page = world.authorize()
    assert page.status == 200
    assert page.headers["x-frame-options"] == "DENY"
    assert world.asked[0].client == APP
    assert world.asked[0].scopes == ("patient/*.rs", "offline_access", "launch/patient")


def test_who_is_not_signed_in_is_sent_to_sign_in_and_back() -> None:
    answer = World().authorize()
    assert answer.status == 303
    back = dict(parse_qsl(urlsplit(answer.headers["location"]).query))["back"]
    assert back.startswith("/oauth/authorize?")


def test_the_answer_carries_the_app_s_state_and_says_which_server_it_is() -> None:
    sent = World(PATIENT).authorize("allow").sent_to
    assert (sent["state"], sent["iss"]) == ("app-state", BASE)


def test_a_person_who_says_no_gives_nothing() -> None:
    for decision in ("deny", "", "ALLOW"):
        sent = World(PATIENT).authorize(decision).sent_to
        assert (sent["error"], sent["state"]) == ("access_denied", "app-state")
        assert "code" not in sent


def test_a_page_of_another_site_cannot_answer_for_the_person() -> None:
    for csrf in ("", "guess"):
        answer = World(PATIENT).authorize("allow", csrf)
        assert answer.status == 400
        assert "location" not in answer.headers


def test_looking_at_the_page_gives_no_code() -> None:
    world = World(PATIENT)
    world.authorize()
    assert not world.server.memory.codes


@pytest.mark.parametrize(
    "changes",
    [
        {"redirect_uri": "https://attacker.example/back"},
        {"redirect_uri": BACK + "/"},
        {"redirect_uri": BACK + "?x=1"},
        {"redirect_uri": BACK.replace("https", "http")},
        {"redirect_uri": 'https://app.example/"quoted'},
        {"redirect_uri": None},
        {"client_id": "stranger"},
        {"client_id": None},
        {"client_id": "other-app"},
        {"client_id": "feed"},
    ],
)
def test_a_browser_is_never_sent_to_an_address_that_is_not_the_app_s_own(
    changes: dict[str, str | None],
) -> None:
    for decision in (None, "allow"):
        answer = World(PATIENT).authorize(decision, **changes)
        assert answer.status == 400
        assert "location" not in answer.headers
        assert answer.json["error"]


@pytest.mark.parametrize(
    ("error", "changes"),
    [
        ("invalid_request", {"code_challenge": None, "code_challenge_method": None}),
        ("invalid_request", {"code_challenge_method": "plain"}),
        ("invalid_request", {"code_challenge_method": None}),
        ("invalid_request", {"code_challenge": "short"}),
        ("invalid_request", {"aud": None}),
        ("invalid_request", {"aud": "https://bc.example/fhir"}),
        ("unsupported_response_type", {"response_type": "token"}),
        ("unsupported_response_type", {"response_type": None}),
    ],
)
def test_an_app_is_told_what_is_wrong_with_its_request(error: str, changes: dict[str, str | None]) -> None:
    sent = World(PATIENT).authorize("allow", **changes).sent_to
    assert sent["error"] == error
    assert "code" not in sent


def test_a_parameter_sent_twice_is_refused() -> None:
    world = World(PATIENT)
    query = urlencode([("client_id", "app"), ("client_id", "other-app"), ("response_type", "code")])
    assert world.call("GET", "/oauth/authorize", query).status == 400
    body = urlencode([("grant_type", "client_credentials"), ("scope", "a"), ("scope", "b")]).encode()
    assert world.call("POST", "/oauth/token", body=body, kind=FORM).json["error"] == "invalid_request"


@pytest.mark.parametrize(
    ("error", "changes"),
    [
        ("invalid_grant", {"code_verifier": "w" * 64}),
        ("invalid_request", {"code_verifier": ""}),
        ("invalid_grant", {"redirect_uri": "https://other.example/"}),
        ("invalid_grant", {"client_id": "other-app"}),
        ("invalid_client", {"client_id": "stranger"}),
        ("invalid_client", {"client_id": "feed"}),
    ],
)
def test_a_stolen_code_is_worth_nothing(error: str, changes: dict[str, str]) -> None:
    world = World(PATIENT)
    assert world.redeem(world.code(), **changes).json["error"] == error


def test_a_guessed_code_is_worth_nothing() -> None:
    assert World(PATIENT).redeem("guess").json["error"] == "invalid_grant"


def test_a_code_ends_after_a_minute() -> None:
    world = World(PATIENT)
    code = world.code()
    world.later = timedelta(seconds=61)
    assert world.redeem(code).json["error"] == "invalid_grant"


def test_a_code_that_comes_again_takes_back_what_it_gave() -> None:
    world = World(PATIENT)
    code = world.code()
    given = world.redeem(code).json
    assert world.redeem(code).json["error"] == "invalid_grant"
    assert world.holder(given["access_token"]) is None
    assert world.refresh(given["refresh_token"]).json["error"] == "invalid_grant"


# Going on


def test_a_refresh_token_gives_a_new_pair_and_is_used_up() -> None:
    world = World(PATIENT)
    first = world.redeem(world.code()).json
    second = world.refresh(first["refresh_token"]).json
    assert second["patient"] == "p1"
    assert second["refresh_token"] != first["refresh_token"]
    assert world.holder(second["access_token"]) == world.holder(first["access_token"])


def test_a_stolen_refresh_token_ends_everything_that_came_from_the_same_sign_in() -> None:
    world = World(PATIENT)
    first = world.redeem(world.code()).json
    second = world.refresh(first["refresh_token"]).json
    assert world.refresh(first["refresh_token"]).json["error"] == "invalid_grant"
    assert world.refresh(second["refresh_token"]).json["error"] == "invalid_grant"
    assert world.holder(second["access_token"]) is None


def test_a_refresh_never_widens_the_scope() -> None:
    world = World(PATIENT)
    first = world.redeem(world.code(scope="patient/Observation.rs offline_access")).json
    for wider in ("patient/*.rs", "patient/Observation.rs user/*.rs", "system/*.cruds"):
        answer = world.refresh(first["refresh_token"], scope=wider)
        assert answer.json["error"] == "invalid_scope"
    narrower = world.refresh(first["refresh_token"], scope="patient/Observation.rs").json
    assert narrower["scope"] == "patient/Observation.rs"


def test_a_refresh_token_is_its_own_app_s_only_and_ends_in_time() -> None:
    world = World(PATIENT)
    token = world.redeem(world.code()).json["refresh_token"]
    assert world.refresh(token, client_id="other-app").json["error"] == "invalid_grant"
    world.later = timedelta(hours=13)
    assert world.refresh(token).json["error"] == "invalid_grant"


def test_without_offline_access_there_is_no_refresh_token() -> None:
    world = World(PATIENT)
    assert "refresh_token" not in world.redeem(world.code(scope="patient/*.rs")).json


# Taking back, and asking about


def test_an_app_takes_its_tokens_back() -> None:
    world = World(PATIENT)
    given = world.redeem(world.code()).json
    assert world.post("revoke", client_id="app", token=given["refresh_token"]).status == 200
    assert world.refresh(given["refresh_token"]).json["error"] == "invalid_grant"
    assert world.holder(given["access_token"]) is None


def test_a_service_takes_its_access_token_back() -> None:
    world = World()
    token = world.service().json["access_token"]
    assert world.post("revoke", token=token, **signed(asserted())).status == 200
    assert world.holder(token) is None


def test_no_app_takes_back_another_s_token() -> None:
    world = World(PATIENT)
    token = world.redeem(world.code()).json["access_token"]
    world.post("revoke", client_id="other-app", token=token)
    assert world.holder(token) is not None
    assert world.post("revoke", client_id="other-app", token="unknown").status == 200


def test_a_token_is_described_to_who_may_ask_about_it_and_to_nobody_else() -> None:
    world = World(PATIENT)
    token = world.redeem(world.code()).json["access_token"]
    told = world.post("introspect", token=token, **signed(asserted("gateway"))).json
    assert (told["active"], told["sub"], told["patient"], told["aud"]) == (True, "p-test", "p1", BASE)
    assert world.post("introspect", token=token, **signed(asserted("feed"))).json == {"active": False}
    assert world.post("introspect", token=token, client_id="app").json["error"] == "invalid_client"
    assert world.post("introspect", token=token).json["error"] == "invalid_client"


def test_a_token_that_was_taken_back_or_has_ended_is_not_active() -> None:
    world = World()
    token = world.service().json["access_token"]
    world.post("revoke", token=token, **signed(asserted()))
    assert world.post("introspect", token=token, **signed(asserted("gateway"))).json == {"active": False}
    assert world.post("introspect", token="unknown", **signed(asserted("gateway"))).json == {"active": False}


# The shape of the place


@pytest.mark.parametrize("grant", ["password", "implicit", "", 'quote"d'])
def test_other_grants_are_not_offered(grant: str) -> None:
    answer = World().post("token", grant_type=grant, username="dr-test", password="x")
    assert (answer.status, answer.json["error"]) == (400, "unsupported_grant_type")


def test_a_body_that_is_not_a_form_or_too_long_is_refused() -> None:
    world = World()
    assert (
        world.call("POST", "/oauth/token", body=b"{}", kind="application/json").json["error"]
        == "invalid_request"
    )
    assert world.call("POST", "/oauth/token", body=b"\xff=1", kind=FORM).json["error"] == "invalid_request"
    assert (
        world.call("POST", "/oauth/token", body=b"a=" + b"x" * 70_000, kind=FORM).json["error"]
        == "invalid_request"
    )


def test_the_configuration_names_every_place_and_promises_only_what_is_here() -> None:
    told = smart_configuration(Settings(ROOT, BASE, ()))
    places = {route.path for route in routes(World().server, Pages(lambda _: None, str, lambda *_: None))}  # type: ignore[arg-type]
    named = [urlsplit(value).path for key, value in told.items() if key.endswith(("_endpoint", "_uri"))]
    assert set(named) == places
    assert "sso-openid-connect" not in told["capabilities"]
    assert "launch-ehr" not in told["capabilities"]


def test_the_published_keys_verify_the_tokens_and_hold_nothing_private() -> None:
    world = World()
    keys = world.call("GET", "/oauth/jwks").json["keys"]
    assert [key.get("d") for key in keys] == [None]
    header = json.loads(base64.urlsafe_b64decode(world.service().json["access_token"].split(".")[0] + "=="))
    assert header["kid"] == keys[0]["kid"]


def test_memory_does_not_grow_without_end() -> None:
    world = World(PATIENT)
    world.server.memory.room = 3
    for _ in range(8):
        world.redeem(world.code())
    memory = world.server.memory
    assert max(map(len, (memory.codes, memory.used, memory.refreshes, memory.families))) <= 3
