"""What was true, and when? Memory, SQLite and PostgreSQL with one meaning."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from passerelle.store.memory import MemoryStore
    from passerelle.store.postgres import PostgresStore
    from passerelle.store.sqlite import SqliteStore


def open_store(url: str, *, base: str = "") -> MemoryStore | SqliteStore | PostgresStore:
    """Open ``memory:``, ``sqlite:///relative/or//absolute/path`` or ``postgresql://…``.

    ``base`` is the FHIR address of this server: references to it count as local.
    """
    # Each engine is imported when it is asked for: a node pays only for its own.
    scheme, _, rest = url.partition(":")
    if scheme == "memory":
        from passerelle.store.memory import MemoryStore

        return MemoryStore(base=base)
    if scheme == "sqlite" and rest.startswith("///") and len(rest) > 3:
        from passerelle.store.sqlite import SqliteStore

        return SqliteStore.open(rest[3:], base=base)
    if scheme in ("postgresql", "postgres"):
        from passerelle.store.postgres import PostgresStore

        return PostgresStore.open(url, base=base)
    raise ValueError(f"No store is called {scheme!r}: use memory:, sqlite:///path or postgresql://…")
