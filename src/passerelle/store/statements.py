"""The SQL that writes, the same words for SQLite and PostgreSQL. What reads is composed in ``queries``."""

from __future__ import annotations

CURRENT = """
SELECT r.compartment, r.version, r.instant, r.method, r.body IS NULL
FROM locator l JOIN resource r ON r.compartment = l.home AND r.type = l.type AND r.id = l.id
WHERE l.compartment = ?
"""

LATEST = "SELECT max(instant) FROM resource"

INSERT_RESOURCE = "INSERT INTO resource VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"

UPDATE_RESOURCE = """
UPDATE resource SET version = ?, instant = ?, method = ?, packing = ?, body = ?, refers = ?
WHERE compartment = ? AND type = ? AND id = ?
"""

DELETE_RESOURCE = "DELETE FROM resource WHERE compartment = ? AND type = ? AND id = ?"

KEEP_PAST = """
INSERT INTO past (compartment, type, id, version, instant, method, packing, body)
SELECT compartment, type, id, version, instant, method, packing, body
FROM resource WHERE compartment = ? AND type = ? AND id = ?
"""

INSERT_LOCATOR = "INSERT INTO locator VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"

INSERT_MEMBER = "INSERT INTO member VALUES (?, ?, ?, ?, ?)"

INSERT_LABEL = "INSERT INTO label VALUES (?, ?, ?, ?, ?)"

INSERT_INDEXED = "INSERT INTO indexed VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

DELETE_INDEXED = "DELETE FROM indexed WHERE compartment = ? AND type = ? AND id = ?"

# A deletion lies where the version before it lay, and under the same labels: else it would tell of it.
INHERIT_MEMBERS = """
INSERT INTO member SELECT compartment, home, type, id, version + 1
FROM member WHERE home = ? AND type = ? AND id = ? AND version = ?
"""

INHERIT_LABELS = """
INSERT INTO label SELECT compartment, type, id, version + 1, label
FROM label WHERE compartment = ? AND type = ? AND id = ? AND version = ?
"""


def known(count: int) -> str:
    """Which of ``count`` references exist or have existed."""
    return f"SELECT compartment FROM locator WHERE compartment IN ({', '.join('?' * count)})"  # noqa: S608  only marks
