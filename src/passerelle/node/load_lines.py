"""Load NDJSON files of this machine into a running node: one ``$import`` job, watched until it ends.

The files are put where the node may fetch from (``jobs.import_from``), beside the file that describes the network, and are
removed when the job has ended. If this program is stopped the job goes on.
"""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from passerelle.fhir.resource import encode
from passerelle.node.client import Client
from passerelle.node.load import LoadError, Progress

IMPORT = "import"
"""The folder beside the network's file that its nodes may import from."""


@dataclass(frozen=True)
class Loaded:
    """What became of the lines."""

    kept: int
    bad: int
    told: Path | None
    """Where every bad line is told with its number."""


def load_lines(files: Sequence[Path], node: str, network: Path, progress: Progress) -> Loaded:
    """Import the files into a node; a LoadError says why not."""
    client = Client.of_demo(network, node, seconds=300.0)
    place = network.parent.absolute() / IMPORT / secrets.token_hex(8)
    place.mkdir(parents=True, mode=0o700)
    try:
        urls = [_put(file, place, number).as_uri() for number, file in enumerate(files)]
        job = _kick_off(client, urls)
        manifest = _ended(client, job, len(files), progress)
        return _told(client, manifest, Path(f"{files[0]}.errors.ndjson"))
    finally:
        client.close()
        shutil.rmtree(place, ignore_errors=True)


def _put(file: Path, place: Path, number: int) -> Path:
    """The file where the node may read it: a second name when that is possible, else a copy."""
    there = place / f"{number}.ndjson"
    try:
        os.link(file, there)
    except OSError:
        shutil.copyfile(file, there)
    return there


def _kick_off(client: Client, urls: Sequence[str]) -> str:
    inputs = [{"name": "input", "part": [{"name": "url", "valueUrl": url}]} for url in urls]
    asked = encode({"resourceType": "Parameters", "parameter": inputs})
    answer = client.ask("POST", "$import", asked, prefer="respond-async")
    if answer.status == 403:
        raise LoadError("The node may not import from here: set jobs.import_from in its node.toml.")
    if answer.status != 202:
        raise LoadError(f"The node answered {answer.status} to the import.")
    return _below(client, answer.headers["content-location"])


def _below(client: Client, url: str) -> str:
    """An address of the node, as the client asks it."""
    return urlsplit(url).path.removeprefix(urlsplit(client.fhir).path)


def _ended(client: Client, job: str, files: int, progress: Progress) -> dict[str, list[dict[str, object]]]:
    progress("load-lines", 0, files)
    while (answer := client.ask("GET", job)).status == 202:
        time.sleep(0.2)
    if answer.status != 200:
        raise LoadError(f"The import ended with {answer.status}. What it had kept until then stays.")
    progress("load-lines", files, files)
    found: dict[str, list[dict[str, object]]] = answer.json()
    return found


def _told(client: Client, manifest: dict[str, list[dict[str, object]]], errors: Path) -> Loaded:
    kept = sum(int(str(one["count"])) for one in manifest["output"])
    bad = sum(int(str(one["count"])) for one in manifest["error"])
    if not bad:
        return Loaded(kept, 0, None)
    lines = [client.ask("GET", _below(client, str(one["url"]))).body for one in manifest["error"]]
    errors.write_bytes(b"".join(lines))
    return Loaded(kept, bad, errors)
