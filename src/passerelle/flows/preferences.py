"""What a client prefers: the ``Prefer`` header (RFC 7240) with the names that FHIR gives it.

https://hl7.org/fhir/R4/http.html#ops and https://hl7.org/fhir/R4/search.html#errors. A preference that is not known is
left alone, as RFC 7240 says: it is a wish and no command.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, cast

Return = Literal["minimal", "representation", "OperationOutcome"]
_RETURNS = {"minimal": "minimal", "representation": "representation", "operationoutcome": "OperationOutcome"}


@dataclass(frozen=True)
class Preferences:
    """What is wished for; None where nothing was said."""

    returns: Return | None = None
    lenient: bool = False
    """Whether a search parameter that is not known may be left out, and said to be."""
    later: bool = False
    """Whether the answer may come later (``respond-async``)."""


NONE = Preferences()


@lru_cache(maxsize=256)
def preferences(header: str) -> Preferences:
    """Read a ``Prefer`` header, or several joined by commas; of two that contradict the first counts."""
    returns: Return | None = None
    handling = ""
    later = False
    for part in header.replace(";", ",").split(","):
        name, _, value = part.strip().partition("=")
        name, value = name.strip().lower(), value.strip().strip('"').lower()
        if name == "return" and returns is None and value in _RETURNS:
            returns = cast(Return, _RETURNS[value])
        elif name == "handling" and not handling:
            handling = value
        elif name == "respond-async":
            later = True
    return Preferences(returns, handling == "lenient", later)
