"""The whole country as a program that runs: started by the real command, watched and paused from outside."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.network.tokens import service_token
from tests.network.wire import call

COMMAND = str(Path(sys.executable).with_name("passerelle"))
DEADLINE = "2"
"""Seconds that the country has to answer in tests: more than a person would wait, because the machine is shared."""
PEOPLE = "10"
PATIENCE = 240.0


@dataclass
class Country:
    """A running country: what its network.json says, and the means to use and to disturb it."""

    home: Path
    process: subprocess.Popen[bytes]
    network: dict[str, Any]
    _tokens: dict[str, tuple[str, float]] = field(default_factory=dict)

    @property
    def file(self) -> Path:
        return self.home / "network.json"

    def node(self, id: str) -> dict[str, Any]:
        return next(node for node in self.network["nodes"] if node["id"] == id)

    def address(self, id: str) -> str:
        """Without a path and without a slash at its end."""
        return str(self.node(id)["portal"]).rstrip("/")

    def fhir(self, id: str) -> str:
        return str(self.node(id)["fhir"])

    def pid(self, id: str) -> int:
        return int(self.node(id)["pid"])

    def key(self, id: str) -> Path:
        """The private key of a node's service client."""
        service = next(c for c in self.network["clients"] if c["client_id"] == f"{id}-service")
        return Path(service["private_key"])

    def token(self, id: str) -> str:
        """A token with which the node's service client may do everything there."""
        kept, until = self._tokens.get(id, ("", 0.0))
        if time.monotonic() > until:
            kept = service_token(self.address(id), f"{id}-service", self.key(id))
            self._tokens[id] = (kept, time.monotonic() + 120)
        return kept

    def login(self, name: str) -> dict[str, str]:
        return next(person for person in self.network["people"] if person["login"] == name)

    def patient(self, name: str) -> dict[str, Any]:
        return next(patient for patient in self.network["patients"] if patient["name"] == name)

    def pids(self) -> list[int]:
        return [self.process.pid, *(int(node["pid"]) for node in self.network["nodes"])]

    @contextlib.contextmanager
    def paused(self, *ids: str) -> Iterator[None]:
        """These nodes accept connections and say nothing; afterwards they answer again."""
        for id in ids:
            os.kill(self.pid(id), signal.SIGSTOP)
            _until(lambda id=id: _state(self.pid(id)) == "T", "the node did not stop")
        try:
            yield
        finally:
            for id in ids:
                os.kill(self.pid(id), signal.SIGCONT)
            for id in ids:
                _until(lambda id=id: _answers(self.address(id)), "the node did not go on")


def start(home: Path, people: str = PEOPLE) -> subprocess.Popen[bytes]:
    """Run the command that a person would run."""
    port = free_ports(13)
    command = [COMMAND, "demo", "--people", people, "--home", str(home), "--port", str(port)]
    environment = {**os.environ, "PASSERELLE_DEADLINE": DEADLINE, "COLUMNS": "120"}
    home.mkdir(parents=True, exist_ok=True)
    with (home / "demo.log").open("wb") as log:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)


def ready(home: Path, process: subprocess.Popen[bytes]) -> Country:
    """Wait until the country says that it is ready."""
    file, until = home / "network.json", time.monotonic() + PATIENCE
    while not file.exists():
        said = (home / "demo.log").read_text("utf-8")
        assert process.poll() is None, f"the demo ended:\n{said}"
        assert time.monotonic() < until, f"the demo did not come up:\n{said}"
        time.sleep(0.2)
    network = json.loads(file.read_text("utf-8"))
    assert network["ready"] is True
    return Country(home, process, network)


def stop(country: Country) -> None:
    """End it as a service manager would; nothing of it may be left."""
    country.process.terminate()
    try:
        country.process.wait(60)
    finally:
        left = [pid for pid in country.pids() if _state(pid) not in ("", "Z")]
        for pid in left:
            os.kill(pid, signal.SIGKILL)
    assert left == [], f"processes were left: {left}"
    assert country.process.returncode == 0
    assert not country.file.exists()


def free_ports(count: int) -> int:
    """The first of so many ports in a row that nobody listens on, below those that the system hands out."""
    for _ in range(200):
        first = random.randrange(20_000, 32_000)
        if all(_free(first + offset) for offset in range(count)):
            return first
    raise AssertionError("no ports are free")


def _free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _answers(address: str) -> bool:
    try:
        return call(address, "GET", "/health").status == 200
    except OSError:
        return False


def _state(pid: int) -> str:
    """One letter of /proc: R, S, T (stopped), Z (ended, not yet noticed); nothing for no process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[0]


def _until(happened: Any, otherwise: str) -> None:
    until = time.monotonic() + 30
    while not happened():
        assert time.monotonic() < until, otherwise
        time.sleep(0.02)
