"""What $validate says: all of it, with its place and its weight, and that nothing is wrong where nothing is."""

from __future__ import annotations

from copy import deepcopy

import pytest

from passerelle.fhir.outcome import say
from passerelle.fhir.validate import check, report

XHTML = 'xmlns="http://www.w3.org/1999/xhtml"'
PATIENT = {"resourceType": "Patient", "id": "p"}


def errors(resource, **options):
    return [(i.key, i.expression) for i in report(resource, **options) if i.severity == "error"]


def test_what_is_good_is_said_to_be_good():
    [issue] = report(PATIENT)
    assert (issue.key, issue.severity) == ("valid", "information")


def test_an_update_needs_an_id():
    assert errors({"resourceType": "Patient"}, mode="update") == [("id-missing", "Patient.id")]


def narrative(div):
    return {**PATIENT, "text": {"status": "generated", "div": div}}


@pytest.mark.parametrize(
    ("div", "expected"),
    [
        (f"<div {XHTML}>a&nbsp;b</div>", []),
        (f'<div {XHTML}><a href="#x">a</a><p id="x">b</p></div>', []),
        ("<div>a</div>", ["narrative-namespace"]),
        (f"<div {XHTML}><u>a</u></div>", ["narrative-element"]),
        (f'<div {XHTML}><p foo="1">a</p></div>', ["narrative-attribute"]),
        (f"<div {XHTML}><p><div>a</div></p></div>", ["narrative-block"]),
        (f'<div {XHTML}><a href="#y">a</a></div>', ["narrative-link"]),
        (f"<div {XHTML}> <p/> </div>", ["narrative-empty"]),
    ],
)
def test_a_narrative_is_plain_xhtml(div, expected):
    assert [key for key, _ in errors(narrative(div))] == expected


def test_a_node_keeps_what_it_does_not_know_but_says_so_when_asked():
    resource = {**PATIENT, "extension": [{"url": "http://made.up/x", "valueCode": "a"}]}
    assert check(resource) == ()
    assert errors(resource) == [("extension-unknown", "Patient.extension[0].url")]


def test_an_extension_stands_where_its_definition_lets_it():
    extension = {
        "url": "http://hl7.org/fhir/StructureDefinition/humanname-mothers-family",
        "valueString": "x",
    }
    assert errors({**PATIENT, "name": [{"family": "a", "_family": {"extension": [extension]}}]}) == []
    assert errors({**PATIENT, "name": [{"family": "a", "extension": [extension]}]}) == [
        ("extension-misplaced", "Patient.name[0].extension[0]")
    ]


def test_an_extension_has_the_value_that_its_definition_gives_it():
    extension = {"url": "http://hl7.org/fhir/StructureDefinition/patient-birthPlace", "valueString": "x"}
    assert errors({**PATIENT, "extension": [extension]}) == [
        ("profile-kind", "Patient.extension[0].valueString")
    ]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"identifier": [{"system": "local", "value": "1"}]}, "system-relative"),
        ({"identifier": [{"system": "urn:ietf:rfc:3986", "value": "1"}]}, "identifier-address"),
        (
            {"generalPractitioner": [{"reference": "Organization/1", "type": "Practitioner"}]},
            "reference-type",
        ),
        ({"photo": [{"contentType": "a/b", "data": "AAAA", "size": 9}]}, "attachment-size"),
        ({"photo": [{"contentType": "a/b", "url": "http://x.example.org/1"}]}, "example-address"),
        ({"meta": {"security": [{"code": "R"}, {"code": "R"}]}}, "label-twice"),
    ],
)
def test_values_mean_something(changes, expected):
    assert [key for key, _ in errors({**PATIENT, **changes})] == [expected]


def test_an_observation_of_a_vital_sign_keeps_its_profile_without_saying_so():
    weight = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
        "subject": {"reference": "Patient/1"},
        "effectiveDateTime": "2020",
        "valueString": "heavy",
    }
    assert ("profile-kind", "Observation.valueString") in errors(weight)


def document(**changes):
    composition = {
        "resourceType": "Composition",
        "id": "c",
        "status": "final",
        "type": {"text": "Summary"},
        "date": "2024-05-01",
        "author": [{"reference": "Practitioner/a"}],
        "title": "Summary",
        "section": [{"entry": [{"reference": "Patient/p"}]}],
    }
    author = {"resourceType": "Practitioner", "id": "a"}
    held = (composition, author, {"resourceType": "Patient", "id": "p"})
    base = "https://node.example/fhir/"
    return {
        "resourceType": "Bundle",
        "type": "document",
        "timestamp": "2024-05-01T10:00:00Z",
        "identifier": {"system": "urn:ietf:rfc:3986", "value": "urn:uuid:1"},
        "entry": [
            {"fullUrl": f"{base}{each['resourceType']}/{each['id']}", "resource": deepcopy(each)}
            for each in held
        ],
        **changes,
    }


def test_a_document_holds_what_its_composition_speaks_of():
    assert errors(document()) == []
    missing = document()
    del missing["entry"][1]
    assert errors(missing) == [("bundle-not-held", "Bundle.entry[0].resource.author[0].reference")]


def test_a_document_holds_nothing_that_it_does_not_speak_of():
    more = document()
    stranger = {"resourceType": "Patient", "id": "q"}
    more["entry"].append({"fullUrl": "https://node.example/fhir/Patient/q", "resource": stranger})
    assert errors(more) == [("bundle-orphan", "Bundle.entry[3]")]


def test_versions_tell_two_of_one_name_apart():
    twice = document()
    again = deepcopy(twice["entry"][2])
    twice["entry"][2]["resource"]["meta"] = {"versionId": "1"}
    again["resource"]["meta"] = {"versionId": "2"}
    twice["entry"].append(again)
    assert ("bundle-held-twice", "Bundle.entry[0].resource.section[0].entry[0].reference") in errors(twice)
    links = [{"reference": f"Patient/p/_history/{version}"} for version in (1, 2)]
    twice["entry"][0]["resource"]["section"][0]["entry"] = links
    assert errors(twice) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"type": "collection", "link": [{"relation": "next", "url": "urn:x"}]}, "bundle-link-page"),
        ({"link": [{"relation": "self", "url": "urn:x"}] * 2}, "bundle-link-twice"),
        (
            {"entry": [{"fullUrl": "http://x.ca/fhir/Patient/2", "resource": PATIENT}]},
            "bundle-address-differs",
        ),
        ({"entry": [{"resource": PATIENT}]}, "bundle-address-missing"),
        (
            {"entry": [{"fullUrl": "urn:x:1", "resource": PATIENT, "search": {"mode": "outcome"}}]},
            "bundle-found-outcome",
        ),
        (
            {
                "link": [{"relation": "self", "url": "http://x.ca/fhir/Observation?code=1"}],
                "entry": [{"fullUrl": "urn:x:1", "resource": PATIENT, "search": {"mode": "match"}}],
            },
            "bundle-found-type",
        ),
    ],
)
def test_a_bundle_means_what_its_type_says(changes, expected):
    bundle = {"resourceType": "Bundle", "type": "searchset", **changes}
    assert [key for key, _ in errors(bundle)] == [expected]


def test_a_profile_is_about_elements_that_exist():
    definition = {
        "resourceType": "StructureDefinition",
        "url": "http://p.ca/x",
        "name": "X",
        "status": "draft",
        "kind": "resource",
        "abstract": False,
        "type": "Observation",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Observation",
        "derivation": "constraint",
        "differential": {"element": [{"id": "Observation.value[x]", "path": "Observation.value[x]"}]},
    }
    assert errors(definition) == []
    definition["differential"]["element"][0]["path"] = "Observation.valueBla"
    assert ("definition-element", "StructureDefinition.differential.element[0].path") in errors(definition)


def test_every_rule_that_is_broken_is_told_with_its_weight():
    resource = {"resourceType": "Patient", "contact": [{"gender": "male"}]}
    assert ("rule-broken", "Patient.contact[0]") in errors(resource)
    [issue] = check(resource)
    assert issue.details["rule"] == "pat-1"
    assert "pat-1" in say(issue, "en") and "pat-1" in say(issue, "fr")


def test_what_was_said_never_holds_a_value():
    secret = "SECRET-VALUE"
    resource = {
        **PATIENT,
        "identifier": [{"system": secret, "value": secret}],
        "extension": [{"url": secret}],
    }
    for issue in report(resource):
        assert secret not in say(issue, "en") + say(issue, "fr") + str(issue.expression)


def response(*items, questions=(), **changes):
    asked = {"resourceType": "Questionnaire", "id": "q", "status": "active", "item": list(questions)}
    return {
        "resourceType": "QuestionnaireResponse",
        "contained": [asked],
        "questionnaire": "#q",
        "status": "completed",
        "item": list(items),
        **changes,
    }


AGE = {"linkId": "age", "type": "integer", "required": True}
COLOUR = {
    "linkId": "colour",
    "type": "choice",
    "answerOption": [{"valueCoding": {"system": "urn:c", "code": "red"}}],
}


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([{"linkId": "age", "answer": [{"valueInteger": 4}]}], []),
        ([{"linkId": "age", "answer": [{"valueString": "4"}]}], ["answer-kind"]),
        ([{"linkId": "age", "answer": [{"valueInteger": 4}, {"valueInteger": 5}]}], ["answer-repeated"]),
        (
            [{"linkId": "age", "answer": [{"valueInteger": 4}]}, {"linkId": "x", "text": "?"}],
            ["answer-unasked"],
        ),
        (
            [{"linkId": "colour", "answer": [{"valueCoding": {"system": "urn:c", "code": "blue"}}]}],
            ["answer-option", "answer-missing"],
        ),
    ],
)
def test_answers_fit_the_questions_that_are_at_hand(items, expected):
    assert [key for key, _ in errors(response(*items, questions=(AGE, COLOUR)))] == expected


def test_an_unfinished_response_may_leave_questions_open():
    assert errors(response({"linkId": "colour"}, questions=(AGE, COLOUR), status="in-progress")) == []


def test_a_reference_in_a_document_is_seen_from_the_address_of_its_entry():
    passed_by = document()
    passed_by["entry"][2]["resource"]["generalPractitioner"] = [{"reference": "Practitioner/a"}]
    passed_by["entry"][2]["fullUrl"] = "https://elsewhere.example/fhir/Patient/p"
    passed_by["entry"][0]["resource"]["section"][0]["entry"] = [
        {"reference": passed_by["entry"][2]["fullUrl"]}
    ]
    assert errors(passed_by) == [
        ("bundle-not-held", "Bundle.entry[2].resource.generalPractitioner[0].reference")
    ]


def test_a_reference_has_a_form_that_can_be_resolved():
    odd = document()
    odd["entry"][2]["resource"]["generalPractitioner"] = [{"reference": "somebody"}]
    assert ("reference-format", "Bundle.entry[2].resource.generalPractitioner[0].reference") in errors(odd)


def test_the_extensions_of_our_own_summaries_are_known():
    ours = "https://passerelle.example/fhir/StructureDefinition/summary-left-out"
    note = {"url": ours, "extension": [{"url": "count", "valueUnsignedInt": 3}]}
    goal = {
        "resourceType": "Flag",
        "status": "active",
        "code": {"text": "x"},
        "subject": {"reference": "Patient/1"},
    }
    said = {
        "url": "http://hl7.org/fhir/StructureDefinition/note",
        "valueAnnotation": {"text": "a", "extension": [note]},
    }
    assert errors({**goal, "extension": [said]}) == []
    note["extension"].append({"url": "another", "valueString": "x"})
    assert "extension-part" in [key for key, _ in errors({**goal, "extension": [said]})]


def test_a_question_is_answered_only_where_what_was_answered_elsewhere_enables_it():
    condition = {"question": "age", "operator": ">", "answerInteger": 17}
    licence = {"linkId": "licence", "type": "boolean", "required": True, "enableWhen": [condition]}

    def told(age, *more):
        answered = {"linkId": "age", "answer": [{"valueInteger": age}]}
        return [key for key, _ in errors(response(answered, *more, questions=(AGE, licence)))]

    yes = {"linkId": "licence", "answer": [{"valueBoolean": True}]}
    assert told(30, yes) == told(10) == []
    assert told(30) == ["answer-missing"]
    assert told(10, yes) == ["answer-disabled"]


def test_answers_stand_in_the_order_and_the_words_of_the_questions():
    red = {"linkId": "colour", "answer": [{"valueCoding": {"system": "urn:c", "code": "red"}}]}
    age = {"linkId": "age", "answer": [{"valueInteger": 4}]}
    assert [key for key, _ in errors(response(red, age, questions=(AGE, COLOUR)))] == ["answer-order"]
    assert [key for key, _ in errors(response({**age, "text": "Years"}, questions=(AGE,)))] == ["answer-text"]


def test_a_code_system_counts_its_concepts():
    system = {"resourceType": "CodeSystem", "status": "active", "content": "complete", "count": 3}
    system["concept"] = [{"code": "a", "concept": [{"code": "b"}]}]
    assert errors(system) == [("concepts-count", "CodeSystem.count")]
    assert errors({**system, "count": 2}) == []


def test_the_rows_of_a_table_are_in_a_table():
    for inside in ("<tr><td>a</td></tr>", "<ul><p>a</p></ul>", "<table><td>a</td></table>"):
        assert errors(narrative(f"<div {XHTML}>{inside}</div>"))[0][0] == "narrative-place"
    good = "<table><tbody><tr><td><p>a</p></td></tr></tbody></table><ul><li>b</li></ul>"
    assert errors(narrative(f"<div {XHTML}>{good}</div>")) == []


def test_a_vital_sign_in_a_bundle_is_one_too():
    heart = {
        "resourceType": "Observation",
        "id": "o",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
        "effectiveDateTime": "2020",
        "valueString": "fast",
    }
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"fullUrl": "urn:x:1", "resource": heart}],
    }
    assert ("profile-kind", "Bundle.entry[0].resource.valueString") in errors(bundle)


def test_a_profile_that_is_asked_for_must_be_known():
    assert errors(PATIENT, profile="http://nobody.example/p") == [("profile-unknown", "Patient")]
    assert errors(PATIENT, profile="http://hl7.org/fhir/StructureDefinition/Patient") == []


def test_a_code_is_one_of_its_system_where_r4_publishes_it_whole():
    system = "http://terminology.hl7.org/CodeSystem/observation-category"
    observed = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
    for code, expected in (("laboratory", []), ("lab", ["code-unknown"])):
        category = [{"coding": [{"system": system, "code": code}]}]
        assert [key for key, _ in errors({**observed, "category": category})] == expected
        assert check({**observed, "category": category}) == ()


@pytest.mark.parametrize(
    ("content_type", "good"),
    [("text/plain; charset=utf-8", True), ("application/fhir+json", True), ("text", False), ("a/b; ", False)],
)
def test_a_content_type_looks_like_one(content_type, good):
    attached = {**PATIENT, "photo": [{"contentType": content_type, "url": "http://x.ca/1"}]}
    assert (check(attached) == ()) is good
