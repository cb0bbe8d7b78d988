"""A node as a process, and a browser without script to use it with."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from html import unescape
from http.cookiejar import CookieJar
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlencode


def serve(folder: Path, log: IO[bytes] | int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    """Start the node of this folder by the real command."""
    command = ["node", "serve", "--config", str(folder / "node.toml")]
    return subprocess.Popen([sys.executable, "-m", "passerelle.node.cli", *command], stdout=log, stderr=log)


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        assert process.poll() is None, "it ended before it was asked"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("it did not start")


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Do not follow."""


@dataclass
class Browser:
    """What a browser without script does: keeps cookies, follows redirects, posts forms."""

    node: str
    """The node's address."""
    jar: CookieJar = field(default_factory=CookieJar)

    def go(self, address: str, form: dict[str, str] | None = None, follow: bool = True) -> Page:
        """``address`` on the node, or anywhere when it is a whole one."""
        url = address if "://" in address else f"{self.node}{address}"
        handlers = [urllib.request.HTTPCookieProcessor(self.jar), *([] if follow else [_Stay()])]
        data = urlencode(form).encode() if form is not None else None
        try:
            with urllib.request.build_opener(*handlers).open(url, data) as answer:
                return Page(answer.status, answer.url, answer.read().decode(), dict(answer.headers))
        except urllib.error.HTTPError as error:
            with error:
                return Page(error.code, error.url or url, error.read().decode(), dict(error.headers))

    def sign_in(self, login: str, password: str) -> Page:
        """Fill in the sign-in page."""
        form = {"username": login, "password": password, "csrf": self.go("/en/sign-in").field("csrf")}
        return self.go("/en/sign-in", form)

    def sign_in_outside(
        self, provider: str = "clinic", return_to: str = "", follow: bool = True, language: str = "en"
    ) -> Page:
        """Press the provider's button on the sign-in page."""
        page = self.go(f"/{language}/sign-in?{urlencode({'return_to': return_to})}")
        assert f'value="{provider}"' in page.text
        form = {"provider": provider, "csrf": page.field("csrf"), "return_to": page.field("return_to")}
        return self.go(f"/{language}/sign-in/outside", form, follow)

    def returned(self) -> str:
        """The address at which the provider sends this browser back."""
        left = self.sign_in_outside(follow=False)
        return self.go(left.headers["location"], follow=False).headers["location"]


@dataclass(frozen=True)
class Page:
    """What came back, after the redirects that were followed."""

    status: int
    url: str
    text: str
    headers: dict[str, str]

    def field(self, name: str) -> str:
        found = re.search(rf'name="{name}" value="([^"]*)"', self.text)
        assert found is not None, f"no field {name}"
        return unescape(found[1])

    @property
    def policy(self) -> str:
        return self.headers["content-security-policy"]
