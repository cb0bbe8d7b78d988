"""Bad input: a 4xx that names the element, nothing stored, nothing lost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.spec.country import Country, patient

DEEP = b'{"resourceType":"Patient","extension":' + b'[{"extension":' * 5000 + b"[]" + b"}]" * 5000 + b"}"


@pytest.mark.parametrize(
    ("body", "key"),
    [
        (b"", "json-malformed"),
        (b"{", "json-malformed"),
        (b'{"resourceType":"Patient",}', "json-malformed"),
        (b"[]", "json-not-object"),
        (b'"Patient"', "json-not-object"),
        (b'{"resourceType":"Patient","gender":"male","gender":"female"}', "json-duplicate-key"),
        (b'{"resourceType":"Patient","name":[{"family":"\xff\xfe"}]}', "json-not-utf8"),
        (b'{"resourceType":"Patient","name":[{"family":"a\\u0000b"}]}', "control-character"),
        (b'{"resourceType":"Patient","name":[{"family":"a\\u0007b"}]}', "control-character"),
        (b'{"resourceType":"Patient","multipleBirthInteger":NaN}', "json-number"),
        (DEEP, "json-too-deep"),
    ],
)
def test_what_cannot_be_read_is_refused_and_not_stored(body, key):
    country = Country("on")
    answer = country.ask("on", "POST", "Patient", body)
    assert (answer.status, answer.keys) == (400, [key])
    assert country.ask("on", "GET", "Patient").json["total"] == 0


@pytest.mark.parametrize(
    ("resource", "place"),
    [
        ({"resourceType": "Patient", "birthDate": "1990-13-01"}, "Patient.birthDate"),
        ({"resourceType": "Patient", "birthDate": 1990}, "Patient.birthDate"),
        ({"resourceType": "Patient", "active": "yes"}, "Patient.active"),
        ({"resourceType": "Patient", "name": {"family": "X"}}, "Patient.name"),
        ({"resourceType": "Patient", "nmae": []}, "Patient.nmae"),
        ({"resourceType": "Patient", "gender": "unsure"}, "Patient.gender"),
        (
            {"resourceType": "Patient", "deceasedBoolean": True, "deceasedDateTime": "2020"},
            "Patient.deceased[x]",
        ),
        ({"resourceType": "Observation", "status": "final"}, "Observation.code"),
    ],
)
def test_what_is_not_r4_is_refused_by_the_name_of_its_element(resource, place):
    country = Country("on")
    answer = country.ask("on", "POST", resource["resourceType"], resource)
    assert answer.status == 422
    assert place in answer.expressions
    assert country.ask("on", "GET", resource["resourceType"]).json["total"] == 0


def test_a_resource_of_another_type_than_its_address_is_refused():
    assert (
        Country("on")
        .ask("on", "POST", "Patient", {"resourceType": "Group", "type": "person", "actual": True})
        .status
        == 400
    )


def test_an_unknown_type_is_refused():
    answer = Country("on").ask("on", "POST", "Patient", {"resourceType": "Pateint"})
    assert answer.status == 400


def test_too_many_entries_are_refused_by_the_configured_limit():
    country = Country("on")
    here = country.nodes["on"]
    country.nodes["on"] = replace(here, limits=replace(here.limits, max_entries=2))
    entry = {
        "resource": {"resourceType": "Basic", "code": {"text": "x"}},
        "request": {"method": "POST", "url": "Basic"},
    }
    answer = country.ask(
        "on", "POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": [entry] * 3}
    )
    assert (answer.status, answer.keys) == (413, ["too-many-entries"])
    assert country.ask("on", "GET", "Basic").json["total"] == 0


def test_no_refusal_repeats_a_value_that_arrived():
    country = Country("on")
    secret = "Zyxwvuts"
    bodies = [
        {"resourceType": "Patient", "birthDate": secret},
        {"resourceType": "Patient", "gender": secret},
        {"resourceType": "Patient", "name": secret},
        {"resourceType": "Patient", "link": [{"other": {"reference": f"Group/{secret}"}, "type": secret}]},
    ]
    for body in bodies:
        answer = country.ask("on", "POST", "Patient", body)
        assert answer.status == 422
        assert secret.encode() not in answer.answer.body
    assert secret not in country.ask("on", "GET", f"Patient?birthdate={secret}").answer.body.decode()


def test_the_node_goes_on_after_all_of_it():
    country = Country("on")
    country.ask("on", "POST", "Patient", DEEP)
    country.put("on", patient())
    assert country.ask("on", "GET", "Patient/p1").status == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("Patient/p1/$meta-add", {"name": "meta", "valueMeta": {"security": [{"code": {"a": 1}}]}}),
        ("Patient/p1/$meta-add", {"name": "meta", "valueMeta": {"tag": 7}}),
        ("Patient/p1/$meta-delete", {"name": "meta", "valueMeta": {"tag": [{"code": [[]]}]}}),
        ("Patient/p1/$meta-delete", {"name": "meta", "valueMeta": {"profile": {"x": "y"}}}),
        ("Patient/p1/$meta-add", {"name": "meta", "valueMeta": 7}),
        ("Patient/$match", {"name": "resource", "resource": {"resourceType": "Patient", "identifier": 1.5}}),
        ("Patient/$match", {"name": "count", "valueInteger": "many"}),
        ("Patient/$find", {"name": "resource", "resource": {"resourceType": "Patient", "name": 7}}),
    ],
)
def test_an_operation_whose_parameters_are_of_another_shape_is_refused(path, body):
    country = Country("on")
    country.put("on", patient())
    answer = country.ask("on", "POST", path, {"resourceType": "Parameters", "parameter": [body]})
    assert answer.status in (400, 422)
    assert country.ask("on", "GET", "Patient/p1").json["meta"]["versionId"] == "1"


def test_an_entry_of_a_batch_may_be_of_no_type_at_all():
    entries = [
        {"resource": {"resourceType": kind}, "request": {"method": "POST", "url": "Patient"}}
        for kind in ([], {"a": 1}, None, 7)
    ]
    patient_of_no_id = {"resourceType": "Patient", "id": {"a": 1}}
    entries.append({"resource": patient_of_no_id, "request": {"method": "POST", "url": "Patient"}})
    body = {"resourceType": "Bundle", "type": "batch", "entry": entries}
    answer = Country("on").ask("on", "POST", "", body)
    assert [one["response"]["status"][:3] for one in answer.json["entry"]] == [*["400"] * 4, "422"]
