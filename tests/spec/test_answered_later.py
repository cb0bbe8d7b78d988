"""``Prefer: respond-async`` for any request: done as a job, never twice, its answer told where the job is told of."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from passerelle.flows.postponed import run as run_postponed
from passerelle.store.errors import StoreTimeoutError
from passerelle.values import Json
from tests.spec.bureau import Bureau
from tests.spec.country import condition, patient, physician, service


@pytest.fixture
def bureau(tmp_path: Path) -> Bureau:
    bureau = Bureau(tmp_path / "jobs")
    bureau.country.put("on", patient("p1"), condition("c1", "flu"))
    return bureau


def transaction(*ids: str) -> Json:
    entries = [{"resource": patient(id), "request": {"method": "PUT", "url": f"Patient/{id}"}} for id in ids]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def test_a_search_is_answered_later_in_a_bundle_of_one_response(bureau: Bureau) -> None:
    job = bureau.kick_off("Patient?_id=p1")
    assert bureau.status(job).status == 202
    bureau.work()
    said = bureau.status(job).json
    (entry,) = said["entry"]
    assert (said["type"], entry["response"]["status"]) == ("batch-response", "200")
    assert [one["resource"]["id"] for one in entry["resource"]["entry"]] == ["p1"]


def test_what_may_not_be_asked_is_refused_at_once(bureau: Bureau) -> None:
    narrow = replace(service("on"), scopes=("system/Observation.rs",))
    said = bureau.ask("GET", "Patient?_id=p1", caller=narrow, prefer="respond-async")
    assert said.status == 403


def test_what_turns_out_wrong_is_told_in_the_answer(bureau: Bureau) -> None:
    job = bureau.kick_off("Patient?nonsense=1")
    bureau.work()
    (entry,) = bureau.status(job).json["entry"]
    assert entry["response"]["status"] == "400"
    assert entry["resource"]["resourceType"] == "OperationOutcome"


def test_a_transaction_is_done_once(bureau: Bureau) -> None:
    job = bureau.kick_off("", transaction("t1", "t2"))
    bureau.work()
    assert bureau.status(job).json["entry"][0]["response"]["status"] == "200"
    assert bureau.ask("GET", "Patient/t1").status == 200


def test_what_changed_something_is_not_done_again_after_a_crash(bureau: Bureau) -> None:
    times = [0]

    async def dies(work: Any, here: Any) -> Json:
        times[0] += 1
        done = await run_postponed(work, here)
        if times[0] == 1:
            raise OSError
        return done

    bureau.doings["request"] = dies
    job = bureau.kick_off("", transaction("t1"))

    async def work() -> None:
        worker = bureau.worker()
        worker._failed = lambda job, bug: worker._release(job, 0)  # type: ignore[method-assign]
        while await worker.once():
            pass

    asyncio.run(work())
    said = bureau.status(job)
    assert (times[0], said.status, said.keys) == (2, 500, ["job-interrupted"])
    assert bureau.ask("GET", "Patient/t1/_history").json["total"] == 1


def test_the_answer_is_told_to_nobody_else(bureau: Bureau) -> None:
    job = bureau.kick_off("Patient?_id=p1")
    bureau.work()
    assert bureau.status(job, physician("on")).status == 404


def test_a_request_that_takes_too_long_is_told_to_ask_for_less(bureau: Bureau) -> None:
    class Slow:
        async def look(self, question: Any, **more: Any) -> Any:
            raise StoreTimeoutError("too long")

    bureau.here = bureau.country.nodes["on"] = replace(bureau.here, store=Slow())  # type: ignore[arg-type]
    said = bureau.ask("GET", "Patient?_id=p1")
    assert (said.status, said.keys) == (503, ["query-timeout"])
    assert len(said.answer.events) == 1
