"""Views in tests: a view from a few words, its rows on an engine, rows that compare."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from passerelle.fhir.resource import decode, encode
from passerelle.fhir.view import read_view
from passerelle.fhir.view.definition import View
from passerelle.store.analytics import rows_of
from passerelle.store.analytics.sources import Source
from passerelle.values import Json


def view_of(
    resource: str = "Patient", /, *, where: Sequence[str] = (), constant: Any = None, **columns: str
) -> View:
    """A view with a column for each keyword, each with its path."""
    select = [{"column": [{"name": name, "path": path} for name, path in columns.items()]}]
    return checked({"resource": resource, "select": select}, where=where, constant=constant)


def checked(definition: Json, *, where: Sequence[str] = (), constant: Any = None) -> View:
    more: Json = {"where": [{"path": path} for path in where]} if where else {}
    if constant:
        more["constant"] = constant
    return read_view({"resourceType": "ViewDefinition", "status": "active", **definition, **more})


def written(resources: Iterable[Json], folder: Path) -> Source:
    """Resources as an NDJSON file."""
    file = folder / "resources.ndjson"
    file.write_bytes(b"".join(encode(resource) + b"\n" for resource in resources))
    return Source("ndjson", (file,))


def rows(engine: str, view: View, resources: Iterable[Json], folder: Path, database: str = "") -> list[Any]:
    return rows_of(view, written(resources, folder), engine, database=database)


def sorted_rows(rows: Iterable[Sequence[Any]]) -> list[str]:
    """Rows as texts in order, equal when they say the same to eight decimals: 1.50 is 1.5."""
    return sorted(json.dumps([_plain(value) for value in row], sort_keys=True) for row in rows)


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, bool) or value is None:
        return repr(value)
    if isinstance(value, int | float | Decimal):
        return f"number {round(Decimal(str(value)), 8).normalize():f}"
    return value


def published_cases(folder: Path) -> Iterator[tuple[str, list[Json], Json]]:
    """(name, resources, case) for each case of the suite of SQL on FHIR."""
    for file in sorted((folder / "sql-on-fhir").glob("*.json")):
        suite = decode(file.read_bytes())
        for case in suite.get("tests", ()):
            yield f"{file.stem}: {case['title']}", suite["resources"], case
