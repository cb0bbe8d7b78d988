"""A resource is R4, or each element at fault is named; its value never is."""

from __future__ import annotations

from copy import deepcopy
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passerelle.fhir.outcome import say
from passerelle.fhir.validate import check

GOOD = {
    "resourceType": "Observation",
    "id": "o1",
    "status": "final",
    "code": {"text": "Pressure"},
    "subject": {"reference": "Patient/p1"},
    "effectiveDateTime": "2024-05-01T10:00:00-04:00",
    "component": [
        {"code": {"text": "systolic"}, "valueQuantity": {"value": Decimal("120.5"), "unit": "mmHg"}},
        {"code": {"text": "diastolic"}, "valueQuantity": {"value": 80, "unit": "mmHg"}},
    ],
}


def faults(**changes):
    return [(issue.key, issue.expression) for issue in check({**deepcopy(GOOD), **changes})]


def test_a_good_resource_has_no_faults():
    assert faults() == []


def test_the_place_is_told_down_to_the_element():
    changed = deepcopy(GOOD)
    changed["component"][1]["valueQuantity"]["value"] = "80"
    [issue] = check(changed)
    assert (issue.key, issue.expression) == (
        "wrong-json-type",
        "Observation.component[1].valueQuantity.value",
    )


def test_an_unknown_element_is_named_with_the_nearest():
    [issue] = check({**GOOD, "efectiveDateTime": "2024"})
    assert (issue.key, issue.expression) == ("unknown-element", "Observation.efectiveDateTime")
    assert "effectiveDateTime" in issue.details["nearest"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"status": None}, [("wrong-json-type", "Observation.status")]),
        ({"status": "done"}, [("code-not-allowed", "Observation.status")]),
        ({"status": ""}, [("code-not-allowed", "Observation.status")]),
        ({"category": {"text": "x"}}, [("list-expected", "Observation.category")]),
        ({"code": [{"text": "x"}]}, [("single-expected", "Observation.code")]),
        ({"category": []}, [("empty-value", "Observation.category")]),
        ({"code": {}}, [("empty-value", "Observation.code")]),
        ({"code": {"text": ""}}, [("empty-value", "Observation.code.text")]),
        ({"code": {"text": "  "}}, [("primitive-format", "Observation.code.text")]),
        ({"valueString": "a", "valueBoolean": True}, [("choice-twice", "Observation.value[x]")]),
        ({"valueInteger": 2**31}, [("primitive-format", "Observation.valueInteger")]),
        ({"valueInteger": True}, [("wrong-json-type", "Observation.valueInteger")]),
        ({"valueBoolean": "true"}, [("wrong-json-type", "Observation.valueBoolean")]),
        ({"valueTime": "25:00:00"}, [("primitive-format", "Observation.valueTime")]),
        ({"valueDecimal": 1}, [("unknown-element", "Observation.valueDecimal")]),
        ({"id": "a b"}, [("primitive-format", "Observation.id")]),
        ({"issued": "2024-05-01"}, [("primitive-format", "Observation.issued")]),
        ({"effectiveDateTime": "2023-02-29"}, [("primitive-format", "Observation.effectiveDateTime")]),
        (
            {"effectiveDateTime": "2024-05-01T10:00:00"},
            [("primitive-format", "Observation.effectiveDateTime")],
        ),
        ({"subject": {"reference": "Medication/m"}}, [("reference-target", "Observation.subject.reference")]),
        (
            {"subject": {"reference": "Patent/m"}},
            [("reference-unknown-type", "Observation.subject.reference")],
        ),
        ({"subject": {"reference": "#p"}}, [("contained-missing", "Observation.subject.reference")]),
        ({"extension": [{"url": "urn:x"}]}, [("extension-value", "Observation.extension[0]")]),
        (
            {
                "extension": [
                    {"url": "urn:x", "valueCode": "a", "extension": [{"url": "b", "valueCode": "c"}]}
                ]
            },
            [("extension-value", "Observation.extension[0]")],
        ),
        ({"_code": {"id": "x"}}, [("shadow-of-complex", "Observation._code")]),
        ({"_status": {"id": ""}}, [("empty-value", "Observation._status.id")]),
        ({"contained": [{"resourceType": "Patient"}]}, [("element-required", "Observation.contained[0].id")]),
        (
            {"text": {"status": "generated", "div": "<div><script>x</script></div>"}},
            [("primitive-format", "Observation.text.div")],
        ),
        (
            {"text": {"status": "generated", "div": '<div><img src="a" onerror="x()"/></div>'}},
            [("primitive-format", "Observation.text.div")],
        ),
        (
            {"effectivePeriod": {"start": "2024", "end": "2023"}},
            [
                ("choice-twice", "Observation.effective[x]"),
                ("period-reversed", "Observation.effectivePeriod"),
            ],
        ),
    ],
)
def test_each_rule_names_the_element_that_breaks_it(changes, expected):
    assert sorted(faults(**changes)) == sorted(expected)


@pytest.mark.parametrize(
    "changes",
    [
        {"subject": {"reference": "https://elsewhere.example/fhir/Patient/1"}},
        {"subject": {"reference": "urn:uuid:6b4c1d3e-0000-4000-8000-000000000001"}},
        {"subject": {"reference": "Patient?identifier=urn:n|1"}},
        {"subject": {"reference": "#p"}, "contained": [{"resourceType": "Patient", "id": "p"}]},
        {"status": "final", "_status": {"extension": [{"url": "urn:x", "valueCode": "y"}]}},
        {"effectivePeriod": {"start": "2024", "end": "2024-05"}, "effectiveDateTime": None},
        {
            "text": {
                "status": "generated",
                "div": '<div xmlns="http://www.w3.org/1999/xhtml"><p>one = two</p></div>',
            }
        },
    ],
)
def test_what_r4_allows_passes(changes):
    resource = {name: value for name, value in {**GOOD, **changes}.items() if value is not None}
    assert check(resource) == ()


def test_what_is_required_must_be_there():
    assert [(i.key, i.expression) for i in check({"resourceType": "Observation"})] == [
        ("element-required", "Observation.status"),
        ("element-required", "Observation.code"),
    ]


def test_a_required_element_may_be_an_extension_that_says_why_it_is_not_there():
    absent = {"extension": [{"url": "urn:absent", "valueCode": "unknown"}]}
    assert check({"resourceType": "Observation", "_status": absent, "code": {"text": "x"}}) == ()


def test_a_null_stands_only_where_the_twin_list_says_something():
    said = {"extension": [{"url": "urn:x", "valueCode": "y"}]}
    good = {"resourceType": "Patient", "name": [{"given": ["A", None], "_given": [None, said]}]}
    bad = {"resourceType": "Patient", "name": [{"given": ["A", None]}]}
    assert check(good) == ()
    assert [(i.key, i.expression) for i in check(bad)] == [("null-misplaced", "Patient.name[0].given[1]")]


def test_twin_lists_are_equally_long():
    said = {"extension": [{"url": "urn:x", "valueCode": "y"}]}
    patient = {"resourceType": "Patient", "name": [{"given": ["A", "B"], "_given": [said]}]}
    assert [i.key for i in check(patient)] == ["shadow-length"]


def test_another_type_than_expected_is_a_fault():
    assert [i.key for i in check(GOOD, expect_type="Patient")] == ["unexpected-type"]
    assert check(GOOD, expect_type="Observation") == ()


@pytest.mark.parametrize(
    ("type", "key"), [("Observaton", "unknown-type-nearest"), ("DomainResource", "unknown-type-nearest")]
)
def test_what_is_no_type_is_a_fault(type, key):
    [issue] = check({"resourceType": type})
    assert (issue.key, issue.expression) == (key, "Resource.resourceType")


def test_a_resource_without_a_type_is_a_fault():
    assert [(i.key, i.expression) for i in check({"id": "x"})] == [
        ("element-required", "Resource.resourceType")
    ]


def test_a_bundle_is_checked_through_its_entries():
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"fullUrl": "Observation/o1", "resource": {**GOOD, "status": 3}}],
    }
    assert {(i.key, i.expression) for i in check(bundle)} == {
        ("full-url-relative", "Bundle.entry[0].fullUrl"),
        ("wrong-json-type", "Bundle.entry[0].resource.status"),
    }


def test_a_flood_of_faults_is_cut_off():
    flood = {"resourceType": "Patient", "name": [{f"element{at}": "x"} for at in range(20_000)]}
    assert len(check(flood)) == 100


def test_a_narrative_made_to_confuse_is_judged_all_the_same():
    for div in (
        "<div>" + "<" * 50_000 + ">",
        "<div><" + " " * 50_000 + ">",
        "<div>href=" + " " * 50_000 + ">",
    ):
        [issue] = check({"resourceType": "Patient", "text": {"status": "generated", "div": div}})
        assert issue.expression == "Patient.text.div"


def test_no_message_repeats_a_value():
    secret = "Tremblay 9876543210"
    wrong = {
        "resourceType": "Patient",
        secret: secret,
        "gender": secret,
        "birthDate": secret,
        "name": secret,
        "managingOrganization": {"reference": f"Person/{secret}"},
        "link": [{"other": {"reference": "Device/9876543210"}, "type": secret}],
    }
    issues = check(wrong)
    assert len(issues) >= 5
    for issue in issues:
        said = f"{issue.expression} {say(issue, 'en')} {say(issue, 'fr')}"
        assert "Tremblay" not in said
        assert "9876543210" not in said


names = st.sampled_from(
    ["resourceType", "id", "status", "code", "coding", "subject", "reference", "valueString", "extension", "url",
     "contained", "meta", "_status", "component", "name", "given", "_given", "text", "div", "entry", "resource"]
)  # fmt: skip
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.sampled_from(["Observation", "Patient", "#a"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=5),
    max_leaves=20,
)


@given(values, st.sampled_from(["Observation", "Patient", "Bundle", "Parameters", "Questionnaire"]))
def test_any_json_is_judged_without_an_error(value, type):
    assert isinstance(check(value), tuple)
    if isinstance(value, dict):
        assert isinstance(check({**value, "resourceType": type}), tuple)
