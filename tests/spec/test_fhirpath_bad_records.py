"""FHIRPath meets records that are not what R4 says, and answers or refuses, but never falls over."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passerelle.fhir.fhirpath import FhirPathError, compile

_EXPRESSIONS = [
    "Patient.name.given",
    "descendants().count()",
    "descendants().distinct().count()",
    "descendants() | descendants()",
    "descendants().select($this ~ $this)",
    "descendants().select($this = $this)",
    "name.where(use = 'official').given.first()",
    "birthDate < today()",
    "birthDate + 1 day",
    "value > 5 'mg'",
    "(value as Quantity).value + 1",
    "extension('u:x').value",
    "descendants().resolve()",
    "descendants().getReferenceKey(Patient)",
    "getResourceKey()",
    "contained.where(('#' + id in %resource.descendants().reference).not()).empty()",
    "hasValue() or (children().count() > id.count())",
    "conformsTo('http://hl7.org/fhir/StructureDefinition/Patient')",
    "name.sort(family)",
    "text.div.htmlChecks()",
]
_leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-10, 10**30),
    st.sampled_from(
        ["", "x", "2015-02-30", "@", Decimal("1e400"), -1.5, "Patient", "kg", "http://unitsofmeasure.org"]
    ),
)
_names = [
    "resourceType",
    "id",
    "name",
    "given",
    "_given",
    "use",
    "birthDate",
    "_birthDate",
    "extension",
    "url",
    "value",
]
_names += [
    "valueQuantity",
    "valueString",
    "code",
    "system",
    "contained",
    "reference",
    "text",
    "div",
    "subject",
    "family",
]
_records = st.dictionaries(
    st.sampled_from(_names),
    st.recursive(
        _leaves,
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_names), inner, max_size=4)
        ),
        max_leaves=12,
    ),
    max_size=6,
)


@settings(max_examples=150, deadline=None)
@given(_records, st.sampled_from(["Patient", "Observation", "Basic", "Unheard", ""]))
def test_whatever_arrives_is_answered_or_refused(record: dict[str, Any], kind: str) -> None:
    resource = {"resourceType": kind} | record if kind else record
    for expression in _EXPRESSIONS:
        ready = compile(expression)
        try:
            ready(resource)
            ready.values(resource)
            ready.holds(resource)
        except FhirPathError:
            continue


@pytest.mark.parametrize("kind", [None, 5, {"a": 1}, ["Patient"]])
def test_a_resource_that_does_not_say_its_type_is_walked_by_its_names(kind: Any) -> None:
    record = {"resourceType": kind, "name": [{"given": ["A", "B"]}]}
    assert compile("name.given").values(record) == ["A", "B"]


def test_a_resource_of_another_version_is_walked_by_its_names() -> None:
    view = {
        "resourceType": "ViewDefinition",
        "select": [{"column": [{"name": "id", "path": "getResourceKey()"}]}],
    }
    assert compile("select.column.where(name = 'id').path").values(view) == ["getResourceKey()"]
    assert compile("ViewDefinition.select.exists()").holds(view) is True
