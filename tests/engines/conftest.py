"""The engines, and a private PostgreSQL server on this machine for the length of the tests."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from passerelle.store.memory import MemoryStore
from passerelle.store.postgres import PostgresStore
from passerelle.store.sqlite import SqliteStore

Store = MemoryStore | SqliteStore | PostgresStore
Opener = Callable[..., Store]
"""Opens a new empty store; keywords as of the engine (``clock``)."""


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a server that only these tests use; it is gone afterwards."""
    programs = max(
        Path("/usr/lib/postgresql").glob("*/bin"), default=None, key=lambda path: int(path.parent.name)
    )
    if programs is None:
        pytest.skip("no PostgreSQL here: apt-get install postgresql")
    as_other = _other_user()
    place = Path(tempfile.mkdtemp(prefix="passerelle-pg-"))
    if as_other:
        shutil.chown(place, "postgres")
    port = _free_port()
    run = ["-D", f"{place}/data", "-w", "-l", f"{place}/log"]
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={place} -c fsync=off"
    _run(
        [
            *as_other,
            f"{programs}/initdb",
            "-D",
            f"{place}/data",
            "-U",
            "passerelle",
            "-A",
            "trust",
            "-E",
            "UTF8",
        ],
        place,
    )
    try:
        _run([*as_other, f"{programs}/pg_ctl", "start", *run, "-o", options], place)
        yield f"postgresql://passerelle@127.0.0.1:{port}/postgres"
    finally:
        _run([*as_other, f"{programs}/pg_ctl", "stop", "-D", f"{place}/data", "-m", "immediate", "-w"], place)
        shutil.rmtree(place, ignore_errors=True)


def _other_user() -> list[str]:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip(
            "PostgreSQL does not run as root, and there is no setpriv (util-linux) to be someone else"
        )
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]


def _run(command: list[str], place: Path) -> None:
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    subprocess.run(
        command, check=True, cwd=place, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def migrated_postgres(postgres: str) -> str:
    """The address of that server, where the database ``migrated`` has the tables and nothing in them."""
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("CREATE DATABASE migrated")
    asyncio.run(PostgresStore.open(_database(postgres, "migrated")).close())
    return postgres


@pytest.fixture
def fresh_postgres(migrated_postgres: str) -> str:
    """A database of its own for one test."""
    name = f"test_{next(_NUMBERS)}"
    with psycopg.connect(migrated_postgres, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE migrated")
    return _database(migrated_postgres, name)


_NUMBERS = itertools.count()


def _database(address: str, name: str) -> str:
    return address.rpartition("/")[0] + "/" + name


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def new_store(request: pytest.FixtureRequest, tmp_path: Path) -> Opener:
    """Every engine passes the same tests."""
    match request.param:
        case "memory":
            return MemoryStore
        case "sqlite":
            return lambda **options: SqliteStore.open(tmp_path / "store" / "node.sqlite", **options)
    dsn = request.getfixturevalue("fresh_postgres")
    return lambda **options: PostgresStore.open(dsn, **options)
