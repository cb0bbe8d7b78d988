"""The sign-in page: by user name and password, or at an outside provider; and signing out."""

from __future__ import annotations

import secrets
from urllib.parse import urlencode

import structlog
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from passerelle import policy
from passerelle.node.claims import Rejected
from passerelle.node.desk import Desk, field_of, go, home_of, html, language_in, local, toggled
from passerelle.node.edge import language_of
from passerelle.node.oidc import Wanted
from passerelle.portals import pages
from passerelle.portals.viewing import Paths
from passerelle.values import Caller, Language

log = structlog.get_logger()


class SigningIn:
    """The routes of signing in and out."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        rules = desk.sessions.rules
        self.secure = rules.secure
        # Nodes that share a host name share its cookies, so these too have the node's name.
        self.before = f"{rules.cookie_name}-before"
        """The cookie that ties a sign-in form to the browser that it was given to."""
        self.outside = f"{rules.cookie_name}-outside"
        """The cookie of a browser that is on its way to an outside provider and back."""

    def routes(self) -> list[Route]:
        return [
            Route("/{language}/sign-in", self.sign_in, methods=["GET", "POST"]),
            Route("/{language}/sign-in/outside", self.leave, methods=["POST"]),
            Route("/sign-in/outside/{provider}/back", self.come_back),
            Route("/{language}/sign-out", self.sign_out, methods=["POST"]),
        ]

    async def sign_in(self, http: Request) -> Response:
        language = language_in(http)
        if language is None:
            return go("/")
        if http.method == "GET":
            return self._page(
                language, http.query_params.get("return_to", ""), http.query_params.get("error")
            )
        form = await http.form(max_fields=8, max_part_size=4096)
        wanted = Wanted(language, field_of(form, "return_to"))
        if not self._meant(http, form):
            return self._page(language, wanted.return_to, "sign-in-expired")
        address = http.client.host if http.client else ""
        account = await self.desk.accounts.sign_in(
            field_of(form, "username"), field_of(form, "password"), address, self.desk.here.now()
        )
        if isinstance(account, Rejected):
            waits = account.reason == "sign-in-wait"
            return self._page(language, wanted.return_to, "sign-in-too-often" if waits else "sign-in-wrong")
        caller = account.caller(self.desk.here.id, policy.scopes_of(account.role))
        return self._open(caller, wanted) or self._page(language, wanted.return_to, "sign-in-wrong")

    async def leave(self, http: Request) -> Response:
        """Send the browser to an outside provider."""
        language = language_in(http)
        if language is None:
            return go("/")
        form = await http.form(max_fields=8, max_part_size=4096)
        wanted = Wanted(language, local(field_of(form, "return_to")))
        if not self._meant(http, form):
            return self._page(language, wanted.return_to, "sign-in-expired")
        sign_in = self.desk.providers.get(field_of(form, "provider"))
        begun = Rejected("provider-unknown") if sign_in is None else await sign_in.begin(wanted)
        if isinstance(begun, Rejected):
            return self._failed(field_of(form, "provider"), begun.reason, wanted)
        response = go(begun.url)
        self._set(response, self.outside, begun.browser)
        return response

    async def come_back(self, http: Request) -> Response:
        """Receive the browser from the provider, and open the session."""
        provider, browser = http.path_params["provider"], http.cookies.get(self.outside)
        sign_in, parameters = self.desk.providers.get(provider), dict(http.query_params)
        spoken = language_of(http.headers.get("accept-language", ""))
        wanted = (sign_in.wanted(parameters, browser) if sign_in else None) or Wanted(spoken)
        caller = await sign_in.finish(parameters, browser) if sign_in else Rejected("provider-unknown")
        if isinstance(caller, Rejected):
            response = self._failed(provider, caller.reason, wanted)
        else:
            response = self._open(caller, wanted) or self._failed(provider, "provider-stranger", wanted)
        response.delete_cookie(self.outside, secure=self.secure, httponly=True, samesite="lax")
        return response

    async def sign_out(self, http: Request) -> Response:
        language, session = language_in(http) or "en", self.desk.session_of(http)
        form = await http.form(max_fields=4, max_part_size=4096)
        if session is not None and session.meant(field_of(form, "csrf")):
            self.desk.sessions.close(http.cookies.get(self.desk.sessions.rules.cookie_name))
        response = go(f"/{language}/sign-in")
        response.headers.append("Set-Cookie", self.desk.sessions.clear_cookie())
        return response

    def _open(self, caller: Caller, wanted: Wanted) -> Response | None:
        """A signed-in browser on its way to what it wanted; None for a role that nobody signs in with."""
        opened = self.desk.opens(caller)
        if opened is None:
            return None
        value, session = opened
        response = go(local(wanted.return_to) or home_of(session, wanted.language))
        response.headers.append("Set-Cookie", self.desk.sessions.set_cookie(value))
        return response

    def _failed(self, provider: str, reason: str, wanted: Wanted) -> Response:
        known = provider if provider in self.desk.providers else "?"
        log.info("outside sign-in refused", provider=known, reason=reason)
        return self._page(wanted.language, wanted.return_to, "sign-in-outside-failed")

    def _meant(self, http: Request, form: FormData) -> bool:
        """Whether a form is the one that was given to this browser."""
        given = http.cookies.get(self.before, "")
        return bool(given) and secrets.compare_digest(field_of(form, "csrf").encode(), given.encode())

    def _page(self, language: Language, return_to: str, error: str | None) -> Response:
        token, here = secrets.token_urlsafe(24), f"/{language}/sign-in"
        back = f"?{urlencode({'return_to': return_to})}" if return_to else ""
        page = pages.sign_in(
            language,
            return_to=return_to,
            error=error,
            outside=self.desk.outside,
            csrf=token,
            paths=Paths(toggle=toggled(here, language) + back, sign_in=here, outside=f"{here}/outside"),
        )
        response = html(page, 401 if error else 200, self.desk.outside_origins)
        self._set(response, self.before, token)
        return response

    def _set(self, response: Response, name: str, value: str) -> None:
        response.set_cookie(name, value, httponly=True, samesite="lax", secure=self.secure)
