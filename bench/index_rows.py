"""How long does it take to index a resource? Microseconds and rows for each, by type.

    python -m bench.index_rows [path/to/bundle.json …]

Without bundles the resources are those of invented people.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from datetime import date
from pathlib import Path

from passerelle.fhir.resource import decode
from passerelle.fhir.search import index
from passerelle.synthetic import population
from passerelle.values import Json


def main() -> None:
    resources = _given(sys.argv[1:]) if len(sys.argv) > 1 else _invented()
    for resource in resources:  # what is remembered and compiled is not what is measured
        index(resource, columns=False)
    seconds: Counter[str] = Counter()
    rows: Counter[str] = Counter()
    count: Counter[str] = Counter()
    for resource in resources:
        start = time.perf_counter()
        found = index(resource, columns=False)
        seconds[resource["resourceType"]] += time.perf_counter() - start
        rows[resource["resourceType"]] += len(found)
        count[resource["resourceType"]] += 1
    print(f"{'type':28}{'resources':>10}{'rows each':>10}{'µs each':>9}")
    for type, number in count.most_common():
        print(f"{type:28}{number:>10}{rows[type] / number:>10.1f}{seconds[type] / number * 1e6:>9.1f}")
    whole = len(resources) or 1
    print(f"{'all':28}{whole:>10}{rows.total() / whole:>10.1f}{seconds.total() / whole * 1e6:>9.1f}")


def _given(paths: list[str]) -> list[Json]:
    return [entry["resource"] for path in paths for entry in decode(Path(path).read_bytes()).get("entry", ())]


def _invented() -> list[Json]:
    people = population(1, 20, today=date(2026, 3, 2))
    return [resource for person in people for records in person.records.values() for resource in records]


if __name__ == "__main__":
    main()
