"""smart-fetch, as it is published, fetches everything of a node: by bulk export, and by search."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.network.one_node import OneNode
from tests.network.wire import call

COMMAND = Path(sys.executable).with_name("smart-fetch")
TYPES = ("Patient", "Observation")

pytestmark = pytest.mark.skipif(not COMMAND.exists(), reason="smart-fetch is not installed")


def fetched(node: OneNode, folder: Path, *how: str) -> Counter[str]:
    """How many of each type it wrote down."""
    key = str(node.home / "keys" / "on-service.pem")
    said = subprocess.run(
        [
            str(COMMAND),
            *how,
            str(folder),
            *("--fhir-url", node.fhir),
            *("--smart-client-id", "on-service"),
            *("--smart-key", key),
            *("--type", ",".join(TYPES)),
            "--no-default-filters",
        ],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert said.returncode == 0, said.stdout[-2000:] + said.stderr[-2000:]
    found: Counter[str] = Counter()
    for path in folder.rglob("*.ndjson*"):
        if path.name.partition(".")[0] in TYPES and not path.is_symlink():
            read = gzip.open if path.suffix == ".gz" else open
            with read(path, "rt", encoding="utf-8") as lines:
                found.update(json.loads(line)["resourceType"] for line in lines)
    return found


def held(node: OneNode) -> Counter[str]:
    """How many of each type the node says that it has."""
    return Counter(
        {
            type: call(node.fhir, "GET", f"/{type}?_summary=count", token=node.token).json["total"]
            for type in TYPES
        }
    )


def test_a_bulk_export_brings_as_many_as_the_node_says_it_has(peer_node: OneNode, tmp_path: Path) -> None:
    assert fetched(peer_node, tmp_path, "bulk") == held(peer_node)


def test_a_group_brings_its_members(peer_node: OneNode, tmp_path: Path) -> None:
    found = fetched(peer_node, tmp_path, "bulk", "--group", "all")
    assert found == {"Patient": 3, "Observation": 21}


def test_a_crawl_brings_the_same_by_search(peer_node: OneNode, tmp_path: Path) -> None:
    assert fetched(peer_node, tmp_path, "crawl") == held(peer_node)
