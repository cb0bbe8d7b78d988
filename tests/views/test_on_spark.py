"""The suite of SQL on FHIR on Spark, and the views of the examples: `make test-spark`."""

from __future__ import annotations

import os

import pytest

from passerelle.fhir.outcome import BadInput
from passerelle.fhir.view import read_view
from tests.conftest import find_shared_data
from tests.views.engines import checked, published_cases, rows, sorted_rows

pytestmark = pytest.mark.skipif(
    not os.environ.get("PASSERELLE_TEST_SPARK"), reason="Spark is slow to start: run make test-spark"
)
DATA = find_shared_data()
CASES = list(published_cases(DATA)) if DATA else []


@pytest.mark.skipif(not CASES, reason="no reference data: set PASSERELLE_SHARED_DATA to its folder")
def test_every_published_case_gives_its_rows(tmp_path) -> None:
    wrong = [name for name, resources, case in CASES if not _right(resources, case, tmp_path)]
    assert wrong == []


def _right(resources, case, folder) -> bool:
    try:
        view = read_view(case["view"])
        found = rows("spark", view, resources, folder)
    except BadInput:
        return bool(case.get("expectError"))
    names = [column.name for column in view.columns]
    return sorted_rows(found) == sorted_rows([[row.get(name) for name in names] for row in case["expect"]])


def test_a_walk_deeper_than_the_first_guess_is_found_to_its_end(tmp_path) -> None:
    item = {"linkId": "20"}
    for level in range(19, 0, -1):
        item = {"linkId": str(level), "item": [item]}
    form = {"resourceType": "QuestionnaireResponse", "id": "form", "item": [item]}
    view = checked(
        {
            "resource": "QuestionnaireResponse",
            "select": [
                {
                    "repeat": ["item"],
                    "column": [{"name": "place", "path": "%rowIndex"}, {"name": "link", "path": "linkId"}],
                }
            ],
        }
    )
    assert sorted(rows("spark", view, [form], tmp_path)) == [(place, str(place + 1)) for place in range(20)]


def test_texts_dates_and_numbers_are_those_of_memory(tmp_path) -> None:
    patient = {
        "resourceType": "Patient",
        "id": "anna",
        "birthDate": "1970-06",
        "name": [
            {
                "family": "O'Neil\\",
                "period": {"start": "2020-02-29T23:30:00Z", "end": "2020-03-01T00:30:00+01:00"},
            }
        ],
        "telecom": [{"rank": 2}],
    }
    columns = {
        "quoted": "'it\\'s \\\\' & name.family.first()",
        "same": "name.period.start.first() = name.period.end.first()",
        "low": "birthDate.lowBoundary()",
        "high": "name.period.first().highBoundary()",
        "third": "telecom.rank.first() / 3",
        "key": "getResourceKey()",
    }
    view = checked(
        {"resource": "Patient", "select": [{"column": [{"name": n, "path": p} for n, p in columns.items()]}]}
    )
    assert sorted_rows(rows("spark", view, [patient], tmp_path)) == sorted_rows(
        rows("memory", view, [patient], tmp_path)
    )
