"""Prepare a node's folder: its key, and who may sign in.

    .venv/bin/python examples/prepare_node.py key FOLDER
    .venv/bin/python examples/prepare_node.py account FOLDER LOGIN ROLE "NAME"

``key`` makes the node's private key, if there is none, and writes ``node.jwks``, the public half that goes to the
publisher of the directory. ``account`` asks for a password and adds a local account, or replaces the one of that login.
"""

from __future__ import annotations

import json
import sys
from getpass import getpass
from pathlib import Path

from passerelle.node.accounts import Account, hash_password, load_accounts, save_accounts
from passerelle.node.keys import KeyRing, load_or_make_key


def make_key(folder: Path) -> None:
    """The node's key, and its public half as a file to send."""
    key = load_or_make_key(folder / "node-key.pem")
    (folder / "node.jwks").write_text(json.dumps(KeyRing(key).jwks(), indent=2))


def add_account(folder: Path, login: str, role: str, name: str, password: str) -> None:
    """One more person who may sign in at this node."""
    path = folder / "accounts.json"
    others = [each for each in load_accounts(path) if each.login != login] if path.exists() else []
    save_accounts([*others, Account(login, role, name, hash_password(password))], path)


if __name__ == "__main__":
    command, place, *rest = sys.argv[1:]
    if command == "key":
        make_key(Path(place))
    else:
        login, role, name = rest
        add_account(Path(place), login, role, name, getpass("Password: "))
