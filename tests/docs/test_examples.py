"""The examples do what their pages say."""

from __future__ import annotations

import json
import runpy
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from passerelle.federation.directory import ExpiredDirectoryError, agreement, open_directory
from passerelle.node.accounts import Account, Accounts, load_accounts
from passerelle.node.keys import make_key
from passerelle.values import Purpose

EXAMPLES = Path(__file__).resolve().parent.parent.parent / "examples"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_a_published_directory_opens_with_the_published_key_until_it_expires(tmp_path: Path) -> None:
    plan = tmp_path / "network-plan.toml"
    shutil.copy(EXAMPLES / "network-plan.toml", plan)
    keys = {node: make_key() for node in ("north", "south")}
    for node, key in keys.items():
        (tmp_path / f"{node}.jwks").write_text(json.dumps({"keys": [key.public]}))

    publish = runpy.run_path(str(EXAMPLES / "sign_directory.py"))["publish"]
    publish(plan, tmp_path / "publisher-key.pem", tmp_path / "published", NOW)

    signed = (tmp_path / "published" / "directory.jws").read_text()
    publisher = json.loads((tmp_path / "published" / "publisher.jwks").read_text())["keys"]
    directory = open_directory(signed, publisher, NOW + timedelta(days=29))
    assert [entry.keys for entry in directory.nodes] == [(keys["north"].public,), (keys["south"].public,)]
    assert agreement(directory, "north", "south", Purpose.TREAT) is not None
    assert agreement(directory, "north", "south", Purpose.HRESCH) is None
    assert all("d" not in key for key in publisher)
    with pytest.raises(ExpiredDirectoryError):
        open_directory(signed, publisher, NOW + timedelta(days=31))


def test_a_prepared_node_has_a_key_to_send_and_someone_who_may_sign_in(tmp_path: Path) -> None:
    prepare = runpy.run_path(str(EXAMPLES / "prepare_node.py"))
    prepare["make_key"](tmp_path)
    sent = json.loads((tmp_path / "node.jwks").read_text())["keys"]
    assert [set(key) & {"d", "k"} for key in sent] == [set()]

    prepare["add_account"](tmp_path, "a.nurse", "nurse", "Invented Nurse", password="first")
    prepare["add_account"](tmp_path, "a.nurse", "nurse", "Invented Nurse", password="second")
    accounts = Accounts(load_accounts(tmp_path / "accounts.json"))
    assert not isinstance(accounts.check("a.nurse", "first", "::1", NOW), Account)
    assert isinstance(accounts.check("a.nurse", "second", "::1", NOW), Account)
