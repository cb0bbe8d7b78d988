"""schemathesis over the OpenAPI description of a running node: whatever is asked, the node does not fail.

    python tests/peers/fuzz.py --requests 20000       many requests, against a node that it starts and stops itself
    python tests/peers/fuzz.py --requests 500 --seed 7

What is counted as a failure: a status of 500 or more, a refusal without an OperationOutcome, and a node that is gone.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ.setdefault("SCHEMATHESIS_HOOKS", "")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import hypothesis
import schemathesis
from hypothesis import HealthCheck, Phase

from tests.network.one_node import OneNode
from tests.network.wire import call
from tests.peers.conftest import bundle

TYPES = ("Patient", "Observation", "Group", "Bundle", "MedicationRequest", "Binary", "ValueSet")
"""The types whose every path is asked; the others are sampled."""


@dataclass
class Tally:
    """What was asked, and what came of it."""

    statuses: Counter[int] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    @property
    def asked(self) -> int:
        return sum(self.statuses.values())


def fuzz(node: OneNode, requests: int, seed: int) -> Tally:
    """Ask so many generated requests, spread over the paths of the description."""
    document = call(node.address, "GET", "/fhir/openapi.json").json
    _fill_ids(document)
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=node.fhir)
    operations = [result.ok() for result in schema.get_all_operations()]
    chosen = _spread(operations, random.Random(seed), requests)
    tally = Tally()
    for operation, count in chosen:
        _ask(operation, count, node, tally, seed)
        if tally.asked >= requests:
            break
    return tally


def _fill_ids(document: Any) -> None:
    """Ids that exist are worth more than ids that are invented."""
    for path in document["paths"].values():
        for parameter in path.get("parameters", ()):
            if parameter["name"] == "id":
                parameter["schema"] = {
                    "anyOf": [{"enum": ["p0", "p1", "o0-1", "all"]}, {"type": "string", "minLength": 1}]
                }


def _spread(operations: list[Any], dice: random.Random, requests: int) -> Iterator[tuple[Any, int]]:
    """Every operation of the chosen types first, then the others in any order, each with its share."""
    first = [
        one for one in operations if one.path.lstrip("/").split("/")[0] in TYPES or one.path.count("/") == 1
    ]
    dice.shuffle(first)
    others = [one for one in operations if one not in first]
    dice.shuffle(others)
    share = max(1, requests // max(1, len(first) + min(len(others), requests // 20)))
    while True:
        for one in (*first, *others):
            yield one, share


def _ask(operation: Any, count: int, node: OneNode, tally: Tally, seed: int) -> None:
    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(case=operation.as_strategy())
    def ask(case: Any) -> None:
        answer = case.call(base_url=node.fhir, headers={"Authorization": f"Bearer {node.token}"})
        tally.statuses[answer.status_code] += 1
        fault = _fault(answer)
        if fault:
            tally.failures.append(f"{operation.method.upper()} {operation.path}: {fault}")

    ask()


def _fault(answer: Any) -> str:
    if answer.status_code >= 500:
        return f"status {answer.status_code}"
    if answer.status_code >= 400 and answer.request.method != "HEAD":
        try:
            kind = json.loads(answer.content)["resourceType"]
        except (ValueError, KeyError, TypeError):
            kind = ""
        if kind != "OperationOutcome" and not answer.content.startswith(b"<"):
            return f"status {answer.status_code} without an OperationOutcome"
    return ""


def started(home: Path, store: str) -> OneNode:
    """A node with a few invented people."""
    settings = {"PASSERELLE_TOKEN_SECONDS": "7200"}
    if store == "memory":
        settings |= {"PASSERELLE_STORE": "memory:", "PASSERELLE_LEDGER": "memory:"}
    node = OneNode(home, settings)
    node.start()
    answer = call(node.fhir, "POST", "", json.dumps(bundle()).encode(), token=node.token)
    assert answer.status == 200, answer.text
    return node


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--store", choices=["sqlite", "memory"], default="sqlite")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        node = started(Path(home), wanted.store)
        begun = time.monotonic()
        try:
            tally = fuzz(node, wanted.requests, wanted.seed)
            alive = node.answers()
        finally:
            node.stop()
    print(
        f"{tally.asked} requests in {time.monotonic() - begun:.0f} s: {dict(sorted(tally.statuses.items()))}"
    )
    for fault, count in Counter(tally.failures).most_common(40):
        print(f"{count:6} {fault}")
    return 0 if alive and not tally.failures else 1


if __name__ == "__main__":
    sys.exit(main())
