"""Where are the resources that a view runs over? NDJSON, Parquet, or the store of a node."""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from passerelle.fhir.definitions import resource_types
from passerelle.fhir.resource import Scan
from passerelle.store import open_store
from passerelle.store.analytics.errors import AnalyticsError
from passerelle.store.errors import StoreError

Progress = Callable[[str, int, int], None]
"""Told (what is done, how much, of how much); the last is 0 when it is not known."""

_LINES = (".ndjson", ".jsonl", ".ndjson.gz", ".jsonl.gz")
_STORES = ("sqlite:", "postgresql:", "postgres:")


@dataclass(frozen=True)
class Source:
    """Files of one form, or the address of a store."""

    form: Literal["ndjson", "parquet", "store"]
    files: tuple[Path, ...] = ()
    address: str = ""


def find_source(text: str, resource: str) -> Source:
    """The source that a person named: a store's address, a file, or a folder of files.

    In a folder, files that are named after other types of resources only, such as ``Patient.ndjson``, are left out.
    """
    if text.startswith(_STORES):
        return Source("store", address=text)
    path = Path(text)
    if not path.exists():
        raise AnalyticsError(f"There is nothing at {text}. Give a file, a folder, or the address of a store.")
    found = sorted(path.rglob("*")) if path.is_dir() else [path]
    lines = [file for file in found if file.name.endswith(_LINES) and file.is_file()]
    parquet = [file for file in found if file.suffix == ".parquet" and file.is_file()]
    if path.is_dir():
        lines, parquet = ([file for file in files if _may_hold(file, resource)] for files in (lines, parquet))
    if lines and parquet:
        raise AnalyticsError(f"{text} holds both NDJSON and Parquet. Name one file, or a folder of one form.")
    if not lines and not parquet:
        raise AnalyticsError(f"{text} holds no {resource} as .ndjson, .jsonl, .ndjson.gz or .parquet.")
    return Source("ndjson", tuple(lines)) if lines else Source("parquet", tuple(parquet))


def _may_hold(file: Path, resource: str) -> bool:
    """Whether a file may hold a type: bulk exports name files after the type that they hold."""
    words = set(re.findall(r"[A-Za-z]+", file.name)) & resource_types()
    return not words or resource in words


@contextmanager
def as_lines(source: Source, resource: str, progress: Progress) -> Iterator[tuple[Path, ...]]:
    """The source as NDJSON files. What must be written down for that lies in a private folder and is gone afterwards."""
    if source.form == "ndjson":
        yield source.files
        return
    with tempfile.TemporaryDirectory(prefix="passerelle-view-") as folder:
        spool = Path(folder) / f"{resource}.ndjson"
        if source.form == "store":
            _spool_store(source.address, resource, spool, progress)
        else:
            from passerelle.store.analytics.on_duckdb import parquet_as_lines  # an optional dependency

            parquet_as_lines(source.files, spool)
        yield (spool,)


def _spool_store(address: str, resource: str, spool: Path, progress: Progress) -> None:
    """The current resources of a type as one snapshot of a store has them, one a line."""
    try:
        asyncio.run(_copy(address, resource, spool, progress))
    except StoreError as fault:
        raise AnalyticsError(str(fault)) from None


async def _copy(address: str, resource: str, spool: Path, progress: Progress) -> None:
    store = open_store(address)
    try:
        await store.look(lambda view: _write(view.scan, resource, spool, progress))
    finally:
        await store.close()


def _write(scan: Callable[..., Scan], resource: str, spool: Path, progress: Progress) -> None:
    after: int | None = 0
    count = 0
    with spool.open("wb") as file:
        while after is not None:
            part = scan(resource, after=after)
            for body in part.bodies:
                file.write(body.replace(b"\n", b" ") + b"\n" if b"\n" in body else body + b"\n")
            count, after = count + len(part.bodies), part.last
            progress("view-reading", count, 0)
