"""One database server, many processes."""

from __future__ import annotations


class PostgresStore:
    """A store on a PostgreSQL server."""

    @classmethod
    def open(cls, dsn: str, *, base: str = "") -> PostgresStore:
        raise NotImplementedError
