"""How fast is a view beside the bare engine? Nine columns of Observations to CSV, DuckDB's own typed query in the same run.

    python bench/views.py                    Observations of 100 Synthea people, five times (63,000 or so)
    python bench/views.py --people 20        of fewer
    python bench/views.py PATH               Observations that are already there as NDJSON

The rows of every engine are compared with those of plain Python before anything is timed. The result is written to
bench/results/views.json.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb

from bench.summary_check import people
from passerelle.fhir.resource import encode
from passerelle.fhir.view import read_view
from passerelle.store.analytics import rows_of, write_view
from passerelle.store.analytics.sources import Source

ROOT = Path(__file__).resolve().parent.parent
VIEW = ROOT / "examples" / "views" / "laboratory-results.json"
RESULT = ROOT / "bench" / "results" / "views.json"
TIMES = 5
ROUNDS = 3

BARE = """
COPY (
  SELECT id, status, category[1].coding[1].code AS category,
    list_filter(code.coding, lambda one: one.system = 'http://loinc.org')[1].code AS loinc, code.text AS name,
    subject.reference AS patient, effectiveDateTime AS effective, valueQuantity.value AS value, valueQuantity.code AS unit
  FROM read_json('{source}', format = 'newline_delimited', columns = {{
    id: 'VARCHAR', status: 'VARCHAR', category: 'STRUCT(coding STRUCT(code VARCHAR)[])[]',
    code: 'STRUCT(coding STRUCT(system VARCHAR, code VARCHAR)[], text VARCHAR)', subject: 'STRUCT(reference VARCHAR)',
    effectiveDateTime: 'VARCHAR', valueQuantity: 'STRUCT(value DOUBLE, code VARCHAR)'}})
) TO '{output}' (FORMAT csv, HEADER)
"""
"""What somebody who knows DuckDB and these very records would write by hand."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", nargs="?", type=Path, help="Observations as NDJSON")
    parser.add_argument("--people", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source = given.source or written(Path(folder) / "Observation.ndjson", given.people)
        if not source.stat().st_size:
            print(
                "There are no records to measure with: set PASSERELLE_SHARED_DATA, or name a file of Observations."
            )
            return
        result = measure(source, Path(folder), given.rounds)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    for name, row in result["rows"].items():
        print(f"{name:22} {row['per_second']:>10,} resources/s   {row['of_bare']:.2f} of the bare query")


def written(file: Path, count: int) -> Path:
    """The Observations of some people, several times over."""
    lines = [
        encode(entry["resource"]) + b"\n"
        for person in islice(people(), count)
        for entry in person["entry"]
        if entry["resource"]["resourceType"] == "Observation"
    ]
    file.write_bytes(b"".join(lines) * TIMES)
    return file


def measure(source: Path, folder: Path, rounds: int) -> dict[str, Any]:
    view = read_view(json.loads(VIEW.read_text()))
    found = Source("ndjson", (source,))
    expected = sorted(map(repr, rows_of(view, found, "memory")))
    agree = sorted(map(repr, rows_of(view, found, "duckdb"))) == expected
    resources = len(expected)
    work: dict[str, Callable[[], object]] = {
        "duckdb, bare query": lambda: bare(source, folder / "bare.csv"),
        "duckdb, the view": lambda: write_view(view, found, "duckdb", folder / "duckdb.csv", "csv"),
        "memory, the view": lambda: write_view(view, found, "memory", folder / "memory.csv", "csv"),
    }
    seconds: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(rounds):  # in turns, so that what else the machine does meets all alike
        for name, run in work.items():
            started = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - started)
    limit = statistics.median(seconds["duckdb, bare query"])
    rows = {
        name: {
            "per_second": round(resources / statistics.median(taken)),
            "of_bare": round(limit / statistics.median(taken), 3),
            "seconds": [round(one, 3) for one in taken],
        }
        for name, taken in seconds.items()
    }
    return {
        "what": "nine columns of Observations, NDJSON to CSV",
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
        ).stdout.strip(),
        "machine": {
            "python": platform.python_version(),
            "duckdb": duckdb.__version__,
            "system": platform.platform(),
        },
        "resources": resources,
        "bytes": source.stat().st_size,
        "row_exact": agree,
        "rows": rows,
    }


def bare(source: Path, output: Path) -> None:
    connection = duckdb.connect()
    connection.execute(BARE.format(source=source, output=output))
    connection.close()


if __name__ == "__main__":
    main()
