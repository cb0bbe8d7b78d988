"""Signing in to a node through an outside provider: both run as processes of their own, as they would anywhere."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from passerelle.node.config import ConfigurationError, Settings, load
from passerelle.node.demo import Plan, configure
from passerelle.node.oidc import claimed, origin
from passerelle.node.outside import providers
from tests.access.browsing import Browser, free_ports, serve, wait_for

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
FAILED = "The other account could not be confirmed"

# Two ways in which a provider may name roles: a claim of its own, and one inside another.
PROVIDERS = """
[[outside_providers]]
id = "clinic"
name = {{ en = "Invented Clinic", fr = "Clinique inventée" }}
issuer = "{issuer}"
client_id = "passerelle-on"
client_secret_file = "clinic.secret"
role_claim = "groups"
roles = {{ doctors = "physician", patients = "patient" }}
patient_claim = "fhir_patient"

[[outside_providers]]
id = "realm"
name = {{ en = "Invented Realm", fr = "Domaine inventé" }}
issuer = "{issuer}"
client_id = "passerelle-on"
client_secret_file = "clinic.secret"
role_claim = "realm_access.roles"
roles = {{ nursing = "nurse" }}
organization = "Invented Ward"
"""


@dataclass(frozen=True)
class World:
    """A running node, the provider that its people have, and the node's folder."""

    node: str
    issuer: str
    folder: Path

    def forge(self, **told: Any) -> None:
        """What the provider says next."""
        body = json.dumps(told).encode()
        request = urllib.request.Request(f"{self.issuer}/forge", body, {"Content-Type": "application/json"})
        urllib.request.urlopen(request).close()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home = tmp_path_factory.mktemp("outside")
    port, node_port = free_ports(2)
    plan = Plan(home, nodes=("on",), port=node_port)
    configure(plan)
    folder, issuer = plan.folder("on"), f"http://127.0.0.1:{port}"
    secret = folder / "clinic.secret"
    secret.write_text("se:cret/ü\n", "utf-8")
    secret.chmod(0o600)
    with (folder / "node.toml").open("a", encoding="utf-8") as file:
        file.write(PROVIDERS.format(issuer=issuer))
    provider = [sys.executable, str(Path(__file__).with_name("provider.py")), str(port)]
    processes = [
        subprocess.Popen(provider, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL),
        serve(folder),
    ]
    try:
        for number, process in zip((port, node_port), processes, strict=True):
            wait_for(number, process)
        yield World(plan.address("on"), issuer, folder)
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(20)


@pytest.fixture
def browser(world: World) -> Browser:
    world.forge()
    return Browser(world.node)


def test_a_clinician_signs_in_at_their_provider_and_comes_to_the_search_page(
    browser: Browser, world: World
) -> None:
    page = browser.sign_in_outside()
    assert (page.status, page.url) == (200, f"{world.node}/en/find")
    assert "Invented Person" in page.text


def test_a_role_inside_another_claim_and_an_organization_of_the_configuration_count(
    browser: Browser, world: World
) -> None:
    world.forge(claims={"realm_access": {"roles": ["offline_access", "nursing"]}})
    page = browser.sign_in_outside("realm")
    assert page.url.endswith("/en/find")
    assert "Nurse" in page.text
    assert "Invented Ward" in page.text


def test_a_patient_signs_in_to_their_own_record_and_not_to_the_search(browser: Browser, world: World) -> None:
    world.forge(claims={"groups": ["patients"], "fhir_patient": "p1"})
    left = browser.sign_in_outside(follow=False)
    back = browser.go(left.headers["location"], follow=False)
    assert browser.go(back.headers["location"], follow=False).headers["location"] == "/en/mine"


def test_the_page_that_was_wanted_comes_after_the_sign_in(browser: Browser, world: World) -> None:
    page = browser.sign_in_outside(return_to="/fr/find?from=bookmark")
    assert page.url == f"{world.node}/fr/find?from=bookmark"


@pytest.mark.parametrize(
    "elsewhere", ["https://attacker.example/", "//attacker.example/", "/\\attacker.example"]
)
def test_the_page_that_was_wanted_is_never_elsewhere(browser: Browser, world: World, elsewhere: str) -> None:
    assert browser.sign_in_outside(return_to=elsewhere).url == f"{world.node}/en/find"


def test_the_way_back_cannot_say_where_to_go(browser: Browser, world: World) -> None:
    back = browser.returned()
    page = browser.go(f"{back}&return_to=/en/sign-in")
    assert page.url == f"{world.node}/en/find"


def test_a_person_without_a_role_here_is_refused_and_not_signed_in(browser: Browser, world: World) -> None:
    world.forge(claims={"groups": ["visitors"]})
    page = browser.sign_in_outside()
    assert page.status == 401
    assert FAILED in page.text
    assert browser.go("/en/find").url.startswith(f"{world.node}/en/sign-in")


def test_a_refusal_speaks_the_language_in_which_the_sign_in_began(browser: Browser, world: World) -> None:
    world.forge(claims={"groups": ["visitors"]})
    assert "L’autre compte n’a pas pu être confirmé" in browser.sign_in_outside(language="fr").text


def test_a_refusal_keeps_the_page_that_was_wanted(browser: Browser, world: World) -> None:
    world.forge(claims={"groups": ["visitors"]})
    assert browser.sign_in_outside(return_to="/fr/find").field("return_to") == "/fr/find"


@pytest.mark.parametrize(
    ("what", "changed"),
    [
        ("another state", lambda back: re.sub(r"state=[^&]+", "state=guess", back)),
        ("no state", lambda back: re.sub(r"&state=[^&]+", "", back)),
        ("another code", lambda back: re.sub(r"code=[^&]+", "code=guess", back)),
        ("another provider's address", lambda back: back.replace("/clinic/", "/realm/")),
        ("an address of no provider", lambda back: back.replace("/clinic/", "/none/")),
    ],
)
def test_a_way_back_that_was_changed_signs_nobody_in(
    browser: Browser, world: World, what: str, changed: Any
) -> None:
    back = browser.returned()
    assert changed(back) != back
    page = browser.go(changed(back))
    assert (page.status, FAILED in page.text) == (401, True)
    assert browser.go("/en/find").url.startswith(f"{world.node}/en/sign-in")


def test_a_way_back_opens_nothing_in_another_browser(browser: Browser, world: World) -> None:
    back, other = browser.returned(), Browser(world.node)
    assert other.go(back).status == 401
    assert other.go("/en/find").url.startswith(f"{world.node}/en/sign-in")


def test_a_way_back_works_once(browser: Browser) -> None:
    back = browser.returned()
    assert browser.go(back).status == 200
    assert browser.go(back).status == 401


@pytest.mark.parametrize("csrf", ["", "guess"])
def test_a_sign_in_begins_only_from_the_page_that_this_browser_was_given(
    browser: Browser, world: World, csrf: str
) -> None:
    browser.go("/en/sign-in")
    page = browser.go("/en/sign-in/outside", {"provider": "clinic", "csrf": csrf})
    assert (page.status, page.url.startswith(world.issuer)) == (401, False)


def test_a_provider_that_is_not_configured_is_not_gone_to(browser: Browser) -> None:
    csrf = browser.go("/en/sign-in").field("csrf")
    assert browser.go("/en/sign-in/outside", {"provider": "none", "csrf": csrf}).status == 401


def test_only_the_sign_in_page_may_lead_to_the_provider(browser: Browser, world: World) -> None:
    allowed = f"form-action 'self' {world.issuer};"
    assert allowed in browser.go("/en/sign-in").policy
    page = browser.sign_in_outside()
    assert "form-action 'self';" in page.policy
    assert world.issuer not in page.policy


def test_the_cookie_of_the_way_out_is_kept_from_scripts_and_cleared_on_the_way_back(browser: Browser) -> None:
    left = browser.sign_in_outside(follow=False)
    cookie = left.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    names = {c.name for c in browser.jar}
    browser.go(left.headers["location"])
    assert {c.name for c in browser.jar} == (names - {"passerelle-on-outside"}) | {"passerelle-on"}


def test_chromium_goes_to_the_provider_and_back(world: World) -> None:
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip(f"no Chromium at {CHROMIUM}")
    world.forge()
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        page = chromium.new_page(locale="en-CA")
        refused: list[str] = []
        page.on("console", lambda message: refused.append(message.text) if message.type == "error" else None)
        page.goto(f"{world.node}/en/sign-in")
        page.get_by_role("button", name="Invented Clinic").click()
        page.wait_for_url(f"{world.node}/en/find", timeout=20_000)
        assert "Invented Person" in page.inner_text("body")
        assert refused == []
        chromium.close()


# --- the configuration ---------------------------------------------------------------------------------------------

GOOD = """id = "north"
name = { en = "North", fr = "Nord" }

[[outside_providers]]
id = "clinic"
name = { en = "Clinic", fr = "Clinique" }
issuer = "https://sign-in.example/realms/north"
client_id = "passerelle"
roles = { doctors = "physician" }
"""


def configured(folder: Path, text: str) -> Settings:
    (folder / "node.toml").write_text(text, "utf-8")
    return load(folder / "node.toml")


def test_a_configured_provider_has_its_way_back_and_its_origin(tmp_path: Path) -> None:
    (made,) = providers(configured(tmp_path, GOOD))
    assert made.redirect_uri == "http://127.0.0.1:8800/sign-in/outside/clinic/back"
    assert made.origins == ("https://sign-in.example",)


def test_the_configuration_of_the_guide_is_one_that_a_node_takes(tmp_path: Path) -> None:
    guide = Path(__file__).parents[2] / "docs" / "guides" / "run-a-node.md"
    page = guide.read_text("utf-8")
    blocks = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    secret = tmp_path / "keycloak.secret"
    secret.write_text("invented")
    secret.chmod(0o600)
    (made,) = providers(configured(tmp_path, "\n".join(blocks)))
    assert f"\n{made.redirect_uri}\n" in page
    assert list(made.roles.values()) == ["physician", "nurse", "patient"]
    assert list(made.subjects.values()) == ["privacy"]
    assert (made.client_secret, made.name["fr"]) == ("invented", "Compte de la Clinique du Nord")


WRONG = [
    ('roles = { doctors = "physician" }', 'roles = { doctors = "doctor" }', "roles"),
    ('roles = { doctors = "physician" }', 'roles = { robots = "service" }', "roles"),
    ('roles = { doctors = "physician" }', "", "roles"),
    ('roles = { doctors = "physician" }', 'roles = { all = "patient" }', "patient_claim"),
    ('roles = { doctors = "physician" }', 'subjects = { "5" = "boss" }', "subjects"),
    ("https://sign-in.example/realms/north", "http://sign-in.example", "issuer"),
    ("https://sign-in.example/realms/north", "https://sign-in.example; script-src *", "issuer"),
    ("https://sign-in.example/realms/north", "sign-in.example", "issuer"),
    ('client_id = "passerelle"', 'client_id = ""', "client_id"),
    ('client_id = "passerelle"', "", "client_id"),
    ('client_id = "passerelle"', 'client_id = "a"\nclient_sekret_file = "x"', "client_sekret_file"),
    ('client_id = "passerelle"', 'client_id = "a"\nclient_secret_file = "gone"', "client_secret_file"),
    ('client_id = "passerelle"', 'client_id = "a"\nscopes = ["profile"]', "scopes"),
    (
        'client_id = "passerelle"',
        'client_id = "a"\nalso_through = ["https://b.example/path"]',
        "also_through",
    ),
    ('id = "clinic"', 'id = "Clinic/../"', "id"),
    ('name = { en = "Clinic", fr = "Clinique" }', 'name = { en = "Clinic" }', "name.fr"),
]


@pytest.mark.parametrize(
    ("right", "wrong", "key"), WRONG, ids=[f"{row[2]}-{n}" for n, row in enumerate(WRONG)]
)
def test_a_wrong_value_stops_the_node_at_its_start_and_is_named(
    tmp_path: Path, right: str, wrong: str, key: str
) -> None:
    assert GOOD.count(right) == 1
    with pytest.raises(ConfigurationError, match=re.escape(key)):
        providers(configured(tmp_path, GOOD.replace(right, wrong)))


def test_two_providers_cannot_share_an_id(tmp_path: Path) -> None:
    twice = GOOD + GOOD.partition("\n\n")[2]
    with pytest.raises(ConfigurationError, match="two providers have it"):
        providers(configured(tmp_path, twice))


@pytest.mark.parametrize(
    ("mode", "content", "said"), [(0o644, "secret", "chmod 600"), (0o600, "\n", "empty")]
)
def test_a_secret_that_is_open_or_empty_is_not_used_and_not_shown(
    tmp_path: Path, mode: int, content: str, said: str
) -> None:
    path = tmp_path / "clinic.secret"
    path.write_text(content)
    path.chmod(mode)
    settings = configured(tmp_path, GOOD + 'client_secret_file = "clinic.secret"\n')
    with pytest.raises(ConfigurationError, match=said) as raised:
        providers(settings)
    assert "secret'" not in str(raised.value)


def test_a_claim_is_found_by_its_own_name_before_it_is_found_on_a_path() -> None:
    claims = {"https://x.example/roles": ["a"], "realm_access": {"roles": ["b"]}, "a.b": 1, "a": {"b": 2}}
    assert claimed(claims, "https://x.example/roles") == ["a"]
    assert claimed(claims, "realm_access.roles") == ["b"]
    assert claimed(claims, "a.b") == 1
    assert [claimed(claims, path) for path in ("realm_access.none", "none.roles", "a.b.c", "")] == [None] * 4


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://Sign-In.example/realms/x", "https://sign-in.example"),
        ("https://sign-in.example:443/", "https://sign-in.example"),
        ("http://127.0.0.1:8080/x", "http://127.0.0.1:8080"),
        ("https://[::1]:8443/", "https://[::1]:8443"),
        ("https://someone@host.example/", "https://host.example"),
        ("javascript:alert(1)", ""),
        ("https://host.example:port/", ""),
    ],
)
def test_an_origin_is_what_a_browser_compares(url: str, found: str) -> None:
    assert origin(url) == found
