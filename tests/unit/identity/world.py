"""Invented people whose records must, or must not, be taken for one person's."""

from __future__ import annotations

from passerelle.values import Json

ON = "https://fhir.infoway-inforoute.ca/NamingSystem/ca-on-patient-hcn"
BC = "https://fhir.infoway-inforoute.ca/NamingSystem/ca-bc-patient-healthcare-id"
AB = "https://fhir.infoway-inforoute.ca/NamingSystem/ca-ab-patient-healthcare-id"
HOSPITAL = "https://hospital.example/mrn"
VALID = "9876543217"
OTHER_VALID = "1234567897"
FAILED = "9876543210"


def number(value: str, system: str = ON, **more: object) -> Json:
    return {"system": system, "value": value, **more}


def someone(id: str = "a", family: str = "Tremblay", given: str = "Marie", **more: object) -> Json:
    person: Json = {
        "resourceType": "Patient",
        "id": id,
        "name": [{"family": family, "given": given.split()}],
        "birthDate": "1980-02-03",
        "gender": "female",
        "address": [{"postalCode": "K1A 0B1"}],
        "telecom": [{"system": "phone", "value": "613-555-0101"}],
    }
    return {name: value for name, value in (person | more).items() if value is not None}
