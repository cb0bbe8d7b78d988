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
from passerelle.store.lowering import lower
from passerelle.store.sqlite import SqliteStore
from passerelle.store.tables import POSTGRESQL, metadata

TABLES = list(metadata.tables.values())


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_table_its_key_and_what_is_unique_lead_with_the_compartment(table: Table) -> None:
    uniques = [list(c.columns) for c in table.constraints if isinstance(c, UniqueConstraint)]
    uniques += [list(index.columns) for index in table.indexes if index.unique]
    keys = [list(table.columns), *([list(table.primary_key.columns)] if table.primary_key else []), *uniques]
    assert [columns[0].name for columns in keys] == ["compartment"] * len(keys)


def test_the_migrations_make_these_tables_in_sqlite(tmp_path: Path) -> None:
    path = tmp_path / "node.sqlite"
    asyncio.run(SqliteStore.open(path).close())
    assert _differences(f"sqlite:///{path}") == []


def test_the_migrations_make_these_tables_in_postgresql(fresh_postgres: str) -> None:
    assert _differences(fresh_postgres.replace("postgresql:", "postgresql+psycopg:")) == []


_OF_POSTGRESQL = {index.name for index in POSTGRESQL}
_OF_SQLITE = {"posting", "resource_by_home", "facet_by_text"}


def _differences(address: str) -> list[object]:
    engine = create_engine(address, poolclass=NullPool)
    with engine.connect() as connection:
        options = {"compare_type": False, "include_object": _is_of_both}
        context = MigrationContext.configure(connection, opts=options)
        return list(compare_metadata(context, metadata))


def _is_of_both(_: object, name: str | None, *__: object) -> bool:
    return name not in _OF_POSTGRESQL | _OF_SQLITE


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
    asked = lower(parse(type, pairs).within(scope), lambda patient: 1, "sqlite")
    statement = searching.page("sqlite", asked.shape, asked.values.mark(50), counted=False)
    marks = statement.marks(asked.values.list)
    connection = sqlite3.connect(path)
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement.sql}", marks)]
    connection.close()
    by = "INDEX resource_by_home (compartment=?" if scope.compartment else "INTEGER PRIMARY KEY (rowid=?)"
    assert any(step.startswith("SEARCH resource USING " + by) for step in plan), plan
    tables = ("resource", "facet", "posting", "span")
    assert not any(step.startswith(tuple(f"SCAN {table}" for table in tables)) for step in plan), plan


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
    assert found == {"1.zstd-dict": "6f3ebd12ad04aeaa", "2.zstd-dict": "519c8f8aed1de022"}
