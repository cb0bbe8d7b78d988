"""The suite of SQL on FHIR, on every engine."""

from __future__ import annotations

from typing import Any

import pytest

from passerelle.fhir.outcome import BadInput
from passerelle.fhir.view import read_view
from tests.conftest import find_shared_data
from tests.views.engines import published_cases, rows, sorted_rows

DATA = find_shared_data()
CASES = list(published_cases(DATA)) if DATA else []


@pytest.mark.skipif(not CASES, reason="no reference data: set PASSERELLE_SHARED_DATA to its folder")
def test_the_suite_is_there() -> None:
    assert len(CASES) >= 94


@pytest.mark.parametrize("name, resources, case", CASES, ids=[name for name, _, _ in CASES])
@pytest.mark.parametrize("engine", ["memory", "duckdb", "postgresql"])
def test_a_published_case_gives_its_rows(engine, name, resources, case, tmp_path, request) -> None:
    database = request.getfixturevalue("postgres") if engine == "postgresql" else ""
    if case.get("expectError"):
        with pytest.raises(BadInput):
            rows(engine, read_view(case["view"]), resources, tmp_path, database)
        return
    view = read_view(case["view"])
    found = rows(engine, view, resources, tmp_path, database)
    names = [column.name for column in view.columns]
    assert sorted_rows(found) == sorted_rows(_expected(case, names))
    assert names == case.get("expectColumns", names)


def _expected(case: dict[str, Any], names: list[str]) -> list[list[Any]]:
    return [[row.get(name) for name in names] for row in case["expect"]]
