"""A moment is settled when all that began before it has ended, in whatever process."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from passerelle.store.postgres import PostgresStore
from tests.engines.people import patient


def test_a_moment_waits_for_the_changes_of_other_processes(fresh_postgres: str) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(change: Any) -> None:
        change.put("Patient", "slow", patient(), created=True)
        change.read("Patient", "slow")
        begun.set()
        assert go_on.wait(10)

    async def both() -> tuple[bool, list[bytes]]:
        one, other = PostgresStore.open(fresh_postgres), PostgresStore.open(fresh_postgres)
        changing = asyncio.create_task(one.change(slow))
        await asyncio.to_thread(begun.wait, 10)
        settling = asyncio.create_task(other.change(lambda change: change.settled()))
        await asyncio.sleep(0.2)
        early = settling.done()
        go_on.set()
        moment = await settling
        await changing
        scan = await other.look(lambda view: view.scan("Patient", until=moment))
        await one.close()
        await other.close()
        return early, scan.bodies

    early, bodies = asyncio.run(both())
    assert not early
    assert len(bodies) == 1
