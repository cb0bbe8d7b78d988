"""Spread the Synthea bundles over three nodes by facility, and find every resource again from a fourth, exactly once.

    python -m bench.reassemble [--people 300] [--network var/demo/network.json] [--summaries FOLDER]

Without ``--network`` it brings up a country of its own (thirteen nodes, nobody but the loaded people) and takes it
down afterwards. Prints, by type, how many resources were expected and how many were found in the records assembled
at the fourth node, and every patient whose record differs. Exit code 1 if any does. ``--summaries FOLDER`` also writes
the ``$summary`` of each of them, and of the demo's cast in both languages, for ``bench/summary_check.py FOLDER``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tarfile
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from bench.country import ROOT, brought_up, question
from passerelle.federation.wire import read_record
from passerelle.node.client import Answered, Client, read_network
from tests.conftest import find_shared_data

NODES = ("on", "qc", "bc")
FOURTH = "ab"


def main() -> int:
    arguments = _arguments()
    shared = find_shared_data()
    if shared is None:
        print("No reference data: set PASSERELLE_SHARED_DATA to its folder.")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        bundles = _unpack(shared / "synthea-r4", Path(folder) / "bundles", arguments.people)
        with brought_up(arguments.network, Path(folder) / "country") as network:
            _load(bundles, network)
            if arguments.summaries:
                _summaries(bundles, network, arguments.summaries)
            return _compare(bundles, network)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--people", type=int, default=300)
    parser.add_argument("--network", type=Path)
    parser.add_argument("--summaries", type=Path)
    return parser.parse_args()


def _unpack(source: Path, target: Path, people: int) -> list[Path]:
    target.mkdir(parents=True)
    for archive in sorted(source.glob("bundles-*.tar.xz")):
        with tarfile.open(archive) as tar:
            tar.extractall(target, filter="data")
    files = sorted(target.rglob("*.json"))
    for extra in files[people:]:
        extra.unlink()
    return files[:people]


def _load(bundles: list[Path], network: Path) -> None:
    started = time.perf_counter()
    command = [
        sys.executable,
        "-m",
        "passerelle.node.cli",
        "load",
        str(bundles[0].parent),
        "--network",
        str(network),
    ]
    for node in NODES:
        command += ["--node", node]
    subprocess.run(command, check=True, cwd=ROOT)
    print(f"loaded {len(bundles)} bundles in {time.perf_counter() - started:.1f} s")


def _summaries(bundles: list[Path], network: Path, folder: Path) -> None:
    """Write what ``$summary`` answers at the fourth node for everybody: the loaded people and the cast."""
    folder.mkdir(parents=True, exist_ok=True)
    client = Client.of_demo(network, FOURTH, seconds=60.0)
    for number, person in enumerate(map(_patient, bundles)):
        _summary(client, person, "fr" if number % 2 else "en", folder / f"synthea-{number:03}.json")
    for number, known in enumerate(read_network(network)["patients"]):
        for language in ("en", "fr"):
            _summary_at_home(known, network, language, folder / f"cast-{number:02}-{language}.json")
    client.close()
    print(f"wrote {sum(1 for _ in folder.glob('*.json'))} summaries")


def _summary(client: Client, person: dict[str, Any], language: str, target: Path) -> None:
    answer = client.ask("POST", "Patient/$summary", question(person), language=language)
    _keep(answer, target)


def _summary_at_home(known: dict[str, Any], network: Path, language: str, target: Path) -> None:
    """One of the cast, asked for where they are known: not everybody has a number that the whole country can go by."""
    client = Client.of_demo(network, known["nodes"][0], seconds=60.0)
    family = known["name"].split()[-1]
    found = client.ask("GET", f"Patient?{urlencode({'name': family, '_count': 1000})}").json()
    given = known["name"].split()[0]
    person = next(
        entry["resource"]["id"]
        for entry in found["entry"]
        if given in json.dumps(entry["resource"]["name"], ensure_ascii=False)
    )
    _keep(client.ask("GET", f"Patient/{person}/$summary", language=language), target)
    client.close()


def _keep(answer: Answered, target: Path) -> None:
    if answer.status != 200:
        raise SystemExit(f"$summary answered {answer.status}: {target.name}")
    target.write_bytes(answer.body)


def _patient(file: Path) -> dict[str, Any]:
    entries = json.loads(file.read_bytes())["entry"]
    return next(entry["resource"] for entry in entries if entry["resource"]["resourceType"] == "Patient")


def _compare(bundles: list[Path], network: Path) -> int:
    expected, found, wrong = Counter[str](), Counter[str](), []
    started = time.perf_counter()
    with ThreadPoolExecutor(2) as pool:
        for name, wanted, held in pool.map(lambda file: _one(file, network), bundles):
            expected.update(kind for kind, _ in wanted.elements())
            found.update(kind for kind, _ in held.elements())
            if wanted != held:
                wrong.append((name, wanted - held, held - wanted))
    print(f"assembled {len(bundles)} records in {time.perf_counter() - started:.1f} s\n")
    print(f"{'type':24}{'expected':>10}{'found':>10}")
    for kind in sorted(expected | found):
        print(
            f"{kind:24}{expected[kind]:>10}{found[kind]:>10}{'' if expected[kind] == found[kind] else '   <-'}"
        )
    print(f"{'total':24}{expected.total():>10}{found.total():>10}")
    for name, missing, extra in wrong[:20]:
        print(f"{name}: missing {_kinds(missing)}, too many {_kinds(extra)}")
    print(f"{len(bundles) - len(wrong)} of {len(bundles)} records hold every resource exactly once")
    return 1 if wrong else 0


def _kinds(resources: Counter[tuple[str, str]]) -> dict[str, int]:
    return dict(Counter(kind for kind, _ in resources.elements()))


def _one(file: Path, network: Path) -> tuple[str, Counter[tuple[str, str]], Counter[tuple[str, str]]]:
    """What one bundle holds, and what the record of its patient holds at the fourth node, by type and id."""
    resources = [entry["resource"] for entry in json.loads(file.read_bytes())["entry"]]
    wanted = Counter({(r["resourceType"], r["id"]) for r in resources})
    person = next(r for r in resources if r["resourceType"] == "Patient")
    client = Client.of_demo(network, FOURTH, seconds=60.0)
    answer = client.ask("POST", "Patient/$record", question(person))
    client.close()
    record = read_record(answer.body)
    held = Counter((entry.type, entry.resource["id"]) for entry in record.entries)
    if record.patient is not None:
        held.update({("Patient", entry.resource["id"]) for entry in record.patients})
    return person["id"], wanted, held


if __name__ == "__main__":
    raise SystemExit(main())
