"""Signing in at an outside provider, a real one on this machine: who is let in, and which forgeries are not."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import aiohttp
import pytest

from passerelle.fhir.words import catalogue
from passerelle.node.claims import Rejected
from passerelle.node.oidc import Begun, OutsideSignIn, Provider
from passerelle.values import Caller, NodeId

ON = NodeId("on")
BACK = "http://127.0.0.1:9/signed-in"
NOW = int(time.time())


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    """The address of a running provider."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("provider.py")), str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        if process.poll() is not None:
            raise AssertionError("the provider ended before it was asked")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("the provider did not start")


def configured(issuer: str, **more: Any) -> Provider:
    given: dict[str, Any] = {
        "client_id": "passerelle-on",
        "redirect_uri": BACK,
        "client_secret": "se:cret/ü",
        "role_claim": "groups",
        "roles": {"doctors": "physician", "patients": "patient"},
        "subjects": {"auditor": "privacy"},
        "organization_claim": "org",
        "patient_claim": "fhir_patient",
        **more,
    }
    return Provider(issuer, **given)


class Clock:
    def __init__(self) -> None:
        self.later = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.later


Road = Callable[[OutsideSignIn, aiohttp.ClientSession, Clock], Awaitable[Any]]


def travel(provider: Provider, road: Road, **forge: Any) -> Any:
    """Walk a road with a fresh sign-in, the provider forging as told."""

    async def walk() -> Any:
        clock = Clock()
        async with aiohttp.ClientSession() as http:
            await http.post(f"{provider.issuer}/forge", json=forge)
            return await road(OutsideSignIn(provider, ON, http, clock), http, clock)

    return asyncio.run(walk())


async def visited(http: aiohttp.ClientSession, begun: Begun, login: str = "dr-test") -> dict[str, str]:
    """What the browser brings back after the person signed in at the provider."""
    async with http.get(f"{begun.url}&login={login}", allow_redirects=False) as answer:
        assert answer.status == 302, await answer.text()
        assert answer.headers["location"].startswith(BACK)
        return dict(parse_qsl(urlsplit(answer.headers["location"]).query))


async def begun(sign_in: OutsideSignIn) -> Begun:
    started = await sign_in.begin()
    assert isinstance(started, Begun)
    return started


def as_person(login: str = "dr-test") -> Road:
    async def road(sign_in: OutsideSignIn, http: aiohttp.ClientSession, clock: Clock) -> Caller | Rejected:
        started = await begun(sign_in)
        return await sign_in.finish(await visited(http, started, login), started.browser)

    return road


def test_a_clinician_signs_in_with_the_role_that_their_group_has_here(issuer: str) -> None:
    caller = travel(configured(issuer), as_person())
    assert caller == Caller(
        "dr-test", "person", "physician", ON, "Invented Clinic", "Invented Person", None, ("user/*.cruds",)
    )


def test_a_patient_signs_in_to_their_own_record(issuer: str) -> None:
    caller = travel(configured(issuer), as_person("p-test"))
    assert (caller.role, caller.patient, caller.scopes) == ("patient", "p1", ("patient/*.rs",))


def test_a_subject_can_be_given_a_role_by_name(issuer: str) -> None:
    assert travel(configured(issuer, organization="Invented Region"), as_person("auditor")).role == "privacy"


@pytest.mark.parametrize("login", ["visitor", "nobody", "p-unknown"])
def test_a_person_without_a_role_or_record_here_is_a_stranger(issuer: str, login: str) -> None:
    assert travel(configured(issuer), as_person(login)) == Rejected("provider-stranger")


FORGED: list[tuple[str, dict[str, Any]]] = [
    ("for another sign-in", {"claims": {"nonce": "another"}}),
    ("for no sign-in", {"drop": ["nonce"]}),
    ("for another program", {"claims": {"aud": "another"}}),
    ("for nobody", {"drop": ["aud"]}),
    ("for several programs", {"claims": {"aud": ["passerelle-on", "another"]}}),
    ("for several programs, meant for another", {"claims": {"aud": ["passerelle-on", "b"], "azp": "b"}}),
    ("from another issuer", {"claims": {"iss": "https://attacker.example"}}),
    ("from no issuer", {"drop": ["iss"]}),
    ("that has expired", {"claims": {"exp": NOW - 3600}}),
    ("that never expires", {"drop": ["exp"]}),
    ("that expires at no number", {"claims": {"exp": "tomorrow"}}),
    ("from the future", {"claims": {"iat": NOW + 36000, "exp": NOW + 36060}}),
    ("about nobody", {"drop": ["sub"]}),
    ("about something that is no name", {"claims": {"sub": ["dr-test"]}}),
    ("signed by a stranger", {"key": "stranger"}),
    ("signed by a key that is not published", {"kid": "unknown"}),
    ("without a signature", {"alg": "none"}),
    ("signed with the client secret", {"alg": "HS256"}),
]


@pytest.mark.parametrize(("what", "forge"), FORGED, ids=[row[0] for row in FORGED])
def test_nobody_signs_in_with_an_id_token(issuer: str, what: str, forge: dict[str, Any]) -> None:
    assert travel(configured(issuer), as_person(), **forge) == Rejected("provider-proof")


def test_a_sign_in_needs_the_browser_in_which_it_began(issuer: str) -> None:
    async def road(sign_in: OutsideSignIn, http: aiohttp.ClientSession, clock: Clock) -> list[Any]:
        mine, attacker_s = await begun(sign_in), await begun(sign_in)
        back = await visited(http, attacker_s)
        return [await sign_in.finish(back, mine.browser), await sign_in.finish(back, attacker_s.browser)]

    # The second try fails too: a state is spent by its first use, whoever used it.
    assert travel(configured(issuer), road) == [Rejected("provider-state"), Rejected("provider-state")]


@pytest.mark.parametrize("browser", [None, "", "guess"])
def test_a_sign_in_without_its_cookie_is_refused(issuer: str, browser: str | None) -> None:
    async def road(sign_in: OutsideSignIn, http: aiohttp.ClientSession, clock: Clock) -> Any:
        return await sign_in.finish(await visited(http, await begun(sign_in)), browser)

    assert travel(configured(issuer), road) == Rejected("provider-state")


def test_a_sign_in_is_finished_once_and_in_time(issuer: str) -> None:
    async def road(sign_in: OutsideSignIn, http: aiohttp.ClientSession, clock: Clock) -> list[Any]:
        first, slow = await begun(sign_in), await begun(sign_in)
        back, late = await visited(http, first), await visited(http, slow)
        said = [await sign_in.finish(back, first.browser), await sign_in.finish(back, first.browser)]
        clock.later = timedelta(seconds=OutsideSignIn.PENDING)
        return [*said, await sign_in.finish(late, slow.browser)]

    once, again, late = travel(configured(issuer), road)
    assert isinstance(once, Caller)
    assert (again, late) == (Rejected("provider-state"), Rejected("provider-state"))


def test_an_answer_that_was_not_asked_for_is_refused(issuer: str) -> None:
    async def road(sign_in: OutsideSignIn, http: aiohttp.ClientSession, clock: Clock) -> list[Any]:
        started = await begun(sign_in)
        return [
            await sign_in.finish({"code": "x", "state": "guess"}, started.browser),
            await sign_in.finish({"code": "x"}, started.browser),
            await sign_in.finish({}, None),
        ]

    assert set(travel(configured(issuer), road)) == {Rejected("provider-state")}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"iss": "https://attacker.example"}, "provider-proof"),
        ({"code": "guess"}, "provider-refused"),
        ({"code": ""}, "provider-refused"),
    ],
)
def test_an_answer_changed_on_its_way_is_refused(issuer: str, changes: dict[str, str], reason: str) -> None:
    async def road(sign_in: OutsideSignIn, http: aiohttp.ClientSession, clock: Clock) -> Any:
        started = await begun(sign_in)
        return await sign_in.finish({**await visited(http, started), **changes}, started.browser)

    assert travel(configured(issuer), road) == Rejected(reason)


def test_a_code_of_another_sign_in_cannot_be_put_in(issuer: str) -> None:
    async def road(sign_in: OutsideSignIn, http: aiohttp.ClientSession, clock: Clock) -> Any:
        mine, other = await begun(sign_in), await begun(sign_in)
        back, stolen = await visited(http, mine), await visited(http, other)
        return await sign_in.finish({**back, "code": stolen["code"]}, mine.browser)

    assert travel(configured(issuer), road) == Rejected("provider-refused")


def test_a_new_key_of_the_provider_is_fetched_and_forged_ones_make_no_traffic(issuer: str) -> None:
    async def road(sign_in: OutsideSignIn, http: aiohttp.ClientSession, clock: Clock) -> tuple[Any, Any, int]:
        before = await as_person()(sign_in, http, clock)
        await http.post(f"{sign_in.provider.issuer}/rotate")
        clock.later = timedelta(seconds=OutsideSignIn.KEYS_AGAIN + 1)
        after = await as_person()(sign_in, http, clock)
        answer = await http.post(f"{sign_in.provider.issuer}/forge", json={"kid": "unknown"})
        read = (await answer.json())["keys_read"]
        for _ in range(3):
            assert await as_person()(sign_in, http, clock) == Rejected("provider-proof")
        answer = await http.post(f"{sign_in.provider.issuer}/forge", json={})
        return before, after, (await answer.json())["keys_read"] - read

    before, after, reads = travel(configured(issuer), road)
    assert isinstance(before, Caller)
    assert isinstance(after, Caller)
    assert reads == 0


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://attacker.example"},
        {"token_endpoint": "http://attacker.example/token"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"jwks_uri": None},
    ],
)
def test_a_provider_that_says_it_is_someone_else_or_is_not_safe_to_reach_is_not_used(
    issuer: str, metadata: dict[str, Any]
) -> None:
    async def road(sign_in: OutsideSignIn, http: aiohttp.ClientSession, clock: Clock) -> Any:
        return await sign_in.begin()

    assert travel(configured(issuer), road, metadata=metadata) == Rejected("provider-invalid")


@pytest.mark.parametrize("answer", ["not json", "[]", '{"id_token": 5}', "{}", "x" * 300_000])
def test_a_provider_that_answers_nonsense_signs_nobody_in(issuer: str, answer: str) -> None:
    assert travel(configured(issuer), as_person(), answer=answer) in (
        Rejected("provider-invalid"),
        Rejected("provider-refused"),
    )


def test_a_provider_that_does_not_answer_is_said_to_be_silent(issuer: str) -> None:
    async def road(sign_in: OutsideSignIn, http: aiohttp.ClientSession, clock: Clock) -> Any:
        silent = replace(sign_in.provider, issuer="http://127.0.0.1:9")
        return await OutsideSignIn(silent, ON, http, clock).begin()

    assert travel(configured(issuer), road) == Rejected("provider-unreachable")


def test_a_provider_without_encryption_on_another_machine_is_never_asked(issuer: str) -> None:
    async def road(sign_in: OutsideSignIn, http: aiohttp.ClientSession, clock: Clock) -> Any:
        open_line = replace(sign_in.provider, issuer="http://provider.example")
        return await OutsideSignIn(open_line, ON, http, clock).begin()

    assert travel(configured(issuer), road) == Rejected("provider-invalid")


def test_the_secret_is_never_shown(issuer: str) -> None:
    assert "cret" not in repr(configured(issuer))


def test_every_reason_has_words_in_both_languages() -> None:
    reasons = {
        f"provider-{why}" for why in ("unreachable", "invalid", "refused", "state", "proof", "stranger")
    }
    assert reasons <= set(catalogue("passerelle.node", "words.toml").messages)
