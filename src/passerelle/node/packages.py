"""The profile packages that the operator supplies: a folder of JSON definitions, or FHIR packages as they are published.

A package is a ``.tgz`` whose ``package/*.json`` are definitions: https://registry.fhir.org. Only what profiles are checked
with is read; the licence of a package is the operator's affair.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from passerelle.fhir.profiles import IN_THE_BOX, Profiles
from passerelle.fhir.profiles import load as compiled
from passerelle.node.config import ConfigurationError
from passerelle.values import Json

MOST_BYTES = 64 * 1024 * 1024
"""No single definition is larger."""
_WANTED = frozenset({"StructureDefinition", "ValueSet", "CodeSystem"})


def profiles(folder: Path | None) -> Profiles:
    """What is in the box, and over it what the folder holds; a folder that cannot be read stops the node."""
    if folder is None:
        return IN_THE_BOX
    if not folder.is_dir():
        raise ConfigurationError(f"packages: there is no folder {folder}")
    return compiled(_definitions(folder))


def _definitions(folder: Path) -> Iterator[Json]:
    for path in sorted(folder.rglob("*")):
        try:
            if path.suffix == ".json":
                yield from _wanted(path.read_bytes())
            elif path.suffix in (".tgz", ".gz"):
                yield from _packed(path)
        except (OSError, ValueError, tarfile.TarError) as error:
            raise ConfigurationError(f"packages: {path} cannot be read: {error}") from None


def _packed(path: Path) -> Iterator[Json]:
    with tarfile.open(path) as package:
        for member in package:
            if member.isfile() and member.name.endswith(".json") and member.size <= MOST_BYTES:
                stream = package.extractfile(member)
                yield from _wanted(stream.read()) if stream else ()


def _wanted(body: bytes) -> Iterator[Json]:
    found: Any = json.loads(body)
    if isinstance(found, dict) and found.get("resourceType") in _WANTED:
        yield found
