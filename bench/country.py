"""A country to measure: the one that is running, or one brought up for the measurement."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PORT = "9601"


def question(patient: dict[str, Any]) -> bytes:
    """The Parameters that ``$record`` and ``$summary`` take."""
    parameters = {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": patient}]}
    return json.dumps(parameters).encode()


def of_cast(known: dict[str, Any]) -> dict[str, Any]:
    """One of ``network.json``'s patients, described as whoever looks for them would."""
    *given, family = known["name"].split()
    name = {"text": known["name"], "family": family, **({"given": given} if given else {})}
    patient = {"resourceType": "Patient", "name": [name], "birthDate": known["birthDate"]}
    return {**patient, "identifier": known["identifiers"]} if known["identifiers"] else patient


@contextmanager
def brought_up(network: Path | None, home: Path, people: int = 0) -> Iterator[Path]:
    """The ``network.json`` to use; a country of our own is taken down afterwards."""
    if network is not None:
        yield network
        return
    command = [
        sys.executable,
        "-m",
        "passerelle.node.cli",
        "demo",
        "--people",
        str(people),
        "--home",
        str(home),
        "--port",
        PORT,
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=ROOT)
    try:
        while not (home / "network.json").exists():
            if process.poll() is not None:
                raise SystemExit("The country could not be brought up.")
            time.sleep(0.2)
        yield home / "network.json"
    finally:
        process.terminate()
        process.wait(30)
