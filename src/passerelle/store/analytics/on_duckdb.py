"""How does a view run on DuckDB? Its SQL over typed columns of NDJSON; nothing is done row by row in Python."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from passerelle.fhir.view.plan import Plan
from passerelle.fhir.view.rows import Row
from passerelle.fhir.view.sql import statement
from passerelle.fhir.view.sql.duckdb import DuckDb
from passerelle.store.analytics.errors import AnalyticsError, told
from passerelle.store.analytics.values import reader
from passerelle.store.analytics.writing import sql_type

if TYPE_CHECKING:
    import duckdb

_BATCH = 5000
_BODIES = ("resource", "body", "json")
"""The names under which a Parquet file may hold whole resources as JSON text."""


def stream(planned: Plan, files: tuple[Path, ...]) -> Iterator[Row]:
    """The rows of a view over NDJSON files, as Python values."""
    connection, read = connect(), reader(planned)
    try:
        found = connection.execute(query(planned, files, connection))
        while batch := found.fetchmany(_BATCH):
            yield from map(read, batch)
    except _fault() as fault:
        raise told("duckdb", fault) from None
    finally:
        connection.close()


def write(planned: Plan, files: tuple[Path, ...], output: Path, format: str) -> int:
    """Write the rows of a view by DuckDB itself; how many there were."""
    connection = connect()
    options = {
        "csv": "FORMAT csv, HEADER",
        "ndjson": "FORMAT json",
        "parquet": "FORMAT parquet, COMPRESSION zstd",
    }
    try:
        sql = _shown(planned, query(planned, files, connection), format)
        done = connection.execute(f"COPY ({sql}) TO {_text(str(output))} ({options[format]})").fetchone()
    except _fault() as fault:
        raise told("duckdb", fault) from None
    finally:
        connection.close()
    return int(done[0]) if done else 0


def query(planned: Plan, files: tuple[Path, ...], connection: duckdb.DuckDBPyConnection) -> str:
    """The SQL of a view over NDJSON files."""
    dialect = DuckDb(planned)
    columns = ", ".join(f"{_text(name)}: {_text(type)}" for name, type in dialect.columns().items())
    paths = ", ".join(_text(str(file)) for file in files)
    # A field of another form than R4 gives it is read as nothing; a line that is no resource is an error.
    options = (
        f"format='newline_delimited', ignore_errors=true, maximum_object_size=67108864, columns={{{columns}}}"
    )
    checked = "CASE WHEN \"resourceType\" IS NULL THEN error('view-source-unreadable;') ELSE true END"
    source = f"SELECT {dialect.packed()} FROM read_json([{paths}], {options}) WHERE {checked}"  # noqa: S608
    said = statement(planned, dialect, source)
    for definition in dialect.setup if dialect.prefix in said else ():  # only dates and boundaries need them
        connection.execute(definition)
    return said


def parquet_as_lines(files: tuple[Path, ...], spool: Path) -> None:
    """Parquet as NDJSON: a column of whole resources as it is, or every row of FHIR elements as one resource."""
    connection = connect()
    paths = ", ".join(_text(str(file)) for file in files)
    read = f"read_parquet([{paths}])"
    options = "FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER E'\\x01'"
    try:
        columns = [row[0] for row in connection.execute(f"DESCRIBE SELECT * FROM {read}").fetchall()]  # noqa: S608
        body = next((name for name in _BODIES if name in columns), "")
        said = f'CAST("{body}" AS VARCHAR)' if body else "to_json(one)"
        connection.execute(f"COPY (SELECT {said} FROM {read} AS one) TO {_text(str(spool))} ({options})")  # noqa: S608
    except _fault() as fault:
        raise told("duckdb", fault) from None
    finally:
        connection.close()


def lines_as_parquet(lines: Path, output: Path, types: dict[str, str]) -> None:
    """Rows that were written as NDJSON as Parquet with the types of the columns."""
    connection = connect()
    columns = ", ".join(f"{_text(name)}: {_text(type)}" for name, type in types.items())
    read = f"read_json({_text(str(lines))}, format='newline_delimited', columns={{{columns}}})"
    try:
        connection.execute(
            f"COPY (SELECT * FROM {read}) TO {_text(str(output))} (FORMAT parquet, COMPRESSION zstd)"  # noqa: S608
        )
    except _fault() as fault:
        raise told("duckdb", fault) from None
    finally:
        connection.close()


def connect() -> duckdb.DuckDBPyConnection:
    """A database in memory; it reads and writes only the files that it is told to."""
    try:
        import duckdb
    except ModuleNotFoundError:
        raise AnalyticsError(
            "DuckDB is not installed. Install the extra: pip install 'passerelle[analytics]'. "
            "Or run the view with --engine memory."
        ) from None
    return duckdb.connect(config={"autoinstall_known_extensions": "false"})


def _fault() -> type[Exception]:
    import duckdb

    return duckdb.Error


def _shown(planned: Plan, sql: str, format: str) -> str:
    """The columns as a file shows them: decimals of JSON as numbers, lists in CSV as JSON."""
    columns = []
    for output in planned.outputs:
        name = f'"{output.column.name}"'
        if format == "csv" and (output.column.collection or output.sort == "complex"):
            columns.append(f"CAST(to_json({name}) AS VARCHAR) AS {name}")
        elif format == "ndjson" and output.sort == "decimal":
            type = "JSON[]" if output.column.collection else "JSON"
            columns.append(f"CAST({name} AS {type}) AS {name}")
        elif format == "parquet" and output.column.sql_type:
            columns.append(f"CAST({name} AS {sql_type(output)}) AS {name}")
        else:
            columns.append(name)
    return f"SELECT {', '.join(columns)} FROM ({sql})"  # noqa: S608


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
