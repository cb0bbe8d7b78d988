"""What is counted, what it is called, and what it costs."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from passerelle.node.metrics import Metrics, Now, Timed, interaction, page
from passerelle.store.memory import MemoryStore


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("GET", "/fhir/Patient/1", "read"),
        ("HEAD", "/fhir/Patient/1", "read"),
        ("GET", "/fhir/Patient/1/_history/2", "vread"),
        ("GET", "/fhir/Patient/1/_history", "history"),
        ("GET", "/fhir/_history", "history"),
        ("GET", "/fhir/Patient", "search"),
        ("POST", "/fhir/Patient/_search", "search"),
        ("GET", "/fhir/Patient/1/Observation", "search"),
        ("POST", "/fhir/Patient", "create"),
        ("PUT", "/fhir/Patient/1", "update"),
        ("PATCH", "/fhir/Patient/1", "patch"),
        ("DELETE", "/fhir/Patient/1", "delete"),
        ("POST", "/fhir", "bundle"),
        ("POST", "/fhir/", "bundle"),
        ("GET", "/fhir/metadata", "capabilities"),
        ("GET", "/fhir/Patient/1/$everything", "$everything"),
        ("GET", "/fhir/$invented-by-a-stranger", "operation"),
        ("GET", "/fhir/_jobs/1", "job"),
        ("GET", "/en/people", "page"),
        ("BREW", "/fhir/Patient/1", "other"),
    ],
)
def test_a_request_is_called_by_its_interaction(method: str, path: str, name: str) -> None:
    assert interaction(method, path) == name


def answer(status: int) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    return app


async def nothing(*_: Any) -> Any:
    return {}


def ask(app: Any, path: str = "/fhir/Patient/9876543217", method: str = "GET") -> None:
    asyncio.run(app({"type": "http", "method": method, "path": path, "headers": []}, nothing, nothing))


def test_requests_are_counted_by_interaction_and_status_and_never_by_id() -> None:
    counted = Metrics()
    for status in (200, 200, 404):
        ask(counted.around(answer(status)))
    text = page(counted, Now()).decode()
    assert 'passerelle_request_seconds_count{interaction="read",status="200"} 2.0' in text
    assert 'passerelle_request_seconds_count{interaction="read",status="404"} 1.0' in text
    assert "9876543217" not in text


def test_a_request_that_breaks_is_counted_as_a_failure() -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        raise ZeroDivisionError

    counted = Metrics()
    with pytest.raises(ZeroDivisionError):
        ask(counted.around(broken))
    assert (list(counted.requests), counted.under_way) == ([("read", 500)], 0)


def test_the_store_is_timed() -> None:
    counted = Metrics()
    store = Timed(MemoryStore(), counted)
    asyncio.run(store.look(lambda view: view.read("Patient", "1")))
    assert asyncio.run(store.change(lambda change: change.settled()))
    assert set(counted.store) == {"look", "change"}


def test_jobs_the_outbox_and_the_journal_are_told() -> None:
    now = Now({"running": 1}, {("export", "done"): 2}, 3, 4.5, 6, 7)
    text = page(Metrics(shed={"secondary": 8}), now).decode()
    for line in (
        'passerelle_jobs{state="running"} 1.0',
        'passerelle_jobs_ended_total{end="done",kind="export"} 2.0',
        "passerelle_outbox_letters 3.0",
        "passerelle_outbox_oldest_seconds 4.5",
        "passerelle_journal_unfiled_bytes 6.0",
        "passerelle_requests_waiting 7.0",
        'passerelle_shed_total{kind="secondary"} 8.0',
    ):
        assert line in text


def test_counting_costs_a_request_next_to_nothing() -> None:
    """Two microseconds are meant; a machine under load gets five times as many."""

    async def many(app: Any) -> float:
        scope = {"type": "http", "method": "GET", "path": "/fhir/Patient/1", "headers": []}
        begun = time.perf_counter()
        for _ in range(5000):
            await app(scope, nothing, nothing)
        return (time.perf_counter() - begun) / 5000

    plain = min(asyncio.run(many(answer(200))) for _ in range(3))
    counted = min(asyncio.run(many(Metrics().around(answer(200)))) for _ in range(3))
    assert counted - plain < 10e-6
