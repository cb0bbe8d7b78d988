"""What is wrong with this expression, and where? One error for syntax, meaning and evaluation."""

from __future__ import annotations

from typing import Literal

from passerelle.fhir.outcome import Issue

Kind = Literal["syntax", "semantic", "execution"]


class FhirPathError(Exception):
    """An expression that cannot be read, makes no sense for its type, or failed on what it met.

    ``reason`` names elements, functions and types of the expression; it never holds a value of a record.
    ``position`` is the offset in the expression, if it is known.
    """

    def __init__(self, reason: str, position: int | None = None, kind: Kind = "execution") -> None:
        super().__init__(reason if position is None else f"{reason} (at {position})")
        self.reason = reason
        self.position = position
        self.kind: Kind = kind

    def issue(self) -> Issue:
        """What to tell whoever sent the expression."""
        where = "?" if self.position is None else str(self.position)
        return Issue(f"fhirpath-{self.kind}", "invalid", None, {"position": where})
