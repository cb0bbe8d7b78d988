"""A store can be copied, brought back, taken back in time, checked, indexed again, and made to forget."""

from __future__ import annotations

import asyncio
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from passerelle.fhir.search import parse
from passerelle.node.cli import app
from passerelle.store.backup import backup, restore
from passerelle.store.check import check
from passerelle.store.errors import StoreError
from passerelle.store.reindex import reindex
from passerelle.store.rewind import rewind
from passerelle.store.sqlite import SqliteStore
from tests.engines.conftest import Opener
from tests.engines.people import condition, patient, references

NOON = 1_700_000_000_000


async def problems(store) -> list[str]:  # type: ignore[no-untyped-def]
    return [problem.what async for problem in check(store)]


def test_a_copy_made_while_others_write_is_whole_and_can_be_served(tmp_path: Path) -> None:
    async def story() -> None:
        store = SqliteStore.open(tmp_path / "node.sqlite")

        async def write(number: int) -> None:
            await store.change(lambda change: change.put("Patient", f"p{number}", patient(), created=True))

        await write(0)
        writing = asyncio.gather(*map(write, range(1, 200)))
        await asyncio.to_thread(backup, tmp_path / "node.sqlite", tmp_path / "copy.sqlite")
        await writing
        await store.close()
        restore(tmp_path / "copy.sqlite", tmp_path / "other" / "node.sqlite")
        copy = SqliteStore.open(tmp_path / "other" / "node.sqlite")
        assert await problems(copy) == []
        assert (await copy.look(lambda view: view.history())).total > 0
        await copy.close()

    asyncio.run(story())


def test_a_restore_never_writes_over_a_store(tmp_path: Path) -> None:
    path = tmp_path / "node.sqlite"
    asyncio.run(SqliteStore.open(path).close())
    backup(path, tmp_path / "copy.sqlite")
    with pytest.raises(StoreError, match="move it away"):
        restore(tmp_path / "copy.sqlite", path)


@pytest.mark.parametrize("new_store", ["sqlite", "postgres"], indirect=True)
def test_a_store_goes_back_to_any_moment(new_store: Opener) -> None:
    async def story() -> None:
        now = [NOON]
        store = new_store(clock=lambda: now[0])

        async def put(type: str, id: str, resource) -> None:  # type: ignore[no-untyped-def]
            now[0] += 1000
            await store.change(lambda change: change.put(type, id, resource, created=False))

        await put("Patient", "a", patient("Roy"))
        await put("Patient", "b", patient("Côté"))
        await put("Condition", "c", condition("a"))
        then = datetime.fromtimestamp(now[0] / 1000, UTC)
        await put("Patient", "a", patient("Gagnon"))
        await put("Condition", "c", condition("b"))
        await put("Patient", "later", patient())
        now[0] += 1000
        await store.change(lambda change: change.delete("Patient", "b"))

        assert await rewind(store, then) == 4
        found = await store.look(
            lambda view: [
                references(view.search(parse(type, [(name, value)])).matches)
                for type, name, value in (("Patient", "family", "roy"), ("Condition", "patient", "a"))
            ]
        )
        assert found == [["Patient/a"], ["Condition/c"]]
        assert (await store.look(lambda view: view.history())).total == 3
        assert await store.look(lambda view: view.read("Patient", "later")) is None
        assert await problems(store) == []
        await store.close()

    asyncio.run(story())


@pytest.mark.parametrize("new_store", ["sqlite", "postgres"], indirect=True)
def test_indexing_again_mends_an_index_and_changes_nothing_that_is_right(new_store: Opener) -> None:
    async def story() -> None:
        store = new_store()
        await store.load([{**patient(), "id": f"p{n}"} for n in range(1200)])
        assert await reindex(store) == 0
        await store.change(lambda change: change.session.write("DELETE FROM span", [()]))
        empty = b"" if change_is_lite(store) else "{}"
        await store.change(
            lambda change: change.session.write("UPDATE resource SET terms = ? WHERE seq <= 700", [(empty,)])
        )
        if change_is_lite(store):
            await store.change(
                lambda change: change.session.write("DELETE FROM posting WHERE seq <= 700", [()])
            )
        assert "the index says something else than the body" in await problems(store)
        told: list[int] = []
        assert await reindex(store, lambda seen, changed: told.append(seen)) == 700
        assert told == [500, 1000, 1200]
        assert await problems(store) == []
        await store.close()

    asyncio.run(story())


def change_is_lite(store) -> bool:  # type: ignore[no-untyped-def]
    return isinstance(store, SqliteStore)


@pytest.mark.parametrize(
    ("harm", "word"),
    [
        ("UPDATE resource SET body = x'00'", "cannot be read"),
        ("UPDATE resource SET version = 7", "something else"),
        ("DELETE FROM locator", "locator"),
        ("DELETE FROM posting", "posting"),
        ("UPDATE resource SET compartment = 77", "locator"),
        ("INSERT INTO span VALUES (9, 9, x'00', 1, 2)", "rows of nothing"),
        ("DELETE FROM facet", "spelled"),
    ],
)
def test_a_check_finds_what_is_wrong(tmp_path: Path, harm: str, word: str) -> None:
    path = tmp_path / "node.sqlite"
    store = SqliteStore.open(path)
    asyncio.run(store.change(lambda change: change.put("Patient", "p", patient(), created=True)))
    asyncio.run(store.close())
    with sqlite3.connect(path) as connection:
        connection.execute(harm)
    store = SqliteStore.open(path)
    found = asyncio.run(problems(store))
    asyncio.run(store.close())
    assert any(word in one for one in found), found


def test_what_was_erased_is_nowhere_in_the_file(tmp_path: Path) -> None:
    path, secret = tmp_path / "node.sqlite", "Zzyzxquat"

    async def story() -> None:
        store = SqliteStore.open(path)
        for family in (secret, secret + "2", "Roy"):
            who = patient(family, identifier=[{"system": "urn:x", "value": secret}])
            await store.change(lambda change, who=who: change.put("Patient", "p", who, created=False))
        await store.change(lambda change: change.purge("Patient", "p"))
        await store.clean()
        gone = await store.look(lambda view: view.read("Patient", "p"))
        assert gone is not None and gone.deleted and gone.version == 4
        history = await store.look(lambda view: view.history("Patient", "p"))
        assert [one.version for one in history.matches] == [4]
        assert await problems(store) == []
        await store.close()

    asyncio.run(story())
    for file in tmp_path.iterdir():
        assert secret.encode() not in file.read_bytes() and secret.lower().encode() not in file.read_bytes()


def test_what_was_erased_is_in_no_table_of_postgresql(fresh_postgres: str) -> None:
    from passerelle.store.postgres import PostgresStore

    async def story() -> None:
        store = PostgresStore.open(fresh_postgres)
        for family in ("Zzyzxquat", "Roy"):
            who = patient(family)
            await store.change(lambda change, who=who: change.put("Patient", "p", who, created=False))
        await store.change(lambda change: change.purge("Patient", "p"))
        # Another process that learnt its words before must spell them out again.
        await store.change(lambda change: change.put("Patient", "q", patient("Roy"), created=True))
        found = await store.look(lambda view: view.search(parse("Patient", [("family", "roy")])))
        assert references(found.matches) == ["Patient/q"]
        assert await problems(store) == []
        await store.close()

    asyncio.run(story())
    with psycopg.connect(fresh_postgres) as connection:
        rows = connection.execute("SELECT count(*) FROM facet WHERE text LIKE 'zzyzx%'").fetchall()
        past = connection.execute("SELECT count(*) FROM past").fetchall()
    assert (rows, past) == ([(0,)], [(0,)])


def test_the_command_line_copies_checks_and_brings_back(tmp_path: Path) -> None:
    address, copy = f"sqlite:///{tmp_path}/node.sqlite", tmp_path / "copy.sqlite"
    store = SqliteStore.open(tmp_path / "node.sqlite")
    asyncio.run(store.change(lambda change: change.put("Patient", "p", patient(), created=True)))
    run = CliRunner().invoke
    assert run(app, ["backup", str(copy), "--store", address]).exit_code == 0, "while it is served"
    asyncio.run(store.close())
    for command in (
        ["fsck", "--store", address],
        ["reindex", "--store", address],
        ["purge", "Patient/p", "--yes", "--store", address],
        ["restore", str(copy), "--store", f"sqlite:///{tmp_path}/again.sqlite", "--until", "2020-01-01"],
    ):
        done = run(app, command)
        assert done.exit_code == 0, (command, done.output, done.exception)


def test_a_check_says_when_the_index_is_of_an_older_meaning(tmp_path: Path) -> None:
    async def story() -> None:
        store = SqliteStore.open(tmp_path / "node.sqlite")
        await store.change(lambda change: change.session.write("UPDATE setting SET value = 'older'", [()]))
        assert await problems(store) == ["the index is of an older meaning: index it again"]
        await store.close()
        store = SqliteStore.open(tmp_path / "node.sqlite")
        assert not store.indexed
        await reindex(store)
        assert await problems(store) == []
        await store.close()

    asyncio.run(story())
