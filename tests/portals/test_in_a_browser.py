"""What a browser makes of the pages: no barrier, nothing sideways, nothing too small, and no script needed.

Runs in the Chromium of this machine against the pages as files on the loopback; skipped where there is none.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from passerelle.portals import pages
from passerelle.portals.assets import static_files
from passerelle.values import Language
from tests.portals import world
from tests.portals.gallery import gallery

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
WIDTHS = (320, 390, 1366)
PAGES = gallery()
EVERYWHERE = ("record", "unfinished", "find-en", "find-fr")
"""Judged at every width; the simpler pages, and the record page with other contents, where there is least room."""
CONTENT_POLICY = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

SMALL_TARGETS = """() => [...document.querySelectorAll('a[href], button, input:not([type=hidden]), summary')]
  .filter(e => e.checkVisibility() && !e.closest('.skip'))
  .map(e => [e, e.getBoundingClientRect()])
  .filter(([e, r]) => r.width < 24 || r.height < 24)
  .map(([e, r]) => `${e.tagName} ${e.textContent.trim()} ${r.width}×${r.height}`)"""
"""The targets that are narrower or lower than 24 CSS pixels (WCAG 2.2, 2.5.8)."""


class _Handler(BaseHTTPRequestHandler):
    """The pages by name, the static files, and the wave that Try again brings."""

    def do_GET(self) -> None:
        name = self.path.rsplit("/", 1)[-1]
        body, kind = static_files().get(name, (PAGES.get(name, "").encode(), "text/html; charset=utf-8"))
        if self.path.endswith("/again"):
            body = _again("fr" if "/fr/" in self.path else "en").encode()
        self.send_response(200 if body else 404)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Security-Policy", CONTENT_POLICY)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _again(language: Language) -> str:
    whole = world.complete_record()
    return pages.record_fragment(language, whole, viewer=world.CLINICIAN, paths=world.paths(language), wave=7)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip(f"no Chromium at {CHROMIUM}")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module", params=WIDTHS)
def width(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture(scope="module")
def window(width: int, chromium: Any) -> Iterator[Any]:
    """A page of one width, with everything that its console says."""
    context = chromium.new_context(viewport={"width": width, "height": 800})
    page = context.new_page()
    page.said = []
    page.on("console", lambda message: page.said.append(message.text))
    page.on("pageerror", lambda error: page.said.append(str(error)))
    yield page
    context.close()


@pytest.mark.parametrize("name", [name for name in PAGES if name.startswith(EVERYWHERE)])
def test_a_page_has_no_barrier_at_any_width(window: Any, address: str, name: str) -> None:
    _judge(window, address, name)


@pytest.mark.parametrize("name", [name for name in PAGES if not name.startswith(EVERYWHERE)])
def test_no_other_page_has_a_barrier_where_there_is_least_room(
    chromium: Any, address: str, name: str
) -> None:
    context = chromium.new_context(viewport={"width": WIDTHS[0], "height": 800})
    page = context.new_page()
    page.said = []
    _judge(page, address, name)
    context.close()


def _judge(window: Any, address: str, name: str) -> None:
    """Everything unfolded: no axe violation, nothing sideways, nothing too small, nothing said on the console."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
    window.said.clear()
    window.goto(address + name)
    window.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
    found = axe.Axe().run(window)
    assert [(each["id"], each["nodes"][0]["html"]) for each in found.response["violations"]] == []
    assert window.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert window.evaluate(SMALL_TARGETS) == []
    assert window.said == []


def test_only_the_last_wave_is_shown_and_the_status_says_that_it_is_the_last(
    window: Any, address: str
) -> None:
    window.goto(address + "record-en")
    assert window.locator("section.wave").count() == 3
    assert window.locator("section.wave:visible").count() == 1
    assert window.locator("h1:visible").inner_text() == "5 of 7 sources answered, 4 hold a record"
    assert window.locator(".status .streaming").is_hidden()
    window.goto(address + "unfinished-en")
    assert window.locator(".status .streaming").is_visible()


def test_try_again_puts_one_new_wave_in_place_of_the_others_and_moves_the_focus_there(
    window: Any, address: str
) -> None:
    window.goto(address + "record-fr")
    window.get_by_role("link", name="Réessayer").click()
    window.wait_for_selector("#w7-heading")
    assert window.locator("section.wave").count() == 1
    assert window.evaluate("document.activeElement.id") == "w7-heading"
    assert window.url == address + "record-fr"
    assert window.locator("h2:visible").first.inner_text() == "Rien ne semble manquer"


def test_try_again_is_five_keys_away_at_most(window: Any, address: str) -> None:
    window.goto(address + "record-en")
    keys = ["Tab", "Enter", "Tab"]
    for key in keys:
        window.keyboard.press(key)
    assert window.evaluate("document.activeElement.textContent").startswith("Try again")


def test_without_javascript_the_page_is_whole_and_try_again_is_a_link(chromium: Any, address: str) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address + "record-en")
    assert page.locator("section.wave:visible").count() == 1
    assert page.get_by_role("heading", name="What may be missing").is_visible()
    assert page.get_by_text("Dose differs between sources").is_visible()
    again = page.get_by_role("link", name="Try again")
    assert again.get_attribute("href") == world.paths("en").reload
    page.locator("summary:visible").first.click()
    assert page.get_by_text("Pneumonia").is_visible()
    context.close()


def test_the_patient_stays_in_sight_while_a_clinician_scrolls(chromium: Any, address: str) -> None:
    page = chromium.new_page(viewport={"width": 1366, "height": 800})
    page.goto(address + "record-en")
    page.evaluate("scrollTo({top: 1500, behavior: 'instant'})")
    box = page.locator(".banner:visible").bounding_box()
    assert box
    assert box["y"] == pytest.approx(0, abs=1)
    page.close()


def test_a_marks_place_on_the_strip_grows_with_time(chromium: Any, address: str) -> None:
    page = chromium.new_page(viewport={"width": 1366, "height": 800})
    page.goto(address + "record-en")
    places = page.evaluate(
        "[...document.querySelectorAll('.wave.final .axis text')].map(e => e.getBoundingClientRect().x)"
    )
    assert len(places) == 10
    assert places == sorted(places)
    page.close()
