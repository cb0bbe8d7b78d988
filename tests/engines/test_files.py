"""One file, held by one process, private, and intact after a sudden death."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from passerelle.store import open_store
from passerelle.store.errors import StoreError, StoreInUseError, StoreUnavailableError, StoreVersionError
from passerelle.store.memory import MemoryStore
from passerelle.store.sqlite import SqliteStore
from tests.conftest import ROOT
from tests.engines.people import patient


def test_what_was_acknowledged_survives_sudden_deaths() -> None:
    assert "60 kills" in _kills("--kills", "60", "--engine", "sqlite")


def test_what_was_acknowledged_survives_sudden_deaths_of_a_server_too() -> None:
    programs = max(
        Path("/usr/lib/postgresql").glob("*/bin"), default=None, key=lambda path: int(path.parent.name)
    )
    if programs is None:
        pytest.skip("no PostgreSQL here: apt-get install postgresql")
    assert "4 kills" in _kills("--kills", "4", "--engine", f"postgresql:{programs}")


def _kills(*options: str) -> str:
    """As the command that does three hundred of them; the seed is in what it says when something is lost."""
    command = [sys.executable, "-m", "tests.engines.kills", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_only_this_user_may_read_the_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "node.sqlite"
    before = os.umask(0)
    try:
        store = SqliteStore.open(path)
    finally:
        os.umask(before)
    asyncio.run(store.change(lambda change: change.put("Patient", "p", patient(), created=True)))
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert set(modes.values()) == {0o600}, modes
    asyncio.run(store.close())


def test_a_file_that_others_could_read_is_made_private(tmp_path: Path) -> None:
    path = tmp_path / "node.sqlite"
    path.touch(0o644)
    asyncio.run(SqliteStore.open(path).close())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_second_writer_is_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "node.sqlite"
    first = SqliteStore.open(path)
    with pytest.raises(StoreInUseError, match="Another process writes"):
        SqliteStore.open(path)
    asyncio.run(first.close())
    asyncio.run(SqliteStore.open(path).close())


def test_a_full_disk_is_said_and_nothing_is_half_written(tmp_path: Path) -> None:
    async def story() -> None:
        path = tmp_path / "node.sqlite"
        store = SqliteStore.open(path)
        await store.change(lambda change: change.put("Patient", "p", patient(), created=True))

        def fill(change):  # type: ignore[no-untyped-def]
            limit = change._session.rows("PRAGMA page_count", ())[0][0]
            change._session.rows(f"PRAGMA max_page_count = {limit + 4}", ())
            for number in range(5000):
                change.put("Patient", f"x{number}", patient(f"Family{number}"), created=True)

        with pytest.raises(StoreUnavailableError, match=r"disk is full"):
            await store.change(fill)
        assert await store.look(lambda view: view.history().total) == 1
        again = await store.change(lambda change: change.put("Patient", "p", patient(), created=False))
        assert again.version == 2
        await store.close()

    asyncio.run(story())


def test_a_directory_where_it_may_not_write_is_said(tmp_path: Path) -> None:
    """As root nothing is forbidden, so another user tries."""
    place = tmp_path / "theirs"
    place.mkdir(mode=0o755)
    if os.geteuid() != 0:
        place.chmod(0o555)
        with pytest.raises(StoreUnavailableError, match="correct the owner"):
            SqliteStore.open(place / "node.sqlite")
        return
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents[:2]:
        parent.chmod(0o755)
    os.seteuid(65534)
    try:
        with pytest.raises(StoreUnavailableError, match="correct the owner"):
            SqliteStore.open(place / "node.sqlite")
    finally:
        os.seteuid(0)


def test_a_file_that_is_no_database_is_said(tmp_path: Path) -> None:
    path = tmp_path / "node.sqlite"
    path.write_text("dear diary, " * 1000)
    with pytest.raises(StoreUnavailableError, match="restore it from a backup"):
        SqliteStore.open(path)


def test_a_file_of_a_newer_program_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "node.sqlite"
    asyncio.run(SqliteStore.open(path).close())
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(StoreVersionError, match="update the program"):
        SqliteStore.open(path)


def test_opening_what_is_current_loads_no_migration(tmp_path: Path) -> None:
    path = tmp_path / "node.sqlite"
    asyncio.run(SqliteStore.open(path).close())
    code = (
        "import asyncio, sys; from passerelle.store import open_store;"
        f"asyncio.run(open_store('sqlite:///{path}').close()); sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_store_is_opened_by_its_url(tmp_path: Path) -> None:
    assert isinstance(open_store("memory:"), MemoryStore)
    store = open_store(f"sqlite:///{tmp_path}/node.sqlite")
    assert isinstance(store, SqliteStore)
    asyncio.run(store.close())
    with pytest.raises(ValueError, match="No store is called"):
        open_store("papyrus:")
    with pytest.raises(StoreError):
        open_store("postgresql://nobody@127.0.0.1:1/nothing?connect_timeout=2")
