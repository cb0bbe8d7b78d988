"""Write, be killed, look what is left: run as a program, because it forks."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import time
from functools import partial
from pathlib import Path

from passerelle.store.changing import SqlChange
from passerelle.store.sqlite import SqliteStore
from tests.engines.people import condition, patient

WRITERS = 3


def main(path: str, rounds: int, seed: int) -> None:
    """Prints how many changes were acknowledged, and stops with an error at the first that is not there."""
    dice, acknowledged = random.Random(seed), 0
    asyncio.run(_warm(path))
    for number in range(rounds):
        # One in eight dies while it opens the file, the others in the midst of writing.
        heard = _killed(path, number, dice.uniform(0.0, 0.02), writing=bool(number % 8))
        asyncio.run(_check(path, number, heard))
        acknowledged += len(heard)
    print(acknowledged)


async def _warm(path: str) -> None:
    """What a process does only once is done before it forks."""
    store = SqliteStore.open(path)
    await store.change(lambda change: [_both(change, "warm"), change.delete("Patient", "warm")])
    await store.change(lambda change: change.delete("Condition", "warm"))
    await store.close()


def _both(change: SqlChange, id: str) -> None:
    change.put("Patient", id, patient(), created=True)
    change.put("Condition", id, condition(id), created=True)


def _killed(path: str, number: int, seconds: float, *, writing: bool) -> set[str]:
    """The ids that a child acknowledged before it was killed."""
    reading, telling = os.pipe()
    child = os.fork()
    if child == 0:
        asyncio.run(_write(path, number, telling))
    os.close(telling)
    first = os.read(reading, 1) if writing else b""
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with os.fdopen(reading) as pipe:
        lines = (first.decode() + pipe.read()).split("\n")
    return set(lines[:-1])  # the last may be cut


async def _write(path: str, number: int, pipe: int) -> None:
    store = SqliteStore.open(path)

    async def keep_writing(writer: int) -> None:
        for count in range(10_000):
            id = f"{number}-{writer}-{count}"
            await store.change(partial(_both, id=id))
            os.write(pipe, f"{id}\n".encode())

    await asyncio.gather(*map(keep_writing, range(WRITERS)))


async def _check(path: str, number: int, heard: set[str]) -> None:
    store = SqliteStore.open(path)
    kept = await store.look(lambda view: view.history(count=100_000).matches)
    await store.close()
    references = {one.reference for one in kept}
    assert all(f"Patient/{id}" in references for id in heard), (
        f"round {number}: an acknowledged change is gone"
    )
    patients = {one.id for one in kept if one.type == "Patient"}
    conditions = {one.id for one in kept if one.type == "Condition"}
    assert patients == conditions, f"round {number}: half a change"


if __name__ == "__main__":
    main(str(Path(sys.argv[1])), int(sys.argv[2]), int(sys.argv[3]))
