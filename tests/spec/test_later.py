"""An answer that may come later: asked for with ``Prefer: respond-async``."""

from __future__ import annotations

from pathlib import Path

import pytest

from passerelle.values import Caller, NodeId
from tests.spec.bureau import Bureau
from tests.spec.country import patient


@pytest.fixture
def bureau(tmp_path: Path) -> Bureau:
    made = Bureau(tmp_path / "jobs")
    made.country.put("on", patient("p1"))
    return made


def test_a_bundle_a_search_and_an_operation_are_answered_later(bureau: Bureau) -> None:
    entry = {"resource": patient("p2"), "request": {"method": "PUT", "url": "Patient/p2"}}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    for method, path, body in (
        ("POST", "", bundle),
        ("GET", "Patient?_id=p1", None),
        ("GET", "Patient/p1/$everything", None),
    ):
        asked = bureau.ask(method, path, body, prefer="respond-async")
        assert (asked.status, asked.answer.body) == (202, b"")
        bureau.work()
        done = bureau.status(asked.answer.headers["Content-Location"].rpartition("/")[2])
        assert done.status == 200
        said = done.json["entry"][0]
        assert said["response"]["status"] == "200"
        assert said["resource"]["resourceType"] == "Bundle"
    assert bureau.ask("GET", "Patient/p2").status == 200


def test_a_read_is_answered_at_once(bureau: Bureau) -> None:
    assert bureau.ask("GET", "Patient/p1", prefer="respond-async").status == 200


def test_what_is_not_allowed_is_refused_at_once(bureau: Bureau) -> None:
    patients = Caller("p", "person", "patient", NodeId("on"), patient="p1", scopes=("patient/*.rs",))
    refused = bureau.ask("GET", "Patient/p2/$everything", prefer="respond-async", caller=patients)
    assert refused.status in (403, 404)
    assert bureau.ask("GET", "Patient/p1/$nothing", prefer="respond-async").status == 404
