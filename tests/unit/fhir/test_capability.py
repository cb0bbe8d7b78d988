"""The capability statement says what is implemented, and is itself R4."""

from __future__ import annotations

from passerelle.fhir.capability import statement
from passerelle.fhir.search import parameters, parse
from passerelle.fhir.validate import check

STATEMENT = statement(
    base="https://here.example/fhir",
    name="Passerelle on",
    version="0.1.0",
    date="2024-05-01",
    operations={"Patient": [("match", "http://hl7.org/fhir/OperationDefinition/Patient-match")]},
    authorize="https://here.example/oauth/authorize",
    token="https://here.example/oauth/token",
)
RESOURCES = {resource["type"]: resource for resource in STATEMENT["rest"][0]["resource"]}


def test_it_is_a_good_resource():
    assert check(STATEMENT, expect_type="CapabilityStatement") == ()


def test_every_search_parameter_that_it_names_is_understood():
    for type in ("Patient", "Observation", "MedicationRequest"):
        named = {parameter["name"] for parameter in RESOURCES[type]["searchParam"]}
        assert named == set(parameters(type))
        parse(type, [(f"{name}:missing", "true") for name in sorted(named)])


def test_it_tells_a_client_where_to_ask_for_a_token():
    [extension] = STATEMENT["rest"][0]["security"]["extension"]
    assert {part["url"]: part["valueUri"] for part in extension["extension"]} == {
        "authorize": "https://here.example/oauth/authorize",
        "token": "https://here.example/oauth/token",
    }


def test_operations_stand_at_their_type():
    assert [operation["name"] for operation in RESOURCES["Patient"]["operation"]] == ["match"]
    assert "operation" not in RESOURCES["Observation"]
