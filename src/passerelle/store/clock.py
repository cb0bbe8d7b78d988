"""The moments that a store writes down: milliseconds, and never back."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)

Milliseconds = Callable[[], int]
"""A clock: UTC epoch milliseconds."""


def wall() -> int:
    """The clock of this machine."""
    return time.time_ns() // 1_000_000


@lru_cache(4096)  # what was written together has one moment
def moment(milliseconds: int) -> datetime:
    """A stored moment as a datetime in UTC."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def milliseconds(moment: datetime) -> int:
    """A datetime as it is compared with stored moments: the first millisecond that is not before it."""
    return -((EPOCH - moment) // MILLISECOND)
