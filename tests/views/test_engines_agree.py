"""Engines agree with the plain meaning of a view: generated views over generated resources."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from passerelle.fhir.outcome import BadInput
from passerelle.fhir.view.reference import referenced
from tests.views.engines import checked, rows, sorted_rows

_texts = st.sampled_from(["a", "b", "A", "é", "", "x y", "'", '"', ",", "\\", "1"])
_dates = st.sampled_from(["1970", "1970-06", "1970-06-30", "1971-01-01", "2000-02"])
_moments = st.sampled_from(
    [
        "2020",
        "2020-02",
        "2020-02-29",
        "2020-02-29T23:30:00Z",
        "2020-03-01T00:30:00+01:00",
        "2020-02-29T23:30:00.5Z",
    ]
)
_numbers = st.sampled_from([0, 1, 2, -3, 10, 37])


def _some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """An object with some of these fields, at least one."""
    return st.fixed_dictionaries({}, optional=fields).filter(bool)


_value = st.one_of(
    *(st.fixed_dictionaries({key: _texts}) for key in ("valueString", "valueCode", "valueId")), st.just({})
)
_extensions = st.lists(
    st.builds(lambda url, value: {"url": url, **value}, st.sampled_from(["u:1", "u:2"]), _value),
    min_size=1,
    max_size=2,
)
_period = _some(start=_moments, end=_moments)
_name = _some(
    use=st.sampled_from(["official", "usual"]),
    family=_texts,
    given=st.lists(_texts, min_size=1, max_size=3),
    period=_period,
)
_telecom = _some(system=st.sampled_from(["phone", "email"]), value=_texts, rank=_numbers)
_references = st.sampled_from(
    ["Patient/1", "Group/1", "Patient/1/_history/2", "http://x/Patient/1", "#p", "urn:uuid:1"]
)
_contact = _some(name=_name, telecom=st.lists(_telecom, min_size=1, max_size=2), gender=_texts)
_patient = st.fixed_dictionaries(
    {"resourceType": st.just("Patient")},
    optional={
        "id": st.sampled_from(["1", "2"]),
        "active": st.booleans(),
        "birthDate": _dates,
        "gender": _texts,
        "name": st.lists(_name, min_size=1, max_size=3),
        "telecom": st.lists(_telecom, min_size=1, max_size=2),
        "contact": st.lists(_contact, min_size=1, max_size=2),
        "extension": _extensions,
        "deceasedBoolean": st.booleans(),
        "multipleBirthInteger": _numbers,
        "managingOrganization": st.fixed_dictionaries({"reference": _references}),
        "link": st.lists(
            st.fixed_dictionaries({"other": st.fixed_dictionaries({"reference": _references})}), max_size=2
        ),
    },
)
_other = st.just({"resourceType": "Organization", "id": "1", "name": "a", "telecom": "none"})

_OF_NAME = [
    "use",
    "family",
    "given.first()",
    "given.count()",
    "given[1]",
    "given.where($this != 'a').last()",
    "given.exists($this = 'b')",
    "(given | 'a').count()",
    "period.start",
    "period.start < period.end",
    "period.start = period.end",
    "period.end >= @2020-03-01",
    "period.start != @2020-02-29T23:30:00Z",
    "period.lowBoundary()",
    "period.highBoundary()",
    "family = given",
    "family & use",
    "family.upper()",
    "iif(use = 'official', family, given.first())",
    "given.skip(1).take(1)",
    "%rowIndex",
    "%rowIndex + 1",
    "%letter = family",
    "given.distinct().count() = given.count()",
]
_OF_PATIENT = [
    "id",
    "getResourceKey()",
    "active",
    "active.not()",
    "active and gender = 'a'",
    "active or gender = 'a'",
    "active xor name.exists()",
    "active implies name.exists()",
    "gender != 'a'",
    "birthDate",
    "birthDate = @1970-06",
    "birthDate >= @1970-06-30",
    "birthDate.lowBoundary()",
    "birthDate.highBoundary()",
    "name.first().family",
    "name.family.first()",
    "name.where(use = 'official').given.first()",
    "name.given.count()",
    "name.given.empty()",
    "name.all(use.exists())",
    "contact.telecom.value.first()",
    "contact.telecom.where(system = 'phone' and rank > 1).value.last()",
    "contact.name.given.distinct().count()",
    "telecom.rank.first() + 1",
    "telecom.rank.first() / 3",
    "telecom.rank.first() * 2.5",
    "telecom.rank.first() > contact.telecom.rank.first()",
    "extension('u:1').value.ofType(string).first()",
    "extension('u:1').exists()",
    "deceased.ofType(boolean)",
    "deceased.exists()",
    "multipleBirth.ofType(integer) - 1",
    "multipleBirth is integer",
    "managingOrganization.getReferenceKey()",
    "link.other.getReferenceKey(Patient).first()",
    "getResourceKey() in link.other.getReferenceKey()",
    "'text'",
    "1.5",
    "name.family.first().startsWith('a')",
    "name.family.first().length()",
]


def _columns(paths: list[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(paths), min_size=1, max_size=3)


@st.composite
def _views(draw: st.DrawFn) -> dict[str, Any]:
    """A view of Patients, with up to two iterations beside some plain columns."""
    numbers = iter(range(100))

    def columns(paths: list[str]) -> list[dict[str, Any]]:
        return [{"name": f"c{next(numbers)}", "path": path} for path in draw(_columns(paths))]

    def over_names() -> dict[str, Any]:
        found = {
            draw(st.sampled_from(["forEach", "forEachOrNull"])): draw(
                st.sampled_from(["name", "contact.name"])
            )
        }
        found["column"] = columns(_OF_NAME)
        if draw(st.booleans()):
            kind = draw(st.sampled_from(["forEach", "forEachOrNull"]))
            found["select"] = [{kind: "given", "column": [{"name": f"c{next(numbers)}", "path": "$this"}]}]
        return found

    selects: list[dict[str, Any]] = [{"column": columns(_OF_PATIENT)}]
    if draw(st.booleans()):
        selects.append(over_names())
    if draw(st.booleans()):
        name = f"c{next(numbers)}"
        branches = [
            ("forEach", "telecom", "value"),
            ("forEachOrNull", "contact.telecom", "value"),
            ("", "", "gender"),
        ]
        union = [
            {**({kind: path} if kind else {}), "column": [{"name": name, "path": column}]}
            for kind, path, column in draw(st.lists(st.sampled_from(branches), min_size=1, max_size=3))
        ]
        selects.append({"unionAll": union})
    if draw(st.booleans()):
        selects.append({"column": [{"name": f"c{next(numbers)}", "path": "name.given", "collection": True}]})
    where = draw(
        st.lists(
            st.sampled_from(["active", "name.exists()", "gender = 'a' or birthDate.exists()"]), max_size=1
        )
    )
    return {
        "resource": "Patient",
        "select": selects,
        "constant": [{"name": "letter", "valueString": "a"}],
        "where": [{"path": path} for path in where],
    }


def _run(engine: str, definition: dict[str, Any], resources: list[dict[str, Any]], database: str = "") -> Any:
    with TemporaryDirectory() as folder:
        try:
            return sorted_rows(rows(engine, checked(definition), resources, Path(folder), database))
        except BadInput as bad:
            return bad.issues[0].key


_resources = st.lists(st.one_of(_patient, _patient, _patient, _other), max_size=5)
_many = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
_some_examples = settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))


@_many
@given(_views(), _resources)
def test_the_fast_way_in_python_is_the_plain_meaning(definition, resources) -> None:
    """The boundaries of a Period are of views alone: FHIRPath knows those of dates and numbers."""
    assume("period.lowBoundary" not in str(definition) and "period.highBoundary" not in str(definition))
    make = referenced(checked(definition))
    try:
        plain: Any = sorted_rows([row for resource in resources for row in make(resource)])
    except BadInput as bad:
        plain = bad.issues[0].key
    assert _run("memory", definition, resources) == plain


@_many
@given(_views(), _resources)
def test_duckdb_gives_the_rows_of_memory(definition, resources) -> None:
    assert _run("duckdb", definition, resources) == _run("memory", definition, resources)


@pytest.fixture(scope="module")
def database(postgres):
    return postgres


@_some_examples
@given(_views(), _resources)
def test_postgresql_gives_the_rows_of_memory(database, definition, resources) -> None:
    found = _run("postgresql", definition, resources, database)
    assert found == _run("memory", definition, resources)
