"""Laws of patches: what is done can be undone, and what is not named stays as it is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from passerelle.fhir.patch import fhirpath_patch, json_patch

LETTERS = st.text('ab/~é"', min_size=1, max_size=3)
HALVES = st.tuples(st.none() | LETTERS, st.none() | st.fixed_dictionaries({"id": LETTERS})).filter(
    lambda halves: halves != (None, None)
)
VALUES = st.recursive(
    st.booleans() | st.integers(-9, 9) | LETTERS,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3) | st.dictionaries(LETTERS, inner, min_size=1, max_size=3)
    ),
    max_leaves=12,
)
DOCUMENTS = st.dictionaries(LETTERS, VALUES, max_size=4).map(lambda inner: {"resourceType": "Basic", **inner})


def patient(halves):
    """A Patient whose given names have values, ids, or both."""
    values, shadows = [value for value, _ in halves], [shadow for _, shadow in halves]
    name = {"use": "official"}
    if any(value is not None for value in values):
        name["given"] = values
    if any(shadow is not None for shadow in shadows):
        name["_given"] = shadows
    return {"resourceType": "Patient", "name": [name]}


def changed(resource, type, **parts):
    rows = [
        {"name": "type", "valueCode": type},
        {"name": "path", "valueString": parts.pop("path", "Patient.name.given")},
    ]
    rows += [
        {"name": name, **({"valueInteger": one} if isinstance(one, int) else one)}
        for name, one in parts.items()
    ]
    return fhirpath_patch(
        resource, {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": rows}]}
    )


@given(st.lists(HALVES, min_size=1, max_size=5), HALVES, st.data())
def test_what_is_inserted_can_be_deleted(halves, one, data):
    at = data.draw(st.integers(0, len(halves)))
    value = {
        name: half
        for name, half in zip(("valueString", "_valueString"), one, strict=True)
        if half is not None
    }
    more = changed(patient(halves), "insert", index=at, value=value)
    assert more == patient([*halves[:at], one, *halves[at:]])
    assert changed(more, "delete", path=f"Patient.name.given[{at}]") == patient(halves)


@given(st.lists(HALVES, min_size=1, max_size=5), st.data())
def test_what_is_moved_can_be_moved_back(halves, data):
    source, destination = (data.draw(st.integers(0, len(halves) - 1)) for _ in range(2))
    moved = changed(patient(halves), "move", source=source, destination=destination)
    expected = list(halves)
    expected.insert(destination, expected.pop(source))
    assert moved == patient(expected)
    assert changed(moved, "move", source=destination, destination=source) == patient(halves)


@given(DOCUMENTS, DOCUMENTS)
def test_the_difference_of_two_documents_makes_one_into_the_other(before, after):
    patch = [{"op": "test", "path": _pointer(name), "value": value} for name, value in before.items()]
    patch += [{"op": "remove", "path": _pointer(name)} for name in before if name not in after]
    patch += [{"op": "add", "path": _pointer(name), "value": value} for name, value in after.items()]
    assert json_patch(before, patch) == after


@given(DOCUMENTS, LETTERS, LETTERS)
def test_what_is_copied_and_moved_is_equal_to_what_it_came_from(document, first, second):
    patch = [
        {"op": "add", "path": _pointer(first), "value": document},
        {"op": "copy", "from": _pointer(first), "path": _pointer(second)},
        {"op": "test", "path": _pointer(second), "value": document},
        {"op": "move", "from": _pointer(second), "path": _pointer(first)},
        {"op": "test", "path": _pointer(first), "value": document},
        {"op": "remove", "path": _pointer(first)},
    ]
    rest = {name: value for name, value in document.items() if name not in (first, second)}
    assert json_patch(document, patch) == rest


def _pointer(name):
    return "/" + name.replace("~", "~0").replace("/", "~1")
