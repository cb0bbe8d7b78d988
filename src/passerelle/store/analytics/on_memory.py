"""How does a view run in plain Python? Line by line, as ``fhir.view.rows`` says."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import msgspec

from passerelle.fhir.resource import decode
from passerelle.fhir.view import View
from passerelle.fhir.view.rows import Row, rows
from passerelle.store.analytics.errors import unreadable
from passerelle.store.analytics.sources import Progress
from passerelle.values import Json

_STEP = 5000


def stream(view: View, files: tuple[Path, ...], progress: Progress) -> Iterator[Row]:
    """The rows of a view over NDJSON files."""
    return rows(_resources(files, progress), view)


def _resources(files: tuple[Path, ...], progress: Progress) -> Iterator[Json]:
    done = 0
    for body in bodies(files):
        try:
            resource = decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise unreadable() from None
        if not isinstance(resource, dict) or "resourceType" not in resource:
            raise unreadable()
        done += 1
        if done % _STEP == 0:
            progress("view-reading", done, 0)
        yield resource
    progress("view-reading", done, 0)


def bodies(files: tuple[Path, ...]) -> Iterator[bytes]:
    """The lines of NDJSON files that hold something."""
    for path in files:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            for line in file:
                if line.strip():
                    yield line
