"""JSON Patch changes the JSON of a resource, one operation after the other (RFC 6902)."""

from __future__ import annotations

import copy
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passerelle.fhir.outcome import BadInput, say
from passerelle.fhir.patch import json_patch

PATIENT = {
    "resourceType": "Patient",
    "id": "p1",
    "meta": {"versionId": "3"},
    "name": [{"family": "Roy", "given": ["Ann", "Bea"]}],
    "active": True,
    "a/b": {"~c": 1},
    "weight": Decimal("1.50"),
}


def patched(*operations, resource=PATIENT):
    before = copy.deepcopy(resource)
    try:
        return json_patch(resource, list(operations))
    finally:
        assert resource == before, "the resource that was given was changed"


def refusal(*operations):
    with pytest.raises(BadInput) as refused:
        patched(*operations)
    [issue] = refused.value.issues
    assert say(issue, "en") != say(issue, "fr")
    return refused.value.status, issue.key, issue.expression


def op(name, path, value=None, **more):
    return {"op": name, "path": path, **({} if value is None else {"value": value}), **more}


@pytest.mark.parametrize(
    ("operation", "given"),
    [
        (op("add", "/name/0/given/1", "Cleo"), ["Ann", "Cleo", "Bea"]),
        (op("add", "/name/0/given/2", "Cleo"), ["Ann", "Bea", "Cleo"]),
        (op("add", "/name/0/given/-", "Cleo"), ["Ann", "Bea", "Cleo"]),
        (op("remove", "/name/0/given/0"), ["Bea"]),
        (op("replace", "/name/0/given/0", "Cleo"), ["Cleo", "Bea"]),
        (op("move", "/name/0/given/0", **{"from": "/name/0/given/1"}), ["Bea", "Ann"]),
        (op("move", "/name/0/given/1", **{"from": "/name/0/given/1"}), ["Ann", "Bea"]),
        (op("copy", "/name/0/given/-", **{"from": "/name/0/given/0"}), ["Ann", "Bea", "Ann"]),
        (op("test", "/name/0/given", ["Ann", "Bea"]), ["Ann", "Bea"]),
    ],
)
def test_an_operation_changes_a_list(operation, given):
    assert patched(operation)["name"] == [{"family": "Roy", "given": given}]


def test_an_operation_changes_an_object():
    assert patched(op("add", "/gender", "female"))["gender"] == "female"
    assert patched(op("add", "/active", False))["active"] is False
    assert "active" not in patched(op("remove", "/active"))
    assert patched(op("move", "/inactive", **{"from": "/active"})).keys() ^ PATIENT.keys() == {
        "active",
        "inactive",
    }


def test_a_name_with_a_slash_or_a_tilde_is_escaped():
    assert patched(op("replace", "/a~1b/~0c", 2))["a/b"] == {"~c": 2}


def test_a_list_that_a_patch_empties_is_left_out():
    assert "name" not in patched(op("remove", "/name/0"))
    done = patched(op("remove", "/name/0"), op("add", "/name/-", {"family": "Roy"}))
    assert done["name"] == [{"family": "Roy"}]


@pytest.mark.parametrize(
    ("path", "value", "holds"),
    [
        ("/weight", Decimal("1.5"), True),
        ("/weight", Decimal("1.51"), False),
        ("/a~1b/~0c", Decimal("1.0"), True),
        ("/active", True, True),
        ("/active", 1, False),
        ("/a~1b/~0c", True, False),
        ("/name/0", {"given": ["Ann", "Bea"], "family": "Roy"}, True),
        ("/name/0/given", ["Bea", "Ann"], False),
        ("/active", "true", False),
    ],
)
def test_a_test_compares_as_json_does(path, value, holds):
    operation = op("test", path, value)
    if holds:
        assert patched(operation) == PATIENT
    else:
        assert refusal(operation) == (422, "json-patch-test", "[0]")


@pytest.mark.parametrize(
    ("operation", "status", "key"),
    [
        (op("replace", "/gender", "female"), 422, "json-patch-path"),
        (op("remove", "/gender"), 422, "json-patch-path"),
        (op("add", "/contact/0/gender", "female"), 422, "json-patch-path"),
        (op("add", "/name/2", {"family": "x"}), 422, "json-patch-path"),
        (op("add", "/active/x", 1), 422, "json-patch-path"),
        (op("remove", "/name/-"), 422, "json-patch-path"),
        (op("remove", "/name/01"), 422, "json-patch-path"),
        (op("remove", "/name/-1"), 422, "json-patch-path"),
        (op("remove", ""), 422, "json-patch-path"),
        (op("move", "/name/0/period", **{"from": "/name"}), 422, "json-patch-into-itself"),
        (op("copy", "/x", **{"from": "/y"}), 422, "json-patch-path"),
        (op("copy", "/x"), 400, "json-patch-pointer"),
        (op("add", "gender", "x"), 400, "json-patch-pointer"),
        (op("add", "/a~2", "x"), 400, "json-patch-pointer"),
        (op("add", "/gender"), 400, "json-patch-operation"),
        (op("upgrade", "/gender", 1), 400, "json-patch-operation"),
        ({"path": "/gender"}, 400, "json-patch-operation"),
        ({"op": "remove"}, 400, "json-patch-pointer"),
        (1, 400, "json-patch-operation"),
    ],
)
def test_what_cannot_be_done_is_refused_with_its_place(operation, status, key):
    assert refusal(op("test", "/active", True), operation) == (status, key, "[1]")


def test_a_patch_is_a_list():
    with pytest.raises(BadInput) as refused:
        json_patch(PATIENT, {"op": "remove", "path": "/active"})
    assert refused.value.status == 400


@pytest.mark.parametrize(
    ("operation", "element"),
    [
        (op("replace", "/id", "p2"), "Patient.id"),
        (op("remove", "/id"), "Patient.id"),
        (op("replace", "/resourceType", "Person"), "Patient.resourceType"),
        (op("replace", "/meta/versionId", "4"), "Patient.meta.versionId"),
        (op("replace", "", {"resourceType": "Patient", "id": "p1"}), "Patient.meta.versionId"),
    ],
)
def test_what_makes_a_resource_that_one_cannot_be_changed(operation, element):
    assert refusal(operation) == (422, "patch-identity", element)


def test_a_null_is_a_value():
    assert patched({"op": "add", "path": "/x", "value": None})["x"] is None


def test_copies_of_copies_end():
    double = op("copy", "/name/-", **{"from": "/name"})
    assert refusal(*[double] * 60)[:2] == (422, "json-patch-copies")
    assert refusal(*[op("test", "/active", True)] * 2000)[:2] == (413, "patch-too-long")


@given(st.dictionaries(st.text(), st.integers(), min_size=1))
def test_every_name_has_a_pointer(names):
    for name, number in names.items():
        pointer = "/x/" + name.replace("~", "~0").replace("/", "~1")
        document = {"resourceType": "Patient", "x": names}
        assert json_patch(document, [op("test", pointer, number)]) == document
