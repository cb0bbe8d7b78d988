"""A search that is not understood is refused by name, and never answered with more than was asked for."""

from __future__ import annotations

import pytest

from passerelle.fhir.outcome import BadInput, say
from passerelle.fhir.search import Include, parameters, parse, tests


def refusal(type, *params):
    with pytest.raises(BadInput) as refused:
        parse(type, params)
    return refused.value


def test_a_misspelt_parameter_is_refused_and_the_nearest_are_named():
    refused = refusal("Patient", ("famly", "tremblay"))
    assert [issue.key for issue in refused.issues] == ["search-parameter-unknown"]
    assert "family" in say(refused.issues[0], "en")
    assert "family" in say(refused.issues[0], "fr")
    assert "tremblay" not in say(refused.issues[0], "en")


def test_every_fault_is_said_at_once():
    refused = refusal("Patient", ("famly", "x"), ("birthdate", "soon"), ("_count", "-1"))
    assert [issue.key for issue in refused.issues] == [
        "search-parameter-unknown",
        "search-value-date",
        "search-value-integer",
    ]


def test_a_parameter_of_another_type_is_unknown():
    assert refusal("Patient", ("value-quantity", "5")).issues[0].key == "search-parameter-unknown"


def test_what_is_no_type_is_not_found():
    refused = refusal("Pateint")
    assert (refused.status, refused.issues[0].key) == (404, "unknown-type-nearest")
    assert "Patient" in refused.issues[0].details["nearest"]


@pytest.mark.parametrize(
    ("name", "value", "key"),
    [
        ("patient.weight", "1", "search-parameter-unknown"),
        ("subject:Patient.name:above", "x", "search-modifier-unsupported"),
        ("_has:Observation:patient:code", "1", "search-value-has"),
        ("_has:Observation:code", "1", "search-value-has"),
        ("_text", "x", "search-parameter-unsupported"),
        ("code:exact", "x", "search-modifier-unsupported"),
        ("date:contains", "x", "search-modifier-unsupported"),
        ("code:missing", "maybe", "search-value-boolean"),
        ("code", "", "search-value-empty"),
        ("code", "a,,b", "search-value-empty"),
        ("code", "a|b|c", "search-value-token"),
        ("code", "|", "search-value-token"),
        ("date", "2024-13", "search-value-date"),
        ("date", "gt", "search-value-date"),
        ("date", "2023-02-29", "search-value-date"),
        ("value-quantity", "five", "search-value-number"),
        ("value-quantity", "1|a|b|c", "search-value-quantity"),
        ("code-value-quantity", "2345-7", "search-value-composite"),
        ("focus", "1 2", "search-value-reference"),
        ("focus.status", "final", "search-chain-needs-type"),
        ("code.name", "x", "search-chain-reference"),
        ("subject:Observation.status", "x", "search-value-reference"),
        ("_cursor", "x", "search-cursor"),
        ("_list", "$current-problems", "search-parameter-unsupported"),
        ("identifier:of-type", "MR|1", "search-value-of-type"),
        ("code-value-quantity:missing", "true", "search-modifier-unsupported"),
        ("subject:Patient", "Group/1", "search-value-reference"),
        ("_sort", "weight", "search-parameter-unknown"),
        ("_summary", "most", "search-value-code"),
        ("_total", "roughly", "search-value-code"),
        ("_include", "Observation:code", "search-value-include"),
        ("_include:recurse", "Observation:subject", "search-modifier-unsupported"),
        ("_elements", "statsu", "unknown-element"),
        ("_contained", "true", "search-parameter-unsupported"),
    ],
)
def test_what_cannot_be_done_is_refused_in_both_languages(name, value, key):
    [issue] = refusal("Observation", (name, value)).issues
    assert issue.key == key
    assert say(issue, "en") != say(issue, "fr")


def test_a_name_that_looks_like_a_value_is_not_repeated():
    [issue] = refusal("Patient", ("9876 543 210", "x")).issues
    assert "9876" not in say(issue, "en")


def test_a_search_beyond_reason_is_refused():
    assert refusal("Patient", *[("name", "x")] * 101).issues[0].key == "search-too-long"
    assert refusal("Patient", ("name", "x" * 70_000)).issues[0].key == "search-too-long"


def test_what_governs_the_answer_is_no_criterion():
    query = parse(
        "Observation",
        [
            ("_format", "json"),
            ("_pretty", "true"),
            ("_count", "5000"),
            ("_sort", "-date,status"),
            ("_total", "none"),
            ("_elements", "status,value"),
            ("_include", "Observation:subject"),
            ("_include", "Observation:performer:Practitioner"),
            ("_revinclude", "Provenance:target"),
        ],
    )
    assert query.clauses == ()
    assert (query.count, query.total) == (1000, False)
    assert query.sort == (("date", True), ("status", False))
    assert query.elements == ("status", "value")
    assert query.include == (
        Include("Observation", "subject"),
        Include("Observation", "performer", "Practitioner"),
    )
    assert query.revinclude == (Include("Provenance", "target"),)


def test_no_entries_asked_for_is_a_count():
    assert parse("Patient", [("_count", "0")]).summary == "count"


def test_an_id_alone_means_that_id_at_each_type_it_may_point_to():
    [clause] = parse("Patient", [("general-practitioner", "7")]).clauses
    assert set(clause.values) == {"Organization/7", "Practitioner/7", "PractitionerRole/7", "7"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("subject:Patient", "1"),
        ("subject:Patient", "Patient/1"),
        ("subject", "Patient/1"),
        ("subject", "https://here.example/fhir/Patient/1"),
        ("patient", "1"),
    ],
)
def test_a_patient_may_be_named_in_many_ways(name, value):
    [clause] = parse("Observation", [(name, value)], base="https://here.example/fhir").clauses
    assert "Patient/1" in {test.text for test in tests(clause)}
    assert clause.modifier is None


def test_a_comma_that_is_escaped_does_not_part_alternatives():
    [clause] = parse("Patient", [("family:exact", r"Roy\,Fils,Roy")]).clauses
    assert [test.exact for test in tests(clause)] == ["Roy,Fils", "Roy"]


def test_a_bar_that_is_escaped_belongs_to_the_code():
    [clause] = parse("Observation", [("code", r"urn:s|a\|b")]).clauses
    assert [(test.system, test.text) for test in tests(clause)] == [("urn:s", "a|b")]


def test_the_system_of_a_plain_code_says_nothing():
    [clause] = parse("Patient", [("gender", "http://hl7.org/fhir/administrative-gender|female")]).clauses
    assert [(test.system, test.text) for test in tests(clause)] == [(None, "female")]


def test_a_plus_that_was_not_escaped_is_still_a_time_zone():
    plain, escaped = (
        parse("Observation", [("date", f"2024-05-01T10:00:00{sign}04:00")]).clauses[0] for sign in " +"
    )
    assert tests(plain) == tests(escaped)


def test_the_parameters_of_a_type_are_those_of_r4_and_of_every_resource():
    known = parameters("Observation")
    assert known["patient"].targets == ("Patient",)
    assert known["code-value-quantity"].parts == ("token", "quantity")
    assert {"_id", "_lastUpdated", "_tag", "_security", "_profile", "_source"} <= set(known)
    assert parameters("Nonsense") == {}


def test_a_hierarchy_around_an_id_alone_is_asked_of_one_type():
    with pytest.raises(BadInput) as refused:
        parse("Provenance", [("target:above", "x")])
    assert [issue.key for issue in refused.value.issues] == ["search-value-reference"]
    assert parse("Provenance", [("target:above", "Location/x")]).clauses
