"""What conformance engines ask: FHIR TestScripts, others' and our own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.network.one_node import OneNode
from tests.peers.testscripts import Run, run

OWN = Path(__file__).parent / "scripts"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OneNode]:
    node = OneNode(
        tmp_path_factory.mktemp("node"), {"PASSERELLE_STORE": "memory:", "PASSERELLE_LEDGER": "memory:"}
    )
    node.start()
    yield node
    assert node.stop() == 0


@pytest.mark.parametrize("path", sorted(OWN.glob("*.json")), ids=lambda path: path.stem)
def test_our_own_scripts_pass(node: OneNode, path: Path) -> None:
    done = Run(json.loads(path.read_text("utf-8")), node.fhir, node.token).all()
    assert done.faults == []
    assert done.passed > 0


def test_a_script_that_asks_too_much_fails(node: OneNode) -> None:
    """The engine itself is tested: what passes everything would prove nothing."""
    wrong = (
        {"operation": {"type": {"code": "capabilities"}}},
        {"assert": {"label": "x", "responseCode": "418"}},
    )
    done = Run({"id": "wrong", "test": [{"action": list(wrong)}]}, node.fhir, node.token).all()
    assert done.faults == ["x: found '200'"]


def test_the_scripts_of_others_pass(node: OneNode, shared_data: Path) -> None:
    scripts = [
        json.loads(path.read_text("utf-8")) for path in sorted((shared_data / "testscripts").glob("*.json"))
    ]
    assert scripts
    found = run(scripts, node.fhir, node.token)
    assert {id: faults for id, faults in found.items() if faults} == {}
