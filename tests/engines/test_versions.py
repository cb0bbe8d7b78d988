"""What was true, and when: every store keeps every version."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from passerelle.fhir.resource import decode
from passerelle.fhir.search import Scope
from tests.engines.conftest import Opener
from tests.engines.people import HIDDEN, condition, patient, references, restricted

NOON = 1_700_000_000_000


def test_what_is_put_is_read_with_its_id_version_and_moment(new_store: Opener) -> None:
    async def story() -> None:
        store = new_store(clock=lambda: NOON)
        put = await store.change(lambda change: change.put("Patient", "p", patient(), created=True))
        read = await store.look(lambda view: view.read("Patient", "p"))
        assert read == put
        assert (put.version, put.method, put.instant) == (1, "POST", datetime.fromtimestamp(NOON / 1000, UTC))
        kept = decode(put.body or b"")
        assert kept["id"] == "p"
        assert kept["meta"] == {"versionId": "1", "lastUpdated": "2023-11-14T22:13:20.000Z"}
        await store.close()

    asyncio.run(story())


def test_what_was_sent_is_kept_beside_that(new_store: Opener) -> None:
    async def story() -> None:
        store = new_store()
        sent = {
            "resourceType": "Observation",
            "meta": {"versionId": "77", "profile": ["http://example.org/p"], "tag": [{"code": "t"}]},
            "valueQuantity": {"value": Decimal("1.50")},
        }
        put = await store.change(lambda change: change.put("Observation", "o", sent, created=False))
        kept = decode(put.body or b"")
        assert b"1.50" in (put.body or b"")
        assert kept["meta"]["profile"] == ["http://example.org/p"]
        assert kept["meta"]["tag"] == [{"code": "t"}]
        assert kept["meta"]["versionId"] == "1"
        assert sent["meta"]["versionId"] == "77", "what was passed in is not changed"
        await store.close()

    asyncio.run(story())


def test_a_resource_of_another_type_is_a_bug(new_store: Opener) -> None:
    async def story() -> None:
        store = new_store()
        with pytest.raises(ValueError, match="another type"):
            await store.change(lambda change: change.put("Condition", "p", patient(), created=True))
        await store.close()

    asyncio.run(story())


def test_each_version_stays_readable_and_history_is_newest_first(new_store: Opener) -> None:
    async def story() -> None:
        store = new_store()
        for family in ("Roy", "Roy-Cloutier", "Cloutier"):
            await store.change(lambda change, f=family: change.put("Patient", "p", patient(f), created=False))
        await store.change(lambda change: change.delete("Patient", "p"))
        found = await store.look(lambda view: view.history("Patient", "p"))
        assert [(one.version, one.method) for one in found.matches] == [
            (4, "DELETE"),
            (3, "PUT"),
            (2, "PUT"),
            (1, "PUT"),
        ]
        assert (found.total, found.more) == (4, False)
        second = await store.look(lambda view: view.vread("Patient", "p", 2))
        assert second == found.matches[2]
        assert second is not None and b"Roy-Cloutier" in (second.body or b"")
        assert await store.look(lambda view: view.vread("Patient", "p", 5)) is None
        current = await store.look(lambda view: view.read("Patient", "p"))
        assert current is not None and current.deleted
        await store.close()

    asyncio.run(story())


def test_what_was_deleted_may_come_back_as_the_next_version(new_store: Opener) -> None:
    async def story() -> None:
        store = new_store()
        await store.change(lambda change: change.put("Patient", "p", patient(), created=True))
        gone = await store.change(lambda change: change.delete("Patient", "p"))
        again = await store.change(lambda change: change.delete("Patient", "p"))
        assert again == gone, "deleting twice is deleting once"
        back = await store.change(lambda change: change.put("Patient", "p", patient(), created=False))
        assert back.version == 3
        await store.close()

    asyncio.run(story())


def test_what_never_existed_cannot_be_deleted(new_store: Opener) -> None:
    async def story() -> None:
        store = new_store()
        with pytest.raises(LookupError):
            await store.change(lambda change: change.delete("Patient", "nobody"))
        await store.close()

    asyncio.run(story())


def test_moments_rise_although_the_clock_goes_back(new_store: Opener) -> None:
    async def story() -> None:
        times = iter([NOON, NOON - 5000, NOON - 9000, NOON - 9000])
        store = new_store(clock=lambda: next(times))

        def twice(change):  # type: ignore[no-untyped-def]
            return [change.put("Patient", "p", patient(), created=False) for _ in range(2)]

        await store.change(twice)
        await store.change(twice)
        found = await store.look(lambda view: view.history("Patient", "p"))
        moments = [one.instant for one in found.matches]
        assert moments == sorted(set(moments), reverse=True)
        assert all(one.instant.microsecond % 1000 == 0 for one in found.matches)
        await store.close()

    asyncio.run(story())


def test_history_of_a_type_and_of_everything_pages_and_starts_where_asked(new_store: Opener) -> None:
    async def story() -> None:
        now = [NOON]
        store = new_store(clock=lambda: now[0])
        for step in range(3):
            now[0] = NOON + 1000 * step
            await store.change(lambda change: change.put("Patient", "p", patient(), created=False))
            await store.change(
                lambda change, s=step: change.put("Condition", f"c{s}", condition("p"), created=True)
            )

        def ask(view):  # type: ignore[no-untyped-def]
            first = view.history(count=4)
            rest = view.history(count=4, after=first.next)
            since = view.history("Patient", since=datetime.fromtimestamp(NOON / 1000 + 1, UTC))
            later = view.history(
                "Patient", since=datetime.fromtimestamp(NOON / 1000 + 1, UTC) + timedelta(microseconds=1)
            )
            return first, rest, view.history("Condition"), since, later

        first, rest, conditions, since, later = await store.look(ask)
        assert (first.total, first.more, rest.more) == (6, True, False)
        assert references(first.matches) == ["Condition/c2", "Patient/p", "Condition/c1", "Patient/p"]
        assert references(rest.matches) == ["Condition/c0", "Patient/p"]
        assert references(conditions.matches) == ["Condition/c2", "Condition/c1", "Condition/c0"]
        assert [one.version for one in since.matches] == [3, 2]
        assert [one.version for one in later.matches] == [3]
        await store.close()

    asyncio.run(story())


def test_a_resource_that_was_about_somebody_else_keeps_its_history(new_store: Opener) -> None:
    async def story() -> None:
        store = new_store()
        await store.change(lambda change: change.put("Patient", "a", patient(), created=True))
        await store.change(lambda change: change.put("Patient", "b", patient(), created=True))
        for about in ("a", "b", "a"):
            await store.change(
                lambda change, p=about: change.put("Condition", "c", condition(p), created=False)
            )

        def ask(view):  # type: ignore[no-untyped-def]
            return (
                [one.version for one in view.history("Condition", "c").matches],
                [one.version for one in view.history("Condition", "c", scope=Scope(compartment="a")).matches],
                view.history("Condition", "c", scope=Scope(compartment="b")).total,
                references(view.everything("a")),
                references(view.everything("b")),
                view.vread("Condition", "c", 2),
            )

        every, mine, theirs, a, b, second = await store.look(ask)
        assert every == [3, 2, 1]
        assert mine == [3, 1]
        assert theirs == 0, "who it is no longer about does not learn of it"
        assert a == ["Patient/a", "Condition/c"]
        assert b == ["Patient/b"]
        assert second is not None and b"Patient/b" in (second.body or b"")
        await store.close()

    asyncio.run(story())


def test_a_label_that_came_later_hides_what_was_before_it_and_its_deletion(new_store: Opener) -> None:
    async def story() -> None:
        store = new_store()
        scope = Scope(hidden=HIDDEN)
        await store.change(lambda change: change.put("Condition", "c", condition("p"), created=True))
        assert await store.look(lambda view: view.history("Condition", "c", scope=scope).total) == 1
        await store.change(
            lambda change: change.put("Condition", "c", restricted(condition("p")), created=False)
        )

        def hidden(view):  # type: ignore[no-untyped-def]
            return (
                view.read("Condition", "c", scope),
                view.vread("Condition", "c", 1, scope),
                view.history("Condition", "c", scope=scope).total,
                view.history(scope=scope).total,
            )

        assert await store.look(hidden) == (None, None, 0, 0)
        await store.change(lambda change: change.delete("Condition", "c"))
        assert await store.look(hidden) == (None, None, 0, 0)
        await store.change(lambda change: change.put("Condition", "c", condition("p"), created=False))
        versions = await store.look(
            lambda view: [one.version for one in view.history("Condition", "c", scope=scope).matches]
        )
        assert versions == [4, 1]
        await store.close()

    asyncio.run(story())
