"""A copy of a SQLite store while it goes on answering, and the way back from a copy.

A copy holds every version up to the moment at which it was begun. Since a store keeps history, any moment before that can
be restored from it too (``store.rewind``). PostgreSQL has its own tools for this: see the guide on operating a store.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from passerelle.store.errors import StoreError
from passerelle.store.sqlite_file import keep_private, locked


def backup(source: Path, target: Path) -> int:
    """Copy a store to a new file, also while a node serves it. Returns the bytes of the copy.

    The copy is one snapshot: whoever writes meanwhile is not kept waiting, and is not in it.
    """
    if not source.is_file():
        raise StoreError(f"There is no store at {source}.")
    if target.exists():
        raise StoreError(f"{target} exists: name a file that does not.")
    part = target.with_name(target.name + ".part")
    with suppress(FileNotFoundError):
        part.unlink()
    keep_private(part)
    with (
        closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as old,
        closing(sqlite3.connect(part)) as new,
    ):
        old.backup(new)
        new.execute("PRAGMA journal_mode = DELETE")  # one file, not three
        found = new.execute("PRAGMA quick_check").fetchone()[0]
    if found != "ok":
        part.unlink()
        raise StoreError("The copy is not intact, so it was thrown away: check the store and its disk.")
    _synced(part)
    part.rename(target)
    _synced(target.parent)
    return target.stat().st_size


def restore(copy: Path, target: Path) -> None:
    """Put a copy where a node looks for its store. What was there must have been moved away before."""
    if not copy.is_file():
        raise StoreError(f"There is no copy at {copy}.")
    if any(target.with_name(target.name + end).exists() for end in ("", "-wal", "-journal")):
        raise StoreError(
            f"{target} exists: move it away, with its -wal and -shm, so that nothing is lost by mistake."
        )
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = locked(target)
    try:
        backup(copy, target)
    finally:
        os.close(lock)


def _synced(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
