"""FHIRPath Patch says what to change by where it is; all of it happens, or none."""

from __future__ import annotations

import copy

import pytest
from lxml import etree

from passerelle.fhir.outcome import BadInput, say
from passerelle.fhir.patch import fhirpath_patch
from passerelle.fhir.xml import from_xml

PATIENT = {
    "resourceType": "Patient",
    "id": "p1",
    "meta": {"versionId": "3"},
    "name": [{"family": "Roy", "given": ["Ann", "Bea"]}],
    "birthDate": "2001-02-03",
    "_birthDate": {"extension": [{"url": "urn:x", "valueString": "y"}]},
    "deceasedBoolean": False,
}


def operation(type, path, **parts):
    rows = [{"name": "type", "valueCode": type}, {"name": "path", "valueString": path}]
    for name, value in parts.items():
        if name == "value":
            rows.append({"name": "value", **value})
        else:
            rows.append({"name": name, "valueInteger" if isinstance(value, int) else "valueString": value})
    return {"name": "operation", "part": rows}


def patched(*operations, resource=PATIENT):
    before = copy.deepcopy(resource)
    try:
        return fhirpath_patch(resource, {"resourceType": "Parameters", "parameter": list(operations)})
    finally:
        assert resource == before, "the resource that was given was changed"


def refusal(*operations):
    with pytest.raises(BadInput) as refused:
        patched(*operations)
    [issue] = refused.value.issues
    assert say(issue, "en") != say(issue, "fr")
    return refused.value.status, issue.key, issue.expression


def test_a_primitive_keeps_its_extensions_in_step_with_its_place():
    given = {"_valueString": {"id": "g"}, "valueString": "Cleo"}
    done = patched(operation("insert", "Patient.name.given", index=1, value=given))
    assert done["name"] == [
        {"family": "Roy", "given": ["Ann", "Cleo", "Bea"], "_given": [None, {"id": "g"}, None]}
    ]
    back = patched(operation("move", "Patient.name.given", source=1, destination=0), resource=done)
    assert back["name"][0]["_given"] == [{"id": "g"}, None, None]
    gone = patched(operation("delete", "Patient.name.given[0]"), resource=back)
    assert gone["name"] == PATIENT["name"]


def test_replacing_a_primitive_replaces_both_its_halves():
    done = patched(operation("replace", "Patient.birthDate", value={"valueDate": "1999-01-01"}))
    assert done["birthDate"] == "1999-01-01"
    assert "_birthDate" not in done


def test_an_extension_of_a_primitive_can_be_changed_by_itself():
    new = {"valueString": "z"}
    done = patched(operation("replace", "Patient.birthDate.extension('urn:x').value", value=new))
    assert (done["birthDate"], done["_birthDate"]["extension"][0]["valueString"]) == ("2001-02-03", "z")
    extension = {"valueExtension": {"url": "urn:new", "valueBoolean": True}}
    more = patched(operation("add", "Patient.name.family", name="extension", value=extension))
    assert more["name"][0]["_family"] == {"extension": [{"url": "urn:new", "valueBoolean": True}]}


def test_a_choice_lies_under_the_name_of_its_type():
    died = {"valueDateTime": "2020-01-01"}
    done = patched(operation("replace", "Patient.deceased", value=died))
    assert done["deceasedDateTime"] == "2020-01-01"
    assert "deceasedBoolean" not in done
    again = patched(
        operation("delete", "Patient.deceased"), operation("add", "Patient", name="deceased", value=died)
    )
    assert again == done
    named = patched(
        operation("delete", "Patient.deceased"),
        operation("add", "Patient", name="deceasedDateTime", value=died),
    )
    assert named == done


def test_a_choice_may_have_one_type_only():
    assert (
        refusal(operation("add", "Patient", name="deceased", value={"valueDateTime": "2020"}))[1]
        == "patch-there-already"
    )


def test_an_element_without_a_type_of_its_own_is_told_by_its_parts():
    value = {
        "part": [
            {"name": "name", "valueHumanName": {"text": "A"}},
            {"name": "relationship", "valueCodeableConcept": {"text": "x"}},
            {"name": "relationship", "valueCodeableConcept": {"text": "y"}},
            {"name": "gender", "valueCode": "female", "_valueCode": {"id": "g"}},
        ]
    }
    done = patched(operation("add", "Patient", name="contact", value=value))
    assert done["contact"] == [
        {
            "name": {"text": "A"},
            "relationship": [{"text": "x"}, {"text": "y"}],
            "gender": "female",
            "_gender": {"id": "g"},
        }
    ]


def test_an_extension_is_told_by_its_parts():
    parts = [{"name": "url", "valueUri": "urn:x"}, {"name": "value", "valueDecimal": 1}]
    done = patched(operation("add", "Patient", name="extension", value={"part": parts}))
    assert done["extension"] == [{"url": "urn:x", "valueDecimal": 1}]


@pytest.mark.parametrize(
    ("path", "name", "value"),
    [
        ("Patient", "gender", {"valueInteger": 1}),
        ("Patient.name", "period", {"valueString": "2001"}),
        ("Patient.name", "period", {"valueHumanName": {"text": "x"}}),
        ("Patient", "multipleBirth", {"valueInteger": "x"}),
        ("Patient", "contact", {"valueHumanName": {"text": "x"}}),
        ("Patient", "contact", {"part": [{"name": "gender", "valueBoolean": True}]}),
        ("Patient", "contact", {"part": [{"name": "nothing", "valueString": "x"}]}),
        ("Patient", "contact", {"part": []}),
        ("Patient", "photo", {"resource": {"resourceType": "Binary"}}),
    ],
)
def test_a_value_of_another_type_is_refused(path, name, value):
    assert refusal(operation("add", path, name=name, value=value))[:2] == (422, "patch-part")


def test_parts_may_have_parts():
    bundle = {"resourceType": "Bundle", "type": "batch"}
    request = [{"name": "method", "valueCode": "GET"}, {"name": "url", "valueUri": "Patient"}]
    done = patched(
        operation("add", "Bundle", name="entry", value={"part": [{"name": "request", "part": request}]}),
        resource=bundle,
    )
    assert done["entry"] == [{"request": {"method": "GET", "url": "Patient"}}]


def test_a_resource_can_be_contained():
    done = patched(
        operation("add", "Patient", name="contained", value={"resource": {"resourceType": "Organization"}})
    )
    assert done["contained"] == [{"resourceType": "Organization"}]


def test_an_insert_into_a_list_that_is_not_there_starts_it():
    done = patched(
        operation("insert", "Patient.telecom", index=0, value={"valueContactPoint": {"value": "1"}})
    )
    assert done["telecom"] == [{"value": "1"}]


def test_what_is_empty_is_taken_away_with_what_was_in_it():
    done = patched(operation("delete", "Patient.name.family"), operation("delete", "Patient.name.given[1]"))
    assert done["name"] == [{"given": ["Ann"]}]
    assert "name" not in patched(
        operation("delete", "Patient.name.given[0]"), resource={**PATIENT, "name": [{"given": ["A"]}]}
    )


def test_an_extension_of_a_primitive_leaves_nothing_behind():
    done = patched(operation("delete", "Patient.birthDate.extension"))
    assert done["birthDate"] == "2001-02-03"
    assert "_birthDate" not in done
    absent = {"resourceType": "Patient", "name": [{"_family": PATIENT["_birthDate"]}]}
    assert patched(operation("delete", "Patient.name.family.extension.value"), resource=absent)["name"] == [
        {"_family": {"extension": [{"url": "urn:x"}]}}
    ]
    assert patched(operation("delete", "Patient.name.family.extension"), resource=absent) == {
        "resourceType": "Patient"
    }


def test_a_resource_in_a_resource_can_be_replaced():
    entry = {"fullUrl": "urn:x", "resource": {"resourceType": "Patient"}}
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [entry]}
    other = {"resource": {"resourceType": "Organization"}}
    done = patched(operation("replace", "Bundle.entry[0].resource", value=other), resource=bundle)
    assert done["entry"] == [{"fullUrl": "urn:x", "resource": {"resourceType": "Organization"}}]


def test_deleting_what_is_not_there_is_no_fault():
    assert patched(operation("delete", "Patient.maritalStatus")) == PATIENT


def test_an_operation_sees_what_the_ones_before_it_made():
    coding = {"valueCoding": {"code": "M"}}
    status = {"valueCodeableConcept": {"text": "x"}}
    done = patched(
        operation("add", "Patient", name="maritalStatus", value=status),
        operation("add", "Patient.maritalStatus", name="coding", value=coding),
    )
    assert done["maritalStatus"] == {"text": "x", "coding": [{"code": "M"}]}


@pytest.mark.parametrize(
    ("given", "status", "key"),
    [
        (
            operation("add", "Patient.maritalStatus", name="text", value={"valueString": "x"}),
            422,
            "patch-path-nothing",
        ),
        (
            operation("replace", "Patient.maritalStatus", value={"valueString": "x"}),
            422,
            "patch-path-nothing",
        ),
        (operation("replace", "Patient.name.given", value={"valueString": "x"}), 422, "patch-path-several"),
        (operation("delete", "Patient.name.given"), 422, "patch-path-several"),
        (
            operation("add", "Patient", name="birthDate", value={"valueDate": "2000"}),
            422,
            "patch-there-already",
        ),
        (operation("add", "Patient", name="nothing", value={"valueString": "x"}), 422, "patch-name"),
        (operation("add", "Patient", value={"valueString": "x"}), 400, "patch-part"),
        (operation("add", "Patient", name="gender"), 400, "patch-part"),
        (operation("insert", "Patient.name.given", index=3, value={"valueString": "x"}), 422, "patch-index"),
        (operation("insert", "Patient.name.given", value={"valueString": "x"}), 400, "patch-part"),
        (
            operation("insert", "Patient.birthDate", index=0, value={"valueDate": "2000"}),
            422,
            "patch-not-a-list",
        ),
        (operation("move", "Patient.name.given", source=0, destination=2), 422, "patch-index"),
        (operation("delete", "Patient"), 422, "patch-root"),
        (operation("replace", "Patient", value={"valueString": "x"}), 422, "patch-root"),
        (operation("delete", "Patient.name.count()"), 400, "patch-path-element"),
        (operation("delete", "Patient.name.("), 400, "fhirpath-syntax"),
        (operation("delete", ""), 400, "patch-part"),
        (operation("upgrade", "Patient"), 400, "patch-operation"),
        ({"name": "other"}, 400, "patch-operation"),
    ],
)
def test_what_cannot_be_done_is_refused_with_its_place(given, status, key):
    fine = operation("delete", "Patient.gender")
    assert refusal(fine, given) == (status, key, "Parameters.parameter[1]")


@pytest.mark.parametrize(
    ("given", "element"),
    [
        (operation("replace", "Patient.id", value={"valueId": "p2"}), "Patient.id"),
        (operation("delete", "Patient.id"), "Patient.id"),
        (operation("replace", "Patient.meta.versionId", value={"valueId": "4"}), "Patient.meta.versionId"),
        (operation("delete", "Patient.meta"), "Patient.meta.versionId"),
    ],
)
def test_what_makes_a_resource_that_one_cannot_be_changed(given, element):
    assert refusal(given) == (422, "patch-identity", element)


def test_the_cases_that_hl7_publishes(shared_data):
    cases = etree.parse(shared_data / "fhirpath-r4/patch/fhir-patch-tests.xml").getroot().findall("case")
    assert len(cases) > 30
    for case in cases:
        parts = {each.tag: each for each in case}
        given, diff = (from_xml(etree.tostring(parts[name][0])) for name in ("input", "diff"))
        if "error" in parts:
            with pytest.raises(BadInput):
                fhirpath_patch(given, diff)
        else:
            assert fhirpath_patch(given, diff) == from_xml(etree.tostring(parts["output"][0])), case.get(
                "name"
            )
