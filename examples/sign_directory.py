"""Publish a directory: read who is in the network, sign it, and write what every node needs to trust it.

    .venv/bin/python examples/sign_directory.py network-plan.toml publisher-key.pem published/

writes ``directory.jws`` (the signed directory) and ``publisher.jwks`` (the public key that verifies it). The
private key is made on the first run; it belongs to the publisher alone. Run it again before the directory expires.
"""

from __future__ import annotations

import json
import sys
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from passerelle.federation.directory import Directory, sign
from passerelle.node.keys import load_or_make_key
from passerelle.values import instant


def described(plan: dict[str, Any], folder: Path, now: datetime) -> Directory:
    """The directory of a plan, in which each node names the file of its public keys."""
    nodes = [
        {
            **{key: value for key, value in node.items() if key != "jwks"},
            "keys": public_keys(folder / node["jwks"]),
        }
        for node in plan["nodes"]
    ]
    until = now + timedelta(days=plan.get("days", 30))
    return Directory.from_json(
        {
            "network": plan["network"],
            "issued": instant(now),
            "expires": instant(until),
            "nodes": nodes,
            "agreements": plan.get("agreements", []),
        }
    )


def public_keys(path: Path) -> list[dict[str, Any]]:
    """The keys of a JWKS file."""
    keys: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))["keys"]
    return keys


def publish(plan: Path, key: Path, into: Path, now: datetime) -> None:
    """Sign the plan's directory and write it with the key that verifies it."""
    publisher = load_or_make_key(key)
    directory = described(tomllib.loads(plan.read_text("utf-8")), plan.parent, now)
    into.mkdir(parents=True, exist_ok=True)
    (into / "directory.jws").write_text(sign(directory, publisher.private))
    (into / "publisher.jwks").write_text(json.dumps({"keys": [publisher.public]}))


if __name__ == "__main__":
    plan_file, key_file, folder = (Path(argument) for argument in sys.argv[1:4])
    publish(plan_file, key_file, folder, datetime.now(UTC))
