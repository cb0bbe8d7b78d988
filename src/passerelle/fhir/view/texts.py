"""What do the text functions of a view give? Plain ones over Python texts."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

REFERENCE = r"^([A-Z][A-Za-z]*)/([A-Za-z0-9.-]{1,64})(/_history/.+)?$"
"""A relative literal reference; what is not one has no key here. Every engine uses this very pattern."""
_REFERENCE = re.compile(REFERENCE)


def reference_key(reference: str, type: str) -> str | None:
    """The id in ``Type/id``, if it is the expected type."""
    found = _REFERENCE.match(reference)
    return found[2] if found and type in ("", found[1]) else None


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "startsWith": str.startswith,
    "endsWith": str.endswith,
    "contains": lambda text, part: part in text,
    "upper": str.upper,
    "lower": str.lower,
    "trim": lambda text: text.strip(" "),
    "length": len,
}
