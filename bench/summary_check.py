"""Are our summaries sound? Compose many, then check each with our own rules and with Medplum's R4 validator.

    python bench/summary_check.py                     summaries of Synthea people, from the shared reference data
    python bench/summary_check.py --people 300        of more of them (default 30)
    python bench/summary_check.py PATH                summaries that are already there: NDJSON or a folder of JSON

Medplum runs in node: `npm ci --prefix tests/peers/medplum` installs it. Without it only our own rules run, and the
report says so. Only counts are printed, never a value of a record.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from passerelle.federation.merge import merge
from passerelle.fhir.record import Record, Reply, Source, State
from passerelle.fhir.resource import decode, encode
from passerelle.summary.check import check
from passerelle.summary.compose import compose
from passerelle.summary.references import references
from passerelle.values import Json, Language, NodeId

ROOT = Path(__file__).resolve().parent.parent
MEDPLUM = ROOT / "tests" / "peers" / "medplum"
NOW = datetime(2020, 6, 1, 12, tzinfo=UTC)
"""Just after the Synthea population was made, so that its prescriptions are recent."""

NODES = {
    "on": {"en": "Ontario", "fr": "Ontario"},
    "qc": {"en": "Québec", "fr": "Québec"},
    "bc": {"en": "British Columbia", "fr": "Colombie-Britannique"},
}
AUTHOR: Json = {"resourceType": "Organization", "name": "Passerelle"}


def shared_data() -> Path:
    return Path(os.environ.get("PASSERELLE_SHARED_DATA") or ROOT.parent / "shared" / "data")


def people() -> Iterator[Json]:
    """The transaction Bundles of the Synthea population, one person each."""
    for archive in sorted((shared_data() / "synthea-r4").glob("bundles-*.tar.xz")):
        with tarfile.open(archive) as members:
            for member in members:
                stream = members.extractfile(member) if member.name.endswith(".json") else None
                if stream is not None:
                    yield decode(stream.read())


def record_of(bundle: Json) -> Record:
    """One person's resources as three sources would hold them: dealt out, every fifth one held twice, and with
    each one whatever it refers to, so that a source's references lead to what that source holds."""
    names = {
        each["fullUrl"]: f"{each['resource']['resourceType']}/{each['resource']['id']}"
        for each in bundle["entry"]
    }
    resources = {names[each["fullUrl"]]: _relative(each["resource"], names) for each in bundle["entry"]}
    replies = []
    for turn, node in enumerate(NODES):
        dealt = [
            name
            for at, name in enumerate(resources)
            if at % 3 == turn or (at % 5 == 0 and (at + 1) % 3 == turn)
        ]
        held = [(f"{_base(node)}/{name}", encode(resources[name])) for name in _closed(dealt, resources)]
        replies.append(Reply(NodeId(node), _base(node), 0.1, tuple(held)))
    sources = [
        Source(NodeId(node), name, State.ANSWERED, 0.1, base=_base(node)) for node, name in NODES.items()
    ]
    return merge(replies, sources, now=NOW)


def _closed(dealt: list[str], resources: dict[str, Json]) -> list[str]:
    patients = [name for name in resources if name.startswith("Patient/")]
    held: dict[str, None] = {}
    waiting = patients + dealt
    while waiting:
        name = waiting.pop()
        if name not in held:
            held[name] = None
            waiting += [each for each in references(resources[name]) if each in resources]
    return [name for name in resources if name in held]


def _base(node: str) -> str:
    return f"https://{node}.example/fhir"


def _relative(value: Any, names: dict[str, str]) -> Any:
    """Synthea's urn:uuid references as a server writes them after the transaction."""
    if isinstance(value, list):
        return [_relative(each, names) for each in value]
    if not isinstance(value, dict):
        return value
    copy = {key: _relative(each, names) for key, each in value.items()}
    if copy.get("reference") in names:
        copy["reference"] = names[copy["reference"]]
    return copy


def composed(count: int) -> Iterator[Json]:
    """The summaries of so many people, alternately in English and French."""
    for at, bundle in enumerate(islice(people(), count)):
        language: Language = "en" if at % 2 == 0 else "fr"
        yield compose(
            record_of(bundle), author=AUTHOR, language=language, now=NOW, new_id=lambda: str(uuid.uuid4())
        )


def read(path: Path) -> Iterator[Json]:
    """Summaries that are already there."""
    for file in sorted(path.rglob("*.json")) if path.is_dir() else [path]:
        body = file.read_bytes()
        yield from (
            (decode(line) for line in body.splitlines() if line.strip())
            if file.suffix == ".ndjson"
            else [decode(body)]
        )


@dataclass
class Report:
    """What was found, in counts."""

    bundles: int = 0
    resources: int = 0
    ours: Counter[str] = field(default_factory=Counter)
    medplum: Counter[str] = field(default_factory=Counter)

    def lines(self, medplum_ran: bool) -> Iterator[str]:
        yield f"summaries {self.bundles}, resources {self.resources}"
        yield f"our rules: {sum(self.ours.values())} faults"
        yield from (f"  {number:6}  {key}" for key, number in self.ours.most_common())
        if not medplum_ran:
            yield f"Medplum did not run: npm ci --prefix {MEDPLUM.relative_to(ROOT)}"
            return
        yield f"Medplum: {sum(self.medplum.values())} issues"
        yield from (f"  {number:6}  {key}" for key, number in self.medplum.most_common())


def medplum_is_here() -> bool:
    return shutil.which("node") is not None and (MEDPLUM / "node_modules" / "@medplum" / "core").is_dir()


def medplum(bundles: Iterable[Json]) -> Iterator[Json]:
    """What Medplum says of each bundle: ``resources`` and ``issues`` (type, severity, path, text, profile)."""
    lines = b"\n".join(map(encode, bundles))
    command = [shutil.which("node") or "node", str(MEDPLUM / "validate.mjs")]
    done = subprocess.run(command, input=lines, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(
            f"the validator stopped with {done.returncode}: {done.stderr[-300:].decode(errors='replace')}"
        )
    yield from map(json.loads, done.stdout.splitlines())


def examine(bundles: Iterable[Json], batch: int = 10) -> Report:
    """Check every summary with both."""
    report = Report()
    waiting = iter(bundles)
    while some := list(islice(waiting, batch)):
        for bundle in some:
            report.bundles += 1
            report.resources += len(bundle["entry"])
            report.ours.update(
                f"{fault.key} {fault.details.get('type', '')}".strip() for fault in check(bundle)
            )
        for verdict in medplum(some) if medplum_is_here() else ():
            report.medplum.update(
                f"{each['severity']} {each['profile']} {each['path']}: {each['text']}"
                for each in verdict["issues"]
            )
    return report


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("path", nargs="?", type=Path)
    parser.add_argument("--people", type=int, default=30)
    arguments = parser.parse_args()
    started = time.perf_counter()
    report = examine(read(arguments.path) if arguments.path else composed(arguments.people))
    for line in report.lines(medplum_is_here()):
        print(line)
    print(f"in {time.perf_counter() - started:.1f} s")
    return 1 if report.ours or any(not key.startswith("warning") for key in report.medplum) else 0


if __name__ == "__main__":
    sys.exit(main())
