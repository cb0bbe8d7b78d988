"""Searches through other resources: chains, ``_has``, lists, compartments, hierarchies, and what comes along."""

from __future__ import annotations

import asyncio

import pytest

from passerelle.fhir.outcome import BadInput
from passerelle.fhir.search import Include, Query, Scope, parse
from passerelle.store.memory import MemoryStore


def to(reference):
    return {"reference": reference}


WARD = [
    {
        "resourceType": "Patient",
        "id": "ann",
        "name": [{"family": "Roy"}],
        "managingOrganization": to("Organization/o"),
    },
    {
        "resourceType": "Patient",
        "id": "bo",
        "name": [{"family": "Li"}],
        "generalPractitioner": [to("Practitioner/gp")],
    },
    {"resourceType": "Practitioner", "id": "gp", "name": [{"family": "Roy"}]},
    {"resourceType": "Organization", "id": "o", "name": "Clinic", "partOf": to("Organization/top")},
    {"resourceType": "Organization", "id": "top", "name": "Region", "partOf": to("Organization/o")},
    {"resourceType": "Group", "id": "g", "member": [{"entity": to("Patient/bo")}]},
    {
        "resourceType": "Observation",
        "id": "a1",
        "code": {"coding": [{"code": "8480-6"}]},
        "subject": to("Patient/ann"),
        "valueQuantity": {"value": 5},
        "encounter": to("Encounter/e"),
    },
    {
        "resourceType": "Observation",
        "id": "b1",
        "code": {"coding": [{"code": "29463-7"}]},
        "subject": to("Patient/bo"),
        "performer": [to("Practitioner/gp")],
        "hasMember": [to("Observation/a1")],
    },
    {
        "resourceType": "Encounter",
        "id": "e",
        "subject": to("Patient/ann"),
        "serviceProvider": to("Organization/o"),
    },
    {"resourceType": "Location", "id": "site", "name": "Site"},
    {
        "resourceType": "Location",
        "id": "floor",
        "partOf": to("Location/site"),
        "position": {"latitude": 45.4, "longitude": -75.7},
    },
    {
        "resourceType": "Location",
        "id": "room",
        "partOf": to("Location/floor"),
        "position": {"latitude": -17, "longitude": 179.9},
    },
    {"resourceType": "Procedure", "id": "p", "subject": to("Patient/ann"), "location": to("Location/room")},
    {
        "resourceType": "List",
        "id": "l",
        "entry": [{"item": to("Observation/b1")}, {"item": to("Patient/ann")}],
    },
]


@pytest.fixture(scope="module")
def ask():
    store = MemoryStore()
    asyncio.run(store.load(WARD))

    def found(type, *params, scope=None, **options):
        query = parse(type, params, **options).within(scope or Scope())
        return asyncio.run(store.look(lambda view: view.search(query)))

    return found


@pytest.fixture(scope="module")
def ids(ask):
    return lambda *asked, **options: sorted(one.id for one in ask(*asked, **options).matches)


def test_a_chain_goes_to_every_type_that_the_reference_may_point_to(ids):
    assert ids("Observation", ("subject.name", "roy")) == ["a1"]
    assert ids("Observation", ("subject:Patient.name", "li")) == ["b1"]
    assert ids("Observation", ("subject:Group.type", "person")) == []


def test_a_chain_may_be_long_and_end_in_anything(ids):
    assert ids("Observation", ("subject:Patient.organization.partof.name", "region")) == ["a1"]
    assert ids("Observation", ("subject:Patient.organization:missing", "true")) == ["b1"]
    assert ids("Observation", ("has-member.code-value-quantity", "8480-6$5")) == ["b1"]
    assert ids("Observation", ("patient._has:Group:member:_id", "g")) == ["b1"]


def test_has_asks_what_points_here(ids):
    assert ids("Patient", ("_has:Observation:patient:code", "8480-6,x")) == ["ann"]
    assert ids("Practitioner", ("_has:Patient:general-practitioner:_has:Group:member:_id", "g")) == ["gp"]
    assert ids("Patient", ("_has:Observation:patient:performer.name", "roy")) == ["bo"]


def test_a_list_is_searched_by_its_members(ids):
    assert ids("Observation", ("_list", "l")) == ["b1"]
    assert ids("", ("_list", "l")) == ["ann", "b1"]


def test_a_compartment_holds_what_points_into_it(ids):
    assert ids("Observation", compartment=("Patient", "ann")) == ["a1"]
    assert ids("", compartment=("Patient", "ann")) == ["a1", "ann", "e", "p"]
    assert ids("Observation", compartment=("Encounter", "e")) == ["a1"]
    assert ids("", ("_type", "Observation,Patient"), compartment=("Practitioner", "gp")) == ["b1", "bo"]


@pytest.mark.parametrize(
    ("type", "compartment", "key"),
    [
        ("Organization", ("Patient", "ann"), "search-not-in-compartment"),
        ("Observation", ("Organization", "o"), "search-compartment-unknown"),
        ("Observation", ("Patient", "not an id"), "search-compartment-unknown"),
    ],
)
def test_what_is_in_no_compartment_is_refused(type, compartment, key):
    with pytest.raises(BadInput) as refused:
        parse(type, [], compartment=compartment)
    assert (refused.value.status, refused.value.issues[0].key) == (404, key)


def test_a_search_across_types_understands_what_they_share(ids):
    assert ids("", ("_type", "Patient,Practitioner"), ("family", "roy")) == ["ann", "gp"]
    assert ids("", ("_id", "ann,gp")) == ["ann", "gp"]
    with pytest.raises(BadInput):
        parse("", [("_type", "Patient,Observation"), ("family", "roy")])
    with pytest.raises(BadInput):
        parse("", [("name", "roy")])


def test_a_hierarchy_is_followed_to_all_depths(ids):
    assert ids("Procedure", ("location:below", "site")) == ["p"]
    assert ids("Procedure", ("location:below", "Location/room")) == ["p"]
    assert ids("Procedure", ("location", "site")) == []
    assert ids("Location", ("partof:below", "site")) == ["floor", "room"]
    assert ids("Location", ("partof:above", "room")) == ["floor", "room"]


def test_near_is_a_box_that_may_cross_the_date_line(ids):
    assert ids("Location", ("near", "45.42|-75.69|5|km")) == ["floor"]
    assert ids("Location", ("near", "-17|-179.9|50|km")) == ["room"]
    assert ids("Location", ("near", "45.42|-75.69|100|m")) == []


def test_includes_come_once_and_iterate_until_nothing_is_new(ask):
    page = ask("Observation", ("code", "8480-6"), ("_include", "Observation:subject"))
    assert [one.reference for one in page.included] == ["Patient/ann"]
    page = ask(
        "Observation",
        ("code", "8480-6"),
        ("_include", "Observation:subject"),
        ("_include:iterate", "Patient:organization"),
        ("_include:iterate", "Organization:partof"),
    )
    assert [one.reference for one in page.included] == ["Organization/o", "Organization/top", "Patient/ann"]
    page = ask(
        "Patient",
        ("_id", "bo"),
        ("_revinclude", "Observation:patient"),
        ("_revinclude:iterate", "Group:member"),
    )
    assert [one.reference for one in page.included] == ["Group/g", "Observation/b1"]
    page = ask("Observation", ("code", "8480-6"), ("_include", "*"), ("_revinclude", "*"))
    assert [one.reference for one in page.included] == ["Encounter/e", "Observation/b1", "Patient/ann"]


def test_an_include_goes_to_one_type_where_it_says_so(ask):
    assert ask("Observation", ("_include", "Observation:subject:Group")).included == ()
    assert parse("Observation", [("_revinclude", "*")]).revinclude == (Include("*", "*"),)


def test_what_is_out_of_scope_does_not_exist_on_any_way(ask, ids):
    only = Scope(types=frozenset({"Observation"}))
    assert ids("Observation", ("subject.name", "roy"), scope=only) == []
    assert ask("Observation", ("_include", "*"), scope=only).included == ()
    bo = Scope(compartment="bo")
    assert ids("Practitioner", ("_has:Observation:performer:code", "8480-6"), scope=bo) == []
    assert ids("Organization", ("_has:Patient:organization:_id", "ann"), scope=bo) == []


@pytest.mark.parametrize(
    "name", [".".join(["partof"] * 100 + ["name"]), "_has:Organization:partof:" * 100 + "name"]
)
def test_a_way_of_a_hundred_steps_is_refused_with_its_limit(name):
    with pytest.raises(BadInput) as refused:
        parse("Organization", [(name, "x")])
    [issue] = refused.value.issues
    assert (issue.key, issue.code, issue.details["limit"]) == ("search-chain-too-deep", "too-costly", "8")


def test_a_search_that_branches_without_end_is_refused():
    with pytest.raises(BadInput) as refused:
        parse("Observation", [("focus:Observation." + "has-member." * 4 + "subject.name", "x")] * 100)
    assert refused.value.issues[0].code == "too-costly"


def test_lenient_leaves_out_what_is_unknown_and_says_so():
    query = parse("Patient", [("shoe-size", "42"), ("name", "x"), ("_sort", "weight")], lenient=True)
    assert len(query.clauses) == 1
    assert [issue.details["parameter"] for issue in query.ignored] == ["shoe-size", "weight"]
    with pytest.raises(BadInput):
        parse("Patient", [("birthdate", "yesterday")], lenient=True)


def test_pages_go_on_behind_the_last_row_and_leave_out_what_came_later():
    store = MemoryStore()
    asyncio.run(store.load({"resourceType": "Patient", "id": f"{n}"} for n in range(5)))
    shown, after = [], None
    while True:
        query = Query("Patient", count=2, after=after)
        page = asyncio.run(store.look(lambda view, query=query: view.search(query)))
        shown += [one.id for one in page.matches]
        asyncio.run(store.load([{"resourceType": "Patient", "id": f"new-{len(shown)}"}]))
        after = page.next
        if after is None:
            break
        assert page.total == 5
    assert shown == ["4", "3", "2", "1", "0"]
