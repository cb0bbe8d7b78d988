"""How many synthetic resources are made and written as JSON in a second, on one core?

Usage: python bench/synthetic.py [people] [seed]
"""

from __future__ import annotations

import sys
from collections import Counter
from datetime import date
from time import perf_counter

from passerelle.fhir.resource import encode
from passerelle.synthetic import population


def main(people: int = 2000, seed: int = 1) -> None:
    types: Counter[str] = Counter()
    nodes: Counter[str] = Counter()
    size = 0
    start = perf_counter()
    for person in population(seed, people, today=date(2026, 3, 2)):
        for node, resources in person.records.items():
            nodes[node] += 1
            for resource in resources:
                size += len(encode(resource))
                types[resource["resourceType"]] += 1
    seconds = perf_counter() - start
    total = sum(types.values())
    print(f"{people} people, {total} resources, {size / 1e6:.1f} MB in {seconds:.2f} s")
    print(
        f"{total / seconds:,.0f} resources/s, {total / people:.1f} per person, {size / total:.0f} bytes each"
    )
    print("patients by node:", dict(sorted(nodes.items())))
    print("by type:", dict(types.most_common()))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
