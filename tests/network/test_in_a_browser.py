"""A clinician at a browser and the running country: sign in, find, open, miss a source, try again.

Runs in the Chromium of this machine; skipped where there is none.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.network.country import Country

CHROMIUM = Path("/usr/bin/chromium")
PICTURES = os.environ.get("PASSERELLE_PICTURES")
"""A folder for pictures of what was seen, to be looked at; none are taken without it."""
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
HER = "Tremblay Marie-Ève 1961-03-14"
HOLDING = {
    "en": {"British Columbia", "Manitoba", "Nova Scotia", "Ontario", "Québec"},
    "fr": {"Colombie-Britannique", "Manitoba", "Nouvelle-Écosse", "Ontario", "Québec"},
}


def is_fault(message: Any) -> bool:
    """Whether the browser complains. That it leaves the focus where the reader has put it meanwhile is as it should be,
    and whether it does is a matter of who was faster."""
    return not message.text.startswith("Autofocus processing was blocked")


@dataclass(frozen=True)
class Said:
    """What the pages say in one language."""

    all: str
    without_one: str
    missing: str
    nothing: str
    again: str
    silent: str
    answered: str


SAID = {
    "en": Said(
        "13 of 13 sources answered, 5 hold a record",
        "12 of 13 sources answered, 4 hold a record",
        "What may be missing",
        "Nothing is known to be missing",
        "Try again",
        "Nova Scotia",
        "Answered",
    ),
    "fr": Said(
        "13 sources sur 13 ont répondu, 5 ont un dossier",
        "12 sources sur 13 ont répondu, 4 ont un dossier",
        "Ce qui peut manquer",
        "Rien ne semble manquer",
        "Réessayer",
        "Nouvelle-Écosse",
        "A répondu",
    ),
}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip(f"no Chromium at {CHROMIUM}")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield browser
        browser.close()


@dataclass
class Desk:
    """One person at one browser window, with everything that it asked for and said."""

    country: Country
    page: Any
    language: str
    width: int
    asked: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", lambda message: self.said.append(message.text) if is_fault(message) else None)
        self.page.on("pageerror", lambda error: self.said.append(str(error)))

    @property
    def words(self) -> Said:
        return SAID[self.language]

    @property
    def heading(self) -> str:
        return str(self.page.locator("h1:visible").inner_text())

    def sign_in(self, login: str = "dr-ab") -> None:
        person = self.country.login(login)
        self.page.goto(f"{self.country.address(person['node'])}/{self.language}/sign-in")
        self.look("sign-in")
        self.page.locator("#user").fill(login)
        self.page.locator("#password").fill(person["password"])
        self.page.locator("main button[type=submit]").click()

    def find(self) -> None:
        self.look("find")
        self.page.locator("#text").fill(HER)
        self.page.keyboard.press("Enter")
        self.page.wait_for_selector("#results")

    def open(self) -> None:
        """Open the one person who was found, who must be confirmed first, and wait for the last answer."""
        card = self.page.locator(".card")
        assert card.count() == 1
        card.locator("input[type=checkbox]").check()
        card.locator("button").click()
        self.page.wait_for_selector("section.wave.final")

    def sources(self) -> set[str]:
        """Who answered with a record, by the table of sources."""
        rows = self.page.locator("table.sources:visible tbody tr").all()
        shown = [(row.locator("th").inner_text().split("\n")[0], row.inner_text()) for row in rows]
        return {_named(name) for name, text in shown if self.words.answered in text}

    def look(self, what: str) -> None:
        """Judge the page that is shown as a whole, and keep a picture of it if one is wanted."""
        axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
        found = axe.Axe().run(self.page).response["violations"]
        assert [(each["id"], each["nodes"][0]["html"]) for each in found] == []
        assert self.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        assert self.page.evaluate("document.documentElement.lang").startswith(self.language)
        if PICTURES:
            file = Path(PICTURES, f"{self.language}-{self.width}-{what}.png")
            self.page.screenshot(path=file, full_page=True)

    def is_clean(self) -> None:
        """Nothing was asked of any other computer, no address or title names anybody, and the browser is content."""
        assert {urlsplit(url).hostname for url in self.asked} == {"127.0.0.1"}
        assert not any("tremblay" in text.casefold() for text in (*self.asked, self.page.title()))
        assert self.said == []


def _named(shown: str) -> str:
    """The name of a source without its mark."""
    return shown.rsplit(" ", 1)[0] if shown.rsplit(" ", 1)[-1].isupper() else shown


def _page(context: Any) -> Any:
    """A page that waits for what it is told to wait for, but not for ever."""
    context.set_default_timeout(10_000)
    return context.new_page()


@pytest.fixture(params=[("en", 1366), ("fr", 1366), ("en", 390), ("fr", 390)], ids=lambda p: f"{p[0]}-{p[1]}")
def desk(request: pytest.FixtureRequest, country: Country, chromium: Any) -> Iterator[Desk]:
    language, width = request.param
    context = chromium.new_context(viewport={"width": width, "height": 900}, locale=f"{language}-CA")
    yield Desk(country, _page(context), language, width)
    context.close()


def test_a_clinician_finds_a_person_and_sees_everything_that_every_source_knows(desk: Desk) -> None:
    desk.sign_in()
    desk.find()
    desk.look("found")
    desk.open()
    assert desk.heading == desk.words.all
    assert desk.sources() == HOLDING[desk.language]
    assert desk.page.get_by_role("heading", name=desk.words.nothing).is_visible()
    assert "Tremblay" in desk.page.locator(".banner:visible").inner_text()
    desk.look("whole")
    desk.is_clean()


def test_a_silent_source_is_named_until_it_answers_again(desk: Desk) -> None:
    desk.sign_in()
    desk.find()
    with desk.country.paused("ns"):
        desk.open()
        assert desk.heading == desk.words.without_one
        assert desk.sources() == HOLDING[desk.language] - {desk.words.silent}
        assert desk.page.get_by_role("heading", name=desk.words.missing).is_visible()
        assert desk.words.silent in desk.page.locator(".missing:visible").first.inner_text()
        desk.look("silent")
    address = desk.page.url
    desk.page.get_by_role("link", name=desk.words.again).click()
    desk.page.wait_for_selector(f"h2:has-text('{desk.words.nothing}')")
    assert desk.page.url == address
    assert desk.heading == desk.words.all
    assert desk.sources() == HOLDING[desk.language]
    desk.look("again")
    desk.is_clean()


def test_a_silent_source_is_named_where_people_are_found(desk: Desk) -> None:
    desk.sign_in()
    with desk.country.paused("ns"):
        desk.find()
    assert desk.words.silent in desk.page.locator(".missing").inner_text()
    assert desk.page.locator(".card").count() == 1
    desk.look("found-without-one")
    desk.is_clean()


def test_without_scripts_everything_works_as_well(country: Country, chromium: Any) -> None:
    context = chromium.new_context(java_script_enabled=False, viewport={"width": 1366, "height": 900})
    page = context.new_page()
    page.goto(f"{country.address('ab')}/en/sign-in")
    page.locator("#user").fill("dr-ab")
    page.locator("#password").fill(country.login("dr-ab")["password"])
    page.locator("main button[type=submit]").click()
    page.locator("#text").fill(HER)
    page.keyboard.press("Enter")
    page.locator(".card input[type=checkbox]").check()
    with country.paused("ns"):
        page.locator(".card button").click()
        page.wait_for_selector("section.wave.final")
        assert page.locator("h1:visible").inner_text() == SAID["en"].without_one
    page.get_by_role("link", name="Try again").click()
    page.wait_for_selector("section.wave.final")
    assert page.locator("h1:visible").inner_text() == SAID["en"].all
    page.get_by_role("link", name="Français").click()
    page.wait_for_selector("section.wave.final")
    assert page.locator("h1:visible").inner_text() == SAID["fr"].all
    page.get_by_role("button", name="Fermer la session").click()
    assert page.url.endswith("/fr/sign-in")
    context.close()


def test_a_person_at_a_browser_can_let_an_app_act_for_them(desk: Desk) -> None:
    """The browser itself must let the answer through to the app's own address."""
    ask = "&".join(
        [
            "response_type=code&client_id=demo-app&scope=patient/*.rs+launch/patient&state=s1",
            f"redirect_uri=http://127.0.0.1:8765/callback&aud={desk.country.fhir('on')}",
            f"code_challenge={'x' * 43}&code_challenge_method=S256&ui_locales={desk.language}",
        ]
    )
    desk.page.route("http://127.0.0.1:8765/**", lambda route: route.fulfill(status=200, body="the app"))
    desk.page.goto(f"{desk.country.address('on')}/oauth/authorize?{ask}")
    desk.page.locator("#user").fill("marie-eve-tremblay")
    desk.page.locator("#password").fill(desk.country.login("marie-eve-tremblay")["password"])
    desk.page.locator("main button[type=submit]").click()
    desk.look("authorize")
    desk.page.locator("button[value=allow]").click()
    desk.page.wait_for_url("http://127.0.0.1:8765/callback?**")
    assert "code=" in desk.page.url
    assert "state=s1" in desk.page.url
    desk.is_clean()


def test_a_patient_sees_their_own_record_from_everywhere(desk: Desk) -> None:
    desk.sign_in("marie-eve-tremblay")
    desk.page.wait_for_selector("section.wave.final")
    assert desk.sources() == HOLDING[desk.language]
    assert desk.page.locator("form[role=search]").count() == 0
    desk.look("mine")
    desk.is_clean()
