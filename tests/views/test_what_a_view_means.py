"""What a view means, told on small invented resources; the same on every engine that is here."""

from __future__ import annotations

from decimal import Decimal

import pytest

from passerelle.fhir.outcome import BadInput
from tests.views.engines import checked, rows, view_of

ANNA = {
    "resourceType": "Patient",
    "id": "anna",
    "active": True,
    "birthDate": "1970-06",
    "name": [
        {"use": "official", "family": "Roy", "given": ["Anna", "Bea"]},
        {"use": "nickname", "given": ["Annie"]},
    ],
    "contact": [
        {
            "name": {"family": "Roy"},
            "telecom": [{"system": "phone", "value": "1"}, {"system": "email", "value": "2"}],
        },
        {"telecom": [{"system": "phone", "value": "3"}]},
    ],
    "managingOrganization": {"reference": "Organization/clinic"},
}
BEN = {"resourceType": "Patient", "id": "ben", "active": False, "birthDate": "1980-02-03"}
CLINIC = {"resourceType": "Organization", "id": "clinic", "name": "Clinic"}
WEIGHT = {
    "resourceType": "Observation",
    "id": "weight",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
    "subject": {"reference": "Patient/anna"},
    "effectiveDateTime": "2020-01-02T03:04:05-05:00",
    "valueQuantity": {"value": Decimal("70.5"), "unit": "kg"},
}


@pytest.fixture(params=["memory", "duckdb"])
def ask(request, tmp_path):
    """The rows of a view over resources, on one engine."""
    return lambda view, *resources: rows(request.param, view, resources, tmp_path)


def test_resources_of_other_types_make_no_rows(ask):
    assert ask(view_of(id="id"), ANNA, CLINIC, BEN) == [("anna",), ("ben",)]


def test_a_condition_must_be_true(ask):
    assert ask(view_of(id="id", where=["active"]), ANNA, BEN, {"resourceType": "Patient", "id": "c"}) == [
        ("anna",)
    ]


def test_a_reference_joins_to_the_key_of_what_it_refers_to(ask):
    assert ask(view_of("Observation", of="subject.getReferenceKey(Patient)"), WEIGHT) == [("anna",)]
    assert ask(view_of("Observation", of="subject.getReferenceKey(Group)"), WEIGHT) == [(None,)]
    assert ask(view_of(key="getResourceKey()"), ANNA) == [("anna",)]


@pytest.mark.parametrize(
    "path, value",
    [
        ("name.first().given.join(' ')", "Anna Bea"),
        ("name[1].given.first()", "Annie"),
        ("name[2].family", None),
        ("name.where(use = 'official').family", "Roy"),
        ("name.exists(use = 'official')", True),
        ("name.family.empty()", False),
        ("telecom.empty()", True),
        ("name.given.count()", 3),
        ("name.given.last()", "Annie"),
        ("name.given.skip(1).first()", "Bea"),
        ("name.all(given.exists())", True),
        ("name.given.distinct().count() = 3", True),
        ("'Annie' in name.given", True),
        ("name.first().family & '!'", "Roy!"),
        ("iif(active, 'yes', 'no')", "yes"),
        ("name.first().family.startsWith('R') and name.first().family.length() = 3", True),
        ("(active = false) or name.exists()", True),
        ("active xor true", False),
        ("birthDate < @1971", True),
        ("birthDate < @1970-06-15", None),
        ("birthDate.lowBoundary()", "1970-06-01"),
        ("birthDate.highBoundary()", "1970-06-30"),
        ("1 + 2 * 3", 7),
        ("10 / 4", Decimal("2.5")),
        ("Patient.name.first().use", "official"),
        ("contact.telecom.where(system = 'email').value", "2"),
        ("%rowIndex", 0),
    ],
)
def test_a_path_gives_its_value(ask, path, value):
    assert ask(view_of(value=path), ANNA) == [(value,)]


def test_decimals_keep_their_digits_and_dates_compare_in_their_zones(ask):
    view = view_of(
        "Observation",
        kilograms="value.ofType(Quantity).value",
        pounds="value.ofType(Quantity).value * 2.2",
        heavy="value.ofType(Quantity).value > 70",
        same="effective.ofType(dateTime) = @2020-01-02T08:04:05Z",
        text="value.ofType(string)",
        latest="effective.ofType(dateTime).highBoundary()",
    )
    found = ask(view, WEIGHT)
    assert found == [(Decimal("70.5"), Decimal("155.1"), True, True, None, "2020-01-02T03:04:05.999-05:00")]


def test_selections_cross_and_nested_ones_see_their_parent(ask):
    view = checked(
        {
            "resource": "Patient",
            "select": [
                {"column": [{"name": "id", "path": "id"}]},
                {
                    "forEach": "contact",
                    "column": [{"name": "contact", "path": "%rowIndex"}],
                    "select": [
                        {
                            "forEach": "telecom",
                            "column": [
                                {"name": "place", "path": "%rowIndex"},
                                {"name": "value", "path": "value"},
                            ],
                        }
                    ],
                },
                {
                    "forEachOrNull": "name.where(use = 'nickname')",
                    "column": [{"name": "nick", "path": "given"}],
                },
            ],
        }
    )
    assert sorted(ask(view, ANNA, BEN)) == [
        ("anna", 0, 0, "1", "Annie"),
        ("anna", 0, 1, "2", "Annie"),
        ("anna", 1, 0, "3", "Annie"),
    ]


def test_an_empty_for_each_or_null_makes_one_row_of_nothing(ask):
    view = checked(
        {
            "resource": "Patient",
            "select": [
                {
                    "forEachOrNull": "name",
                    "column": [{"name": "row", "path": "%rowIndex"}, {"name": "constant", "path": "'A'"}],
                    "select": [{"forEach": "given", "column": [{"name": "given", "path": "$this"}]}],
                }
            ],
        }
    )
    assert sorted(ask(view, ANNA, BEN), key=repr) == [
        (0, "A", "Anna"),
        (0, "A", "Bea"),
        (0, None, None),
        (1, "A", "Annie"),
    ]


def test_repeat_goes_through_every_level_parents_first(ask):
    def item(name, *items, answers=()):
        found = {"linkId": name}
        if items:
            found["item"] = list(items)
        if answers:
            found["answer"] = [{"valueString": name, "item": [answer]} for answer in answers]
        return found

    form = {
        "resourceType": "QuestionnaireResponse",
        "id": "form",
        "status": "completed",
        "item": [item("1", item("1.1", item("1.1.1")), answers=[item("1.a")]), item("2")],
    }
    view = checked(
        {
            "resource": "QuestionnaireResponse",
            "select": [
                {"column": [{"name": "id", "path": "id"}]},
                {
                    "repeat": ["item", "answer.item"],
                    "column": [{"name": "place", "path": "%rowIndex"}, {"name": "link", "path": "linkId"}],
                },
            ],
        }
    )
    links = ["1", "1.1", "1.1.1", "1.a", "2"]
    assert sorted(ask(view, form)) == [("form", place, link) for place, link in enumerate(links)]


def test_a_collection_is_a_list_and_an_element_is_json(ask):
    view = checked(
        {
            "resource": "Patient",
            "select": [
                {
                    "column": [
                        {"name": "given", "path": "name.given", "collection": True},
                        {"name": "name", "path": "name.first()", "type": "HumanName"},
                    ]
                }
            ],
        }
    )
    assert ask(view, ANNA, BEN) == [(["Anna", "Bea", "Annie"], ANNA["name"][0]), ([], None)]


def test_several_values_for_one_place_are_refused_by_the_name_of_the_column(ask):
    with pytest.raises(BadInput) as refusal:
        ask(view_of(given="name.given"), ANNA)
    issue = refusal.value.issues[0]
    assert (issue.key, issue.details["column"]) == ("view-many-values", "given")


def test_texts_of_a_view_stay_texts(ask):
    quoted = view_of(a="%c", constant=[{"name": "c", "valueString": "'; DROP TABLE x; --\\ %s {}"}])
    assert ask(quoted, ANNA) == [("'; DROP TABLE x; --\\ %s {}",)]


def test_an_element_of_another_form_than_r4_gives_it_is_nothing(ask):
    odd = {"resourceType": "Patient", "id": "odd", "name": [{"family": "Roy"}], "photo": "none"}
    assert ask(view_of(id="id", photo="photo.exists()"), odd) == [("odd", False)]


def test_a_line_that_is_no_resource_is_refused(ask):
    with pytest.raises(BadInput) as refusal:
        ask(view_of(id="id"), ANNA, {"id": "no type"})
    assert refusal.value.issues[0].key == "view-source-unreadable"


@pytest.mark.parametrize(
    "definition, key",
    [
        ({}, "view-element-missing"),
        ({"resource": "Nobody", "select": []}, "view-resource-unknown"),
        ({"resource": "Patient"}, "view-element-missing"),
        ({"resource": "Patient", "select": [{}]}, "view-element-missing"),
        ({"resource": "Patient", "select": {"column": []}}, "view-element-wrong"),
        ({"resource": "Patient", "select": [{"column": [{"name": "a"}]}]}, "view-element-missing"),
        (
            {"resource": "Patient", "select": [{"column": [{"name": "1a", "path": "id"}]}]},
            "view-name-malformed",
        ),
        (
            {"resource": "Patient", "select": [{"column": [{"name": "a", "path": "id"}] * 2}]},
            "view-column-twice",
        ),
        (
            {"resource": "Patient", "select": [{"forEach": 1, "column": [{"name": "a", "path": "id"}]}]},
            "view-element-wrong",
        ),
        (
            {
                "resource": "Patient",
                "select": [{"forEach": "name", "repeat": ["x"], "column": [{"name": "a", "path": "id"}]}],
            },
            "view-iterations",
        ),
        ({"resource": "Patient", "select": [{"column": [{"name": "a", "path": "@@"}]}]}, "fhirpath-syntax"),
        (
            {"resource": "Patient", "select": [{"column": [{"name": "a", "path": "%b"}]}]},
            "view-constant-unknown",
        ),
        (
            {
                "resource": "Patient",
                "select": [{"column": [{"name": "a", "path": "id"}]}],
                "where": [{"path": "name.family"}],
            },
            "view-where-not-boolean",
        ),
        (
            {
                "resource": "Patient",
                "select": [{"column": [{"name": "a", "path": "id"}]}],
                "constant": [{"name": "c"}],
            },
            "view-constant-wrong",
        ),
    ],
)
def test_a_wrong_view_is_refused_with_its_place(definition, key, tmp_path):
    with pytest.raises(BadInput) as refusal:
        rows("memory", checked(definition), [ANNA], tmp_path)
    assert refusal.value.issues[0].key == key
    assert (
        refusal.value.issues[0].expression is None or "ViewDefinition" in refusal.value.issues[0].expression
    )


def test_what_engines_do_not_know_runs_in_memory_and_is_refused_elsewhere(tmp_path):
    view = view_of(code="name.first().family.matches('^R')")
    assert rows("memory", view, [ANNA], tmp_path) == [(True,)]
    with pytest.raises(BadInput) as refusal:
        rows("duckdb", view, [ANNA], tmp_path)
    assert refusal.value.issues[0].details == {"engine": "duckdb", "feature": "matches()"}
