"""What is accepted at first sight has no faults when it is looked at thoroughly, whatever was done to it."""

from __future__ import annotations

from copy import deepcopy
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passerelle.fhir.definitions import resource_types
from passerelle.fhir.validate import check
from passerelle.fhir.validate_fast import accepts, schema_of
from passerelle.fhir.validate_rules import broken
from passerelle.fhir.validate_shapes import contents

SNOMED, UCUM = "http://snomed.info/sct", "http://unitsofmeasure.org"
GOOD = (
    {
        "resourceType": "Observation",
        "id": "o1",
        "meta": {"profile": ["http://hl7.org/fhir/StructureDefinition/bp"]},
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "85354-9"}], "text": "Pressure"},
        "subject": {"reference": "Patient/p1"},
        "effectivePeriod": {"start": "2024-05-01T10:00:00-04:00", "end": "2024-05-01T10:05:00-04:00"},
        "component": [
            {
                "code": {"text": "systolic"},
                "valueQuantity": {
                    "value": Decimal("120.5"),
                    "unit": "mmHg",
                    "system": UCUM,
                    "code": "mm[Hg]",
                },
            }
        ],
        "referenceRange": [{"text": "usual"}],
    },
    {
        "resourceType": "Patient",
        "id": "p1",
        "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">Zoé</div>'},
        "extension": [{"url": "http://example.org/x", "valueCode": "F"}],
        "identifier": [
            {"system": "urn:oid:2.16.840.1.113883.4.1", "value": "1", "period": {"start": "2020"}}
        ],
        "name": [{"family": "Tremblay", "given": ["Zoé", "Ève"]}],
        "birthDate": "1980-02-29",
        "_birthDate": {
            "extension": [{"url": "http://example.org/t", "valueDateTime": "1980-02-29T01:00:00Z"}]
        },
        "deceasedBoolean": False,
        "contact": [{"name": {"text": "A friend"}}],
    },
    {
        "resourceType": "MedicationRequest",
        "id": "m1",
        "contained": [
            {
                "resourceType": "Medication",
                "id": "drug",
                "code": {"coding": [{"system": SNOMED, "code": "1"}]},
            }
        ],
        "status": "active",
        "intent": "order",
        "medicationReference": {"reference": "#drug"},
        "subject": {"reference": "urn:uuid:6b4c1d3e-0000-4000-8000-000000000001"},
        "dosageInstruction": [{"timing": {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}}}],
    },
    {
        "resourceType": "Condition",
        "id": "c1",
        "clinicalStatus": {
            "coding": [
                {"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "resolved"}
            ]
        },
        "code": {"text": "Cold"},
        "subject": {"reference": "Patient/p1"},
        "abatementDateTime": "2024-05",
    },
)
SPARE = (
    *(
        None,
        True,
        0,
        -1,
        Decimal("1.0"),
        Decimal("2.5"),
        2**31,
        "",
        " ",
        "a",
        "a b",
        "é",
        "\u00a0",
        "final",
        "active",
    ),
    *(
        "2020-02-30",
        "2021-02-29",
        "2020-01-01T00:00:00Z",
        "2020-01-01T00:00:00",
        "#drug",
        "#",
        "Patient/1",
        "Drug/1",
    ),
    *("urn:uuid:1", "http://a b", "entered-in-error", "<div>x</div>", "<div><p></div>", [], {}, [None], [{}]),
    *({"id": "a"}, {"text": "x"}, {"reference": "#x"}, {"reference": "Medication/1"}, {"code": "mg"}),
    *(
        {"start": "2020", "end": "2019"},
        {"resourceType": "Patient", "id": "x"},
        {"extension": [{"url": "http://x"}]},
    ),
)
NAMES = (
    *(
        "_status",
        "_code",
        "status",
        "valueString",
        "valueQuantity",
        "abatementString",
        "onsetAge",
        "effectiveDateTime",
    ),
    *(
        "contained",
        "dataAbsentReason",
        "deceasedDateTime",
        "medicationCodeableConcept",
        "interpretation",
        "x",
        "id",
    ),
)


def places(value, found):
    """(holder, key) of everything inside a value."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        found.append((value, key))
        places(value[key], found)
    return found


@st.composite
def changed(draw):
    """A good resource with one to three things done to it."""
    resource = deepcopy(draw(st.sampled_from(GOOD)))
    for _ in range(draw(st.integers(1, 3))):
        holder, key = draw(st.sampled_from(places(resource, []) or [(resource, "id")]))
        new = deepcopy(draw(st.sampled_from(SPARE)))
        deed = draw(st.sampled_from(("replace", "remove", "add", "wrap", "repeat")))
        if deed == "remove" and isinstance(holder, dict):
            holder.pop(key)
        elif deed == "add" and isinstance(holder, dict):
            holder[draw(st.sampled_from(NAMES))] = new
        elif deed == "wrap":
            holder[key] = [holder.get(key) if isinstance(holder, dict) else holder[key]]
        elif deed == "repeat" and isinstance(holder, list):
            holder.append(deepcopy(holder[key]))
        else:
            holder[key] = new
    return resource


def thorough(resource):
    faults = [fault.key for fault in contents(resource) or ()]
    return faults or [issue for issue in broken(resource) if issue.severity == "error"]


@pytest.mark.parametrize("resource", GOOD, ids=lambda resource: resource["resourceType"])
def test_ordinary_resources_are_accepted_at_first_sight(resource):
    assert accepts(resource)
    assert thorough(resource) == []


@settings(max_examples=400, deadline=None)
@given(changed())
def test_nothing_is_accepted_at_first_sight_that_has_a_fault(resource):
    if accepts(resource):
        assert thorough(resource) == []


@settings(max_examples=100, deadline=None)
@given(changed())
def test_the_check_says_the_same_with_and_without_the_quick_look(resource):
    assert bool(check(resource)) == bool(thorough(resource))


@pytest.mark.parametrize(
    "value", [None, [], "Patient", 1, {}, {"resourceType": None}, {"resourceType": "Drug"}]
)
def test_what_is_no_resource_is_not_accepted(value):
    assert not accepts(value)


def test_most_types_have_a_quick_look():
    clinical = {
        "Encounter",
        "Immunization",
        "Procedure",
        "DocumentReference",
        "Task",
        "AllergyIntolerance",
        "Coverage",
    }
    assert clinical <= resource_types()
    assert all(schema_of(each, local=False) for each in clinical)
