"""Searching over the interface: types, compartments, pages, wishes, and versions as they were."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import replace

import pytest

from passerelle.node.sealing import seal
from passerelle.values import Caller, NodeId
from tests.spec.country import Country, condition, patient, physician

FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture
def country() -> Country:
    made = Country("on")
    made.put(
        "on",
        patient("p1"),
        patient("p2"),
        *(condition(f"c{n}", f"problem {n}", "p1") for n in range(5)),
        condition("other", "secret", "p2"),
    )
    return made


def ids(said) -> list[str]:
    return [one["id"] for one in said.resources]


def link(said, relation: str) -> str:
    found = [one["url"] for one in said.json["link"] if one["relation"] == relation]
    return found[0].removeprefix("https://on.example/fhir/") if found else ""


def test_a_search_across_types_finds_what_each_of_them_has(country):
    found = country.ask("on", "GET", "?_type=Patient,Condition&_lastUpdated=gt2000")
    assert found.json["total"] == 8
    assert {one["resourceType"] for one in found.resources} == {"Patient", "Condition"}
    posted = country.ask("on", "POST", "_search", b"_type=Patient&_id=p2", headers=FORM)
    assert ids(posted) == ["p2"]


def test_a_compartment_is_searched_by_its_address(country):
    assert len(ids(country.ask("on", "GET", "Patient/p1/Condition"))) == 5
    assert ids(country.ask("on", "GET", "Patient/p2/Condition?_count=9")) == ["other"]
    assert set(ids(country.ask("on", "GET", "Patient/p2/*"))) >= {"other"}
    assert ids(country.ask("on", "POST", "Patient/p2/Condition/_search", b"", headers=FORM)) == ["other"]
    assert country.ask("on", "GET", "Medication/m1/Condition").status in (400, 404)


def test_pages_lead_to_each_other_and_the_first_one_is_named(country):
    page = country.ask("on", "GET", "Condition?patient=p1&_count=2")
    seen, pages = ids(page), 1
    assert link(page, "first") == "Condition?patient=p1&_count=2"
    while following := link(page, "next"):
        country.put("on", condition(f"late{pages}", "came later", "p1"))
        page = country.ask("on", "GET", following)
        seen += ids(page)
        pages += 1
    assert (sorted(seen), pages) == (["c0", "c1", "c2", "c3", "c4"], 3)


@pytest.mark.parametrize("cursor", ["", "x", "AAAA", "W10", "%00", "W1tdXQ", "WzEsMl0x"])
def test_a_cursor_that_this_server_did_not_write_is_refused(country, cursor):
    for path in (f"Condition?_cursor={cursor}", f"Condition/_history?_cursor={cursor}"):
        answer = country.ask("on", "GET", path)
        assert answer.status == 400 or cursor == ""


def test_a_compartments_pages_stay_in_it(country):
    page = country.ask("on", "GET", "Patient/p1/Condition?_count=4")
    following = link(page, "next")
    assert following.startswith("Patient/p1/Condition?")
    assert len(ids(country.ask("on", "GET", following))) == 1


def test_what_is_not_known_is_left_out_only_when_the_client_wishes_it_and_is_named(country):
    path = "Condition?nonsense=1&patient=p1&_count=1"
    assert country.ask("on", "GET", path).status == 400
    assert country.ask("on", "GET", path, headers={"prefer": "handling=strict"}).status == 400
    lenient = country.ask("on", "GET", path, headers={"prefer": "handling=lenient"})
    assert (lenient.status, lenient.json["total"]) == (200, 5)
    outcome = [one for one in lenient.json["entry"] if one["search"]["mode"] == "outcome"]
    assert outcome[0]["resource"]["issue"][0]["severity"] == "warning"
    assert "nonsense" not in link(lenient, "self")


def test_included_resources_are_marked(country):
    found = country.ask("on", "GET", "Condition?_id=c1&_include=Condition:subject").json
    assert [one["search"]["mode"] for one in found["entry"]] == ["match", "include"]
    assert found["total"] == 1


def test_a_part_of_what_was_found_is_marked_as_a_part(country):
    part = country.ask("on", "GET", "Patient?_id=p1&_elements=gender").resources[0]
    assert "birthDate" not in part
    assert part["meta"]["tag"][0]["code"] == "SUBSETTED"
    count = country.ask("on", "GET", "Patient?_summary=count").json
    assert (count["total"], "entry" in count) == (2, False)


def test_codes_come_from_a_value_set_that_is_held_here(country):
    code = {"system": "http://snomed.info/sct", "code": "195967001"}
    value_set = {
        "resourceType": "ValueSet",
        "id": "asthma",
        "url": "urn:x:asthma",
        "status": "active",
        "compose": {"include": [{"system": code["system"], "concept": [{"code": code["code"]}]}]},
    }
    country.put("on", value_set, condition("asthma", "x", "p1", code={"coding": [code]}))
    assert ids(country.ask("on", "GET", "Condition?code:in=urn:x:asthma")) == ["asthma"]
    assert country.ask("on", "GET", "Condition?code:in=urn:x:nothing").status in (400, 404, 422)


def test_a_history_can_be_of_what_was_true_then(country):
    country.ask("on", "PUT", "Patient/p1", patient("p1", gender="male"))
    country.ask("on", "DELETE", "Patient/p1")
    whole = country.ask("on", "GET", "Patient/p1/_history").json
    assert [one["request"]["method"] for one in whole["entry"]] == ["DELETE", "PUT", "POST"]
    assert "resource" not in whole["entry"][0]
    said = whole["entry"][0]["response"]
    assert said["status"].startswith("204")
    since = whole["entry"][1]["response"]["lastModified"].replace("+", "%2B")
    assert len(country.ask("on", "GET", f"Patient/p1/_history?_since={since}").json["entry"]) == 2
    then = country.ask("on", "GET", f"Patient/p1/_history?_at={since}").json["entry"]
    assert then[0]["response"]["etag"] in ('W/"1"', 'W/"2"')
    assert country.ask("on", "GET", "Patient/p1/_history?_at=1999").json.get("entry") is None
    for wrong in ("_since=yesterday", "_at=x", "_count=x", "_count=-1", f"_since={since}&_at=2020", "x=1"):
        assert country.ask("on", "GET", f"Patient/p1/_history?{wrong}").status == 400


@pytest.mark.parametrize("path", ["_history", "Condition/_history", "Condition/c1/_history"])
def test_a_history_pages_through_every_version_once(country, path):
    for turn in range(3):
        country.ask("on", "PUT", "Condition/c1", condition("c1", f"again {turn}"))
    page = country.ask("on", "GET", f"{path}?_count=2")
    seen = [one["fullUrl"] + one["response"]["etag"] for one in page.json["entry"]]
    while following := link(page, "next"):
        page = country.ask("on", "GET", following)
        seen += [one["fullUrl"] + one["response"]["etag"] for one in page.json.get("entry", ())]
    assert len(seen) == len(set(seen)) == page.json["total"]


def test_nobody_finds_by_a_detour_what_they_may_not_see(country):
    secret = {"security": [{"system": "urn:x", "code": "R"}]}
    country.put("on", {**condition("c9", "hidden", "p1"), "meta": secret})
    mine = Caller("me", "person", "patient", NodeId("on"), patient="p1", scopes=("patient/*.rs",))
    from passerelle.values import Purpose

    def ask(path: str):
        return country.ask("on", "GET", path, caller=mine, purpose=Purpose.PATRQT)

    assert ids(ask("Patient")) == ["p1"]
    assert ids(ask("Patient?_has:Condition:patient:code:text=secret")) == []
    assert ids(ask("Condition?patient.family=ducharme&_count=50")) and "other" not in ids(ask("Condition"))
    assert ask("Patient/p2/Condition").status == 404
    assert ask("Patient/p2/$everything").status == 404
    assert "other" not in ids(ask("?_type=Condition&_count=50"))
    assert ids(ask("Condition?_id=other&_include=Condition:subject")) == []
    assert ask("Condition/other/_history").status == 404
    assert ask("Patient/p1/_history").status == 200


def test_a_role_sees_in_a_search_across_types_only_what_is_its_own(country):
    country.put("on", {"resourceType": "Basic", "id": "b1", "code": {"text": "x"}})
    found = country.ask("on", "GET", "?_lastUpdated=gt2000&_count=50", caller=physician("on"))
    assert "b1" not in ids(found)
    assert found.json["total"] == 8


def test_audit_events_are_asked_for_alone(country):
    assert country.ask("on", "GET", "?_type=AuditEvent,Patient").keys == ["audit-events-alone"]
    assert country.ask("on", "GET", "?_type=AuditEvent").status == 200


def test_everything_of_one_patient_comes_whole_or_in_pages(country):
    whole = country.ask("on", "GET", "Patient/p1/$everything")
    assert len(ids(whole)) == whole.json["total"] == 6
    page = country.ask("on", "GET", "Patient/p1/$everything?_count=4")
    assert ids(page)[0] == "p1"
    seen = ids(page)
    while following := link(page, "next"):
        page = country.ask("on", "GET", following)
        seen += ids(page)
    assert sorted(seen) == sorted(ids(whole))
    assert ids(country.ask("on", "GET", "Patient/p1/$everything?_type=Patient")) == ["p1"]
    body = {"resourceType": "Parameters", "parameter": [{"name": "_type", "valueCode": "Patient"}]}
    assert ids(country.ask("on", "POST", "Patient/p1/$everything", body)) == ["p1"]
    for wrong in ("_type=Pateint", "start=x", "_cursor=%F0", "start=2020&end=2010", "nonsense=1"):
        assert country.ask("on", "GET", f"Patient/p1/$everything?{wrong}").status == 400
    assert country.ask("on", "GET", "Patient/nobody/$everything").status == 404


def test_everything_of_an_encounter_is_its_compartment_and_what_that_refers_to(country):
    about = {"subject": {"reference": "Patient/p1"}}
    encounter = {
        "resourceType": "Encounter",
        "id": "e1",
        "status": "finished",
        "class": {"code": "AMB"},
        **about,
    }
    seen = condition("at-visit", "cough", "p1", encounter={"reference": "Encounter/e1"})
    country.put("on", encounter, seen)
    whole = country.ask("on", "GET", "Encounter/e1/$everything")
    assert ids(whole)[0] == "e1"
    assert sorted(ids(whole)) == ["at-visit", "e1", "p1"]
    page = country.ask("on", "GET", "Encounter/e1/$everything?_count=1")
    found = ids(page)
    while following := link(page, "next"):
        page = country.ask("on", "GET", following)
        found += ids(page)
    assert sorted(found) == ["at-visit", "e1", "p1"]
    assert ids(country.ask("on", "GET", "Encounter/e1/$everything?_type=Condition")) == ["at-visit"]
    assert country.ask("on", "GET", "Encounter/e1/$everything?start=2020").status == 400
    assert country.ask("on", "GET", "Encounter/nobody/$everything").status == 404
    country.ask("on", "DELETE", "Encounter/e1")
    assert country.ask("on", "GET", "Encounter/e1/$everything").status == 410


def test_the_address_of_the_next_page_does_not_say_by_what_it_was_sorted(country, tmp_path):
    country.nodes["on"] = replace(country.nodes["on"], seal=seal(tmp_path / "key"))
    for family in ("Abernathy", "Bouchard", "Cardinal"):
        person = {"resourceType": "Patient", "id": family.lower(), "name": [{"family": family}]}
        country.ask("on", "PUT", f"Patient/{family.lower()}", person)
    seen, address = [], "Patient?_sort=family&_count=1"
    while address:
        page = country.ask("on", "GET", address).json
        seen += [entry["resource"]["id"] for entry in page["entry"]]
        following = [link["url"] for link in page["link"] if link["relation"] == "next"]
        address = following[0].partition("/fhir/")[2] if following else ""
        carried = address.rpartition("_cursor=")[2]
        assert b"bernathy" not in b64decode(carried + "=" * (-len(carried) % 4), altchars=b"-_")
    assert [id for id in seen if id not in ("p1", "p2")] == ["abernathy", "bouchard", "cardinal"]
    assert country.ask("on", "GET", "Patient?_sort=family&_cursor=WzEsMV0").status == 400
