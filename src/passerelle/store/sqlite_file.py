"""The file of a SQLite store: whose it is, who writes to it, and what is wrong with it."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from passerelle.store.errors import StoreInUseError, StoreTimeoutError, StoreUnavailableError


def keep_private(path: Path) -> None:
    """Health data: only this user may enter the directory and read the file."""
    if not path.parent.exists():
        path.parent.mkdir(mode=0o700, parents=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    if path.stat().st_mode & 0o077:
        path.chmod(0o600)


def locked(path: Path) -> int:
    """Hold the lock file; the system lets go of it when the process ends, however it ends."""
    lock = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise StoreInUseError(
            f"Another process writes to {path}: stop it, or give this one a file of its own."
        ) from None
    return lock


@contextmanager
def explained(path: Path | None = None) -> Iterator[None]:
    """Say what is wrong with the file in words that an operator can act on; a bug stays what it is."""
    try:
        yield
    except (sqlite3.Error, OSError) as failure:
        if getattr(failure, "sqlite_errorname", "") == "SQLITE_INTERRUPT":
            raise StoreTimeoutError("The question took too long and was given up.") from None
        if not (of_the_file(failure) or (path and isinstance(failure, OSError))):
            raise
        name = getattr(failure, "sqlite_errorname", "") or type(failure).__name__
        where = f" {path}" if path else ""
        raise StoreUnavailableError(f"The store{where} cannot be used ({name}): {_advice(name)}") from failure


_FAULTS = (
    "BUSY",
    "CANTOPEN",
    "CORRUPT",
    "FULL",
    "IOERR",
    "LOCKED",
    "NOMEM",
    "NOTADB",
    "PERM",
    "PROTOCOL",
    "READONLY",
)


def of_the_file(failure: BaseException) -> bool:
    return getattr(failure, "sqlite_errorname", "").removeprefix("SQLITE_").startswith(_FAULTS)


def _advice(name: str) -> str:
    if name.startswith("SQLITE_FULL"):
        return "the disk is full; free some space. Nothing of this change was kept."
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "PermissionError")):
        return "this user may not write there; correct the owner and the permissions."
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return "it is not an intact database; restore it from a backup."
    return "look at the disk and at the system's log. Nothing of this change was kept."
