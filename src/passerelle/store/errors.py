"""What can be wrong with a store itself: its file, its disk, its server or its version."""

from __future__ import annotations


class StoreError(Exception):
    """The store cannot do its work here; the message says what to do. It never holds a value."""


class StoreInUseError(StoreError):
    """Another process already writes to this file."""


class StoreVersionError(StoreError):
    """The database was made by a newer program."""


class StoreUnavailableError(StoreError):
    """Nothing was written: the disk is full, the file is read-only, or the server is away."""


class StoreTimeoutError(StoreError):
    """A question took longer than it may, and was given up; nothing was changed. Ask for less."""
