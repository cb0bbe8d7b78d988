"""The whole country on one machine: thirteen nodes, each its own process, address and database."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from queue import Empty, Queue
from types import FrameType

from passerelle.federation.directory import Agreement, Directory, NodeEntry, sign
from passerelle.fhir.words import catalogue
from passerelle.node import demo_people
from passerelle.node.accounts import save_accounts
from passerelle.node.keys import SigningKey, load_or_make_key
from passerelle.node.load_lines import IMPORT
from passerelle.values import Json, NodeId, Purpose, Words

TODAY = date(2026, 11, 1)
"""The day on which the invented country stands still: the same people on every machine, whenever it is started."""

PROVINCES: Mapping[str, Words] = {
    "on": {"en": "Ontario", "fr": "Ontario"},
    "qc": {"en": "Québec", "fr": "Québec"},
    "bc": {"en": "British Columbia", "fr": "Colombie-Britannique"},
    "ab": {"en": "Alberta", "fr": "Alberta"},
    "mb": {"en": "Manitoba", "fr": "Manitoba"},
    "sk": {"en": "Saskatchewan", "fr": "Saskatchewan"},
    "ns": {"en": "Nova Scotia", "fr": "Nouvelle-Écosse"},
    "nb": {"en": "New Brunswick", "fr": "Nouveau-Brunswick"},
    "nl": {"en": "Newfoundland and Labrador", "fr": "Terre-Neuve-et-Labrador"},
    "pe": {"en": "Prince Edward Island", "fr": "Île-du-Prince-Édouard"},
    "nt": {"en": "Northwest Territories", "fr": "Territoires du Nord-Ouest"},
    "yt": {"en": "Yukon", "fr": "Yukon"},
    "nu": {"en": "Nunavut", "fr": "Nunavut"},
}


APP: Json = {
    "id": "demo-app",
    "kind": "app",
    "name": "Carnet",
    "scopes": ["launch/patient", "patient/*.rs", "user/*.cruds", "offline_access"],
    "redirect_uris": ["http://127.0.0.1:8765/callback"],
}
"""A program without a secret that people may let act for them, at every node."""


class DemoError(Exception):
    """The demo could not be brought up: which part, and what to do."""


@dataclass(frozen=True)
class Plan:
    """What to bring up, and where."""

    home: Path
    people: int = 2000
    seed: int = 1867
    port: int = 8801
    nodes: tuple[str, ...] = tuple(PROVINCES)
    deadline: float = 0.8

    @property
    def network(self) -> Path:
        return self.home / "network.json"

    def folder(self, node: str) -> Path:
        return self.home / "nodes" / node

    def address(self, node: str) -> str:
        return f"http://127.0.0.1:{self.port + self.nodes.index(node)}"


@dataclass
class Running:
    """The node processes of one demo."""

    plan: Plan
    processes: dict[str, subprocess.Popen[bytes]]

    def stop(self) -> None:
        for process in self.processes.values():
            with contextlib.suppress(ProcessLookupError):
                # A process that was paused cannot end before it goes on.
                process.send_signal(signal.SIGCONT)
                process.terminate()
        for process in self.processes.values():
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
        self.plan.network.unlink(missing_ok=True)


Progress = Callable[[str, int, int], None]
"""Called with a message key of ``node/words.toml``, how much is done, and of how much."""


def bring_up(plan: Plan, progress: Progress, *, fresh: bool = False) -> Running:
    """Prepare what is missing, start every node, and write ``network.json`` when all answer.

    Told to end meanwhile, it ends whatever it had started.
    """
    signal.signal(signal.SIGTERM, _told_to_end)
    plan.network.unlink(missing_ok=True)
    if fresh:
        shutil.rmtree(plan.home, ignore_errors=True)
    plan.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    _no_one_there(plan)
    configure(plan)
    _populate(plan, progress)
    running = Running(plan, {})
    try:
        start(running)
        _wait(running, progress)
        write_network(running)
    except BaseException:
        running.stop()
        raise
    return running


def _told_to_end(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _no_one_there(plan: Plan) -> None:
    """Every port must be free, or the demo would speak to somebody else's server."""
    import socket

    for node in plan.nodes:
        port = int(plan.address(node).rpartition(":")[2])
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                raise DemoError(
                    f"Port {port} is in use. Stop what uses it, or choose another first port with --port."
                ) from None


def configure(plan: Plan) -> None:
    """Keys, the signed directory, and a configuration for each node."""
    keys = {node: load_or_make_key(plan.folder(node) / "node-key.pem") for node in plan.nodes}
    publisher = load_or_make_key(plan.home / "keys" / "publisher.pem")
    directory = sign(_directory(plan, keys), publisher.private)
    everyone = demo_people.everyone(plan)
    for node in plan.nodes:
        folder = plan.folder(node)
        save_accounts(
            (demo_people.account(person) for person in everyone if person["node"] == node),
            folder / "accounts.json",
        )
        client = load_or_make_key(plan.home / "keys" / f"{node}-service.pem")
        _write(folder / "directory.jws", directory)
        _write(folder / "publisher.jwks", json.dumps({"keys": [publisher.public]}))
        _write(folder / "clients.json", json.dumps([_client(node, client.public), APP]))
        _write(folder / "node.toml", _configuration(plan, node))


def _directory(plan: Plan, keys: Mapping[str, SigningKey]) -> Directory:
    now = datetime.now(UTC)
    nodes = tuple(
        NodeEntry(
            id=NodeId(node),
            name=PROVINCES[node],
            custodian=catalogue("passerelle.node", "words.toml").both(
                "demo-custodian", province_en=PROVINCES[node]["en"], province_fr=PROVINCES[node]["fr"]
            ),
            fhir=f"{plan.address(node)}/fhir",
            keys=(keys[node].public,),
            jurisdiction=node,
        )
        for node in plan.nodes
    )
    care = Agreement(
        id="pan-canadian-care",
        asker="*",
        responder="*",
        purposes=(Purpose.TREAT, Purpose.ETREAT, Purpose.PATRQT),
        interactions=("$match", "$everything", "$summary", "read", "search-type"),
        expires=now + timedelta(days=365),
    )
    return Directory("passerelle-demo", nodes, (care,), now, now + timedelta(days=365))


def _client(node: str, jwk: Json) -> Json:
    return {
        "id": f"{node}-service",
        "kind": "service",
        "name": f"Demo service / Service de démonstration ({node.upper()})",
        "scopes": ["system/*.cruds"],
        "jwks": {"keys": [jwk]},
        "purpose": Purpose.TREAT,
    }


def _configuration(plan: Plan, node: str) -> str:
    port = plan.address(node).rpartition(":")[2]
    name = PROVINCES[node]
    return (
        f'id = "{node}"\nhost = "127.0.0.1"\nport = {port}\ndeadline = {plan.deadline}\n'
        f'\n[name]\nen = "{name["en"]}"\nfr = "{name["fr"]}"\n'
        f'\n[jobs]\nimport_from = ["{(plan.home.absolute() / IMPORT).as_uri()}/"]\n'
    )


def _write(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def _populate(plan: Plan, progress: Progress) -> None:
    """Fill the databases, on two processes; a country that is already there with the same seed is kept."""
    stamp = {
        "seed": plan.seed,
        "people": plan.people,
        "today": TODAY.isoformat(),
        "nodes": list(plan.nodes),
        "code": demo_people.FORMAT,
    }
    written = plan.home / "population.json"
    if written.exists() and json.loads(written.read_text("utf-8")) == stamp:
        return
    written.unlink(missing_ok=True)
    _forget_records(plan)
    # Ontario alone holds nearly as much as half of the others together: one worker for it, one for the rest.
    others = [node for node in plan.nodes if node != "on"]
    shares = (
        [("on", *others[-3:]), others[:-3]] if "on" in plan.nodes else [plan.nodes[0::2], plan.nodes[1::2]]
    )
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager, ProcessPoolExecutor(2, mp_context=context) as pool:
        ticks = manager.Queue()
        jobs = [pool.submit(demo_people.fill, plan, tuple(share), ticks) for share in shares if share]
        try:
            _watch(jobs, ticks, plan.people, progress)
        except BaseException:
            for child in multiprocessing.active_children():
                child.terminate()
            raise
    _write(written, json.dumps(stamp))


def _forget_records(plan: Plan) -> None:
    """Other people than these may be there, from another seed or from a start that was broken off."""
    for node in plan.nodes:
        for file in plan.folder(node).glob("records.sqlite*"):
            file.unlink()


def _watch(jobs: Sequence[Future[int]], ticks: Queue[int], people: int, progress: Progress) -> None:
    """Show how far the workers are. Each makes everybody, so together they count everybody as often as they are."""
    made = 0
    while not all(job.done() for job in jobs):
        with contextlib.suppress(Empty):
            made += ticks.get(timeout=0.2)
            progress("demo-people", min(made // len(jobs), people), people)
    for job in jobs:
        job.result()
    progress("demo-people", people, people)


def start(running: Running) -> None:
    """One process for each node."""
    plan = running.plan
    for node in plan.nodes:
        log = (plan.folder(node) / "node.log").open("ab")
        running.processes[node] = subprocess.Popen(  # noqa: S603  our own interpreter and module
            [sys.executable, "-m", "passerelle.node", str(plan.folder(node) / "node.toml")],
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
        )
        log.close()


def _wait(running: Running, progress: Progress, seconds: float = 90.0) -> None:
    """Until every node answers its health check."""
    until = time.monotonic() + seconds
    waiting = list(running.processes)
    while waiting:
        for node in list(waiting):
            if running.processes[node].poll() is not None:
                raise DemoError(
                    f"Node {node} ended at its start; see {running.plan.folder(node) / 'node.log'}."
                )
            if _healthy(running.plan.address(node)):
                waiting.remove(node)
                progress("demo-nodes", len(running.processes) - len(waiting), len(running.processes))
        if time.monotonic() > until:
            raise DemoError(
                f"Nodes {', '.join(waiting)} did not answer within {seconds:.0f} s; see node.log in {running.plan.home / 'nodes'}."
            )
        time.sleep(0.1)


def _healthy(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=1) as response:  # noqa: S310  loopback http
            return bool(response.status == 200)
    except OSError:
        return False


def write_network(running: Running) -> None:
    """``network.json``: the addresses, logins, clients and people that the demo offers."""
    plan = running.plan
    described = {
        "ready": True,
        "nodes": [
            {
                "id": node,
                "name": PROVINCES[node],
                "portal": f"{plan.address(node)}/",
                "fhir": f"{plan.address(node)}/fhir",
                "pid": running.processes[node].pid,
            }
            for node in plan.nodes
        ],
        "people": demo_people.logins(plan),
        "clients": [
            {
                "client_id": f"{node}-service",
                "node": node,
                "grant": "client_credentials",
                "private_key": str(plan.home / "keys" / f"{node}-service.pem"),
                "scope": "system/*.cruds",
            }
            for node in plan.nodes
        ]
        + [
            {
                "client_id": APP["id"],
                "node": node,
                "grant": "authorization_code",
                "private_key": "",
                "scope": " ".join(APP["scopes"]),
            }
            for node in plan.nodes
        ],
        "patients": demo_people.patients(plan),
    }
    temporary = plan.network.with_suffix(f".{secrets.token_hex(4)}")
    _write(temporary, json.dumps(described, ensure_ascii=False, indent=2))
    temporary.replace(plan.network)


def run_until_stopped(running: Running) -> Iterator[str]:
    """Wait; yield the id of a node that ends by itself; stop everything on Ctrl-C or a termination signal."""
    stopping = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    gone: set[str] = set()
    try:
        while not stopping:
            for node, process in running.processes.items():
                if node not in gone and process.poll() is not None:
                    gone.add(node)
                    yield node
            time.sleep(0.2)
    finally:
        running.stop()
