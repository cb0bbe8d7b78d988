"""Everything lies where its patient lies: the tables can be spread by their first column."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Table, UniqueConstraint, create_engine
from sqlalchemy.pool import NullPool

from passerelle.fhir.search import Scope, parse
from passerelle.store import packing, searching
from passerelle.store.shapes import lower
from passerelle.store.sqlite import SqliteStore
from passerelle.store.tables import metadata

TABLES = list(metadata.tables.values())


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_table_its_key_and_what_is_unique_lead_with_the_compartment(table: Table) -> None:
    uniques = [list(c.columns) for c in table.constraints if isinstance(c, UniqueConstraint)]
    uniques += [list(index.columns) for index in table.indexes if index.unique]
    keys = [list(table.columns), list(table.primary_key.columns), *uniques]
    assert [columns[0].name for columns in keys] == ["compartment"] * len(keys)


def test_the_migrations_make_these_tables_in_sqlite(tmp_path: Path) -> None:
    path = tmp_path / "node.sqlite"
    asyncio.run(SqliteStore.open(path).close())
    assert _differences(f"sqlite:///{path}") == []


def test_the_migrations_make_these_tables_in_postgresql(fresh_postgres: str) -> None:
    assert _differences(fresh_postgres.replace("postgresql:", "postgresql+psycopg:")) == []


def _differences(address: str) -> list[object]:
    engine = create_engine(address, poolclass=NullPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        return list(compare_metadata(context, metadata))


@pytest.mark.parametrize(
    ("type", "query", "scope"),
    [
        ("Observation", "patient=x&code=y", Scope()),
        ("Observation", "patient=Patient/x&date=ge2020", Scope(hidden=frozenset({"a|R"}))),
        ("Patient", "identifier=urn:s|1", Scope()),
        ("Patient", "family=tremblay&birthdate=1980-01-01", Scope()),
        ("Patient", "birthdate=1980-01-01", Scope()),
        ("Condition", "_id=x", Scope()),
        ("Condition", "", Scope(compartment="x")),
        ("Condition", "clinical-status=active", Scope(compartment="x")),
    ],
)
def test_a_road_that_is_asked_often_is_a_look_up(tmp_path: Path, type: str, query: str, scope: Scope) -> None:
    path = tmp_path / "node.sqlite"
    asyncio.run(SqliteStore.open(path).close())
    pairs = [(name, value) for name, _, value in (pair.partition("=") for pair in query.split("&")) if name]
    asked = lower(parse(type, pairs).within(scope))
    statement = searching.page("sqlite", asked.shape)
    marks = statement.marks([*asked.values, *asked.sort, 50, 0])
    connection = sqlite3.connect(path)
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement.sql}", marks)]
    connection.close()
    assert any(step.startswith("SEARCH resource USING PRIMARY KEY (compartment=?") for step in plan), plan
    assert not any(step.startswith(("SCAN resource", "SCAN indexed")) for step in plan), plan


def test_a_body_comes_back_byte_for_byte_and_smaller() -> None:
    body = (
        b'{"resourceType":"Condition","id":"c","meta":{"versionId":"1","lastUpdated":"2026-01-01T00:00:00.000Z"},'
        b'"code":{"text":"\xc5\x92d\xc3\xa8me"},"subject":{"reference":"Patient/p"}}'
    )
    number, kept = packing.pack(body)
    assert packing.unpack(number, kept) == body
    assert len(kept) < len(body) / 2


def test_a_dictionary_that_bodies_were_written_with_never_changes() -> None:
    from hashlib import sha256
    from importlib.resources import files

    shipped = files("passerelle.store").joinpath("dictionaries")
    found = {entry.name: sha256(entry.read_bytes()).hexdigest()[:16] for entry in shipped.iterdir()}
    assert found == {"1.zstd-dict": "6f3ebd12ad04aeaa"}
