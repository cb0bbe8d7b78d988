"""Ask an engine what memory is asked, many times, and stop at the first difference.

    python -m tests.engines.agree --pairs 50000 --engine sqlite
    python -m tests.engines.agree --pairs 50000 --engine postgresql:postgresql://user@host/database

PostgreSQL gets a database for each case beside the one that is named, and it is dropped again.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from passerelle.store.memory import MemoryStore
from tests.engines.generated import START, Case, answer, case, looks, same, write

Clock = Callable[[], int]


class Sqlite:
    """New databases, each a copy of one that has its tables."""

    def __init__(self) -> None:
        from passerelle.store.sqlite import SqliteStore

        self._open = SqliteStore.open
        self._place = Path(tempfile.mkdtemp(prefix="passerelle-agree-"))
        asyncio.run(self._open(self._place / "empty.sqlite").close())

    @asynccontextmanager
    async def fresh(self, clock: Clock) -> AsyncIterator[Any]:
        path = self._place / "case.sqlite"
        for old in self._place.glob("case.sqlite*"):
            old.unlink()
        shutil.copy(self._place / "empty.sqlite", path)
        store = self._open(path, clock=clock)
        yield store
        await store.close()

    def done(self) -> None:
        shutil.rmtree(self._place, ignore_errors=True)


class Postgres:
    """New databases on a server, each made after one that has its tables."""

    def __init__(self, address: str) -> None:
        import psycopg

        from passerelle.store.postgres import PostgresStore

        self._open = PostgresStore.open
        self._connection = psycopg.connect(address, autocommit=True)
        self._start = address.rpartition("/")[0]
        self._connection.execute("DROP DATABASE IF EXISTS agree_empty")
        self._connection.execute("CREATE DATABASE agree_empty")
        asyncio.run(self._open(f"{self._start}/agree_empty").close())

    @asynccontextmanager
    async def fresh(self, clock: Clock) -> AsyncIterator[Any]:
        self._connection.execute("DROP DATABASE IF EXISTS agree_case WITH (FORCE)")
        self._connection.execute("CREATE DATABASE agree_case TEMPLATE agree_empty STRATEGY FILE_COPY")
        store = self._open(f"{self._start}/agree_case", clock=clock)
        yield store
        await store.close()

    def done(self) -> None:
        for name in ("agree_case", "agree_empty"):
            self._connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        self._connection.close()


async def compare(engine: Any, asked: Case, tally: Counter[str]) -> list[str]:
    """What differs in one case, in words; ``tally`` counts what was found."""
    clocks = [START], [START]
    memory = MemoryStore(clock=lambda: clocks[0][0])
    await write(memory, asked, clocks[0])
    wrong = []
    async with engine.fresh(lambda: clocks[1][0]) as store:
        await write(store, asked, clocks[1])
        for number, question in enumerate(asked.questions):
            expected, found = await answer(memory, question.query), await answer(store, question.query)
            tally[_kind(expected)] += 1
            if not same(expected, found):
                wrong.append(f"seed {asked.seed}, question {number}: {question}\n  {expected}\n  {found}")
        for name, look in looks(asked):
            expected, found = await memory.look(look), await store.look(look)
            if expected != found:
                wrong.append(f"seed {asked.seed}, {name}:\n  {expected}\n  {found}")
    return wrong


def _kind(answer: Any) -> str:
    if isinstance(answer, str):
        return "refused"
    return "found" if any(page.matches for page in answer) else "counted" if answer[0].total else "nothing"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=50_000)
    parser.add_argument("--engine", default="sqlite", help="sqlite, or postgresql: and an address")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--each", type=int, default=50, help="questions for each store")
    parser.add_argument("--stop", type=int, default=1, help="after so many differences")
    options = parser.parse_args()
    kind, _, address = options.engine.partition(":")
    engine = Sqlite() if kind == "sqlite" else Postgres(address)
    tally: Counter[str] = Counter()
    wrong: list[str] = []
    start, asked = time.monotonic(), 0
    try:
        for seed in range(options.seed, options.seed + -(-options.pairs // options.each)):
            wrong += asyncio.run(compare(engine, case(seed, options.each), tally))
            asked += options.each
            _progress(asked, options.pairs, time.monotonic() - start)
            if len(wrong) >= options.stop:
                break
    finally:
        engine.done()
    print(f"\n{asked} pairs in {time.monotonic() - start:.0f} s; {dict(tally)}; {len(wrong)} differences")
    print("\n".join(wrong[: options.stop]))
    return 1 if wrong else 0


def _progress(done: int, whole: int, seconds: float) -> None:
    share = min(1.0, done / whole)
    left = seconds / share - seconds
    bar = "█" * round(share * 30)
    print(f"\r{bar:30} {share:5.1%} {done} pairs, {left:.0f} s left ", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
