"""A scan is for an export: everything of a type, part after part, as it was at one moment."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from passerelle.fhir.search import Scope
from tests.engines.conftest import Opener
from tests.engines.people import patient


def scanned(view: Any, count: int = 5000, **asked: Any) -> list[tuple[str, str]]:
    """(id, version) of every part."""
    found: list[tuple[str, str]] = []
    after: int | None = 0
    while after is not None:
        scan = view.scan("Patient", after=after, count=count, **asked)
        assert len(scan.bodies) <= count
        found += [(one["id"], one["meta"]["versionId"]) for one in map(json.loads, scan.bodies)]
        after = scan.last
    return found


def put(*ids: str) -> Callable[[Any], None]:
    def work(change: Any) -> None:
        for id in ids:
            change.put("Patient", id, patient(), created=True)

    return work


async def _as_it_was(store: Any) -> None:
    await store.change(put("a", "b", "c", "d"))
    await store.change(put("b"))
    moment = await store.change(lambda change: change.settled())
    await store.change(put("a", "e"))
    await store.change(lambda change: change.delete("Patient", "c"))
    then = [("a", "1"), ("b", "2"), ("c", "1"), ("d", "1")]
    for count in (1, 2, 3, 5000):
        assert await store.look(lambda view, n=count: scanned(view, n, until=moment)) == then
        now = await store.look(lambda view, n=count: scanned(view, n))
        assert now == [("a", "2"), ("b", "2"), ("d", "1"), ("e", "1")]
    later = moment + timedelta(milliseconds=1)
    assert await store.look(lambda view: scanned(view, since=later)) == [("a", "2"), ("e", "1")]
    assert await store.look(lambda view: scanned(view, since=later, until=moment)) == []
    await store.close()


def test_a_scan_is_as_it_was_at_its_moment(new_store: Opener) -> None:
    asyncio.run(_as_it_was(new_store()))


def test_what_is_hidden_is_not_scanned(new_store: Opener) -> None:
    secret = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}

    async def both() -> None:
        store = new_store()
        hidden = {**patient(), "meta": {"security": [secret]}}
        await store.change(lambda change: change.put("Patient", "a", hidden, created=True))
        await store.change(put("b"))
        scope = Scope(hidden=frozenset({f"{secret['system']}|R"}))
        moment = await store.change(lambda change: change.settled())
        assert await store.look(lambda view: scanned(view, scope=scope)) == [("b", "1")]
        assert await store.look(lambda view: scanned(view, scope=scope, until=moment)) == [("b", "1")]
        await store.close()

    asyncio.run(both())


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    before=st.lists(st.sampled_from("abcdef"), max_size=12),
    after=st.lists(st.tuples(st.sampled_from("abcdefgh"), st.booleans()), max_size=12),
)
def test_nothing_that_comes_later_changes_a_scan(before: list[str], after: list[tuple[str, bool]]) -> None:
    from passerelle.store.memory import MemoryStore

    async def same() -> None:
        store = MemoryStore()
        for id in before:
            await store.change(put(id))
        moment = await store.change(lambda change: change.settled())
        first = await store.look(lambda view: scanned(view, 3, until=moment))
        known = set(before)
        for id, deleted in after:
            if deleted and id in known:
                await store.change(lambda change, id=id: change.delete("Patient", id))
            elif not deleted:
                known.add(id)
                await store.change(put(id))
        assert await store.look(lambda view: scanned(view, 2, until=moment)) == first

    asyncio.run(same())


def test_only_what_is_some_patients_is_scanned_when_that_is_asked(new_store: Opener) -> None:
    async def both() -> None:
        store = new_store()
        about = {"resourceType": "Communication", "id": "c1", "status": "completed"}
        mine = {**about, "id": "c2", "subject": {"reference": "Patient/a"}}
        await store.change(
            lambda change: [
                change.put("Communication", one["id"], one, created=True) for one in (about, mine)
            ]
        )
        for asked in ({}, {"until": await store.change(lambda change: change.settled())}):
            scan = await store.look(
                lambda view, asked=asked: view.scan("Communication", of_patients=True, **asked)
            )
            assert [json.loads(body)["id"] for body in scan.bodies] == ["c2"]
        await store.close()

    asyncio.run(both())
