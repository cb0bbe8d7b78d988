"""One node with a few invented people, for the clients that others wrote."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.network.one_node import OneNode
from tests.network.wire import call

PEOPLE = 3
OBSERVATIONS = 7


def bundle() -> dict:
    """A transaction with some people, what was measured of them, and a group of all of them."""
    entries: list[dict] = []
    for person in range(PEOPLE):
        body = {
            "resourceType": "Patient",
            "id": f"p{person}",
            "name": [{"family": "Pairs", "given": [f"Nº{person}"]}],
            "gender": "other",
            "birthDate": f"19{60 + person}-01-02",
        }
        entries.append({"resource": body, "request": {"method": "PUT", "url": f"Patient/p{person}"}})
        for number in range(OBSERVATIONS):
            name = f"o{person}-{number}"
            observed = {
                "resourceType": "Observation",
                "id": name,
                "status": "final",
                "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
                "subject": {"reference": f"Patient/p{person}"},
                "effectiveDateTime": f"2024-03-{number + 1:02d}",
                "valueQuantity": {
                    "value": 60 + number,
                    "unit": "/min",
                    "system": "http://unitsofmeasure.org",
                    "code": "/min",
                },
            }
            entries.append({"resource": observed, "request": {"method": "PUT", "url": f"Observation/{name}"}})
    members = [{"entity": {"reference": f"Patient/p{person}"}} for person in range(PEOPLE)]
    group = {"resourceType": "Group", "id": "all", "type": "person", "actual": True, "member": members}
    entries.append({"resource": group, "request": {"method": "PUT", "url": "Group/all"}})
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


@pytest.fixture(scope="session")
def peer_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OneNode]:
    """The node, served by the real command; it forgets everything at its end."""
    settings = {
        "PASSERELLE_STORE": "memory:",
        "PASSERELLE_LEDGER": "memory:",
        "PASSERELLE_TOKEN_SECONDS": "3600",
    }
    node = OneNode(tmp_path_factory.mktemp("peer"), settings)
    node.start()
    answer = call(node.fhir, "POST", "", json.dumps(bundle()).encode(), token=node.token)
    assert answer.status == 200, answer.text
    yield node
    node.stop()
