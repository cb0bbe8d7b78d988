"""FHIRPath refuses what makes no sense, knows where it is, and stops what runs away."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passerelle.fhir.fhirpath import FhirPathError, Services, compile, parse
from tests.spec.fhirpath_records import PATIENT, find


@pytest.mark.parametrize(
    "expression",
    [
        "1 +",
        "'open",
        "(1",
        "a..b",
        "1 2",
        "@2015-13",
        "@T25:00",
        "'\\p'",
        "%",
        "a[",
        "/* open",
        "$that",
        "a.b(",
        "1 @",
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(expression: str) -> None:
    with pytest.raises(FhirPathError) as refused:
        compile(expression)
    assert refused.value.kind == "syntax"
    assert refused.value.position is not None


@pytest.mark.parametrize(
    "expression",
    [
        "nosuch()",
        "first(1)",
        "name.substring()",
        "active is NoType",
        "active.as(NoType)",
        "active is Other.Type",
    ],
)
def test_an_unknown_function_or_type_is_refused_before_it_runs(expression: str) -> None:
    with pytest.raises(FhirPathError) as refused:
        compile(expression)
    assert refused.value.kind == "semantic"


@pytest.mark.parametrize(
    "expression",
    [
        "-true",
        "1 > 'a'",
        "name > 1",
        "(1 | 2) + 1",
        "(1 | 2).not()",
        "name.single()",
        "'a'.abs()",
        "active.startsWith('t')",
        "iif('x', 1, 2)",
        "%nothing",
        "@2015 + 1 'mo'",
        "@2015 + 1",
        "(1 | 2) & 'b'",
        "conformsTo('http://nowhere.example')",
    ],
)
def test_what_makes_no_sense_for_what_is_there_is_an_error(expression: str) -> None:
    with pytest.raises(FhirPathError) as refused:
        find(expression)
    assert refused.value.kind == "execution"


@pytest.mark.parametrize(
    "expression",
    [
        "name.given1",
        "Encounter.status",
        "name.period.foo",
        "deceasedBoolean",
        "children().first()",
        "name.where(foo = 1)",
        "contact.relationship.coding.display2",
        "(deceased as boolean).start",
        "name.select(given.family)",
    ],
)
def test_a_known_type_refuses_names_that_it_does_not_have(expression: str) -> None:
    assert find(expression) is not None
    with pytest.raises(FhirPathError) as refused:
        compile(expression, context_type="Patient")
    assert refused.value.kind == "semantic"


@pytest.mark.parametrize(
    "expression",
    [
        "name.given",
        "Patient.deceased.ofType(boolean)",
        "contained.anything",
        "Resource.meta.tag",
        "extension.value.code",
        "managingOrganization.resolve().name",
        "descendants().where($this is code)",
        "birthDate.value",
        "name.period.start",
    ],
)
def test_a_known_type_lets_pass_what_may_be(expression: str) -> None:
    compile(expression, context_type="Patient")


def test_a_node_knows_its_way_back() -> None:
    (node,) = compile("name.where(use = 'official').given[1]")(PATIENT)
    assert (node.value, node.type, node.path) == ("Marie", "string", "Patient.name[0].given[1]")
    assert node.parent is not None
    assert node.parent.value is PATIENT["name"][0]


def test_an_element_is_evaluated_with_its_resource_around_it() -> None:
    (name,) = compile("name.first()")(PATIENT)
    assert compile("%resource.gender").values(name) == ["female"]
    assert compile("%context.family").values(name) == ["Tremblay"]
    assert compile("family").values(PATIENT["name"][0], type_name="HumanName") == ["Tremblay"]
    (organization,) = compile("contained")(PATIENT)
    assert compile("%resource.id | %rootResource.id").values(organization) == ["o1", "p1"]


def test_the_caller_gives_variables_references_terms_and_the_clock() -> None:
    services = Services(
        member_of=lambda node, value_set: value_set.endswith("gender") and node.value == "female",
        subsumes=lambda wide, narrow: wide == "A",
        conforms=lambda node, profile: profile.endswith("ours"),
        now=lambda: datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC),
    )
    other = {"resourceType": "Organization", "name": "Elsewhere"}
    assert find("%low + 1", variables={"low": 4}) == [5]
    assert find("'Organization/2'.resolve().name", resolve=lambda reference: other) == ["Elsewhere"]
    assert find("gender.memberOf('http://example.org/gender')", services=services) == [True]
    assert find("'A'.subsumes('B') | 'B'.subsumedBy('A')", services=services) == [True]
    assert find("conformsTo('http://example.org/ours')", services=services) == [True]
    assert find("today() > @2026-05-01 and now() = now()", services=services) == [True]


def test_a_condition_has_three_answers() -> None:
    assert compile("active").holds(PATIENT) is True
    assert compile("active.not()").holds(PATIENT) is False
    assert compile("photo.size > 1").holds(PATIENT) is None


def test_a_bundle_resolves_to_its_own_entries() -> None:
    bundle = {
        "resourceType": "Bundle",
        "entry": [
            {
                "fullUrl": "urn:uuid:1",
                "resource": {"resourceType": "Encounter", "subject": {"reference": "urn:uuid:2"}},
            },
            {"fullUrl": "urn:uuid:2", "resource": PATIENT},
        ],
    }
    expression = "entry.resource.ofType(Encounter).subject.where(resolve() is Patient).resolve().gender"
    assert find(expression, bundle) == ["female"]


@pytest.mark.parametrize(
    "expression",
    [
        "(" * 5000,
        "1" + " + 1" * 5000,
        "a" + ".a" * 5000,
        "-" * 5000 + "1",
        "x" * 100_000,
        "1.repeat($this + 1)",
        "9" * 5000,
        "descendants().aggregate($total & $total & 'ab', 'x')",
        "descendants().aggregate($total.combine($total), 1)",
        "'ab'" + ".encode('hex')" * 100,
        "(1 | 2)" + ".combine($this.descendants())" * 250,
        "'a'.replace('', '" + "b" * 2000 + "')" + ".replace('b', 'bbbbbbbb')" * 10,
    ],
)
def test_an_expression_that_runs_away_is_stopped(expression: str) -> None:
    with pytest.raises(FhirPathError):
        find(expression)


_parts = st.sampled_from(
    [
        "name",
        "given",
        "'a'",
        "1",
        "2.5",
        "{}",
        "true",
        "@2015",
        "first()",
        "count()",
        "where(true)",
        "not()",
        "$this",
        ".",
        "+",
        "-",
        "|",
        "=",
        "(",
        ")",
        "[",
        "]",
        " and ",
        " is ",
        "Patient",
        "toString()",
        "4 'mg'",
        ",",
    ]
)


@settings(max_examples=300)
@given(st.lists(_parts, max_size=12).map("".join))
def test_any_expression_is_answered_or_refused(expression: str) -> None:
    try:
        find(expression)
    except FhirPathError as refused:
        assert refused.issue().key.startswith("fhirpath-")


@given(st.lists(_parts, max_size=12).map("".join))
def test_reading_twice_gives_the_same_tree(expression: str) -> None:
    try:
        first = parse(expression)
    except FhirPathError:
        return
    assert first == parse(" " + expression + " ")
