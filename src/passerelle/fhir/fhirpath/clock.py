"""What time is it, for an expression that asks and a caller who gives no clock?

``now()`` is a function of the language, so it has an answer wherever an expression runs. This module is the one place
below ``store`` that reads the clock; a caller who wants another time gives ``Services(now=…)``.
"""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """This moment, in the zone of the machine."""
    return datetime.now(UTC).astimezone()
