"""A person at a browser without scripts: follows redirects, keeps cookies, fills in forms and presses buttons."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlencode, urljoin, urlsplit

from tests.network.wire import Heard, call

FORM = "application/x-www-form-urlencoded"


@dataclass
class Form:
    """One form of a page: where it goes, and what its hidden fields hold."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(named["action"]))
        elif tag == "input" and self.forms and named.get("type") == "hidden":
            self.forms[-1].fields[named["name"]] = named["value"]
        elif tag == "button" and self.forms and named.get("name"):
            self.forms[-1].buttons.append((named["name"], named["value"]))


class Visitor:
    """One browser: it knows where it is and which cookies it was given."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.at = address
        self.cookies: dict[str, str] = {}
        self.page = Heard(0, {}, b"")

    def open(self, path: str) -> Heard:
        return self._send("GET", urljoin(self.at, path))

    def forms(self, towards: str = "") -> list[Form]:
        """The forms of this page whose action contains these words."""
        parser = _Forms()
        parser.feed(self.page.text)
        return [form for form in parser.forms if towards in form.action]

    def submit(self, form: Form, **typed: str) -> Heard:
        body = urlencode({**form.fields, **typed}).encode()
        return self._send("POST", urljoin(self.at, form.action), body)

    def sign_in(self, login: str, password: str) -> Heard:
        """Sign in on the page that is shown now."""
        (form,) = self.forms("sign-in")
        return self.submit(form, username=login, password=password)

    def _send(self, method: str, url: str, body: bytes | None = None) -> Heard:
        """Send, and follow where it leads as long as it stays at this node."""
        for _ in range(10):
            parts = urlsplit(url)
            headers = {"cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
            if body is not None:
                headers["content_type"] = FORM
            self.at, self.page = url, call(url, method, "", body, **headers)
            self._keep_cookies()
            target = self.page.headers.get("location", "")
            if not target:
                return self.page
            url, method, body = urljoin(url, target), "GET", None
            if urlsplit(url).netloc != parts.netloc:
                self.at = url
                return self.page
        raise AssertionError("redirected in a circle")

    def _keep_cookies(self) -> None:
        for line in self.page.cookies:
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
            if "max-age=0" in line.lower():
                del self.cookies[name]
