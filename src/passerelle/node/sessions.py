"""Browser sessions: a random cookie here, everything that it stands for in the node's memory.

A session ends after a time without use, after a longest time, or at sign-out. It also holds the people that its owner
looked up, each under a random handle, so that no name or number ever stands in an address.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock

from passerelle.values import Caller, Json, Purpose


@dataclass(frozen=True)
class Rules:
    """How long sessions live and how much they hold. ``name`` is the cookie's: nodes that share a host name on
    different ports share its cookies, so each needs its own."""

    name: str = "passerelle"
    secure: bool = True
    """Whether the node is served over https; the cookie then travels on nothing else."""
    idle: timedelta = timedelta(minutes=20)
    longest: timedelta = timedelta(hours=10)
    sessions: int = 50_000
    handles: int = 200

    @property
    def cookie_name(self) -> str:
        # A browser takes a __Host- cookie only from this very host, over https, for all of its paths.
        return f"__Host-{self.name}" if self.secure else self.name


@dataclass
class Session:
    """One signed-in browser."""

    caller: Caller
    purpose: Purpose
    opened: datetime
    used: datetime
    csrf: str
    room: int
    _people: OrderedDict[str, Json] = field(default_factory=OrderedDict, repr=False)

    def hold(self, demographics: Json) -> str:
        """Keep what describes a person; the handle may stand in an address. The oldest make room for new ones."""
        handle = secrets.token_urlsafe(16)
        self._people[handle] = demographics
        while len(self._people) > self.room:
            self._people.popitem(last=False)
        return handle

    def held(self, handle: str) -> Json | None:
        """What this session keeps under a handle; another session's handle means nothing here."""
        return self._people.get(handle)

    def meant(self, token: str) -> bool:
        """Whether a form was sent from this session's own pages."""
        return secrets.compare_digest(token.encode(), self.csrf.encode())


class Sessions:
    """The sessions of a node."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self._open: OrderedDict[bytes, Session] = OrderedDict()
        self._lock = Lock()

    def open(self, caller: Caller, purpose: Purpose, now: datetime) -> tuple[str, Session]:
        """A new session and its cookie's value: new at every sign-in, so none can be planted beforehand."""
        value = secrets.token_urlsafe(32)
        session = Session(caller, purpose, now, now, secrets.token_urlsafe(32), self.rules.handles)
        with self._lock:
            self._open[_mark(value)] = session
            while len(self._open) > self.rules.sessions:
                self._open.popitem(last=False)
        return value, session

    def find(self, value: str | None, now: datetime) -> Session | None:
        """The session of this cookie, used now; None when there is none or it has ended."""
        if not value:
            return None
        mark = _mark(value)
        with self._lock:
            session = self._open.get(mark)
            if session is None:
                return None
            if now - session.used >= self.rules.idle or now - session.opened >= self.rules.longest:
                del self._open[mark]
                return None
            session.used = now
            # The least recently used stand first, and are the ones to go when there are too many.
            self._open.move_to_end(mark)
            return session

    def close(self, value: str | None) -> None:
        """Sign out."""
        with self._lock:
            self._open.pop(_mark(value or ""), None)

    def end(self, callers: Collection[str]) -> None:
        """Sign these callers out, wherever they are signed in."""
        with self._lock:
            for mark in [mark for mark, open_ in self._open.items() if open_.caller.id in callers]:
                del self._open[mark]

    def set_cookie(self, value: str) -> str:
        """The ``Set-Cookie`` header of a new session. Without a lifetime: closing the browser forgets it."""
        return f"{self.rules.cookie_name}={value}; Path=/; HttpOnly; SameSite=Lax{self._secure}"

    def clear_cookie(self) -> str:
        """The ``Set-Cookie`` header of a sign-out."""
        return f"{self.rules.cookie_name}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax{self._secure}"

    @property
    def _secure(self) -> str:
        return "; Secure" if self.rules.secure else ""


def _mark(value: str) -> bytes:
    """Sessions are kept by the hash of their cookie, so that a look into memory yields no cookie to use."""
    return hashlib.sha256(value.encode()).digest()
