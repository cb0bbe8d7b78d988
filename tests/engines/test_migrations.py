"""A database of any released version goes on with everything that is in it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from passerelle.fhir.resource import decode, encode
from passerelle.fhir.search import Scope, parse
from passerelle.store.check import check
from passerelle.store.migrate import migrate
from passerelle.store.packing import pack
from passerelle.store.postgres import PostgresStore
from passerelle.store.sqlite import SqliteStore
from passerelle.values import Json
from tests.engines.people import HIDDEN, RESTRICTED, condition, patient, references

NOON = 1_700_000_000_000

Execute = Callable[[str, tuple[Any, ...]], Any]


def _body(type: str, id: str, version: int, resource: Json) -> tuple[int, bytes]:
    meta = {**resource.get("meta", {}), "versionId": str(version), "lastUpdated": "2023-11-14T22:13:20.000Z"}
    number, kept = pack(encode({**resource, "resourceType": type, "id": id, "meta": meta}))
    return number, kept


def _fill(execute: Execute) -> None:
    """What the first version of the program would have left: versions, a deletion, a move, labels, two patients."""

    def current(
        home: str, type: str, id: str, version: int, at: int, resource: Json | None, refers: str = ""
    ) -> None:
        packed = (None, None) if resource is None else _body(type, id, version, resource)
        method = "DELETE" if resource is None else "PUT"
        values = (home, type, id, version, NOON + at, method, *packed, refers)
        execute("INSERT INTO resource VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
        execute("INSERT INTO locator VALUES (?, ?, ?, ?)", (f"{type}/{id}", home, type, id))

    def past(home: str, type: str, id: str, version: int, at: int, resource: Json) -> None:
        values = (home, type, id, version, NOON + at, "POST", *_body(type, id, version, resource))
        execute("INSERT INTO past VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)

    hidden = {"meta": {"security": [RESTRICTED]}}
    current(
        "a",
        "Patient",
        "a",
        2,
        30,
        patient("Roy", managingOrganization={"reference": "Organization/o"}),
        "Organization/o",
    )
    past("a", "Patient", "a", 1, 0, patient("Gagnon"))
    current("b", "Patient", "b", 1, 1, patient("Côté"))
    current("~Organization", "Organization", "o", 1, 2, {"name": "Clinic"})
    current("a", "Condition", "flu", 1, 3, condition("a", "flu"))
    current("a", "Condition", "hiv", 1, 4, {**condition("a", "hiv"), **hidden})
    label = f"{RESTRICTED['system']}|R"
    execute("INSERT INTO label VALUES (?, ?, ?, ?, ?)", ("a", "Condition", "hiv", 1, label))
    current("b", "Condition", "moved", 2, 40, condition("b", "gout"))
    past("a", "Condition", "moved", 1, 5, condition("a", "gout"))
    execute("INSERT INTO locator VALUES (?, ?, ?, ?)", ("Condition/moved", "a", "Condition", "moved"))
    current("a", "Condition", "gone", 2, 50, None)
    past("a", "Condition", "gone", 1, 6, condition("a", "cold"))
    both = {"participant": [{"actor": {"reference": "Patient/a"}}, {"actor": {"reference": "Patient/b"}}]}
    current("a", "Appointment", "v", 1, 7, both)
    execute("INSERT INTO member VALUES (?, ?, ?, ?, ?)", ("b", "a", "Appointment", "v", 1))


@pytest.fixture
def old_sqlite(tmp_path: Path) -> SqliteStore:
    path = tmp_path / "node.sqlite"

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(path, isolation_level=None, check_same_thread=False)

    migrate("sqlite://", connect, "0001")
    connection = connect()
    _fill(connection.execute)
    connection.close()
    return SqliteStore.open(path)


@pytest.fixture
def old_postgres(postgres: str) -> PostgresStore:
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("CREATE DATABASE released_first")
    address = postgres.rpartition("/")[0] + "/released_first"
    migrate("postgresql+psycopg://", lambda: psycopg.connect(address), "0001")
    with psycopg.connect(address, autocommit=True) as connection:
        _fill(lambda sql, values: connection.execute(sql.replace("?", "%s").encode(), values))
    return PostgresStore.open(address)


@pytest.mark.parametrize("engine", ["old_sqlite", "old_postgres"])
def test_what_the_first_version_kept_is_all_there(engine: str, request: pytest.FixtureRequest) -> None:
    store: SqliteStore = request.getfixturevalue(engine)

    def ask(type: str, query: str, scope: Scope = Scope()) -> Any:  # noqa: B008
        pairs = [
            (name, value) for name, _, value in (pair.partition("=") for pair in query.split("&")) if name
        ]
        return lambda view: references(view.search(parse(type, pairs).within(scope)).matches)

    async def story() -> None:
        look = store.look
        assert await look(ask("Patient", "family=roy")) == ["Patient/a"]
        assert await look(ask("Condition", "patient=a")) == ["Condition/hiv", "Condition/flu"]
        assert await look(ask("Condition", "patient=a", Scope(hidden=HIDDEN))) == ["Condition/flu"]
        assert await look(ask("Condition", "", Scope(compartment="b"))) == ["Condition/moved"]
        assert await look(ask("Appointment", "", Scope(compartment="b"))) == ["Appointment/v"]
        versions = await look(lambda view: view.history("Condition", "moved").matches)
        assert [one.version for one in versions] == [2, 1]
        first = await look(lambda view: view.vread("Patient", "a", 1))
        assert first is not None and decode(first.body or b"")["name"] == [{"family": "Gagnon"}]
        gone = await look(lambda view: view.read("Condition", "gone"))
        assert gone is not None and gone.deleted
        whole = await look(lambda view: view.everything("a"))
        assert set(references(whole)) == {
            *("Patient/a", "Condition/flu", "Condition/hiv", "Appointment/v", "Organization/o"),
        }
        again = await store.change(
            lambda change: change.put("Patient", "a", patient("Roy-Gagnon"), created=False)
        )
        assert again.version == 3
        assert [problem async for problem in check(store)] == []
        await store.close()

    asyncio.run(story())
