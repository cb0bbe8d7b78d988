"""The SQL that writes, the same words for SQLite and PostgreSQL. What reads is composed in ``queries``."""

from __future__ import annotations

# What others do is told anew each time only after what was told before is forgotten.
UNDER_WAY = """
SELECT pid FROM (SELECT pg_stat_clear_snapshot()) AS forgotten, pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start <= to_timestamp(?) AND state <> 'idle'
LIMIT 1
"""

CURRENT = """
SELECT r.compartment, r.seq, r.version, r.instant, r.method, r.body IS NULL, r.terms, r.others
FROM locator l JOIN resource r ON r.compartment = l.home AND r.type = ? AND r.seq = l.seq
WHERE l.compartment = ? AND l.rest = ? AND r.id = ?
"""

# Of many, in PostgreSQL; a few more, if two references share half of a fingerprint.
CURRENT_OF = """
SELECT r.compartment, r.seq, r.version, r.instant, r.method, r.body IS NULL, r.terms, r.others, r.type, r.id
FROM locator l JOIN resource r ON r.compartment = l.home AND r.seq = l.seq
WHERE l.compartment = ANY(?) AND r.type = ANY(?)
"""

LATEST = "SELECT max(instant) FROM resource"
LAST_SEQ = "SELECT max(seq) FROM resource"
LAST_HOME = "SELECT max(number) FROM home"

HOME = "SELECT number FROM home WHERE compartment = ? AND name = ?"

INSERTS = {
    "home": "INSERT INTO home VALUES (?, ?, ?)",
    "resource": "INSERT INTO resource VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    "locator": "INSERT INTO locator VALUES (?, ?, ?, ?)",
    "member": "INSERT INTO member VALUES (?, ?, ?, ?)",
    "facet": "INSERT INTO facet VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
    "posting": "INSERT INTO posting VALUES (?, ?)",
    "span": "INSERT INTO span VALUES (?, ?, ?, ?, ?)",
}
"""By table, in the order in which they are written."""

UPDATE_RESOURCE = """
UPDATE resource SET version = ?, id = ?, instant = ?, method = ?, packing = ?, labels = ?, others = ?, terms = ?, body = ?
WHERE compartment = ? AND type = ? AND seq = ?
"""

# A deletion lies where the version before it lay, and under the same labels: else it would tell of it.
UPDATE_DELETED = """
UPDATE resource SET version = ?, instant = ?, method = ?, packing = NULL, terms = ?, body = NULL
WHERE compartment = ? AND type = ? AND seq = ?
"""

# Of what was erased not even the labels are left.
ERASE = """
UPDATE resource SET version = ?, instant = ?, method = ?, packing = NULL, labels = NULL, others = NULL, terms = ?,
  body = NULL WHERE compartment = ? AND type = ? AND seq = ?
"""

DELETE_RESOURCE = "DELETE FROM resource WHERE compartment = ? AND type = ? AND seq = ?"

KEEP_PAST = """
INSERT INTO past (compartment, type, seq, version, id, instant, method, packing, labels, others, body)
SELECT compartment, type, seq, version, id, instant, method, packing, labels, others, body
FROM resource WHERE compartment = ? AND type = ? AND seq = ?
"""

MOVE = "UPDATE locator SET home = ? WHERE compartment = ? AND rest = ?"

DELETE_SPANS = "DELETE FROM span WHERE compartment = ? AND seq = ?"

DELETE_MEMBER = "DELETE FROM member WHERE compartment = ? AND type = ? AND seq = ?"

DELETE_POSTING = "DELETE FROM posting WHERE key = ? AND seq = ?"

REFILE = """
UPDATE resource SET compartment = ?, labels = ?, others = ?, terms = ? WHERE compartment = ? AND type = ? AND seq = ?
"""

RELOCATE = "UPDATE locator SET home = ? WHERE seq = ? AND home = ?"

SPANS = "SELECT key, low, high FROM span WHERE compartment = ? AND seq = ?"

PAST = """
INSERT INTO past (compartment, type, seq, version, id, instant, method, packing, labels, others, body)
SELECT compartment, type, seq, version, id, instant, method, packing, labels, others, body
FROM resource WHERE compartment = ? AND type = ? AND seq = ?
"""

MOVE = "UPDATE locator SET home = ? WHERE compartment = ? AND rest = ?"

DELETE_SPANS = "DELETE FROM span WHERE compartment = ? AND seq = ?"

DELETE_MEMBER = "DELETE FROM member WHERE compartment = ? AND type = ? AND seq = ?"

DELETE_POSTING = "DELETE FROM posting WHERE key = ? AND seq = ?"

TERMS = "UPDATE resource SET terms = ? WHERE compartment = ? AND type = ? AND seq = ?"

PAST = "SELECT packing, body FROM past WHERE seq = ? AND body IS NOT NULL"

BODY = (
    "SELECT packing, body FROM resource WHERE compartment = ? AND type = ? AND seq = ? AND body IS NOT NULL"
)

DELETE_PAST = "DELETE FROM past WHERE seq = ?"

# INVARIANT: what a later change may take as written out is never taken away from under it: see ``Lexicon.generation``.
DELETE_FACET = {
    "sqlite": """
DELETE FROM facet WHERE compartment = ? AND key = ? AND NOT EXISTS (SELECT 1 FROM posting p WHERE p.key = facet.key)
  AND NOT EXISTS (SELECT 1 FROM span s WHERE s.key = facet.key)
""",
    "postgresql": """
DELETE FROM facet WHERE compartment = ? AND key = ?
  AND NOT EXISTS (SELECT 1 FROM resource r WHERE r.terms @> ARRAY[facet.key])
  AND NOT EXISTS (SELECT 1 FROM span s WHERE s.key = facet.key)
""",
}

SETTING = "SELECT value FROM setting WHERE compartment = 0 AND name = ?"

SET = """
INSERT INTO setting VALUES (0, ?, ?) ON CONFLICT (compartment, name) DO UPDATE SET value = excluded.value
"""


NEXT_GENERATION = """
INSERT INTO setting VALUES (0, 'erasures', '1')
ON CONFLICT (compartment, name) DO UPDATE SET value = CAST(CAST(setting.value AS BIGINT) + 1 AS TEXT)
"""
