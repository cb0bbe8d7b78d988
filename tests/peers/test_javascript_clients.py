"""The clients that browsers and Node programs use find, read, write and sign in here without a change."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from passerelle.node import demo_people
from tests.network.one_node import OneNode
from tests.network.visitor import Visitor
from tests.network.wire import call
from tests.peers.conftest import OBSERVATIONS, PEOPLE, bundle

HERE = Path(__file__).parent / "clients"
BACK = "http://127.0.0.1:8765/callback"

pytestmark = pytest.mark.skipif(
    shutil.which("node") is None or not (HERE / "node_modules" / "fhir-kit-client").is_dir(),
    reason="The clients are not installed: npm ci --prefix tests/peers/clients",
)


def heard(script: str, node: OneNode) -> dict[str, Any]:
    given = json.dumps({"fhir": node.fhir, "token": node.token})
    done = subprocess.run(
        ["node", str(HERE / script), given], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def test_fhir_kit_client_does_all_that_it_can(peer_node: OneNode) -> None:
    said = heard("kit.mjs", peer_node)
    assert said["statement"] == "CapabilityStatement"
    assert said["token"].endswith("/oauth/token")
    assert (said["created"], said["updated"], said["patched"]) == ("1", "2", ["other", "3"])
    assert said["vread"] == "female"
    assert said["history"] == 3
    assert said["typeHistory"] == said["systemHistory"] == "history"
    assert said["searched"] == ["o1-6", "o1-5", "o1-4"]
    assert said["compartment"] >= OBSERVATIONS
    assert said["system"] == ["p0"]
    assert said["posted"] == PEOPLE
    assert sorted(said["pages"]) == [f"o0-{number}" for number in range(OBSERVATIONS)]
    assert said["resolved"] == "p1"
    assert said["everything"] >= OBSERVATIONS + 1
    assert said["batch"] == ["200", "404"]
    assert said["transaction"] == "201"
    assert said["gone"] == [410, "OperationOutcome"]


def test_medplums_client_does_all_that_it_can(peer_node: OneNode) -> None:
    said = heard("medplum.mjs", peer_node)
    assert (said["created"], said["updated"], said["patched"]) == ("1", "2", True)
    assert said["once"] is True
    assert said["read"] == "p1"
    assert (said["history"], said["version"]) == (3, "1")
    assert said["searched"] == ["o1-6", "o1-5", "o1-4"]
    assert said["one"] is True
    assert said["pages"] == [3, 3, 1]
    assert said["everything"] >= OBSERVATIONS + 1
    assert (said["batch"], said["valid"], said["gone"]) == ("200", "OperationOutcome", "OperationOutcome")


def test_a_smart_app_in_javascript_is_launched_by_itself_and_acts_for_a_patient(peer_node: OneNode) -> None:
    person = next(one for one in demo_people.everyone(peer_node.plan) if one["role"] == "patient")
    _known(peer_node, person["patient"])
    given = {"fhir": peer_node.fhir, "app": "demo-app", "back": BACK, "scope": "patient/*.rs offline_access"}
    app = subprocess.Popen(
        ["node", str(HERE / "smart.mjs"), json.dumps(given)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert app.stdin is not None
    assert app.stdout is not None
    try:
        go = json.loads(app.stdout.readline())["go"]
        visitor = Visitor(peer_node.address)
        visitor.open(go)
        visitor.sign_in(person["login"], person["password"])
        (form,) = [form for form in visitor.forms("authorize") if form.buttons]
        visitor.submit(form, decision="allow")
        assert visitor.at.startswith(BACK)
        out, errors = app.communicate(json.dumps(visitor.at) + "\n", timeout=60)
    finally:
        app.kill()
    assert out, errors[-2000:]
    said = json.loads(out)
    assert said == {"patient": person["patient"], "name": "Pairs", "observations": 5, "other": 404}


def _known(node: OneNode, id: str) -> None:
    """The patient has a record at the node, of a few observations."""
    resources = bundle()["entry"][: OBSERVATIONS - 1]
    patient = {**resources[0]["resource"], "id": id}
    entries = [{"resource": patient, "request": {"method": "PUT", "url": f"Patient/{id}"}}]
    for entry in resources[1:]:
        observed = {**entry["resource"], "id": f"{id}-{entry['resource']['id']}"[:64]}
        observed["subject"] = {"reference": f"Patient/{id}"}
        entries.append(
            {"resource": observed, "request": {"method": "PUT", "url": f"Observation/{observed['id']}"}}
        )
    body = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    assert call(node.fhir, "POST", "", json.dumps(body).encode(), token=node.token).status == 200


def test_no_registry_is_named_in_the_lock() -> None:
    assert "http" not in (HERE / "package-lock.json").read_text("utf-8")
