"""The limits that figures stand beside: the same work with nothing in between, measured in the same run.

Each is written by hand over the same records: a table of bodies by id, an index of seven rows a resource, no
validation, no decision, no audit. ``python -m bench.bare serve DATABASE PORT`` is the HTTP limit: a uvloop protocol that
answers a key read and knows nothing else of HTTP.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sqlite3
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import psycopg

Rows = list[tuple[str, str, bytes]]
"""patient, id, body."""

INDEX_ROWS = 7
SECONDS = 2.0


def rows_of(bundles: Iterable[Path]) -> list[Rows]:
    """The resources of each bundle as rows."""
    found = []
    for number, bundle in enumerate(bundles):
        entries = json.loads(bundle.read_bytes())["entry"]
        patient = next(e["resource"]["id"] for e in entries if e["resource"]["resourceType"] == "Patient")
        found.append(
            [
                (
                    patient,
                    _id(e["resource"], number),
                    json.dumps(e["resource"], separators=(",", ":")).encode(),
                )
                for e in entries
            ]
        )
    return found


def _id(resource: dict[str, Any], bundle: int) -> str:
    """A patient's own id; the others are told apart, since bundles repeat organizations and practitioners."""
    id = f"{resource['resourceType']}/{resource['id']}"
    return id if resource["resourceType"] == "Patient" else f"{id}-{bundle}"


def rate(work: Callable[[int], object], seconds: float = SECONDS) -> float:
    """How often a second ``work`` is done, its argument counting up."""
    for number in range(50):
        work(number)
    started, done = time.perf_counter(), 0
    while (passed := time.perf_counter() - started) < seconds:
        for _ in range(20):
            work(done)
            done += 1
    return done / passed


def _index(patient: str, id: str) -> list[tuple[str, str, str, str]]:
    return [(patient, f"name{n}", f"{n}-{id[-12:]}", id) for n in range(INDEX_ROWS)]


# --- SQLite ---------------------------------------------------------------------------------------------------


def sqlite_file(path: Path, bundles: Sequence[Rows]) -> sqlite3.Connection:
    """A file with the bare tables, WAL, every commit on the disk."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript(
        "PRAGMA page_size=8192; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
        "CREATE TABLE body (patient TEXT, id TEXT, body BLOB, PRIMARY KEY (patient, id)) WITHOUT ROWID;"
        "CREATE TABLE idx (patient TEXT, name TEXT, value TEXT, id TEXT,"
        " PRIMARY KEY (patient, name, value, id)) WITHOUT ROWID;"
    )
    for bundle in bundles:
        _sqlite_bundle(connection, bundle)
    return connection


def _sqlite_bundle(connection: sqlite3.Connection, bundle: Rows, suffix: str = "") -> None:
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany("INSERT INTO body VALUES (?,?,?)", [(p, i + suffix, b) for p, i, b in bundle])
    connection.executemany(
        "INSERT INTO idx VALUES (?,?,?,?)", [row for p, i, _ in bundle for row in _index(p, i + suffix)]
    )
    connection.execute("COMMIT")


def sqlite_limits(folder: Path, bundles: Sequence[Rows]) -> dict[str, float]:
    """What SQLite does for Python with nothing else in between, each a second."""
    connection = sqlite_file(folder / "bare.sqlite", bundles)
    patients = [bundle[0][0] for bundle in bundles]
    prefix = "SELECT body FROM body WHERE patient=? AND id >= 'Observation/' AND id < 'Observation0'"
    size = sum(map(len, bundles)) / len(bundles)
    limits = {
        "search20": rate(
            lambda n: connection.execute(prefix + " LIMIT 20", (patients[n % len(patients)],)).fetchall()
        ),
        "everything": rate(
            lambda n: connection.execute(
                "SELECT body FROM body WHERE patient=?", (patients[n % len(patients)],)
            ).fetchall()
        ),
        "bundles": size
        * rate(lambda n: _sqlite_bundle(connection, bundles[n % len(bundles)], f"-{time.time_ns()}")),
    }
    one = bundles[0][0]
    limits["create"] = rate(lambda n: _sqlite_bundle(connection, [one], f"+{time.time_ns()}"))
    connection.close()
    return limits


def key_file(path: Path, bundles: Sequence[Rows]) -> None:
    """A file in which each body is found by its key."""
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE body (id TEXT PRIMARY KEY, body BLOB) WITHOUT ROWID")
    rows = [(id, body) for bundle in bundles for _, id, body in bundle]
    connection.executemany("INSERT INTO body VALUES (?,?)", rows)
    connection.commit()
    connection.close()


# --- PostgreSQL -----------------------------------------------------------------------------------------------


def postgres_limits(dsn: str, bundles: Sequence[Rows]) -> dict[str, float]:
    """What PostgreSQL does for one psycopg connection with nothing else in between, each a second."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            "CREATE SCHEMA bare; SET search_path TO bare;"
            "CREATE TABLE body (patient text, id text, body bytea, PRIMARY KEY (patient, id));"
            "CREATE TABLE idx (patient text, name text, value text, id text,"
            " PRIMARY KEY (patient, name, value, id));"
        )
        connection.prepare_threshold = 0
        for bundle in bundles:
            _postgres_bundle(connection, bundle, "")
        connection.execute("ANALYZE")
        patients = [bundle[0][0] for bundle in bundles]
        size = sum(map(len, bundles)) / len(bundles)

        def bodies(sql: str, n: int) -> Any:
            return connection.execute(sql, (patients[n % len(patients)],), binary=True).fetchall()

        search = "SELECT body FROM body WHERE patient=%s AND id COLLATE \"C\" >= 'Observation/' AND id COLLATE \"C\" < 'Observation0' LIMIT 20"
        limits = {
            "search20": rate(lambda n: bodies(search, n)),
            "everything": rate(lambda n: bodies("SELECT body FROM body WHERE patient=%s", n)),
            "bundles": size
            * rate(lambda n: _postgres_bundle(connection, bundles[n % len(bundles)], f"-{time.time_ns()}")),
        }
        one = bundles[0][0]
        limits["create"] = rate(lambda n: _postgres_one(connection, one, f"+{time.time_ns()}"))
        connection.execute("DROP SCHEMA bare CASCADE")
    return limits


def _postgres_bundle(connection: psycopg.Connection[Any], bundle: Rows, suffix: str) -> None:
    with connection.transaction(), connection.cursor() as cursor:
        with cursor.copy("COPY body FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(["text", "text", "bytea"])
            for patient, id, body in bundle:
                copy.write_row((patient, id + suffix, body))
        with cursor.copy("COPY idx FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(["text", "text", "text", "text"])
            for row in itertools.chain.from_iterable(_index(p, i + suffix) for p, i, _ in bundle):
                copy.write_row(row)


def _postgres_one(connection: psycopg.Connection[Any], one: tuple[str, str, bytes], suffix: str) -> None:
    patient, id, body = one
    with connection.pipeline(), connection.transaction():
        connection.execute("INSERT INTO body VALUES (%s,%s,%s)", (patient, id + suffix, body))
        connection.cursor().executemany("INSERT INTO idx VALUES (%s,%s,%s,%s)", _index(patient, id + suffix))


# --- HTTP -----------------------------------------------------------------------------------------------------


class _KeyRead(asyncio.Protocol):
    """Whatever is asked below the last slash is looked up by its key."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._ask = connection.execute

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        id = data[: data.index(b" HTTP")].rpartition(b"/fhir/")[2].decode()
        (body,) = self._ask("SELECT body FROM body WHERE id=?", (id,)).fetchone()
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/fhir+json\r\ncontent-length: %d\r\n\r\n"
        self._transport.write(head % len(body) + body)


async def _serve(database: str, port: int) -> None:
    connection = sqlite3.connect(database)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _KeyRead(connection), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    import uvloop

    uvloop.install()
    asyncio.run(_serve(sys.argv[2], int(sys.argv[3])))
