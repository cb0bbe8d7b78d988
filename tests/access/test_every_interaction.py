"""Every interaction is decided by its own letters of SMART scope, sees within its own scope, and leaves its event."""

from __future__ import annotations

from typing import Any

import pytest

from passerelle.flows.operations import OPERATIONS
from passerelle.flows.requests import ROADS
from passerelle.policy.scopes import LETTERS
from passerelle.values import Caller, NodeId, Purpose
from tests.spec.country import HCN, Country, Said, condition, patient

NUMBER = f"identifier={HCN}|9876543217"
TAGS = {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": {"tag": [{"code": "x"}]}}]}
JSON_PATCH = {"content-type": "application/json-patch+json"}
CHANGE = [{"op": "replace", "path": "/gender", "value": "male"}]
MATCH = {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": patient()}]}

# interaction, method, path, body, headers, the letters that it needs
TABLE: list[tuple[str, str, str, Any, dict[str, str], str]] = [
    ("read", "GET", "Patient/p1", None, {}, "r"),
    ("vread", "GET", "Patient/p1/_history/1", None, {}, "r"),
    ("history-instance", "GET", "Patient/p1/_history", None, {}, "r"),
    ("history-type", "GET", "Patient/_history", None, {}, "s"),
    ("history-system", "GET", "_history", None, {}, "s"),
    ("search-type", "GET", "Patient?family=ducharme", None, {}, "s"),
    ("search-type", "POST", "Patient/_search", b"", {}, "s"),
    ("search-type", "GET", "Patient/p1/Patient", None, {}, "s"),
    ("search-system", "GET", "?_type=Patient", None, {}, "s"),
    ("search-system", "GET", "Patient/p1/*", None, {}, "s"),
    ("create", "POST", "Patient", {"resourceType": "Patient"}, {}, "c"),
    ("create", "POST", "Patient", {"resourceType": "Patient"}, {"if-none-exist": NUMBER}, "cs"),
    ("update", "PUT", "Patient/p1", patient(), {}, "u"),
    ("conditional-update", "PUT", f"Patient?{NUMBER}", patient(), {}, "su"),
    ("patch", "PATCH", "Patient/p1", CHANGE, JSON_PATCH, "u"),
    ("conditional-patch", "PATCH", f"Patient?{NUMBER}", CHANGE, JSON_PATCH, "su"),
    ("delete", "DELETE", "Patient/p1", None, {}, "d"),
    ("conditional-delete", "DELETE", f"Patient?{NUMBER}", None, {}, "ds"),
    ("$everything", "GET", "Patient/p1/$everything", None, {}, "rs"),
    ("$match", "POST", "Patient/$match", MATCH, {}, "s"),
    ("$meta", "GET", "Patient/p1/$meta", None, {}, "r"),
    ("$meta-add", "POST", "Patient/p1/$meta-add", TAGS, {}, "ru"),
    ("$meta-delete", "POST", "Patient/p1/$meta-delete", TAGS, {}, "ru"),
    ("$validate", "GET", "Patient/p1/$validate", None, {}, "s"),
]
NAMES = [f"{row[1]} {row[2]} {'once' if row[4].get('if-none-exist') else ''}".strip() for row in TABLE]


@pytest.fixture
def country() -> Country:
    made = Country("on")
    made.put("on", patient(), condition("c1", "asthma"))
    return made


def ask(country: Country, row: tuple[Any, ...], scope: str) -> Said:
    caller = Caller("app", "service", "service", NodeId("on"), scopes=(scope,) if scope else ())
    _, method, path, body, headers, _ = row
    country.events.clear()
    return country.ask("on", method, path, body, caller=caller, purpose=Purpose.TREAT, headers=headers)


def smart(letters: str) -> str:
    return "system/Patient." + "".join(letter for letter in "cruds" if letter in letters)


@pytest.mark.parametrize("row", TABLE, ids=NAMES)
def test_its_letters_are_enough_and_one_less_is_not(country: Country, row: tuple[Any, ...]) -> None:
    needed = row[5]
    for missing in needed:
        rest = "".join(letter for letter in "cruds" if letter != missing)
        assert ask(country, row, smart(rest)).status == 403, f"without {missing}"
    assert ask(country, row, "").status == 403
    assert ask(country, row, "system/Condition.cruds").status == 403 or row[0].endswith("-system")
    assert ask(country, row, smart(needed)).status in (200, 201, 204)


@pytest.mark.parametrize("row", TABLE, ids=NAMES)
def test_it_leaves_one_event_whether_it_is_done_or_refused(country: Country, row: tuple[Any, ...]) -> None:
    for scope, outcome in (("", "4"), ("system/*.cruds", "0")):
        ask(country, row, scope)
        assert [event["outcome"] for _, event in country.events] == [outcome]
        (event,) = (event for _, event in country.events)
        assert event["subtype"]
        assert event["agent"]


def test_no_interaction_is_left_out() -> None:
    tried = {row[0] for row in TABLE}
    known = {name for name in ROADS.values() if name not in ("capabilities", "bundle", "operation")}
    assert known <= tried
    assert known | set(OPERATIONS) <= set(LETTERS)
    asks_others = {"$summary", "$record", "$find", "$export", "$import"}
    assert set(OPERATIONS) - tried <= asks_others


def test_a_search_across_types_stays_within_the_types_of_the_scope(country: Country) -> None:
    row = ("search-system", "GET", "?_lastUpdated=gt2000", None, {}, "s")
    found = ask(country, row, "system/Condition.s").resources
    assert {one["resourceType"] for one in found} == {"Condition"}
    history = ask(
        country, ("history-system", "GET", "_history", None, {}, "s"), "system/Condition.s"
    ).resources
    assert {one["resourceType"] for one in history} == {"Condition"}


def test_what_is_looked_at_on_the_way_is_within_the_scope_too(country: Country) -> None:
    only = "system/Condition.cruds"

    def found(path: str) -> list[str]:
        said = ask(country, ("search-type", "GET", path, None, {}, "s"), only)
        return [one["id"] for one in said.resources]

    assert found("Condition") == ["c1"]
    assert found("Condition?patient.family=ducharme") == []
    assert found("Condition?_include=Condition:subject") == ["c1"]
    row = (
        "create",
        "POST",
        "Condition",
        condition("x", "flu", subject={"reference": f"Patient?{NUMBER}"}),
        {},
        "c",
    )
    assert ask(country, row, only).status == 403


def test_each_entry_of_a_bundle_is_decided_by_itself(country: Country) -> None:
    entries = [
        {"request": {"method": "GET", "url": "Condition/c1"}},
        {"request": {"method": "GET", "url": "Patient/p1"}},
        {"request": {"method": "DELETE", "url": "Condition/c1"}},
    ]
    for kind, status in (("batch", 200), ("transaction", 403)):
        body = {"resourceType": "Bundle", "type": kind, "entry": entries}
        said = ask(country, ("bundle", "POST", "", body, {}, ""), "system/Condition.r")
        assert said.status == status
        if kind == "batch":
            codes = [one["response"]["status"][:3] for one in said.json["entry"]]
            assert codes == ["200", "403", "403"]


def test_who_may_change_and_not_look_is_not_shown_the_rest(country: Country) -> None:
    row = ("patch", "PATCH", "Patient/p1", CHANGE, JSON_PATCH, "u")
    assert ask(country, row, "system/Patient.u").answer.body == b""
    assert ask(country, row, "system/Patient.ru").json["birthDate"]
