"""What matches, in what order, and what a scope leaves out."""

from __future__ import annotations

import pytest

from passerelle.fhir.search import EVERYTHING, Scope, included, matches, parse, sort_key


def visit(id, start, patient="p1", **more):
    return {
        "resourceType": "Encounter",
        "id": id,
        "status": "finished",
        "period": {"start": start},
        "subject": {"reference": f"Patient/{patient}"},
        **more,
    }


def found(resources, *params, type="Encounter", scope=EVERYTHING):
    query = parse(type, params).within(scope)
    return [resource["id"] for resource in resources if matches(resource, query)]


def test_alternatives_widen_and_parameters_narrow():
    visits = [visit("a", "2023-01-01"), visit("b", "2024-01-01"), visit("c", "2024-01-01", patient="p2")]
    assert found(visits, ("patient", "p1,p2"), ("date", "ge2023")) == ["a", "b", "c"]
    assert found(visits, ("patient", "p1"), ("date", "sa2023")) == ["b"]


def test_another_type_never_matches():
    assert found([{"resourceType": "Patient", "id": "p"}]) == []


@pytest.mark.parametrize(("asked", "expected"), [("true", ["b"]), ("false", ["a"])])
def test_missing_asks_whether_there_is_a_value(asked, expected):
    visits = [visit("a", "2024", serviceProvider={"reference": "Organization/o"}), visit("b", "2024")]
    assert found(visits, ("service-provider:missing", asked)) == expected


def test_not_includes_what_has_no_value():
    visits = [visit("a", "2024", type=[{"coding": [{"code": "x"}]}]), visit("b", "2024")]
    assert found(visits, ("type:not", "x")) == ["b"]


def test_a_hidden_label_takes_the_resource_out_of_every_answer():
    label = {"security": [{"system": "urn:labels", "code": "HIV"}]}
    visits = [visit("a", "2024", meta=label), visit("b", "2024")]
    assert found(visits, scope=Scope(hidden=frozenset({"urn:labels|HIV"}))) == ["b"]


def test_a_compartment_holds_its_patient_and_what_is_about_nobody():
    one_patient = Scope(compartment="p1")
    assert found([visit("a", "2024"), visit("b", "2024", patient="p2")], scope=one_patient) == ["a"]
    assert found([{"resourceType": "Organization", "id": "o"}], type="Organization", scope=one_patient) == [
        "o"
    ]


def test_a_scope_without_types_shows_nothing():
    assert found([visit("a", "2024")], scope=Scope(types=frozenset())) == []


def test_sorting_goes_by_the_least_value_upwards_and_the_greatest_downwards():
    visits = [visit("b", "2024-02"), visit("c", "2024-03"), visit("a", "2024-02")]
    up, down = (parse("Encounter", [("_sort", order)]) for order in ("date", "-date"))
    assert [v["id"] for v in sorted(visits, key=lambda v: sort_key(v, up))] == ["b", "a", "c"]
    assert [v["id"] for v in sorted(visits, key=lambda v: sort_key(v, down))] == ["c", "b", "a"]


@pytest.mark.parametrize("order", ["date", "-date"])
def test_what_has_no_value_comes_last_either_way(order):
    undated = {"resourceType": "Encounter", "id": "0"}
    query = parse("Encounter", [("_sort", order)])
    assert sorted([undated, visit("a", "2024")], key=lambda v: sort_key(v, query))[-1] is undated


def test_an_include_follows_one_parameter_to_one_type():
    stay = visit("a", "2024", serviceProvider={"reference": "Organization/o"})
    assert included(stay, parse("Encounter", [("_include", "Encounter:subject")])) == ("Patient/p1",)
    assert included(stay, parse("Encounter", [("_include", "Encounter:subject:Group")])) == ()
    assert set(included(stay, parse("Encounter", [("_include", "*")]))) == {"Patient/p1", "Organization/o"}
