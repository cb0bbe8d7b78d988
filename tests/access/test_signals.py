"""What an operator tells a running node: stop, which loses nobody's answer; and read again who may ask."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from passerelle.node.accounts import load_accounts, save_accounts
from passerelle.node.demo import Plan, configure
from tests.access.browsing import Browser, Page, free_ports, serve, wait_for

STOP = 3.0


@dataclass
class Node:
    """Ontario, running; British Columbia in its directory is an address where nobody speaks."""

    address: str
    folder: Path
    process: subprocess.Popen[bytes]
    silent: socket.socket

    def told(self, line: str) -> None:
        """Wait until the node's log says this."""
        for _ in range(400):
            if line in (self.folder / "node.log").read_text("utf-8"):
                return
            time.sleep(0.05)
        raise AssertionError(f"the log never said: {line}")

    def reread(self, line: str = '"read again"') -> None:
        (self.folder / "node.log").write_text("")
        self.process.send_signal(signal.SIGHUP)
        self.told(line)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    with two_in_a_row() as silent:
        port = silent.getsockname()[1] - 1
        plan = Plan(tmp_path, nodes=("on", "bc"), port=port, deadline=1.5)
        configure(plan)
        folder = plan.folder("on")
        settings = (folder / "node.toml").read_text("utf-8")
        (folder / "node.toml").write_text(f"stop_seconds = {STOP}\n{settings}", "utf-8")
        with (folder / "node.log").open("ab") as log:
            process = serve(folder, log)
        try:
            wait_for(plan.port, process)
            yield Node(plan.address("on"), folder, process, silent)
        finally:
            process.kill()
            process.wait(10)


def two_in_a_row() -> socket.socket:
    """A listening socket whose port comes after a free one."""
    for _ in range(50):
        (port,) = free_ports(1)
        taken = socket.socket()
        try:
            taken.bind(("127.0.0.1", port + 1))
        except OSError:
            taken.close()
            continue
        taken.listen()
        taken.settimeout(20)
        return taken
    raise AssertionError("no two ports in a row are free")


def test_a_node_that_is_told_to_stop_answers_first_what_was_asked(node: Node) -> None:
    browser, answers = Browser(node.address), []
    page = browser.sign_in("dr-on", "dr-on-demo")
    form = {"csrf": page.field("csrf"), "text": "Invented Person 1970-01-02"}
    asking = threading.Thread(target=lambda: answers.append(browser.go("/en/find", form)))
    asking.start()
    node.silent.accept()  # the question is on its way to the one who says nothing
    node.process.send_signal(signal.SIGTERM)
    asking.join(20)
    assert node.process.wait(20) == 0
    (answer,) = answers
    assert answer.status == 200
    assert "British Columbia" in answer.text
    assert answer.text.rstrip().endswith("</html>")


def test_a_node_that_is_told_to_stop_does_not_wait_for_one_who_never_ends(node: Node) -> None:
    with socket.create_connection(("127.0.0.1", int(node.address.rpartition(":")[2]))) as slow:
        slow.sendall(
            b"POST /en/sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\nExpect: 100-continue\r\n"
            b"Content-Type: application/x-www-form-urlencoded\r\n\r\n"
        )
        assert b"100 Continue" in slow.recv(100)  # it is being answered
        node.process.send_signal(signal.SIGTERM)
        assert node.process.wait(30) == 0


def test_people_are_read_again_and_who_is_gone_is_signed_out(node: Node) -> None:
    stays, goes = Browser(node.address), Browser(node.address)
    path = node.folder / "accounts.json"
    (account,) = [a for a in load_accounts(path) if a.login == "dr-on"]
    second = replace(account, login="dr-two", name="Invented Second")
    save_accounts([account, second], path)
    node.reread()
    assert signed_in(stays.sign_in("dr-on", "dr-on-demo"))
    assert signed_in(goes.sign_in("dr-two", "dr-on-demo"))

    save_accounts([account], path)
    node.reread()
    assert signed_in(stays.go("/en/find"))
    assert not signed_in(goes.go("/en/find"))
    assert not signed_in(goes.sign_in("dr-two", "dr-on-demo"))


@pytest.mark.parametrize("file", ["accounts.json", "clients.json"])
def test_a_file_that_cannot_be_read_changes_nothing(node: Node, file: str) -> None:
    browser = Browser(node.address)
    assert signed_in(browser.sign_in("dr-on", "dr-on-demo"))
    (node.folder / "accounts.json").write_text("[]")
    (node.folder / file).write_text("[{")
    node.reread('"not all was read again"')
    assert signed_in(browser.go("/en/find"))
    assert signed_in(Browser(node.address).sign_in("dr-on", "dr-on-demo"))


def test_programs_are_read_again(node: Node) -> None:
    path = node.folder / "clients.json"
    assert token_error(node) == "invalid_client"
    clients = json.loads(path.read_text())
    app = {"id": "new-app", "kind": "app", "name": "New", "scopes": ["user/*.rs"], "redirect_uris": ["x:y"]}
    path.write_text(json.dumps([*clients, app]))
    node.reread()
    assert token_error(node) == "invalid_grant"


def token_error(node: Node) -> str:
    """What the node says to a program that brings a code which nobody gave it."""
    form = {"grant_type": "authorization_code", "client_id": "new-app", "code": "x", "redirect_uri": "x:y"}
    answer = Browser(node.address).go("/oauth/token", {**form, "code_verifier": "x" * 43})
    return str(json.loads(answer.text)["error"])


def signed_in(page: Page) -> bool:
    return page.status == 200 and page.url.endswith("/find")
