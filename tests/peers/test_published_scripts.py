"""The TestScripts that others published for FHIR servers, those that every server must pass."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from tests.network.one_node import OneNode
from tests.network.wire import Heard, call


def asked(node: OneNode, operation: dict[str, Any]) -> Heard:
    """One operation of a script, as a request."""
    place = operation.get("url") or operation.get("params") or ""
    path = "/metadata" if operation["type"]["code"] == "capabilities" else f"/{operation['resource']}{place}"
    headers = {
        one["field"].lower().replace("-", "_"): one["value"] for one in operation.get("requestHeader", ())
    }
    return call(node.fhir, "GET", path, token=node.token, **headers)


def holds(answer: Heard, claim: dict[str, Any]) -> bool:
    """Whether an answer is what an assertion of a script says."""
    if "responseCode" in claim:
        return (str(answer.status) == claim["responseCode"]) == (claim["operator"] == "equals")
    if "contentType" in claim:
        return claim["contentType"] in answer.headers["content-type"]
    if "headerField" in claim:
        return bool(answer.headers.get(claim["headerField"].lower()))
    return re.search(claim["responseBody"], answer.text) is not None


def test_every_claim_of_every_script_holds(peer_node: OneNode, shared_data: Path) -> None:
    wrong, claims = [], 0
    for path in sorted((shared_data / "testscripts").rglob("*.json")):
        answer = Heard(0, {}, b"")
        for test in json.loads(path.read_text("utf-8"))["test"]:
            for action in test["action"]:
                if "operation" in action:
                    answer = asked(peer_node, action["operation"])
                elif not holds(answer, action["assert"]):
                    wrong.append((path.name, action["assert"], answer.status))
                else:
                    claims += 1
    assert wrong == []
    assert claims > 5
