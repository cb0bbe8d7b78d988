"""A change becomes true at once or not at all, and durable before anyone hears of it."""

from __future__ import annotations

import asyncio
import threading

import pytest

from passerelle.fhir.search import Scope, parse
from passerelle.store.errors import StoreError, StoreTimeoutError
from passerelle.store.sqlite import SqliteStore
from tests.engines.conftest import Opener
from tests.engines.people import condition, patient, references


def test_work_that_raises_leaves_nothing(new_store: Opener) -> None:
    async def story() -> None:
        store = new_store()
        await store.change(lambda change: change.put("Patient", "old", patient("Roy"), created=True))

        def work(change):  # type: ignore[no-untyped-def]
            change.put("Patient", "new", patient(), created=True)
            change.put("Patient", "old", patient("Roy-Cloutier"), created=False)
            change.delete("Patient", "old")
            raise RuntimeError("changed its mind")

        with pytest.raises(RuntimeError, match="changed its mind"):
            await store.change(work)
        found = await store.look(lambda view: view.history())
        assert [(one.reference, one.version) for one in found.matches] == [("Patient/old", 1)]
        assert await store.look(lambda view: view.read("Patient", "new")) is None
        again = await store.change(lambda change: change.put("Patient", "new", patient(), created=True))
        assert again.version == 1
        await store.close()

    asyncio.run(story())


def test_a_change_sees_what_it_wrote(new_store: Opener) -> None:
    async def story() -> None:
        store = new_store()

        def work(change):  # type: ignore[no-untyped-def]
            change.put("Patient", "p", patient(), created=True)
            change.put("Condition", "c", condition("p"), created=True)
            before = references(change.everything("p"))
            change.delete("Condition", "c")
            return before, references(change.everything("p"))

        assert await store.change(work) == (["Patient/p", "Condition/c"], ["Patient/p"])
        await store.close()

    asyncio.run(story())


def test_of_many_conditional_creates_one_wins(new_store: Opener) -> None:
    async def story() -> None:
        store = new_store()

        def create(number: int):  # type: ignore[no-untyped-def]
            def work(change):  # type: ignore[no-untyped-def]
                if change.history("Patient").total:
                    return False
                change.put("Patient", f"p{number}", patient(), created=True)
                return True

            return work

        won = await asyncio.gather(*(store.change(create(number)) for number in range(8)))
        assert sorted(won) == [False] * 7 + [True]
        await store.close()

    asyncio.run(story())


def test_many_updates_of_one_resource_make_as_many_versions(new_store: Opener) -> None:
    async def story() -> None:
        store = new_store()
        put = [
            store.change(lambda change: change.put("Patient", "p", patient(), created=False))
            for _ in range(6)
        ]
        versions = [one.version for one in await asyncio.gather(*put)]
        assert sorted(versions) == [1, 2, 3, 4, 5, 6]
        await store.close()

    asyncio.run(story())


def test_one_that_fails_takes_only_itself_back_although_others_wait_with_it(new_store: Opener) -> None:
    async def story() -> None:
        store = new_store()

        def work(number: int):  # type: ignore[no-untyped-def]
            def put(change):  # type: ignore[no-untyped-def]
                change.put("Patient", f"p{number}", patient(), created=True)
                if number % 3 == 0:
                    raise RuntimeError
                return number

            return put

        answers = await asyncio.gather(
            *(store.change(work(number)) for number in range(9)), return_exceptions=True
        )
        kept = await store.look(lambda view: view.history("Patient"))
        assert [isinstance(answer, RuntimeError) for answer in answers] == [True, False, False] * 3
        assert sorted(references(kept.matches)) == [f"Patient/p{number}" for number in range(9) if number % 3]
        await store.close()

    asyncio.run(story())


def test_a_look_sees_one_moment_while_others_write(new_store: Opener) -> None:
    """Memory answers before it lets anybody write; the engines keep a snapshot."""

    async def story() -> None:
        store = new_store()
        await store.change(lambda change: change.put("Patient", "p", patient(), created=True))
        looked, written = threading.Event(), threading.Event()

        def question(view):  # type: ignore[no-untyped-def]
            first = view.history().total
            looked.set()
            written.wait(0 if type(store).__name__ == "MemoryStore" else 5)
            return first, view.history().total

        asked = asyncio.ensure_future(store.look(question))
        await asyncio.to_thread(looked.wait)
        await store.change(lambda change: change.put("Patient", "q", patient(), created=True))
        written.set()
        assert await asked == (1, 1)
        await store.close()

    asyncio.run(story())


def test_loading_many_is_putting_each(new_store: Opener) -> None:
    async def story() -> None:
        store = new_store()
        await store.change(lambda change: change.put("Patient", "p3", patient("Roy"), created=True))
        people = [{**patient(f"Family{number}"), "id": f"p{number}"} for number in range(700)]
        twice = {**patient("Later"), "id": "p5"}
        assert await store.load(iter([*people, twice])) == 701

        def ask(view):  # type: ignore[no-untyped-def]
            return [view.read("Patient", id).version for id in ("p0", "p3", "p5", "p699")], view.history(
                "Patient"
            ).total

        assert await store.look(ask) == ([1, 2, 2, 1], 702)
        await store.close()

    asyncio.run(story())


def test_a_closed_sqlite_store_says_so(tmp_path) -> None:  # type: ignore[no-untyped-def]
    async def story() -> None:
        store = SqliteStore.open(tmp_path / "node.sqlite")
        await store.close()
        with pytest.raises(StoreError, match="closed"):
            await store.change(lambda change: None)
        await store.close()

    asyncio.run(story())


def test_a_question_that_takes_too_long_is_given_up_and_the_next_is_answered(
    new_store: Opener, request: pytest.FixtureRequest
) -> None:
    if "memory" in request.node.name:
        pytest.skip("nothing in memory waits")

    def slow(view):  # type: ignore[no-untyped-def]
        count = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000) SELECT max(i) FROM n"
        return view._session.rows(count, ())

    async def story() -> None:
        store = new_store()
        with pytest.raises(StoreTimeoutError):
            await store.look(slow, seconds=0.05)
        assert await store.look(lambda view: view.history().total) == 0
        await store.close()

    asyncio.run(story())


def test_brief_questions_are_answered_together_and_longer_ones_as_any_other(new_store: Opener) -> None:
    async def story() -> None:
        store = new_store()
        await store.load([{**patient(f"Family{n}"), "id": f"p{n}"} for n in range(40)])

        async def read(number: int) -> int:
            found = await store.look(lambda view: view.read("Patient", f"p{number % 40}"), brief=True)
            return found.version if found else 0

        assert set(await asyncio.gather(*map(read, range(200)))) == {1}
        both = await store.look(
            lambda view: (view.read("Patient", "p1"), view.history("Patient", "p1").total), brief=True
        )
        assert both[1] == 1
        with pytest.raises(ZeroDivisionError):
            await store.look(lambda view: 1 // 0, brief=True)
        await store.close()

    asyncio.run(story())


def test_what_was_taken_back_is_not_remembered(new_store: Opener) -> None:
    """A patient whose first change failed gets a place of its own when the next one does not."""

    async def story() -> None:
        store = new_store()

        def fail(change):  # type: ignore[no-untyped-def]
            change.put("Patient", "p", patient("Roy"), created=True)
            assert (
                change.search(parse("Patient", [("family", "roy")]).within(Scope(compartment="p"))).total == 1
            )
            raise RuntimeError("changed its mind")

        with pytest.raises(RuntimeError):
            await store.change(fail)
        await store.change(lambda change: change.put("Patient", "q", patient("Roy"), created=True))
        await store.change(lambda change: change.put("Patient", "p", patient("Roy"), created=True))
        for id in ("p", "q"):
            query = parse("Patient", [("family", "roy")]).within(Scope(compartment=id))
            found = await store.look(lambda view, query=query: view.search(query))
            assert references(found.matches) == [f"Patient/{id}"]
        await store.close()

    asyncio.run(story())
