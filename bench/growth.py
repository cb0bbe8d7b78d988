"""What a read and a patient's search cost as the store grows, and how soon a node answers after its start.

    python -m bench.growth [--sizes 100000 1000000 10000000] [--engine sqlite|postgresql] [--save]

Fills one store with invented patients of fifty small resources each, and at each size asks for random patients: a read
by id, and ``Observation?subject=…&_count=20``. Both through the store's own interface, so that nothing else is timed.
``--save`` writes ``bench/results/growth-<engine>.json`` and the picture ``docs/images/growth-<engine>.svg``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench.country import ROOT
from bench.one_node import one_node, postgres_server
from bench.rest import about
from passerelle.fhir import search
from passerelle.store import open_store

EACH = 50
CHUNK = 5000
ASKED = 2000


def main() -> int:
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="passerelle-growth-") as folder:
        place = Path(folder)
        if arguments.engine == "sqlite":
            home = place / "node" / "nodes" / "on"
            home.mkdir(parents=True)
            points = asyncio.run(_grow(f"sqlite:///{home / 'records.sqlite'}", arguments.sizes))
            starts = _start(place / "node")
        else:
            with postgres_server(durable=False) as dsn:
                points = asyncio.run(_grow(dsn, arguments.sizes))
                starts = {}
    result = {**about(), "points": points, **starts}
    print(json.dumps(result, indent=2))
    if arguments.save:
        written = ROOT / "bench" / "results" / f"growth-{arguments.engine}.json"
        written.write_text(json.dumps(result, indent=2) + "\n", "utf-8")
        (ROOT / "docs" / "images" / f"growth-{arguments.engine}.svg").write_text(_picture(points), "utf-8")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[100_000, 1_000_000, 10_000_000])
    parser.add_argument("--engine", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--save", action="store_true")
    return parser.parse_args()


# --- filling --------------------------------------------------------------------------------------------------


def _patient(number: int) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "id": f"p{number}",
        "identifier": [{"system": "https://passerelle.example/fhir/bench", "value": str(number)}],
        "name": [{"family": f"Nobody{number % 977}", "given": ["Invented"]}],
        "birthDate": f"{1930 + number % 90}-0{1 + number % 9}-1{number % 9}",
    }


def _observation(patient: int, number: int) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": f"o{patient}-{number}",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": f"{1000 + number}-{number % 10}"}]},
        "subject": {"reference": f"Patient/p{patient}"},
        "effectiveDateTime": f"20{10 + number % 15}-0{1 + number % 9}-1{number % 9}T08:00:00Z",
        "valueQuantity": {
            "value": number,
            "unit": "mmol/L",
            "system": "http://unitsofmeasure.org",
            "code": "mmol/L",
        },
    }


def _people(first: int, last: int) -> Iterator[dict[str, Any]]:
    for number in range(first, last):
        yield _patient(number)
        yield from (_observation(number, each) for each in range(EACH - 1))


async def _grow(url: str, sizes: list[int]) -> list[dict[str, Any]]:
    store = open_store(url)
    points, people = [], 0
    for size in sizes:
        started, before = time.perf_counter(), people
        while people * EACH < size:
            more = min(size // EACH, people + CHUNK // EACH)
            await store.load(_people(people, more))
            people = more
            print(f"\r{people * EACH:>12,} of {size:,}", end="", file=sys.stderr)
        print(file=sys.stderr)
        loaded = (people - before) * EACH / (time.perf_counter() - started)
        points.append({"resources": size, "loaded_per_second": round(loaded), **await _ask(store, people)})
    await store.close()
    return points


async def _ask(store: Any, people: int) -> dict[str, float]:
    dice = random.Random(3)
    chosen = [f"p{dice.randrange(people)}" for _ in range(ASKED)]
    queries = {
        id: search.parse("Observation", [("subject", f"Patient/{id}"), ("_count", "20")]) for id in chosen
    }

    async def timed(question: Callable[[Any, str], Any]) -> float:
        def all_of_them(view: Any) -> list[float]:
            taken = []
            for id in chosen:
                started = time.perf_counter()
                question(view, id)
                taken.append(time.perf_counter() - started)
            return taken

        await store.look(all_of_them)  # the first round brings pages in
        taken: list[float] = await store.look(all_of_them)
        return round(1e6 * statistics.median(taken), 1)

    return {
        "read_p50_us": await timed(lambda view, id: view.read("Patient", id)),
        "search20_p50_us": await timed(lambda view, id: view.search(queries[id])),
    }


# --- a start --------------------------------------------------------------------------------------------------


def _start(home: Path) -> dict[str, Any]:
    """Seconds from the command to the first answer, with everything of the last size stored."""
    with one_node(home):  # once for the tables of the ledger and the caches of the interpreter
        pass
    started = time.perf_counter()
    with one_node(home) as node:
        answer = node.client().ask("GET", "Patient/p1")
        seconds = time.perf_counter() - started
        megabytes = node.memory()
    if answer.status != 200:
        raise SystemExit(f"The first answer was {answer.status}.")
    return {"start_to_first_answer_seconds": round(seconds, 2), "megabytes_after_start": round(megabytes, 1)}


# --- the picture ----------------------------------------------------------------------------------------------


def _picture(points: list[dict[str, Any]]) -> str:
    """Two lines over the size of the store, each relative to its first point."""
    wide, high, left, base = 560, 300, 60, 250
    lines = []
    for row, (name, label, colour) in enumerate(
        (("read_p50_us", "read", "#1b5e8c"), ("search20_p50_us", "patient search", "#a3480f"))
    ):
        places = [
            (
                left + index * (wide - 2 * left) / max(1, len(points) - 1),
                base - 100 * point[name] / points[0][name],
            )
            for index, point in enumerate(points)
        ]
        path = " ".join(f"{x:.0f},{y:.0f}" for x, y in places)
        lines.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for (x, y), point in zip(places, points, strict=True):
            lines.append(f'<circle cx="{x:.0f}" cy="{y:.0f}" r="4" fill="{colour}"/>')
            lines.append(
                f'<text x="{x:.0f}" y="{y + (-10 if row == 0 else 20):.0f}" fill="{colour}"'
                f' text-anchor="middle">{point[name]:.0f} µs</text>'
            )
        lines.append(f'<text x="{left + 160 * row}" y="24" fill="{colour}">{label}</text>')
    for index, point in enumerate(points):
        x = left + index * (wide - 2 * left) / max(1, len(points) - 1)
        lines.append(f'<text x="{x:.0f}" y="{base + 30}" text-anchor="middle">{point["resources"]:,}</text>')
    for times in (1.0, 1.5):
        y = base - 100 * times
        lines.append(
            f'<line x1="{left - 20}" x2="{wide - left + 20}" y1="{y:.0f}" y2="{y:.0f}" stroke="#bbb"'
            f' stroke-dasharray="3"/><text x="{left - 26}" y="{y + 4:.0f}" text-anchor="end">{times}×</text>'
        )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" font-family="sans-serif"'
        f' font-size="13" role="img"><title>Cost of a read and of a patient\'s search as the store grows</title>'
        f'<rect width="{wide}" height="{high}" fill="#fff"/>{"".join(lines)}</svg>\n'
    )


if __name__ == "__main__":
    sys.exit(main())
