"""The whole country's record of one person, beside the slowest single node's own ``$everything``, in one run.

    python -m bench.whole_country [--requests 200] [--from ab] [--network var/demo/network.json] [--save]

Everything is on: tokens, decisions, signatures between nodes, and an audit event on both sides of every question. For
each request one member of the cast is asked for at the fourth node (``Patient/$record``, all thirteen nodes asked), then
the same person's ``$everything`` at each node that holds a record of them. Two figures stand beside the record: when the
slowest of those nodes had answered within that same question, while all thirteen were at work on the same cores; and the
slowest of their answers when each is asked alone on a machine that does nothing else. One client, one request at a time. Without ``--network`` it brings up a country of its own. ``--save`` writes the result to
``bench/results/``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp

from bench.country import ROOT, brought_up, of_cast, question
from passerelle.federation.wire import read_record
from passerelle.node.client import Client, read_network

WARM = 2
"""Rounds over the cast before anything counts."""


def main() -> int:
    arguments = _arguments()
    with (
        tempfile.TemporaryDirectory() as folder,
        brought_up(arguments.network, Path(folder) / "country") as network,
    ):
        result = measure(network, arguments.start, arguments.requests)
    print(json.dumps(result, indent=2))
    if arguments.save:
        target = ROOT / "bench" / "results" / "whole_country.json"
        target.parent.mkdir(exist_ok=True)
        target.write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--from", dest="start", default="ab")
    parser.add_argument("--network", type=Path)
    parser.add_argument("--save", action="store_true")
    return parser.parse_args()


def measure(network: Path, start: str, requests: int) -> dict[str, Any]:
    """Milliseconds of ``requests`` records and of the slowest node's ``$everything`` beside each."""
    described = read_network(network)
    clients = {node["id"]: Client.of_demo(network, node["id"], seconds=30.0) for node in described["nodes"]}
    cast = [_Member(known, clients, start) for known in described["patients"]]
    for member in cast * WARM:
        member.record()
        member.slowest()
    rows = []
    for number in range(requests):
        member = cast[number % len(cast)]
        rows.append((*member.record(), member.slowest()))
    records = [row[0] for row in rows]
    # Who is certainly known nowhere has no slowest node: a zero would flatter the others.
    within, alone = ([row[column] for row in rows if row[column]] for column in (1, 2))
    return {
        "requests": requests,
        "people": len(cast),
        "nodes": len(clients),
        "asked_from": start,
        "record_ms": _spread(records),
        "slowest_node_in_the_same_question_ms": _spread(within),
        "slowest_node_everything_alone_ms": _spread(alone),
        "p50_to_slowest_in_the_same_question": _ratio(records, within),
        "p50_to_slowest_alone": _ratio(records, alone),
        "thirteen_bare_requests_ms": _spread(asyncio.run(_fan(described, "/health"))),
        "thirteen_refused_requests_ms": _spread(asyncio.run(_fan(described, "/fhir/Patient/nobody"))),
        "largest_record": max(member.entries for member in cast),
        "by_member": {
            member.name: _of_member(rows[index :: len(cast)], member) for index, member in enumerate(cast)
        },
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "commit": subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], check=True, capture_output=True, text=True, cwd=ROOT
        ).stdout.strip(),
        "command": "python -m bench.whole_country --save",
    }


async def _fan(described: dict[str, Any], path: str, rounds: int = 120) -> list[float]:
    """The floor: one request to every node at once, with no token and no data, as the asking node's own client sends it."""
    addresses = [f"{node['portal'].rstrip('/')}{path}" for node in described["nodes"]]
    times = []
    async with aiohttp.ClientSession() as session:

        async def get(address: str) -> None:
            async with session.get(address) as response:
                await response.read()

        for _ in range(rounds):
            started = time.perf_counter()
            await asyncio.gather(*map(get, addresses))
            times.append((time.perf_counter() - started) * 1000)
            await asyncio.sleep(0.02)
    return times[20:]


class _Member:
    """One of the cast: how to ask for their record, and for what each node holds of them."""

    def __init__(self, known: dict[str, Any], clients: dict[str, Client], start: str) -> None:
        self.name = known["name"]
        self.nodes = known["nodes"]
        self._clients = clients
        self._start = clients[start]
        self._question = question(of_cast(known))
        record = read_record(self._ask(self._start, "POST", "Patient/$record", self._question))
        self.entries = len(record.entries)
        self.holding = {e.origins[0].node: e.resource["id"] for e in record.patients}

    def record(self) -> tuple[float, float]:
        """The whole record as its client waits for it; and when, in it, the slowest holding node had answered."""
        started = time.perf_counter()
        body = self._ask(self._start, "POST", "Patient/$record", self._question)
        waited = (time.perf_counter() - started) * 1000
        holding = [
            source.seconds or 0.0 for source in read_record(body).sources if source.node in self.holding
        ]
        return waited, max(holding, default=0.0) * 1000

    def slowest(self) -> float:
        """The slowest of the nodes that hold a record, each asked alone for its own part."""
        return max(
            (
                _timed(lambda n=node, p=id_: self._ask(self._clients[n], "GET", f"Patient/{p}/$everything"))
                for node, id_ in self.holding.items()
            ),
            default=0.0,
        )

    def _ask(self, client: Client, method: str, path: str, body: bytes | None = None) -> bytes:
        answer = client.ask(method, path, body)
        if answer.status != 200:
            raise SystemExit(
                f"{method} {path.partition('/')[0]}… answered {answer.status}; nothing is measured."
            )
        return answer.body


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


def _spread(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {
        "min": round(ordered[0], 1),
        "p50": round(statistics.median(ordered), 1),
        "p95": round(ordered[int(len(ordered) * 0.95) - 1], 1),
        "max": round(ordered[-1], 1),
    }


def _ratio(records: list[float], beside: list[float]) -> float:
    return round(statistics.median(records) / statistics.median(beside), 2)


def _of_member(rows: list[tuple[float, float, float]], member: _Member) -> dict[str, Any]:
    return {
        "entries": member.entries,
        "sources": len(member.holding),
        "record_p50_ms": round(statistics.median(row[0] for row in rows), 1),
        "slowest_node_in_the_same_question_p50_ms": round(statistics.median(row[1] for row in rows), 1),
        "slowest_node_alone_p50_ms": round(statistics.median(row[2] for row in rows), 1),
    }


if __name__ == "__main__":
    raise SystemExit(main())
