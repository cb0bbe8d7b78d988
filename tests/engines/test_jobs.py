"""Jobs are rows with leases: whoever dies loses them, and nobody else does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from passerelle.store.job import TRIES, Hold, Job
from tests.engines.conftest import Opener

T = TypeVar("T")
KINDS = frozenset({"export"})


class Desk:
    """A store with jobs, asked one thing after another."""

    def __init__(self, store: Any) -> None:
        self.store = store
        self.loop = asyncio.new_event_loop()

    def change(self, work: Callable[[Any], T]) -> T:
        return self.loop.run_until_complete(self.store.change(work))

    def put(self, id: str, **said: Any) -> None:
        self.change(
            lambda c: c.jobs.put(Job(id, "export", "on|bo", b'{"a":1}', said.pop("created", 1), **said))
        )

    def claim(self, holder: str, now: int, lasts: int = 100) -> str | None:
        job = self.change(lambda c: c.jobs.claim(Hold(holder, now, lasts), KINDS))
        return job.id if job else None

    def get(self, id: str) -> Job | None:
        return self.loop.run_until_complete(self.store.look(lambda view: view.jobs.get(id)))

    def close(self) -> None:
        self.loop.run_until_complete(self.store.close())
        self.loop.close()


@pytest.fixture
def desk(new_store: Opener) -> Any:
    desk = Desk(new_store())
    yield desk
    desk.close()


def test_the_oldest_job_is_claimed_first_and_by_one_only(desk: Desk) -> None:
    desk.put("b", created=2)
    desk.put("a", created=1)
    assert [desk.claim("x", 10), desk.claim("y", 10), desk.claim("z", 10)] == ["a", "b", None]


def test_a_job_comes_back_whole(desk: Desk) -> None:
    desk.put("a", expires=7)
    assert desk.get("a") == Job("a", "export", "on|bo", b'{"a":1}', 1, expires=7)
    assert desk.get("b") is None


def test_a_job_of_an_unknown_kind_is_left_alone(desk: Desk) -> None:
    desk.put("a")
    assert desk.change(lambda c: c.jobs.claim(Hold("x", 10), frozenset({"import"}))) is None


def test_whoever_dies_loses_the_job_when_the_lease_runs_out(desk: Desk) -> None:
    desk.put("a")
    assert desk.claim("dead", 10) == "a"
    assert desk.claim("next", 109) is None
    assert desk.claim("next", 110) == "a"
    assert desk.change(lambda c: c.jobs.prolong("a", Hold("dead", 120), b"{}")) is None
    assert desk.change(lambda c: c.jobs.end("a", Hold("dead", 120), "done", b"{}")) is None


def test_a_sign_of_life_keeps_the_job_and_what_was_reached(desk: Desk) -> None:
    desk.put("a")
    desk.claim("x", 10)
    assert desk.change(lambda c: c.jobs.prolong("a", Hold("x", 100, 100), b'{"at":5}'))
    assert desk.claim("y", 150) is None
    assert desk.claim("y", 200) == "a"
    found = desk.get("a")
    assert found is not None and found.progress == b'{"at":5}'


def test_a_job_that_is_let_go_waits_for_the_next(desk: Desk) -> None:
    desk.put("a")
    desk.claim("x", 10)
    desk.change(lambda c: c.jobs.release("a", Hold("x", 20), due=50))
    assert [desk.claim("y", 49), desk.claim("y", 50)] == [None, "a"]


def test_a_job_that_kills_whoever_begins_it_is_given_up(desk: Desk) -> None:
    desk.put("a")
    assert [desk.claim("x", 1000 * turn) for turn in range(1, TRIES + 2)] == ["a"] * TRIES + [None]
    found = desk.get("a")
    assert found is not None and found.state == "failed"


def test_a_cancelled_job_is_nobodys(desk: Desk) -> None:
    desk.put("a")
    desk.claim("x", 10)
    desk.change(lambda c: c.jobs.cancel("a", 20))
    assert desk.change(lambda c: c.jobs.prolong("a", Hold("x", 30))) is None
    assert desk.claim("y", 10_000) is None


def test_an_ended_job_expires_and_can_be_removed(desk: Desk) -> None:
    desk.put("a")
    desk.put("b")
    desk.claim("x", 10)
    desk.change(lambda c: c.jobs.end("a", Hold("x", 20), "done", b'{"r":1}', lives=100))
    assert desk.change(lambda c: [job.id for job in c.jobs.expired(119)]) == []
    assert desk.change(lambda c: [job.id for job in c.jobs.expired(120)]) == ["a"]
    desk.change(lambda c: c.jobs.remove("a"))
    assert desk.change(lambda c: [job.id for job in c.jobs.all(owner="on|bo")]) == ["b"]


def test_a_letter_is_written_with_its_change_or_not_at_all(desk: Desk) -> None:
    def broken(change: Any) -> None:
        change.outbox.put("changed", b"{}", "1")
        change.jobs.put(Job("a", "export", "on|bo", b"{}", 1))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        desk.change(broken)
    desk.change(lambda c: c.outbox.put("changed", b'{"n":2}', "2"))
    letters = desk.change(lambda c: c.outbox.claim(Hold("x", 10**14)))
    assert [one.payload for one in letters] == [b'{"n":2}']
    assert desk.get("a") is None


def test_letters_are_delivered_in_order_and_forgotten_only_by_their_holder(desk: Desk) -> None:
    desk.change(lambda c: [c.outbox.put("changed", b"{}", f"{n}") for n in (1, 2, 3)])
    later = 10**13
    first = desk.change(lambda c: c.outbox.claim(Hold("x", later, 100), 2))
    assert [one.id[-1] for one in first] == ["1", "2"]
    ids = [one.id for one in first]
    assert desk.change(lambda c: c.outbox.done(ids, Hold("y", later))) == 0
    assert desk.change(lambda c: c.outbox.done(ids[:1], Hold("x", later))) == 1
    assert desk.change(lambda c: c.outbox.again(ids[1], Hold("x", later), later + 50))
    rest = desk.change(lambda c: c.outbox.claim(Hold("y", later + 50)))
    assert [(one.id[-1], one.attempts) for one in rest] == [("2", 2), ("3", 1)]


def test_many_who_claim_at_once_never_claim_the_same(new_store: Opener) -> None:
    async def together() -> list[str]:
        store = new_store()

        def put(change: Any) -> None:
            for number in range(20):
                change.jobs.put(Job(f"j{number}", "export", "on|bo", b"{}", number))

        async def claimer(name: str) -> list[str]:
            found: list[str] = []
            while True:
                job = await store.change(lambda change: change.jobs.claim(Hold(name, 100, 10_000), KINDS))
                if job is None:
                    return found
                found.append(job.id)

        await store.change(put)
        taken = await asyncio.gather(*(claimer(f"w{number}") for number in range(4)))
        await store.close()
        return [id for some in taken for id in some]

    claimed = asyncio.run(together())
    # One that is passed over because another looks at it is found in the next round.
    assert len(claimed) == len(set(claimed))
    assert set(claimed) <= {f"j{number}" for number in range(20)} and len(claimed) >= 16
