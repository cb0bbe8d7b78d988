"""How many bytes does a store take for each byte of JSON, fully indexed and with history on?

Usage: python bench/disk.py [bundles] [folder of Synthea archives, or "synthetic"] [PostgreSQL address]
"""

from __future__ import annotations

import asyncio
import json
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from time import perf_counter

from passerelle.fhir.resource import decode, encode
from passerelle.store.postgres import PostgresStore
from passerelle.store.sqlite import SqliteStore
from passerelle.synthetic import population
from passerelle.values import Json

SHARED = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "synthea-r4"


def main(bundles: int = 120, source: str = str(SHARED), postgres: str = "") -> None:
    """Load the same resources into each engine and weigh it."""
    every = list(_synthetic(bundles) if source == "synthetic" else _synthea(bundles, Path(source)))
    count = sum(map(len, every))
    size = sum(len(encode(resource)) for bundle in every for resource in bundle)
    print(f"{len(every)} bundles, {count} resources, {size / 1e6:.1f} MB of JSON")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "node.sqlite"
        seconds = asyncio.run(_fill(SqliteStore.open(path), every))
        taken = sum(file.stat().st_size for file in path.parent.glob("node.sqlite*"))
        _say("SQLite", taken, size, count, seconds)
    if postgres:
        seconds = asyncio.run(_fill(PostgresStore.open(postgres), every))
        _say("PostgreSQL", _weigh(postgres), size, count, seconds)


def _say(engine: str, taken: int, size: int, count: int, seconds: float) -> None:
    found = {
        "engine": engine,
        "bytes per JSON byte": round(taken / size, 3),
        "bytes per resource": round(taken / count),
        "resources a second": round(count / seconds),
    }
    print(json.dumps(found))


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
            "SELECT relname, pg_total_relation_size(c.oid), pg_relation_size(c.oid) FROM pg_class c"
            " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 2 DESC"
        ).fetchall()
    for name, whole, rows in tables[:8]:
        print(f"  {name}: {whole / 1e6:.1f} MB, {rows / 1e6:.1f} without its indexes")
    return sum(whole for _, whole, _ in tables)


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
    main(*(int(word) if word.isdigit() else word for word in sys.argv[1:]))  # type: ignore[arg-type]
