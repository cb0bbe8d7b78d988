"""What the engines have in common: one connection in one transaction, and the numbers that they give."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from passerelle.store.compose import Dialect

Row = tuple[Any, ...]


class Session(Protocol):
    """One connection in one transaction. Statements carry ``?`` marks."""

    dialect: Dialect

    def rows(self, sql: str, values: Sequence[object]) -> list[Row]: ...

    def write(self, sql: str, rows: Sequence[Sequence[object]]) -> None: ...

    def insert(self, table: str, rows: Sequence[Sequence[object]]) -> None:
        """Add rows to a table, each with all its columns."""


class Numbers(Protocol):
    """Who gives the next numbers. A number that is given and not used is a gap that does no harm."""

    def next_seq(self) -> int:
        """For a resource."""

    def next_home(self) -> int:
        """For the compartment of a patient."""
