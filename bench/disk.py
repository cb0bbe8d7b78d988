"""How many bytes does a store take for each byte of JSON, fully indexed and with history on?

    python -m bench.disk [--bundles 120] [--source synthea|synthetic] [--save]

The same resources are loaded into a SQLite file and into a PostgreSQL server of its own, and each is weighed with all its
tables and indexes. ``--save`` writes ``bench/results/disk.json``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from time import perf_counter
from typing import Any

from bench.country import ROOT
from bench.one_node import postgres_server
from bench.rest import about
from passerelle.fhir.resource import decode, encode
from passerelle.store.postgres import PostgresStore
from passerelle.store.sqlite import SqliteStore
from passerelle.synthetic import population
from passerelle.values import Json
from tests.conftest import find_shared_data


def main() -> int:
    """Load the same resources into each engine and weigh it."""
    arguments = _arguments()
    shared = find_shared_data()
    if shared is None and arguments.source == "synthea":
        print("No reference data: set PASSERELLE_SHARED_DATA to its folder, or take --source synthetic.")
        return 0
    bundles = arguments.bundles
    every = list(
        _synthea(bundles, shared / "synthea-r4")
        if shared and arguments.source == "synthea"
        else _synthetic(bundles)
    )
    count = sum(map(len, every))
    size = sum(len(encode(resource)) for bundle in every for resource in bundle)
    found: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "node.sqlite"
        seconds = asyncio.run(_fill(SqliteStore.open(path), every))
        taken = sum(file.stat().st_size for file in path.parent.glob("node.sqlite*"))
        found.append(_told("SQLite", taken, size, count, seconds))
    with postgres_server() as address:
        seconds = asyncio.run(_fill(PostgresStore.open(address), every))
        found.append(_told("PostgreSQL", _weigh(address), size, count, seconds))
    result = {**about(), "source": arguments.source, "resources": count, "json_bytes": size, "engines": found}
    print(json.dumps(result, indent=2))
    if arguments.save:
        (ROOT / "bench" / "results" / "disk.json").write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bundles", type=int, default=120)
    parser.add_argument("--source", choices=("synthea", "synthetic"), default="synthea")
    parser.add_argument("--save", action="store_true")
    return parser.parse_args()


def _told(engine: str, taken: int, size: int, count: int, seconds: float) -> dict[str, Any]:
    return {
        "engine": engine,
        "bytes per JSON byte": round(taken / size, 3),
        "bytes per resource": round(taken / count),
        "resources a second": round(count / seconds),
    }


async def _fill(store: SqliteStore | PostgresStore, bundles: Iterable[list[Json]]) -> float:
    start = perf_counter()
    for bundle in bundles:
        await store.load(bundle)
    seconds = perf_counter() - start
    await store.close()
    return seconds


def _weigh(address: str) -> int:
    import psycopg

    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("VACUUM")
        tables = connection.execute(
            "SELECT relname, pg_total_relation_size(c.oid) FROM pg_class c"
            " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        ).fetchall()
    return sum(whole for _, whole in tables)


def _synthea(bundles: int, folder: Path) -> Iterator[list[Json]]:
    for archive in sorted(folder.glob("bundles-*.tar.xz")):
        with tarfile.open(archive) as files:
            for member in files:
                if member.name.endswith(".json") and (file := files.extractfile(member)) and bundles > 0:
                    bundles -= 1
                    yield _resolved(file.read())


def _resolved(bundle: bytes) -> list[Json]:
    """The resources with literal references, as a transaction leaves them."""
    entries = decode(bundle)["entry"]
    for entry in entries:
        kind, id = entry["resource"]["resourceType"], entry["fullUrl"].removeprefix("urn:uuid:")
        bundle = bundle.replace(f'"urn:uuid:{id}"'.encode(), f'"{kind}/{id}"'.encode())
    return [
        {**entry["resource"], "id": entry["resource"].get("id") or entry["fullUrl"].rpartition("/")[2]}
        for entry in decode(bundle)["entry"]
    ]


def _synthetic(people: int) -> Iterator[list[Json]]:
    for person in population(1, people, today=date(2026, 3, 2)):
        yield from person.records.values()


if __name__ == "__main__":
    sys.exit(main())
