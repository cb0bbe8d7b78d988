"""What does it cost to validate a resource? Our check beside jsonschema-rs alone and beside a bare walk of the tree.

    python bench/validation.py                 resources of Synthea people, from the shared reference data
    python bench/validation.py --people 60     of more of them (default 12)

Processor time, the best of several rounds, in microseconds a resource. The schema alone is the one that the check uses:
what the check adds is finding it, contained resources and references to them.
"""

from __future__ import annotations

import argparse
import os
import tarfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from passerelle.fhir.intake import Limits, read_json
from passerelle.fhir.resource import encode
from passerelle.fhir.validate import check, structure
from passerelle.fhir.validate_fast import accepts, schema_of
from passerelle.fhir.validate_rules import broken
from passerelle.fhir.validate_shapes import contents
from passerelle.values import Json

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 7


def shared_data() -> Path:
    return Path(os.environ.get("PASSERELLE_SHARED_DATA") or ROOT.parent / "shared" / "data")


def resources(people: int) -> list[Json]:
    """The resources of some people, numbers as they arrive."""
    return [entry["resource"] for bundle in islice(_bundles(), people) for entry in bundle["entry"]]


def _bundles() -> Iterator[Json]:
    for archive in sorted((shared_data() / "synthea-r4").glob("bundles-*.tar.xz")):
        with tarfile.open(archive) as members:
            for member in members:
                stream = members.extractfile(member) if member.name.endswith(".json") else None
                if stream is not None:
                    yield read_json(stream.read(), Limits())


def walk(value: Any) -> None:
    """Look at everything once: the least that a check in Python can cost."""
    if type(value) is dict:
        for each in value.values():
            walk(each)
    elif type(value) is list:
        for each in value:
            walk(each)


def schema_alone(resource: Json) -> bool:
    accept = schema_of(resource["resourceType"], local="contained" in resource)
    return accept is not None and accept(resource)


def thorough(resource: Json) -> None:
    """The road of what is not accepted at first sight: structure, then every rule."""
    contents(resource)
    for _ in broken(resource):
        pass


def cost(work: Callable[[Json], object], found: list[Json], rounds: int = ROUNDS) -> float:
    """Microseconds of processor time a resource, the best round."""
    best = float("inf")
    for _ in range(rounds):
        started = time.process_time()
        for resource in found:
            work(resource)
        best = min(best, time.process_time() - started)
    return best / len(found) * 1e6


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--people", type=int, default=12)
    found = resources(arguments.parse_args().people)
    size = sum(len(encode(each)) for each in found) / len(found)
    quick = sum(accepts(each) for each in found)
    print(
        f"{len(found):,} resources, {size:,.0f} bytes each; {quick / len(found):.2%} accepted at first sight"
    )
    print(f"faults: {sum(bool(check(each)) for each in found)}")
    bare, alone = cost(walk, found), cost(schema_alone, found)
    for name, work in (("check", check), ("structure", structure)):
        took = cost(work, found)
        print(
            f"{name:<10} {took:6.1f} µs  = {took / alone:.2f} x schema alone = {took / bare:.2f} x bare walk"
        )
    print(f"schema     {alone:6.1f} µs\nbare walk  {bare:6.1f} µs")
    print(f"thorough   {cost(thorough, found[:: len(found) // 500 or 1], 2):6.0f} µs")
    by_type: dict[str, list[Json]] = defaultdict(list)
    for each in found:
        by_type[each["resourceType"]].append(each)
    for kind, some in sorted(by_type.items(), key=lambda row: -len(row[1])):
        print(f"  {kind:<24} {len(some):>6}  {cost(check, some, 3):6.1f} µs")


if __name__ == "__main__":
    main()
