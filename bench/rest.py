"""One node's HTTP interface beside what its database and a bare server do on the same machine in the same run.

    python -m bench.rest [--engine sqlite|postgresql] [--bundles 120] [--rounds 3] [--save]
    python -m bench.rest --engine sqlite --open-loop 3000 --minutes 10 [--save]

Everything is on: token, decision, audit event on the disk before each answer, full structural validation, fsync.
Goals are those of docs/performance.md. Three rounds, ours and the limit in turn; the median is told with the least
and the most, and one answer that is not a 2xx makes a figure void. ``--save`` writes ``bench/results/rest-<engine>.json``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.bare import key_file, postgres_limits, rows_of, sqlite_limits
from bench.clients import Call, Seen, open_loop, wrk
from bench.country import ROOT
from bench.one_node import Node, free_port, load, one_node, postgres_server, synthea
from tests.conftest import find_shared_data

FRESH_PATIENT = {
    "resourceType": "Patient",
    "identifier": [{"system": "https://passerelle.example/fhir/bench", "value": "FRESH"}],
    "name": [{"family": "FRESH", "given": ["Invented"]}],
    "birthDate": "1970-01-01",
}


def main() -> int:
    arguments = _arguments()
    shared = find_shared_data()
    if shared is None:
        print("No reference data: set PASSERELLE_SHARED_DATA to its folder.")
        return 0
    if shutil.which("wrk") is None:
        raise SystemExit("wrk puts the load on the node: sudo apt-get install wrk, or make bench as root.")
    with tempfile.TemporaryDirectory(prefix="passerelle-bench-") as folder, _store(arguments.engine) as dsn:
        place = Path(folder)
        bundles = synthea(shared, place / "synthea")
        with one_node(place / "node", dsn) as node:
            load(node, bundles[: arguments.bundles])
            if arguments.open_loop:
                result = _peak(node, arguments)
            else:
                unseen = bundles[arguments.bundles : arguments.bundles + 100]
                result = _figures(node, place, bundles[: arguments.bundles], unseen, dsn, arguments.rounds)
    print(json.dumps(result, indent=2))
    if arguments.save:
        kind = "peak" if arguments.open_loop else "rest"
        target = ROOT / "bench" / "results" / f"{kind}-{arguments.engine}.json"
        target.write_text(json.dumps({**about(), **result}, indent=2) + "\n", "utf-8")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--engine", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--bundles", type=int, default=120)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--open-loop", type=float, default=0.0, metavar="PER_SECOND")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--save", action="store_true")
    return parser.parse_args()


def about() -> dict[str, Any]:
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit.strip(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
    }


@contextmanager
def _store(engine: str) -> Iterator[str]:
    if engine == "sqlite":
        yield ""
    else:
        with postgres_server() as dsn:
            yield dsn


# --- what is measured -----------------------------------------------------------------------------------------


def _figures(
    node: Node, place: Path, loaded: Sequence[Path], unseen: Sequence[Path], dsn: str, rounds: int
) -> dict[str, Any]:
    rows = rows_of(loaded)
    patients = _patients(node)
    token, dice = node.token(), random.Random(7)
    dice.shuffle(patients)
    reads: list[Call] = [("GET", f"/fhir/Patient/{id}", b"") for id in patients]
    searches: list[Call] = [
        ("GET", f"/fhir/Observation?subject=Patient/{id}&_count=20", b"") for id in patients
    ]
    creates: list[Call] = [("POST", "/fhir/Patient", json.dumps(FRESH_PATIENT).encode())]
    whole: list[Call] = [("GET", f"/fhir/Patient/{id}/$everything", b"") for id in patients]
    found: dict[str, Any] = {"node_megabytes_idle": round(node.memory(), 1)}
    ours: dict[str, list[float]] = {}
    limits: dict[str, list[float]] = {}

    def note(into: dict[str, list[float]], name: str, value: float) -> None:
        into.setdefault(name, []).append(value)

    for turn in range(rounds):
        for name, calls, connections in (
            ("read", reads, 16),
            ("search20", searches, 16),
            ("create", creates, 16),
            ("everything", whole, 4),
        ):
            seen = wrk(node.address, calls, token, connections)
            note(ours, name, seen.per_second if not seen.errors else 0.0)
            note(ours, f"{name}_p50_ms", seen.p50_ms)
            note(ours, f"{name}_p99_ms", seen.p99_ms)
            if name == "read":
                found["node_megabytes_reading"] = round(node.memory(), 1)
        note(ours, "summary_p50_ms", _summary(node, patients))
        with tempfile.TemporaryDirectory(dir=place) as bare:
            for name, value in sqlite_limits(Path(bare), rows[:60]).items():
                note(limits, f"sqlite_{name}", value)
            note(limits, "uvloop_read", _bare_server(Path(bare), rows, token))
        if dsn:
            for name, value in postgres_limits(dsn, rows[:60]).items():
                note(limits, f"postgresql_{name}", value)
        share = len(unseen) // rounds
        note(ours, "bundles", _transactions(node, unseen[turn * share : (turn + 1) * share]))
    found["ours"] = {name: _told(values) for name, values in ours.items()}
    found["limits"] = {name: _told(values) for name, values in limits.items()}
    found["ratio_to_limit"] = _ratios(ours, limits)
    return found


def _told(values: Sequence[float]) -> dict[str, float]:
    return {
        "median": round(statistics.median(values), 2),
        "min": round(min(values), 2),
        "max": round(max(values), 2),
    }


def _ratios(ours: dict[str, list[float]], limits: dict[str, list[float]]) -> dict[str, float]:
    middle: Callable[[list[float]], float] = statistics.median
    pairs = {
        "read / uvloop_read": ("read", "uvloop_read"),
        **{
            f"{name} / {limit}": (name, limit)
            for name in ("search20", "create", "everything", "bundles")
            for limit in (f"sqlite_{name}", f"postgresql_{name}")
            if limit in limits
        },
    }
    return {told: round(middle(ours[a]) / middle(limits[b]), 3) for told, (a, b) in pairs.items()}


def _patients(node: Node) -> list[str]:
    entries = node.client().ask("GET", "Patient?_count=1000&_elements=id").json()["entry"]
    return [entry["resource"]["id"] for entry in entries]


def _summary(node: Node, patients: Sequence[str]) -> float:
    """Milliseconds, uncached: each patient once."""
    client, taken = node.client(), []
    for id in patients[:40]:
        started = time.perf_counter()
        answer = client.ask("GET", f"Patient/{id}/$summary")
        taken.append(1000 * (time.perf_counter() - started))
        if answer.status != 200:
            raise SystemExit(f"$summary: {answer.status}")
    return statistics.median(taken)


def _transactions(node: Node, bundles: Sequence[Path]) -> float:
    """Resources a second through four clients."""
    bodies = [bundle.read_bytes() for bundle in bundles]
    sizes = [len(json.loads(body)["entry"]) for body in bodies]
    clients = [node.client() for _ in range(4)]
    for client in clients:
        client.ask("GET", "Patient?_count=1")

    def work(number: int) -> None:
        for body in bodies[number::4]:
            answer = clients[number].ask("POST", "", body)
            if answer.status != 200:
                raise SystemExit(f"transaction: {answer.status} {answer.body[:300]!r}")

    started = time.perf_counter()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    return sum(sizes) / (time.perf_counter() - started)


def _bare_server(folder: Path, rows: Sequence[Any], token: str) -> float:
    """The HTTP limit: the hand-written uvloop server over the same key read."""
    key_file(folder / "read.sqlite", rows)
    port = free_port()
    command = [sys.executable, "-m", "bench.bare", "serve", str(folder / "read.sqlite"), str(port)]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        time.sleep(1.0)
        patients = [id for bundle in rows for _, id, _ in bundle if id.startswith("Patient/")]
        calls: list[Call] = [("GET", f"/fhir/{id}", b"") for id in patients]
        return wrk(f"http://127.0.0.1:{port}", calls, token, 16).per_second
    finally:
        process.terminate()
        process.wait()


# --- the national peak ----------------------------------------------------------------------------------------


def _peak(node: Node, arguments: argparse.Namespace) -> dict[str, Any]:
    """An open loop of the national mix: read 70, search 20, create 8, summary 2 of a hundred."""
    import uvloop

    token, patients = node.token(), _patients(node)
    address = urlsplit(node.address)
    head = f"HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Bearer {token}\r\n"

    def make(dice: random.Random) -> bytes:
        roll, id = dice.random(), dice.choice(patients)
        if roll < 0.70:
            return f"GET /fhir/Patient/{id} {head}\r\n".encode()
        if roll < 0.90:
            return f"GET /fhir/Observation?subject=Patient/{id}&_count=20 {head}\r\n".encode()
        if roll < 0.98:
            body = json.dumps(FRESH_PATIENT).replace("FRESH", uuid.UUID(int=dice.getrandbits(128)).hex)
            more = f"Content-Type: application/fhir+json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
            return f"POST /fhir/Patient {head}{more}".encode()
        return f"GET /fhir/Patient/{id}/$summary {head}\r\n".encode()

    async def both() -> Seen:
        assert address.hostname and address.port
        await open_loop(address.hostname, address.port, make, arguments.open_loop, 5.0)
        return await open_loop(
            address.hostname, address.port, make, arguments.open_loop, 60 * arguments.minutes
        )

    uvloop.install()
    seen = asyncio.run(both())
    return {
        "per_second": arguments.open_loop,
        "minutes": arguments.minutes,
        "requests": len(seen.seconds),
        "wrong": seen.wrong,
        **{f"p{int(100 * share)}_ms": round(seen.percentile(share), 2) for share in (0.5, 0.95, 0.99)},
        "node_megabytes": round(node.memory(), 1),
    }


if __name__ == "__main__":
    sys.exit(main())
