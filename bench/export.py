"""A system ``$export``, from kick-off to the last byte fetched, beside SQLite's bare scan to a file in the same run.

    python -m bench.export [--engine sqlite|postgresql] [--bundles 120] [--times 10] [--rounds 3] [--save]

Everything is on: token, decision, audit events on the disk, files settled before they are told. ``--times`` writes each
bundle so often, under ids of its own; the goal is at ten times. ``--save`` writes ``bench/results/export-<engine>.json``.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import re
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.country import ROOT
from bench.one_node import Node, one_node, postgres_server, synthea
from passerelle.store import open_store
from passerelle.values import Json
from tests.conftest import find_shared_data

LEAST = {"sqlite": 0.40, "postgresql": 0.15}
"""The share of the bare scan that is the goal."""

_URN = re.compile(rb"urn:uuid:([0-9a-f-]{36})")


def main() -> int:
    arguments = _arguments()
    shared = find_shared_data()
    if shared is None:
        print("No reference data: set PASSERELLE_SHARED_DATA to its folder.")
        return 0
    with tempfile.TemporaryDirectory(prefix="passerelle-bench-") as folder, _server(arguments.engine) as dsn:
        place = Path(folder)
        bundles = synthea(shared, place / "synthea")[: arguments.bundles]
        bare = place / "bare.sqlite"
        resources = _bare(bare, bundles, arguments.times)
        home = place / "node"
        records = home / "nodes" / "on"
        _fill(dsn or f"sqlite:///{records}/records.sqlite", bundles, arguments.times, records)
        with one_node(home, dsn) as node:
            rounds = [_round(node, bare, resources) for _ in range(arguments.rounds)]
            memory = node.memory()
    result = _told(arguments, resources, rounds, memory)
    if arguments.save:
        place = ROOT / "bench" / "results" / f"export-{arguments.engine}.json"
        place.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", choices=sorted(LEAST), default="sqlite")
    parser.add_argument("--bundles", type=int, default=120)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--save", action="store_true")
    return parser.parse_args()


@contextmanager
def _server(engine: str) -> Iterator[str]:
    if engine == "sqlite":
        yield ""
    else:
        with postgres_server() as dsn:
            yield dsn


# --- records --------------------------------------------------------------------------------------------------


def _resources(bundles: Iterable[Path], times: int) -> Iterator[Json]:
    """Every resource, as often as asked under ids of its own, with the references among them made literal."""
    for path in bundles:
        text = path.read_bytes()
        types = {
            entry["fullUrl"][9:]: entry["resource"]["resourceType"] for entry in json.loads(text)["entry"]
        }
        for turn in range(times):
            tail = f"-{turn}" if turn else ""

            def literal(found: re.Match[bytes], tail: str = tail, types: dict[str, str] = types) -> bytes:
                id = found[1].decode()
                return f"{types[id]}/{id}{tail}".encode() if id in types else found[0]

            for entry in json.loads(_URN.sub(literal, text))["entry"]:
                yield {**entry["resource"], "id": entry["resource"]["id"] + tail}


def _fill(address: str, bundles: Sequence[Path], times: int, home: Path) -> None:
    home.mkdir(parents=True, exist_ok=True)
    # Bundles repeat organizations and practitioners: the first of each is enough here.
    seen: set[str] = set()

    def new() -> Iterator[Json]:
        for one in _resources(bundles, times):
            key = f"{one['resourceType']}/{one['id']}"
            if key not in seen:
                seen.add(key)
                yield one

    async def fill() -> None:
        store, some = open_store(address), new()
        while part := list(itertools.islice(some, 5000)):
            await store.load(part)
        await store.close()

    asyncio.run(fill())


def _bare(path: Path, bundles: Sequence[Path], times: int) -> int:
    """The same bodies in a bare table; how many."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA page_size=8192")
    connection.execute("CREATE TABLE body (id TEXT PRIMARY KEY, body BLOB) WITHOUT ROWID")
    rows = (
        (f"{one['resourceType']}/{one['id']}", json.dumps(one, separators=(",", ":")).encode())
        for one in _resources(bundles, times)
    )
    connection.executemany("INSERT OR IGNORE INTO body VALUES (?,?)", rows)
    connection.commit()
    count = int(connection.execute("SELECT count(*) FROM body").fetchone()[0])
    connection.close()
    return count


# --- measuring ------------------------------------------------------------------------------------------------


def _round(node: Node, bare: Path, resources: int) -> dict[str, float]:
    scanned = _scan(bare)
    exported, ready, count, size = _export(node)
    if count != resources:
        raise SystemExit(f"{count} resources were exported, {resources} are there.")
    return {
        "bare": resources / scanned,
        "ours": resources / exported,
        "ready": resources / ready,
        "ratio": scanned / exported,
        "megabytes": size / 1e6,
    }


def _scan(path: Path) -> float:
    """Seconds for SQLite to give every body to a file."""
    connection = sqlite3.connect(path)
    target = path.with_suffix(".ndjson")
    begun = time.perf_counter()
    with target.open("wb", buffering=1 << 20) as file:
        for (body,) in connection.execute("SELECT body FROM body"):
            file.write(body)
            file.write(b"\n")
    passed = time.perf_counter() - begun
    connection.close()
    target.unlink()
    return passed


def _export(node: Node) -> tuple[float, float, int, int]:
    """Seconds from kick-off to the last byte and to the manifest, resources, bytes."""
    token = {"Authorization": f"Bearer {node.token()}", "Accept": "application/fhir+json"}
    connection = HTTPConnection(urlsplit(node.address).netloc, timeout=600)

    def get(path: str, **headers: str) -> Any:
        connection.request("GET", path, headers={**token, **headers})
        return connection.getresponse()

    begun = time.perf_counter()
    kicked = get("/fhir/$export", Prefer="respond-async")
    kicked.read()
    status = urlsplit(kicked.headers["Content-Location"]).path
    while (answer := get(status)).status == 202:
        answer.read()
        time.sleep(0.02)
    manifest = json.loads(answer.read())
    ready = time.perf_counter() - begun
    size = lines = 0
    for file in manifest["output"]:
        response = get(urlsplit(file["url"]).path)
        while part := response.read(1 << 20):
            size += len(part)
            lines += part.count(b"\n")
    passed = time.perf_counter() - begun
    assert lines == sum(file["count"] for file in manifest["output"])
    connection.request("DELETE", status, headers=token)
    connection.getresponse().read()
    connection.close()
    return passed, ready, lines, size


def _told(
    arguments: argparse.Namespace, resources: int, rounds: list[dict[str, float]], memory: float
) -> Json:
    from bench.rest import about

    middle = {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}
    print(f"{arguments.engine}: {resources:,} resources, {middle['megabytes']:.0f} MB")
    print(f"  bare scan to a file   {middle['bare']:>10,.0f} resources/s")
    print(f"  $export to last byte  {middle['ours']:>10,.0f} resources/s   (manifest {middle['ready']:,.0f})")
    least, most = min(one["ratio"] for one in rounds), max(one["ratio"] for one in rounds)
    goal = LEAST[arguments.engine]
    print(f"  ratio {middle['ratio']:.2f} ({least:.2f}-{most:.2f}), goal {goal:.2f}; node {memory:.0f} MB")
    return {
        **about(),
        "resources": resources,
        "goal": goal,
        "memory": round(memory),
        "rounds": rounds,
        "median": middle,
    }


if __name__ == "__main__":
    raise SystemExit(main())
