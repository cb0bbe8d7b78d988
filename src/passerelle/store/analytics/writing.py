"""How are rows written down? CSV and NDJSON in the same form as DuckDB writes them, Parquet by DuckDB."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, BinaryIO

from passerelle.fhir.resource import encode
from passerelle.fhir.view.plan import Output
from passerelle.fhir.view.rows import Row
from passerelle.fhir.view.terms import Sort

FORMATS = ("csv", "ndjson", "parquet")
_QUOTED = frozenset('",#\r\n')
_TYPES: dict[Sort, str] = {"boolean": "BOOLEAN", "integer": "BIGINT", "complex": "JSON"}
_ASKED = re.compile(
    r"(DATE|TIMESTAMP( WITH TIME ZONE)?|BOOLEAN|SMALLINT|INT|INTEGER|BIGINT|REAL|DOUBLE PRECISION|TIME"
    r"|(DECIMAL|NUMERIC)(\(\d{1,2}(, ?\d{1,2})?\))?|(CHARACTER VARYING|VARCHAR)(\(\d{1,9}\))?)"
)
"""The types that the tag ``ansi/type`` may ask for; another is as if it were not there."""


def write_rows(
    rows: Iterable[Row], outputs: tuple[Output, ...], output: Path, format: str, done: Callable[[int], None]
) -> int:
    """Write rows to a file; how many there were."""
    if format == "parquet":
        return _parquet(rows, outputs, output, done)
    with output.open("wb") as file:
        return _csv(rows, outputs, file, done) if format == "csv" else _ndjson(rows, outputs, file, done)


def _csv(
    rows: Iterable[Row], outputs: tuple[Output, ...], file: BinaryIO, done: Callable[[int], None]
) -> int:
    file.write(",".join(output.column.name for output in outputs).encode() + b"\n")
    count = 0
    for count, row in enumerate(rows, 1):
        file.write(",".join([csv_field(value) for value in row]).encode() + b"\n")
        if count % 5000 == 0:
            done(count)
    done(count)
    return count


def csv_field(value: Any) -> str:
    """A value in CSV: nothing is an empty field, the empty text is quoted."""
    if value is None:
        return ""
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, list | dict):
        value = encode(value).decode()
    text = str(value)
    if not text or not _QUOTED.isdisjoint(text):
        return '"' + text.replace('"', '""') + '"'
    return text


def _ndjson(
    rows: Iterable[Row], outputs: tuple[Output, ...], file: BinaryIO, done: Callable[[int], None]
) -> int:
    names = [output.column.name for output in outputs]
    count = 0
    for count, row in enumerate(rows, 1):
        file.write(encode(dict(zip(names, row, strict=True))) + b"\n")
        if count % 5000 == 0:
            done(count)
    done(count)
    return count


def _parquet(
    rows: Iterable[Row], outputs: tuple[Output, ...], output: Path, done: Callable[[int], None]
) -> int:
    from passerelle.store.analytics.on_duckdb import lines_as_parquet

    lines = output.with_name(output.name + ".ndjson")
    try:
        with lines.open("wb") as file:
            count = _ndjson(rows, outputs, file, done)
        lines_as_parquet(lines, output, {one.column.name: sql_type(one) for one in outputs})
    finally:
        lines.unlink(missing_ok=True)
    return count


def sql_type(output: Output) -> str:
    """The type of a column in a table: what its tag ``ansi/type`` asks for, or what SQL on FHIR maps its type to."""
    asked = output.column.sql_type.strip().upper()
    type = asked if _ASKED.fullmatch(asked) else _TYPES.get(output.sort, "CHARACTER VARYING")
    return f"{type}[]" if output.column.collection else type
