"""A node that is busy says so, and to whom."""

from __future__ import annotations

import pytest

from passerelle.node.claims import Verified
from passerelle.node.shedding import Crowd, Shedding
from passerelle.values import Purpose
from tests.spec.country import service
from tests.spec.over_http import Node


def node(purpose: Purpose, crowd: Crowd) -> Node:
    node = Node()
    node.edge.shedding = Shedding(crowd)
    node.edge.gate = lambda method, path, headers: Verified(service("on"), purpose, "jti", "loader", 9e9)
    return node


@pytest.mark.parametrize("language", ["en", "fr"])
def test_who_is_sent_away_is_told_when_to_come_back(language: str) -> None:
    busy = node(Purpose.HOPERAT, Crowd(running=4, others=0.0, retry_after=7))
    answer = busy.ask("GET", "/Patient/x", accept_language=language)
    assert (answer.status, answer.headers["retry-after"]) == (503, "7")
    assert answer.json["issue"][0]["code"] == "throttled"


def test_care_is_let_in_while_others_are_not() -> None:
    assert node(Purpose.TREAT, Crowd(running=4, others=0.0)).ask("GET", "/Patient/x").status == 404


def test_every_place_is_given_back() -> None:
    one = node(Purpose.TREAT, Crowd(running=1, waiting=0))
    for _ in range(3):
        assert one.ask("GET", "/Patient/x").status == 404
        assert one.ask("POST", "/Patient", b"nonsense", content_type="application/fhir+json").status == 400
    assert one.edge.shedding.running == 0
