"""Whatever a program asks that knows only the OpenAPI description, the node answers and does not fail."""

from __future__ import annotations

import pytest

pytest.importorskip("schemathesis", reason="schemathesis is not installed")

from tests.network.one_node import OneNode
from tests.peers.fuzz import fuzz


def test_generated_requests_are_answered_or_refused(peer_node: OneNode) -> None:
    tally = fuzz(peer_node, 120, seed=11)
    assert tally.failures == []
    assert tally.asked >= 100
    assert peer_node.answers()
