"""The capability statement says what is implemented, and is itself R4."""

from __future__ import annotations

from passerelle.fhir import openapi
from passerelle.fhir.capability import Interface, Server, statement
from passerelle.fhir.search import parameters, parse
from passerelle.fhir.validate import check

SERVER = Server(
    base="https://here.example/fhir",
    name="Passerelle on",
    version="0.1.0",
    date="2024-05-01",
    authorize="https://here.example/oauth/authorize",
    token="https://here.example/oauth/token",
)
MATCH = ("match", "http://hl7.org/fhir/OperationDefinition/Patient-match")


def operations(type: str | None) -> tuple[tuple[str, str], ...]:
    return (MATCH,) if type == "Patient" else ()


STATEMENT = statement(SERVER, operations)
RESOURCES = {resource["type"]: resource for resource in STATEMENT["rest"][0]["resource"]}


def test_it_is_a_good_resource():
    assert check(STATEMENT, expect_type="CapabilityStatement") == ()


def test_every_search_parameter_that_it_names_is_understood():
    for type in ("Patient", "Observation", "MedicationRequest"):
        named = {parameter["name"] for parameter in RESOURCES[type]["searchParam"]}
        assert named == set(parameters(type))
        single = [name for name, one in parameters(type).items() if not one.parts]
        parse(type, [(f"{name}:missing", "true") for name in sorted(single)])


def test_it_tells_a_client_where_to_ask_for_a_token():
    [extension] = STATEMENT["rest"][0]["security"]["extension"]
    assert {part["url"]: part["valueUri"] for part in extension["extension"]} == {
        "authorize": "https://here.example/oauth/authorize",
        "token": "https://here.example/oauth/token",
    }


def test_operations_stand_at_their_type():
    assert [operation["name"] for operation in RESOURCES["Patient"]["operation"]] == ["match"]
    assert "operation" not in RESOURCES["Observation"]


def test_what_the_operator_decided_is_said():
    strict = Interface(require_if_match=True, conditional_delete="multiple", strict_references=True)
    said = statement(SERVER, operations, strict)["rest"][0]["resource"][-1]
    assert said["versioning"] == "versioned-update"
    assert said["conditionalDelete"] == "multiple"
    assert "enforced" in said["referencePolicy"]
    assert RESOURCES["Patient"]["versioning"] == "versioned"


def test_audit_events_are_looked_at_and_added_to():
    codes = {each["code"] for each in RESOURCES["AuditEvent"]["interaction"]}
    assert codes == {"read", "vread", "history-instance", "history-type", "create", "search-type"}


def test_the_openapi_description_refers_only_to_what_it_holds():
    made = openapi.description(STATEMENT)
    held = {f"#/components/{kind}/{name}" for kind, all in made["components"].items() for name in all}
    wanted: set[str] = set()

    def walk(value: object) -> None:
        if isinstance(value, dict):
            if "$ref" in value:
                wanted.add(value["$ref"])
            for child in value.values():
                walk(child)
        elif isinstance(value, list):
            for child in value:
                walk(child)

    walk(made)
    assert wanted <= held
    ids = [
        way["operationId"]
        for path in made["paths"].values()
        for way in path.values()
        if isinstance(way, dict)
    ]
    assert len(ids) == len(set(ids))
    assert "delete" not in made["paths"]["/AuditEvent/{id}"]
    assert "/Patient/$match" in made["paths"]
