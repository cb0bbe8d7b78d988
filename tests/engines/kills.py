"""Write, be killed, look what is left, again and again; each time everything that was acknowledged must be there.

    python -m tests.engines.kills --kills 300 --engine sqlite
    python -m tests.engines.kills --kills 300 --engine postgresql:/usr/lib/postgresql/15/bin

With SQLite the program that writes is killed. With PostgreSQL it is, in turns, the program and the whole server, which
this starts for itself in a folder of its own, with every sync on.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from passerelle.store.changing import SqlChange
from passerelle.store.check import check
from tests.engines.people import condition, patient
from tests.engines.server import Server

WRITERS = 3
Open = Callable[[], Any]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument(
        "--engine", default="sqlite", help="sqlite, or postgresql: and where its programs are"
    )
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    options = parser.parse_args()
    kind, _, programs = options.engine.partition(":")
    place = Path(tempfile.mkdtemp(prefix="passerelle-kills-"))
    try:
        with Server(place, Path(programs)) if kind == "postgresql" else _Nothing() as server:
            count = kills(_opener(kind, place, server), options.kills, options.seed, server)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    print(
        f"{kind}: {options.kills} kills, {count} acknowledged changes, none lost, none half, every check clean"
    )
    return 0


class _Nothing:
    """There is no server to be killed."""

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


def _opener(kind: str, place: Path, server: Server | None) -> Open:
    if server is None:
        from passerelle.store.sqlite import SqliteStore

        return lambda: SqliteStore.open(place / "node.sqlite")
    from passerelle.store.postgres import PostgresStore

    return lambda: PostgresStore.open(server.address)


def kills(open_store: Open, rounds: int, seed: int, server: Server | None = None) -> int:
    """How many changes were acknowledged. Stops with an error at the first that is not there."""
    dice, heard = random.Random(seed), 0
    asyncio.run(_warm(open_store))
    for number in range(rounds):
        # One in eight dies while it opens the store, the others in the midst of writing.
        hit = server.kill if server and number % 2 else None
        said = _killed(open_store, number, dice.uniform(0.0, 0.03), writing=bool(number % 8), hit=hit)
        if hit and server:
            server.start()
        asyncio.run(_look(open_store, f"seed {seed}, kill {number}", number, said))
        heard += len(said)
        if sys.stderr.isatty():
            print(f"\r{number + 1} of {rounds}, {heard} acknowledged ", end="", file=sys.stderr)
    return heard


async def _warm(open_store: Open) -> None:
    """What a process does only once is done before it forks."""
    store = open_store()
    await store.change(lambda change: [_both(change, "warm"), change.delete("Patient", "warm")])
    await store.change(lambda change: change.delete("Condition", "warm"))
    await store.close()


def _both(change: SqlChange, id: str) -> None:
    change.put("Patient", id, patient(), created=True)
    change.put("Condition", id, condition(id), created=True)
    # One resource that every change writes again, so that versions and index rows are replaced too.
    change.put("Patient", "busy", patient(f"Family{id}"), created=False)


def _killed(
    open_store: Open, number: int, seconds: float, *, writing: bool, hit: Callable[[], None] | None
) -> set[str]:
    """The ids that a child acknowledged before it, or the server, was killed."""
    reading, telling = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            asyncio.run(_write(open_store, number, telling))
        finally:
            os._exit(0)
    os.close(telling)
    first = os.read(reading, 1) if writing else b""
    time.sleep(seconds)
    if hit:
        hit()
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with os.fdopen(reading) as pipe:
        lines = (first.decode() + pipe.read()).split("\n")
    return set(lines[:-1])  # the last may be cut


async def _write(open_store: Open, number: int, pipe: int) -> None:
    store = open_store()

    async def keep_writing(writer: int) -> None:
        for count in range(10_000):
            id = f"{number}-{writer}-{count}"
            await store.change(partial(_both, id=id))
            os.write(pipe, f"{id}\n".encode())

    await asyncio.gather(*map(keep_writing, range(WRITERS)))


async def _look(open_store: Open, where: str, number: int, heard: set[str]) -> None:
    store = open_store()
    kept = await store.look(lambda view: view.history(count=100_000).matches)
    everything_else = [f"{problem.what}" async for problem in check(store)]
    await store.close()
    references = {one.reference for one in kept}
    assert all(f"Patient/{id}" in references for id in heard), f"{where}: an acknowledged change is gone"
    patients = {one.id for one in kept if one.type == "Patient"} - {"busy"}
    conditions = {one.id for one in kept if one.type == "Condition"}
    assert patients == conditions, f"{where}: half a change"
    busy = [one.version for one in kept if one.id == "busy"]
    assert busy == list(range(len(busy), 0, -1)), f"{where}: versions are missing"
    assert len(busy) == len(patients), f"{where}: a version for each change"
    assert everything_else == [], f"{where}: {everything_else}"


if __name__ == "__main__":
    sys.exit(main())
