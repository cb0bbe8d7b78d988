"""Two records and short ways to ask them, for the tests of FHIRPath."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from passerelle.fhir.fhirpath import compile

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p1",
    "contained": [{"resourceType": "Organization", "id": "o1", "name": "Clinique du Port"}],
    "active": True,
    "name": [
        {"use": "official", "family": "Tremblay", "given": ["Aurélie", "Marie"]},
        {
            "use": "usual",
            "given": ["Lili"],
            "_given": [{"id": "g", "extension": [{"url": "u:x", "valueCode": "nick"}]}],
        },
        {
            "use": "maiden",
            "given": [None, "Ann"],
            "_given": [{"extension": [{"url": "u:y", "valueInteger": 5}]}],
        },
    ],
    "telecom": [{"system": "phone", "value": "1"}, {"system": "email", "value": "a@example.org"}],
    "gender": "female",
    "birthDate": "1974-12-25",
    "_birthDate": {"extension": [{"url": "u:time", "valueDateTime": "1974-12-25T14:35:45-05:00"}]},
    "deceasedBoolean": False,
    "managingOrganization": {"reference": "#o1"},
}
OBSERVATION: dict[str, Any] = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}, {"code": "weight"}]},
    "valueQuantity": {
        "value": Decimal("185.0"),
        "unit": "lbs",
        "system": "http://unitsofmeasure.org",
        "code": "[lb_av]",
    },
    "component": [
        {"valueString": "a"},
        {"valueInteger": 3},
        {"valueQuantity": {"value": 2, "unit": "drops"}},
    ],
}


def find(expression: str, resource: dict[str, Any] = PATIENT, **options: Any) -> list[Any]:
    return [
        item if not hasattr(item, "text") else item.text for item in _items(expression, resource, **options)
    ]


def _items(expression: str, resource: dict[str, Any], **options: Any) -> list[Any]:
    return [node.value for node in compile(expression)(resource, **options)]


def table(text: str) -> list[tuple[str, str]]:
    """Lines of ``expression → JSON-like values separated by ;``"""
    rows = [line.split("→") for line in text.strip().splitlines()]
    return [(left.strip(), right.strip()) for left, right in rows]


def shown(values: list[Any]) -> str:
    return "; ".join(str(value).lower() if isinstance(value, bool) else str(value) for value in values)
