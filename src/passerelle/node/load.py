"""Load Bundles into running nodes, one transaction a patient and node, several on their way at once."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from passerelle.fhir.intake import Limits, read_json
from passerelle.fhir.outcome import BadInput, say
from passerelle.fhir.resource import encode
from passerelle.flows.spread import Shelf, spread
from passerelle.node.client import Client, read_network


class LoadError(Exception):
    """A file could not be loaded: which, and what its node said."""


Progress = Callable[[str, int, int], None]


def load_bundles(
    paths: Iterable[Path], nodes: Sequence[str], network: Path, workers: int, progress: Progress
) -> Mapping[str, int]:
    """Load every bundle; the number of resources that each node took, by node id."""
    files = sorted(file for path in paths for file in _files(path))
    if not files:
        raise LoadError("There is no .json file there.")
    shelves = _shelves(nodes, network)
    clients = _Clients(network)
    counts: Counter[str] = Counter()
    with ThreadPoolExecutor(workers) as pool:
        for done, taken in enumerate(pool.map(lambda file: _load(file, shelves, clients), files), 1):
            counts.update(taken)
            progress("load-bundles", done, len(files))
    return dict(counts)


def ndjson_files(paths: Iterable[Path], nodes: Sequence[str]) -> list[Path]:
    """The NDJSON files there, when that is what is to be loaded; then nothing else is, and into one node."""
    both = (".json", ".ndjson")
    found = sorted(file for path in paths for file in (path.rglob("*") if path.is_dir() else [path]))
    found = [file for file in found if file.suffix in both]
    lines = [file for file in found if file.suffix == ".ndjson"]
    if lines and (len(lines) != len(found) or len(nodes) != 1):
        raise LoadError("NDJSON files are loaded by themselves, into one node.")
    return lines


class _Clients:
    """A client for each node and thread: a connection is not shared."""

    def __init__(self, network: Path) -> None:
        self._network = network
        self._local = threading.local()

    def __getitem__(self, node: str) -> Client:
        kept: dict[str, Client] = self._local.__dict__.setdefault("clients", {})
        if node not in kept:
            kept[node] = Client.of_demo(self._network, node, seconds=300.0)
        return kept[node]


def _files(path: Path) -> list[Path]:
    return sorted(path.rglob("*.json")) if path.is_dir() else [path]


def _shelves(nodes: Sequence[str], network: Path) -> tuple[Shelf, ...]:
    known = {node["id"]: node["fhir"] for node in read_network(network)["nodes"]}
    unknown = [node for node in nodes if node not in known]
    if unknown:
        raise LoadError(f"The network has no node {', '.join(unknown)}; it has {', '.join(known)}.")
    return tuple(Shelf(node, known[node]) for node in nodes)


def _load(file: Path, shelves: tuple[Shelf, ...], clients: _Clients) -> Counter[str]:
    taken: Counter[str] = Counter()
    try:
        transactions = spread(read_json(file.read_bytes(), Limits()), shelves)
    except BadInput as bad:
        raise LoadError(f"{file.name}: {say(bad.issues[0], 'en')}") from None
    for node, transaction in transactions.items():
        answer = clients[node].ask("POST", "", encode(transaction))
        if answer.status != 200:
            raise LoadError(f"{file.name}: node {node} answered {answer.status}: {_first_issue(answer.body)}")
        taken[node] += len(transaction["entry"])
    return taken


def _first_issue(body: bytes) -> str:
    """What the node said; its messages name elements, never values."""
    try:
        issue = read_json(body, Limits())["issue"][0]
        return " ".join([*issue.get("expression", ()), issue["details"]["text"]])
    except (BadInput, KeyError, IndexError, TypeError):
        return "an answer without an OperationOutcome"
