"""Care first: who is let in, who waits, and who is asked to come back."""

from __future__ import annotations

import asyncio

import pytest

from passerelle.node.shedding import BusyError, Crowd, Shedding
from passerelle.values import Purpose

CARE, OTHER = Purpose.TREAT, Purpose.HRESCH


def test_what_is_not_care_is_refused_before_care_is() -> None:
    turns = Shedding(Crowd(running=4, others=0.5))
    assert turns.enter(OTHER) and turns.enter(OTHER)
    with pytest.raises(BusyError) as refused:
        turns.enter(OTHER)
    assert (refused.value.status, refused.value.seconds) == (503, 5)
    assert turns.enter(CARE) and turns.enter(CARE)


def test_care_waits_for_its_turn_and_gets_it() -> None:
    async def two() -> int:
        turns = Shedding(Crowd(running=1))
        assert turns.enter(CARE)
        assert not turns.enter(CARE)
        waiting = asyncio.create_task(turns.wait())
        await asyncio.sleep(0)
        turns.leave()
        await waiting
        turns.leave()
        return turns.running

    assert asyncio.run(two()) == 0


def test_the_line_has_an_end() -> None:
    async def three() -> None:
        turns = Shedding(Crowd(running=1, waiting=1))
        turns.enter(CARE)
        waiting = asyncio.create_task(turns.wait())
        await asyncio.sleep(0)
        with pytest.raises(BusyError):
            turns.enter(CARE)
        waiting.cancel()

    asyncio.run(three())


def test_nobody_waits_without_end_and_a_place_is_never_lost() -> None:
    async def late() -> None:
        turns = Shedding(Crowd(running=1, seconds=0.01))
        turns.enter(CARE)
        with pytest.raises(BusyError):
            await turns.wait()
        assert turns.waiting == 0
        turns.leave()
        assert turns.running == 0
        assert turns.enter(CARE)

    asyncio.run(late())


def test_who_goes_away_in_the_moment_of_their_turn_gives_it_on() -> None:
    async def gone() -> int:
        turns = Shedding(Crowd(running=1))
        turns.enter(CARE)
        first, second = asyncio.create_task(turns.wait()), asyncio.create_task(turns.wait())
        await asyncio.sleep(0)
        turns.leave()
        first.cancel()
        await asyncio.wait({first, second}, timeout=1)
        assert second.done() and not second.cancelled()
        turns.leave()
        return turns.running

    assert asyncio.run(gone()) == 0


def test_a_node_that_stops_lets_nobody_in_and_what_was_refused_is_counted() -> None:
    counted: list[str] = []
    turns = Shedding(Crowd(), counted.append)
    turns.closed = True
    with pytest.raises(BusyError):
        turns.enter(CARE)
    assert counted == ["stopping"]
