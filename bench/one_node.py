"""One node to measure, on SQLite or on a PostgreSQL server of its own, with everything on, and Synthea's records in it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.country import ROOT
from passerelle.node.client import Client
from passerelle.node.demo import Plan, configure
from passerelle.node.keys import load_key

TOKEN_SECONDS = 7200


@dataclass(frozen=True)
class Node:
    """A running node: its folder, its address and its process."""

    home: Path
    address: str
    process: subprocess.Popen[bytes]

    @property
    def fhir(self) -> str:
        return f"{self.address}/fhir"

    def client(self) -> Client:
        key = load_key(self.home / "keys" / "on-service.pem")
        return Client(self.fhir, "on-service", key, seconds=600.0)

    def token(self) -> str:
        return self.client()._bearer()

    def memory(self) -> float:
        """Resident memory of the node's processes in megabytes."""
        return sum(_resident(pid) for pid in _family(self.process.pid)) / 1024


@contextmanager
def one_node(home: Path, store: str = "", *, port: int = 9701, extra: str = "") -> Iterator[Node]:
    """Bring up one node; ``store`` is a ``postgresql://`` address or nothing for SQLite. ``extra`` is more of node.toml."""
    plan = Plan(home, people=0, port=port, nodes=("on",))
    home.mkdir(parents=True, exist_ok=True)
    configure(plan)
    written = plan.folder("on") / "node.toml"
    more = [f"token_seconds = {TOKEN_SECONDS}"] + ([f'store = "{store}"'] if store else []) + [extra]
    written.write_text("\n".join(more) + "\n" + written.read_text("utf-8"), "utf-8")
    command = [sys.executable, "-m", "passerelle.node", str(written)]
    with (home / "node.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT, env=_environment())
    try:
        _wait(process, plan.address("on"), home)
        yield Node(home, plan.address("on"), process)
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()


def _environment() -> dict[str, str]:
    """As an installed node runs: its modules were compiled before."""
    return {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}


def _wait(process: subprocess.Popen[bytes], address: str, home: Path) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if process.poll() is not None:
            raise SystemExit(f"The node ended at its start:\n{(home / 'node.log').read_text()[-2000:]}")
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=1):
                return
        except OSError:
            time.sleep(0.02)
    raise SystemExit("The node does not answer.")


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(each for child in children for each in _family(int(child)))]


def _resident(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


# --- PostgreSQL -----------------------------------------------------------------------------------------------


@contextmanager
def postgres_server(*, durable: bool = True) -> Iterator[str]:
    """The address of a private PostgreSQL server with its default settings; it is gone afterwards."""
    installed = Path("/usr/lib/postgresql").glob("*/bin")
    programs = max(installed, key=lambda path: int(path.parent.name), default=None)
    if programs is None:
        raise SystemExit("PostgreSQL is needed: sudo apt-get install postgresql, or make bench as root.")
    place = Path(tempfile.mkdtemp(prefix="passerelle-bench-pg-"))
    other = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    if other:
        shutil.chown(place, "postgres")
    port, data = free_port(), f"{place}/data"
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={place}"
    options += " -c shared_buffers=1GB -c max_wal_size=4GB" + ("" if durable else " -c fsync=off")

    def run(*command: str) -> None:
        environment = {**os.environ, "LC_ALL": "C.UTF-8"}
        subprocess.run([*other, *command], check=True, cwd=place, env=environment, stdout=subprocess.DEVNULL)

    run(f"{programs}/initdb", "-D", data, "-U", "passerelle", "-A", "trust", "-E", "UTF8")
    try:
        run(f"{programs}/pg_ctl", "start", "-D", data, "-w", "-l", f"{place}/log", "-o", options)
        yield f"postgresql://passerelle@127.0.0.1:{port}/postgres"
    finally:
        run(f"{programs}/pg_ctl", "stop", "-D", data, "-m", "fast", "-w")
        shutil.rmtree(place, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# --- records --------------------------------------------------------------------------------------------------


def synthea(shared: Path, folder: Path) -> list[Path]:
    """The 300 Synthea bundles, unpacked once into a folder, in order of name."""
    if not folder.exists():
        folder.mkdir(parents=True)
        for archive in sorted((shared / "synthea-r4").glob("bundles-*.tar.xz")):
            with tarfile.open(archive) as tar:
                tar.extractall(folder, filter="data")
    return sorted(folder.rglob("*.json"))


def load(node: Node, bundles: Sequence[Path]) -> None:
    """Post each bundle as one transaction."""
    client = node.client()
    for bundle in bundles:
        answer = client.ask("POST", "", bundle.read_bytes())
        if answer.status != 200:
            raise SystemExit(f"{bundle.name}: {answer.status} {answer.body[:400]!r}")
    client.close()
