"""The named cast: each story is really in the data."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from passerelle.fhir.drug import drug_key, strength
from passerelle.fhir.health_number import Verdict, check
from passerelle.synthetic import NODES, CastMember, Person, cast
from passerelle.values import NodeId

Players = dict[str, CastMember]
TODAY = date(2026, 3, 2)


def _at(person: Person, node: str, *types: str) -> list[dict[str, Any]]:
    return [each for each in person.records.get(NodeId(node), ()) if each["resourceType"] in types]


def _everywhere(person: Person, *types: str) -> dict[str, list[dict[str, Any]]]:
    found = {node: _at(person, node, *types) for node in person.records}
    return {node: listed for node, listed in found.items() if listed}


def _takes(person: Person, node: str, drug: str) -> set[str]:
    """The strengths of a drug that a node says are taken now."""
    return {
        strength(each)
        for each in _at(person, node, "MedicationRequest", "MedicationStatement")
        if drug_key(each) == drug and each["status"] == "active"
    }


def _codes(resources: list[dict[str, Any]]) -> set[str]:
    return {coding["code"] for each in resources for coding in each["code"].get("coding", ())}


def test_the_cast_is_small_and_each_has_a_story_in_both_languages(players: Players) -> None:
    assert 15 <= len(players) <= 18
    assert next(iter(players)) == "marie-eve-tremblay"
    assert all(
        member.story["en"].endswith(".") and member.story["fr"].endswith(".") for member in players.values()
    )


def test_the_numbers_of_the_cast_hold_their_checks_but_one(players: Players) -> None:
    failed = {
        (key, number.node)
        for key, member in players.items()
        for number in member.person.identifiers
        if check(number.system, number.value) in {Verdict.FAILED, Verdict.MALFORMED}
    }
    assert failed == {("layla-haddad", "on")}


@pytest.mark.parametrize("today", [date(2026, 3, 2), date(2027, 11, 30), date(2028, 2, 29)])
def test_the_stories_move_along_with_today(today: date) -> None:
    for member in cast(today=today):
        latest = max(
            each["period"]["start"][:10]
            for listed in member.person.records.values()
            for each in (*listed, {"resourceType": "Encounter", "period": {"start": "0"}})
            if each["resourceType"] == "Encounter"
        )
        assert latest <= today.isoformat()


class TestMarieEve:
    """Born 1961-03-14, five provinces."""

    @pytest.fixture
    def her(self, players: Players) -> Person:
        return players["marie-eve-tremblay"].person

    def test_her_record_is_in_five_provinces_and_rich_in_ontario(self, her: Person) -> None:
        assert her.birth_date == "1961-03-14"
        assert list(her.records) == ["on", "qc", "bc", "mb", "ns"]
        assert 250 <= len(her.records[NodeId("on")]) <= 400

    def test_ontario_quebec_and_british_columbia_numbers_are_valid(self, her: Person) -> None:
        assert {each.node for each in her.identifiers} == {"on", "qc", "bc"}
        assert all(check(each.system, each.value) is Verdict.VALID for each in her.identifiers)

    def test_ramipril_is_ten_milligrams_in_the_east_and_five_in_british_columbia(self, her: Person) -> None:
        taken = {node: _takes(her, node, "ramipril") for node in her.records}
        assert taken == {"on": {"10mg"}, "qc": {"10mg"}, "bc": {"5mg"}, "mb": set(), "ns": set()}

    def test_metformin_is_the_same_in_three_sources(self, her: Person) -> None:
        taken = {node: _takes(her, node, "metformin") for node in her.records}
        assert taken == {"on": {"500mg"}, "qc": {"500mg"}, "bc": {"500mg"}, "mb": set(), "ns": set()}

    def test_apixaban_is_known_in_quebec_alone(self, her: Person) -> None:
        knows = [node for node in her.records if _takes(her, node, "apixaban")]
        assert knows == ["qc"]

    def test_penicillin_anaphylaxis_is_known_to_two_sources(self, her: Person) -> None:
        allergies = _everywhere(her, "AllergyIntolerance")
        assert set(allergies) == {"on", "qc"}
        for listed in allergies.values():
            assert listed[0]["criticality"] == "high"
            assert listed[0]["code"]["coding"][0]["display"] == "Penicillin"
            assert listed[0]["reaction"][0]["manifestation"][0]["text"] in {"Anaphylaxis", "Anaphylaxie"}

    def test_her_problems_are_spread_over_the_sources(self, her: Person) -> None:
        problems = {node: _codes(listed) for node, listed in _everywhere(her, "Condition").items()}
        assert problems["on"] >= {"250.00", "401.9", "585.3"}
        assert problems["qc"] >= {"250.00", "401.9", "427.31"}
        assert "401.9" in problems["bc"]
        assert [node for node, codes in problems.items() if "427.31" in codes] == ["qc"]

    def test_hemoglobin_a1c_falls_over_ten_years_in_two_laboratories(self, her: Person) -> None:
        series = sorted(
            (each["effectiveDateTime"][:10], each["valueQuantity"]["value"], node)
            for node in her.records
            for each in _at(her, node, "Observation")
            if "4548-4" in _codes([each])
        )
        assert {node for _, _, node in series} == {"on", "qc"}
        assert len(series) == 20
        assert int(series[-1][0][:4]) - int(series[0][0][:4]) >= 9
        assert series[0][1] > 9 > 7.5 > series[-1][1]
        units = {
            each["valueQuantity"]["code"]
            for each in _at(her, "qc", "Observation")
            if "4548-4" in _codes([each])
        }
        assert units == {"%"}

    def test_manitoba_has_laboratory_results_and_nothing_else(self, her: Person) -> None:
        types = {each["resourceType"] for each in her.records[NodeId("mb")]}
        assert types == {"Patient", "Observation", "DiagnosticReport"}

    def test_british_columbia_holds_a_group_of_items_marked_sensitive(self, her: Person) -> None:
        marked = [each for each in her.records[NodeId("bc")] if "security" in each["meta"]]
        assert {each["meta"]["security"][0]["code"] for each in marked} == {"MH"}
        assert {each["resourceType"] for each in marked} == {"Encounter", "Condition", "DocumentReference"}


def test_a_person_of_one_name_has_no_family_name(players: Players) -> None:
    person = players["wulandari"].person
    assert set(person.records) == {"on", "ab"}
    for node in person.records:
        name = person.patient(node)["name"][0]
        assert (name["given"], name["text"], "family" in name) == (["Wulandari"], "Wulandari", False)


def test_the_elder_of_iqaluit_has_syllabics_care_in_two_provinces_and_inr_results(players: Players) -> None:
    person = players["alasi-qaunaq"].person
    assert set(person.records) == {"nu", "on", "mb"}
    assert any("ᐊᓚᓯ" in name["text"] for name in person.patient(NodeId("on"))["name"])
    assert person.patient(NodeId("nu"))["communication"][0]["language"]["coding"][0]["code"] == "iu-CA"
    assert "6301-6" in _codes(_at(person, "nu", "Observation"))
    assert _at(person, "on", "DocumentReference") and _at(person, "on", "Procedure")


def test_the_twins_differ_only_in_given_name_number_and_allergy(players: Players) -> None:
    emma, ella = players["emma-kowalchuk"].person, players["ella-kowalchuk"].person
    first, second = emma.patient(NodeId("ab")), ella.patient(NodeId("ab"))
    assert first["birthDate"] == second["birthDate"]
    assert first["address"] == second["address"]
    assert first["gender"] == second["gender"]
    assert first["name"][0]["family"] == second["name"][0]["family"]
    assert (first["multipleBirthInteger"], second["multipleBirthInteger"]) == (1, 2)
    assert emma.identifiers[0].value != ella.identifiers[0].value
    assert _at(emma, "ab", "AllergyIntolerance")[0]["criticality"] == "high"
    assert _codes(_at(ella, "ab", "AllergyIntolerance")) == {"716186003"}


def test_the_newborn_has_a_record_and_no_health_number(players: Players) -> None:
    person = players["baby-friesen"].person
    patient = person.patient(NodeId("mb"))
    assert (TODAY - date.fromisoformat(patient["birthDate"])).days < 28
    assert [each["type"]["coding"][0]["code"] for each in patient["identifier"]] == ["MR"]
    assert _at(person, "mb", "Encounter")


def test_who_married_and_moved_has_another_name_in_each_province(players: Players) -> None:
    person = players["hannah-peters"].person
    then, now = person.patient(NodeId("nl")), person.patient(NodeId("ab"))
    assert [(name["use"], name["family"]) for name in then["name"]] == [("official", "Walsh")]
    assert [(name["use"], name["family"]) for name in now["name"]] == [
        ("official", "Peters"),
        ("maiden", "Walsh"),
    ]
    old = now["identifier"][1]
    assert (old["use"], old["value"]) == ("old", then["identifier"][0]["value"])


def test_the_temporary_number_is_marked_and_fails(players: Players) -> None:
    identifier = players["layla-haddad"].person.patient(NodeId("on"))["identifier"][0]
    assert identifier["use"] == "temp"
    assert check(identifier["system"], identifier["value"]) is Verdict.FAILED


def test_one_province_typed_the_birth_date_wrong(players: Players) -> None:
    person = players["robert-sinclair"].person
    assert person.patient(NodeId("sk"))["birthDate"] == "1958-03-07"
    assert person.patient(NodeId("mb"))["birthDate"] == "1958-07-03"


def test_the_truck_driver_was_seen_in_four_provinces_with_his_drugs(players: Players) -> None:
    person = players["gurpreet-dhillon"].person
    assert set(person.records) == {"bc", "ab", "mb", "on"}
    assert person.patient(NodeId("bc"))["communication"][0]["language"]["coding"][0]["code"] == "pa"
    assert all(_takes(person, node, "metformin") == {"500mg"} for node in person.records)


def test_the_cree_speaker_has_ten_years_of_results_and_care_in_two_provinces(players: Players) -> None:
    person = players["agnes-moostoos"].person
    assert set(person.records) == {"sk", "mb"}
    assert person.patient(NodeId("sk"))["communication"][0]["language"]["coding"][0]["code"] == "cr-CA"
    years = {each["effectiveDateTime"][:4] for each in _at(person, "sk", "DiagnosticReport")}
    assert len(years) >= 10


def test_the_student_has_a_french_record_and_two_scripts(players: Players) -> None:
    person = players["chen-yuhan"].person
    assert set(person.records) == {"qc", "bc"}
    assert {each.get("language") for each in person.records[NodeId("qc")]} == {"fr"}
    assert {each.get("language") for each in person.records[NodeId("bc")]} == {"en"}
    assert {name["text"] for name in person.patient(NodeId("bc"))["name"]} == {"Yuhan Chen", "陈雨涵"}


def test_the_acadian_is_recorded_in_french_in_new_brunswick(players: Players) -> None:
    person = players["jean-guy-robichaud"].person
    assert set(person.records) == {"nb", "qc"}
    assert {each.get("language") for each in person.records[NodeId("nb")]} == {"fr"}
    assert "Insuffisance cardiaque" in {each["code"]["text"] for each in _at(person, "qc", "Condition")}


def test_one_person_has_demographics_and_nothing_else(players: Players) -> None:
    assert {node: len(listed) for node, listed in players["nora-clark"].person.records.items()} == {"pe": 1}


def test_no_known_allergy_in_one_place_conflicts_with_penicillin_in_another(players: Players) -> None:
    person = players["lucas-mercer"].person
    assert _codes(_at(person, "nl", "AllergyIntolerance")) == {"716186003"}
    assert "Penicillin" in {each["code"]["text"] for each in _at(person, "ns", "AllergyIntolerance")}


def test_one_person_has_care_in_all_thirteen(players: Players) -> None:
    person = players["fiona-bennett"].person
    assert set(person.records) == set(NODES)
    assert set(_everywhere(person, "Encounter")) == set(NODES)


def test_two_territories_and_a_surgery_in_the_south(players: Players) -> None:
    person = players["dwayne-charles"].person
    assert set(person.records) == {"yt", "nt", "bc"}
    assert "Laparoscopic cholecystectomy" in {each["code"]["text"] for each in _at(person, "bc", "Procedure")}
