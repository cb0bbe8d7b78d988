"""Local accounts: who may sign in here with a password, and what that makes them.

Passwords are kept as Argon2id hashes. A login that does not exist costs as much time as a wrong password and gets the
same answer; who guesses too often waits. Meant for a site without an identity provider of its own, and for the demo:
where there is one, see ``oidc``.
"""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from threading import BoundedSemaphore, Lock

import msgspec
from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import InvalidHashError, VerificationError

from passerelle.node.claims import Rejected, seconds
from passerelle.values import Caller, NodeId

LONGEST = 256
"""Characters of a login or a password; nobody's are longer."""


class AccountFileError(Exception):
    """The file of accounts cannot be used: what is wrong, and what to do."""


@dataclass(frozen=True)
class Cost:
    """What one guess costs: Argon2id passes, memory in KiB and lanes (RFC 9106). The default is its second choice."""

    passes: int = 3
    memory: int = 64 * 1024
    lanes: int = 4


DEFAULT_COST = Cost()
DEMO_COST = Cost(passes=1, memory=1024, lanes=1)
"""For invented people with published passwords, so that a whole country starts quickly. For nothing else."""


@dataclass(frozen=True)
class Account:
    """One person who may sign in. ``patient`` and ``practitioner`` are ids of resources at this node."""

    login: str
    role: str
    name: str
    hash: str = field(repr=False)
    organization: str = ""
    patient: str | None = None
    practitioner: str | None = None

    def caller(self, node: NodeId, scopes: tuple[str, ...]) -> Caller:
        """This person as a caller of this node."""
        return Caller(
            id=self.login,
            kind="person",
            role=self.role,
            node=node,
            organization=self.organization,
            name=self.name,
            patient=self.patient,
            scopes=scopes,
        )


def hash_password(password: str, cost: Cost = DEFAULT_COST) -> str:
    """An Argon2id hash with its own salt."""
    return PasswordHasher(cost.passes, cost.memory, cost.lanes).hash(password)


@dataclass(frozen=True)
class Limits:
    """How many wrong guesses are allowed in a window of ``seconds``: at one login from one address, and from one
    address at all logins. There is no limit per login alone, with which anyone could lock a clinician out."""

    guesses: int = 5
    from_address: int = 50
    seconds: float = 900
    remembered: int = 50_000


DEFAULT_LIMITS = Limits()


class Throttle:
    """Counts wrong guesses. When it remembers too much it forgets the oldest."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._failures: dict[tuple[str, ...], list[float]] = {}
        self._lock = Lock()

    def waits(self, login: str, address: str, now: float) -> bool:
        """Whether this login must wait at this address."""
        with self._lock:
            guesses, from_address = self._recent((login, address), now), self._recent((address,), now)
            return guesses >= self.limits.guesses or from_address >= self.limits.from_address

    def failed(self, login: str, address: str, now: float) -> None:
        with self._lock:
            for key in ((login, address), (address,)):
                self._failures.setdefault(key, []).append(now)
            while len(self._failures) > self.limits.remembered:
                del self._failures[next(iter(self._failures))]

    def succeeded(self, login: str, address: str) -> None:
        """A right password clears that login's guesses, but not what the address tried elsewhere."""
        with self._lock:
            self._failures.pop((login, address), None)

    def _recent(self, key: tuple[str, ...], now: float) -> int:
        recent = [moment for moment in self._failures.get(key, ()) if now - moment < self.limits.seconds]
        if recent:
            self._failures[key] = recent
        else:
            self._failures.pop(key, None)
        return len(recent)


class Accounts:
    """The local accounts of a node."""

    def __init__(
        self,
        accounts: Iterable[Account],
        limits: Limits = DEFAULT_LIMITS,
        at_once: int = 2,
    ) -> None:
        self._by_login = {account.login: account for account in accounts}
        self._throttle = Throttle(limits)
        # Each check takes as much memory as its hash says; unlimited guesses at once would take all there is.
        self._at_once = BoundedSemaphore(at_once)
        self._nobody = _hash_of_nobody(self._by_login.values())

    def replace(self, accounts: Iterable[Account]) -> frozenset[str]:
        """Take these accounts from now on, and say whose are gone or changed. Wrong guesses stay counted."""
        before, self._by_login = self._by_login, {account.login: account for account in accounts}
        self._nobody = _hash_of_nobody(self._by_login.values())
        return frozenset(login for login, account in before.items() if self._by_login.get(login) != account)

    async def sign_in(self, login: str, password: str, address: str, now: datetime) -> Account | Rejected:
        """Whose login and password these are. The work is done beside the event loop."""
        return await asyncio.to_thread(self.check, login, password, address, now)

    def check(self, login: str, password: str, address: str, now: datetime) -> Account | Rejected:
        """Whose login and password these are; the same answer, as slowly, for an unknown login and a wrong password."""
        moment, login = seconds(now), login[:LONGEST]
        if self._throttle.waits(login, address, moment):
            return Rejected("sign-in-wait")
        account = self._by_login.get(login) if len(password) <= LONGEST else None
        if (
            not self._matches(account.hash if account else self._nobody, password[:LONGEST])
            or account is None
        ):
            self._throttle.failed(login, address, moment)
            return Rejected("sign-in-failed")
        self._throttle.succeeded(login, address)
        return account

    def _matches(self, hash: str, password: str) -> bool:
        with self._at_once:
            try:
                return PasswordHasher().verify(hash, password)
            except (VerificationError, InvalidHashError):
                return False


def _hash_of_nobody(accounts: Iterable[Account]) -> str:
    """A hash that nobody has, as costly as the others, so that an unknown login takes the usual time."""
    parameters = next((extract_parameters(account.hash) for account in accounts), None)
    hasher = PasswordHasher.from_parameters(parameters) if parameters else PasswordHasher()
    return hasher.hash(os.urandom(16))


def load_accounts(path: Path) -> tuple[Account, ...]:
    """Read a JSON list of accounts that only its owner may read."""
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise AccountFileError(f"{path.name} can be read by others. Make it private: chmod 600.")
    try:
        return tuple(msgspec.json.decode(path.read_bytes(), type=list[Account]))
    except msgspec.DecodeError as error:
        raise AccountFileError(
            f"{path.name} is not a list of accounts. Compare it with the guide."
        ) from error


def save_accounts(accounts: Iterable[Account], path: Path) -> None:
    """Write accounts as JSON, readable by their owner only, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(list(accounts)), indent=2))
    draft.replace(path)
