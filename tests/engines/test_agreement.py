"""The engines mean what the definitions say: on invented resources and questions they answer as memory does.

These are a few cases of what ``python -m tests.engines.agree`` asks by the thousand.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from tests.engines.agree import Postgres, Sqlite, compare
from tests.engines.generated import case


@pytest.fixture
def sqlite() -> Iterator[Sqlite]:
    engine = Sqlite()
    yield engine
    engine.done()


@pytest.fixture
def postgresql(postgres: str) -> Iterator[Postgres]:
    engine = Postgres(postgres)
    yield engine
    engine.done()


@pytest.mark.parametrize(("name", "cases"), [("sqlite", 8), ("postgresql", 4)])
def test_an_engine_answers_as_memory_does(name: str, cases: int, request: pytest.FixtureRequest) -> None:
    engine: Any = request.getfixturevalue(name)
    tally: Counter[str] = Counter()
    # Other cases each time: the seed is in what it says when something differs.
    for seed in Random().sample(range(10_000_000), cases):
        assert asyncio.run(compare(engine, case(seed, questions=25), tally)) == []
    assert tally["found"] > cases, "most questions found nothing, which shows nothing"


def test_a_question_through_eight_levels_is_planned_at_once(postgresql: Postgres) -> None:
    """PostgreSQL planned each level of this one twice, for minutes, until it was told to make each once."""
    asked = case(365, questions=50)
    hard = replace(asked, questions=asked.questions[42:43])

    async def within() -> list[str]:
        async with asyncio.timeout(20):
            return await compare(postgresql, hard, Counter())

    assert asyncio.run(within()) == []
