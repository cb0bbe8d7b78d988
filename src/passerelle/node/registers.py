"""Who may ask here: the files of people and of programs, read at the start and again when the operator says so."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
from joserfc.errors import JoseError

from passerelle.node import oauth
from passerelle.node.accounts import Account, AccountFileError, Accounts, load_accounts
from passerelle.node.clients import Registered
from passerelle.node.config import ConfigurationError, Settings
from passerelle.node.sessions import Sessions
from passerelle.policy import purpose_of


def people(settings: Settings) -> tuple[Account, ...]:
    """The local accounts; none when there is no file."""
    path = settings.file(settings.accounts)
    try:
        return load_accounts(path) if path.exists() else ()
    except (OSError, AccountFileError) as fault:
        raise ConfigurationError(f"accounts: {fault}") from None


def clients(settings: Settings) -> tuple[oauth.Client, ...]:
    """The registered programs; none when there is no file."""
    path = settings.file(settings.clients)
    try:
        found = (
            tuple(msgspec.json.decode(path.read_bytes(), type=list[oauth.Client])) if path.exists() else ()
        )
        for client in found:
            Registered(client)
    except (OSError, ValueError, TypeError, LookupError, AttributeError, JoseError) as fault:
        raise ConfigurationError(
            f"clients: {path.name} cannot be read ({type(fault).__name__}). Compare it with the guide."
        ) from None
    for client in found:
        if purpose_of(client.role) is None:
            raise ConfigurationError(f"clients: {client.id} has a role that is not in policy/roles.toml.")
    return found


@dataclass(frozen=True)
class Registers:
    """The two files, and everything in the node that follows from them."""

    settings: Settings
    accounts: Accounts
    sessions: Sessions
    server: oauth.Server

    def reread(self) -> None:
        """Take the files as they are now, both or neither: whoever is gone from them, or changed, is signed out.

        Raises ConfigurationError when one of them cannot be used; then everything stays as it was.
        """
        named, registered = people(self.settings), clients(self.settings)
        changed = self.accounts.replace(named)
        self.server.replace_clients(registered)
        self.sessions.end(changed)
        self.server.forget(changed)
