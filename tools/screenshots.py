"""The pictures of the record page in docs/images, from a running demo.

    make demo                                  # in one terminal
    .venv/bin/python tools/screenshots.py      # in another

English with one source silent, French with all of them. Pauses a node of the demo for a moment.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

CHROMIUM = "/usr/bin/chromium"
SIZE = {"width": 1366, "height": 1500}
NODE, SILENT = "ab", "ns"
PERSON = "Marie-Ève Tremblay"


def main() -> None:
    """Take both pictures."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--network", type=Path, default=Path("var/demo/network.json"))
    options.add_argument("--out", type=Path, default=Path("docs/images"))
    given = options.parse_args()
    network = json.loads(given.network.read_text("utf-8"))
    given.out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        with paused(network, SILENT):
            picture(browser, network, "en", given.out / "record-en.png")
        picture(browser, network, "fr", given.out / "record-fr.png")
        browser.close()


def picture(browser: Any, network: Any, language: str, file: Path) -> None:
    """Sign in, find the person, open the record, and keep what fits into the window."""
    node = next(node for node in network["nodes"] if node["id"] == NODE)
    login = next(each for each in network["people"] if each["node"] == NODE and each["role"] == "physician")
    person = next(each for each in network["patients"] if each["name"] == PERSON)
    context = browser.new_context(viewport=SIZE, locale=f"{language}-CA", reduced_motion="reduce")
    page = context.new_page()
    page.goto(f"{node['portal']}{language}/sign-in")
    page.locator("#user").fill(login["login"])
    page.locator("#password").fill(login["password"])
    page.locator("main button[type=submit]").click()
    page.locator("#text").fill(f"{person['name']} {person['birthDate']}")
    page.keyboard.press("Enter")
    page.locator(".card input[type=checkbox]").first.check()
    page.locator(".card button").first.click()
    page.wait_for_selector("section.wave.final")
    page.screenshot(path=file)
    print(f"{file}: {file.stat().st_size // 1024} KiB")
    context.close()


@contextlib.contextmanager
def paused(network: Any, id: str) -> Iterator[None]:
    """One node says nothing meanwhile."""
    pid = next(node["pid"] for node in network["nodes"] if node["id"] == id)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


if __name__ == "__main__":
    main()
