"""A question that is bound to one patient is answered where that patient lies."""

from __future__ import annotations

import re

import pytest

from passerelle.fhir.search import Scope, parse
from passerelle.store import queries, searching
from passerelle.store.compose import Dialect, Values, lower_scope
from passerelle.store.lowering import lower

OWN = Scope(compartment="x")
QUESTIONS = [
    ("Observation", "code=y"),
    ("Observation", "code=y&date=ge2020&_sort=-date"),
    ("Observation", "code:text=blood&value-quantity=gt5||mg"),
    ("Observation", "code:not=y&subject:missing=false"),
    ("Condition", "onset-date=2020"),
    ("Encounter", "_id=1,2"),
    ("Observation", "component-code-value-quantity=x$gt5"),
    ("Observation", ""),
]


def _said(dialect: Dialect, type: str, query: str) -> list[str]:
    pairs = [(name, value) for name, _, value in (pair.partition("=") for pair in query.split("&")) if name]
    asked = lower(parse(type, pairs).within(OWN), lambda patient: 7, dialect)
    limit = asked.values.mark(20)
    page = searching.page(dialect, asked.shape, limit, counted=dialect == "postgresql")
    return [page.sql, searching.total(dialect, asked.shape).sql]


@pytest.mark.parametrize(("type", "query"), QUESTIONS)
@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_every_look_at_a_resource_says_its_compartment(dialect: Dialect, type: str, query: str) -> None:
    for sql in _said(dialect, type, query):
        for part in re.findall(r"\bFROM resource\b.*?(?=\bFROM resource\b|$)", sql, re.DOTALL):
            assert re.search(r"\bcompartment(, resource\w*\.type\))? IN \(SELECT", part), sql


@pytest.mark.parametrize(("type", "query"), QUESTIONS)
@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_nothing_is_looked_up_in_the_whole_world(dialect: Dialect, type: str, query: str) -> None:
    """Neither the inverted index of SQLite nor intervals without their resource; spellings say their type."""
    for sql in _said(dialect, type, query):
        assert "posting" not in sql
        for alias in re.findall(r"\bspan AS (\w+)", sql):
            assert f"{alias}.compartment = resource" in sql, sql
        for alias in re.findall(r"\bfacet AS (\w+)", sql):
            assert re.search(rf"\b{alias}\.compartment (=|IN)", sql), sql


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_a_whole_record_is_read_by_its_compartment(dialect: Dialect) -> None:
    values = Values(dialect)
    place, inside = values.mark(7), lower_scope(OWN, lambda patient: 7, values)
    assert "resource.compartment = ?" in queries.compartment(dialect, place, inside).sql
    assert "member.compartment = ?" in queries.membership(dialect, place, inside).sql
