"""Views from the command line: sources, formats, and what is said when something is wrong."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from passerelle.node.cli import app
from passerelle.store import open_store

ROOT = Path(__file__).resolve().parent.parent.parent
VIEWS = ROOT / "examples" / "views"
PEOPLE = [
    {
        "resourceType": "Patient",
        "id": "anna",
        "gender": "female",
        "birthDate": "1970-06-01",
        "name": [{"family": 'Roy, "Bea"', "given": ["Anna", ""]}],
        "identifier": [
            {
                "type": {"coding": [{"code": "JHN"}]},
                "system": "https://fhir.infoway-inforoute.ca/NamingSystem/x",
                "value": "9",
            }
        ],
    },
    {"resourceType": "Patient", "id": "ben"},
]
HEAD = "id,gender,birth_date,deceased,family,given,province,postal_code,health_number,health_number_system"


def run(*words):
    return CliRunner().invoke(app, ["view", *map(str, words)])


@pytest.fixture
def export(tmp_path):
    """A folder as a bulk export leaves it."""
    folder = tmp_path / "export"
    folder.mkdir()
    (folder / "Patient.ndjson").write_text("\n".join(json.dumps(person) for person in PEOPLE) + "\n")
    (folder / "Organization.ndjson").write_text('{"resourceType": "Organization", "id": "o", "name": "O"}\n')
    return folder


@pytest.mark.parametrize("engine", ["memory", "duckdb"])
def test_csv_is_printed_and_quotes_what_must_be_quoted(engine, export):
    done = run("run", VIEWS / "patient-demographics.json", "--source", export, "--engine", engine)
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        HEAD,
        'anna,female,1970-06-01,false,"Roy, ""Bea""","Anna ",,,9,https://fhir.infoway-inforoute.ca/NamingSystem/x'.replace(
            '"Anna "', "Anna "
        ),
        'ben,,,false,,"",,,,',
    ]


@pytest.mark.parametrize("engine", ["memory", "duckdb"])
def test_ndjson_has_an_object_for_each_row(engine, export, tmp_path):
    output = tmp_path / "people.ndjson"
    done = run("run", VIEWS / "patient-demographics.json", "-s", export, "-e", engine, "-o", output)
    assert done.exit_code == 0
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    assert [row["id"] for row in rows] == ["anna", "ben"]
    assert (rows[0]["deceased"], rows[1]["family"]) == (False, None)


@pytest.mark.parametrize("engine", ["memory", "duckdb"])
def test_parquet_is_written_and_can_be_a_source_again(engine, export, tmp_path):
    table, resources = tmp_path / "people.parquet", tmp_path / "resources.parquet"
    assert (
        run("run", VIEWS / "patient-demographics.json", "-s", export, "-e", engine, "-o", table).exit_code
        == 0
    )
    duckdb = pytest.importorskip("duckdb")
    read = duckdb.sql(f"SELECT id, deceased FROM read_parquet('{table}') ORDER BY id").fetchall()
    assert read == [("anna", False), ("ben", False)]
    duckdb.sql(
        f"COPY (SELECT json AS resource FROM read_ndjson_objects('{export}/Patient.ndjson')) TO '{resources}'"
    )
    again = run("run", VIEWS / "patient-demographics.json", "-s", resources, "-e", engine)
    assert again.stdout == run("run", VIEWS / "patient-demographics.json", "-s", export, "-e", engine).stdout


@pytest.mark.parametrize("engine", ["memory", "duckdb"])
def test_a_store_is_a_source(engine, tmp_path):
    address = f"sqlite:///{tmp_path}/records.sqlite"

    async def fill() -> None:
        store = open_store(address)
        for person in PEOPLE:
            await store.change(lambda change, p=person: change.put("Patient", p["id"], dict(p), created=True))
        await store.close()

    asyncio.run(fill())
    done = run("run", VIEWS / "patient-demographics.json", "-s", address, "-e", engine)
    assert (done.exit_code, [line.split(",")[0] for line in sorted(done.stdout.splitlines())]) == (
        0,
        ["anna", "ben", "id"],
    )


@pytest.mark.parametrize("engine", ["memory", "duckdb"])
def test_a_column_of_parquet_has_the_type_that_it_asks_for(engine, export, tmp_path):
    duckdb = pytest.importorskip("duckdb")
    tag = [{"name": "ansi/type", "value": "DATE"}]
    column = {"name": "born", "path": "birthDate", "type": "date", "tag": tag}
    view, table = tmp_path / "view.json", tmp_path / "born.parquet"
    view.write_text(json.dumps({"resource": "Patient", "select": [{"column": [column]}]}))
    assert run("run", view, "-s", export, "-e", engine, "-o", table).exit_code == 0
    assert duckdb.sql(
        f"SELECT typeof(born), year(born) FROM '{table}' WHERE born IS NOT NULL"
    ).fetchall() == [("DATE", 1970)]


def test_columns_are_listed_with_their_types():
    done = run("columns", VIEWS / "patient-demographics.json")
    assert done.stdout.splitlines()[:4] == [
        "id\tCHARACTER VARYING",
        "gender\tCHARACTER VARYING",
        "birth_date\tCHARACTER VARYING",
        "deceased\tBOOLEAN",
    ]


@pytest.mark.parametrize("view", sorted(VIEWS.glob("*.json")), ids=lambda path: path.stem)
def test_every_example_view_runs_on_every_engine(view, export):
    resource = json.loads(view.read_text())["resource"]
    (export / f"{resource}.ndjson").touch()
    for engine in ("memory", "duckdb"):
        assert run("run", view, "-s", export / f"{resource}.ndjson", "-e", engine).exit_code == 0


@pytest.mark.parametrize(
    "words, said",
    [
        (["-s", "nowhere"], "There is nothing at nowhere"),
        (["-s", "{export}", "-e", "excel"], "There is no engine excel"),
        (["-s", "{export}", "-f", "xlsx"], "There is no format xlsx"),
        (["-s", "{export}", "-f", "parquet"], "Parquet is not for the screen"),
        (["-s", "{export}", "-e", "postgresql"], "--database"),
        (["-s", "{export}/Organization.ndjson", "-o", "{export}/no/where.csv"], "cannot be written"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(words, said, export):
    done = run("run", VIEWS / "patient-demographics.json", *[word.format(export=export) for word in words])
    assert (done.exit_code, said in done.stderr, done.stderr.count("\n")) == (1, True, 1)


def test_a_view_that_fails_leaves_no_file(export, tmp_path):
    view = tmp_path / "view.json"
    column = {"name": "given", "path": "name.given", "type": "string"}
    view.write_text(json.dumps({"resource": "Patient", "select": [{"column": [column]}]}))
    for engine in ("memory", "duckdb"):
        done = run("run", view, "-s", export, "-e", engine, "-o", tmp_path / "out.csv")
        assert "The column given found several values" in done.stderr
        assert "Anna" not in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["export", "view.json"]


def test_without_duckdb_the_extra_is_named(export, monkeypatch):
    monkeypatch.setitem(sys.modules, "duckdb", None)
    done = run("run", VIEWS / "patient-demographics.json", "-s", export, "-e", "duckdb")
    assert (done.exit_code, "passerelle[analytics]" in done.stderr) == (1, True)
