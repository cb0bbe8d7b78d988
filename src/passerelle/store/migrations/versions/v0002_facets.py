"""Smaller and faster tables: numbers for compartments and types, each searchable value written out once.

What was kept is carried over; its index is made again when the store is opened (``store.reindex``).
"""

from __future__ import annotations

from itertools import groupby
from typing import Any

import sqlalchemy as sa
from alembic import op

from passerelle.store.numbers import METHOD_NUMBERS, NUMBERS, whereabouts
from passerelle.store.packing import pack, unpack

revision = "0002"
down_revision = "0001"

OLD = ("resource", "past", "locator", "member", "label", "indexed")
OLD_INDEXES = ("resource_by_time", "resource_by_moment", "past_by_time", "past_by_moment")
PART = 500

_BOTH = """
CREATE TABLE home (compartment BIGINT NOT NULL, name {text} NOT NULL, number BIGINT NOT NULL,
  PRIMARY KEY (compartment, name)) {without};
CREATE TABLE locator (compartment BIGINT NOT NULL, rest BIGINT NOT NULL, home BIGINT NOT NULL, seq BIGINT NOT NULL,
  PRIMARY KEY (compartment, rest)) {without};
CREATE TABLE resource (compartment BIGINT NOT NULL, type SMALLINT NOT NULL, seq {seq}, version INTEGER NOT NULL,
  id {text} NOT NULL, instant BIGINT NOT NULL, method SMALLINT NOT NULL, packing SMALLINT, labels {text},
  others {text}, terms {keys} NOT NULL, body {bytes}{resource_key});
CREATE INDEX resource_by_type ON resource (type, seq);
CREATE INDEX resource_by_moment ON resource (instant);
CREATE TABLE past (compartment BIGINT NOT NULL, type SMALLINT NOT NULL, seq BIGINT NOT NULL,
  version INTEGER NOT NULL, id {text} NOT NULL, instant BIGINT NOT NULL, method SMALLINT NOT NULL, packing SMALLINT,
  labels {text}, others {text}, body {bytes}, PRIMARY KEY (compartment, type, seq, version));
CREATE INDEX past_by_seq ON past (seq, version);
CREATE INDEX past_by_moment ON past (instant);
CREATE TABLE member (compartment BIGINT NOT NULL, type SMALLINT NOT NULL, seq BIGINT NOT NULL,
  home BIGINT NOT NULL, PRIMARY KEY (compartment, type, seq)) {without};
CREATE TABLE facet (compartment BIGINT NOT NULL, key {key} NOT NULL, name {text} NOT NULL, text {text} NOT NULL,
  system {text} NOT NULL, exact {text} NOT NULL, slot INTEGER NOT NULL{facet_key}) {without};
CREATE TABLE span (compartment BIGINT NOT NULL, seq BIGINT NOT NULL, key {key} NOT NULL,
  low DOUBLE PRECISION NOT NULL, high DOUBLE PRECISION NOT NULL{span_key}) {without};
CREATE INDEX span_by_value ON span (key, low);
CREATE TABLE setting (compartment BIGINT NOT NULL, name {text} NOT NULL, value {text} NOT NULL,
  PRIMARY KEY (compartment, name)) {without};
"""

_SQLITE = """
CREATE INDEX resource_by_home ON resource (compartment, type, seq);
CREATE INDEX facet_by_text ON facet (compartment, name, text);
CREATE TABLE posting (key BLOB NOT NULL, seq BIGINT NOT NULL, PRIMARY KEY (key, seq)) WITHOUT ROWID;
"""

_POSTGRESQL = """
CREATE SEQUENCE resource_number;
CREATE SEQUENCE home_number;
CREATE INDEX resource_by_term ON resource USING gin (terms) WITH (fastupdate = off);
CREATE INDEX facet_by_text ON facet (compartment, name, "left"(text, 120));
CREATE INDEX facet_by_key ON facet (compartment, key);
CREATE INDEX span_by_resource ON span (compartment, seq);
ALTER TABLE resource ALTER COLUMN body SET STORAGE EXTERNAL;
ALTER TABLE past ALTER COLUMN body SET STORAGE EXTERNAL;
"""

_WORDS = {
    "sqlite": {
        "text": "TEXT", "key": "BLOB", "keys": "BLOB", "bytes": "BLOB", "without": "WITHOUT ROWID",
        "seq": "INTEGER NOT NULL PRIMARY KEY", "resource_key": "", "facet_key": ", PRIMARY KEY (key, name, text)",
        "span_key": ", PRIMARY KEY (compartment, seq, key, low, high)",
    },
    "postgresql": {
        "text": 'TEXT COLLATE "C"', "key": "UUID", "keys": "UUID[]", "bytes": "BYTEA", "without": "",
        "seq": "BIGINT NOT NULL", "resource_key": ", PRIMARY KEY (compartment, type, seq)", "facet_key": "",
        "span_key": "",
    },
}  # fmt: skip


def upgrade() -> None:
    """Set the old tables aside, make the new ones, carry over, drop the old."""
    dialect = op.get_bind().dialect.name
    for name in OLD:
        op.rename_table(name, f"old_{name}")
    for name in OLD_INDEXES:  # an index keeps its name when its table gets another
        op.execute(f"DROP INDEX {name}")
    _make(dialect)
    homes = _Homes(op.get_bind())
    _carry(op.get_bind(), homes, dialect)
    for name in OLD:
        op.drop_table(f"old_{name}")


def _make(dialect: str) -> None:
    text = _BOTH.format(**_WORDS[dialect]) + (_SQLITE if dialect == "sqlite" else _POSTGRESQL)
    if dialect == "postgresql":  # a primary key keeps its name too
        for name in OLD:
            op.execute(f"ALTER INDEX {name}_pkey RENAME TO old_{name}_pkey")
    for statement in text.split(";"):
        if statement.strip():
            op.execute(statement)


class _Homes:
    """Numbers for the compartments, in the order in which they are met."""

    def __init__(self, bind: sa.Connection) -> None:
        self._bind = bind
        self._known: dict[str, int] = {}

    def number(self, compartment: str) -> int:
        if compartment.startswith("~"):
            return -NUMBERS[compartment[1:]]
        if compartment not in self._known:
            self._known[compartment] = number = len(self._known) + 1
            values = {"c": whereabouts(compartment)[0], "n": compartment, "x": number}
            self._bind.execute(sa.text("INSERT INTO home VALUES (:c, :n, :x)"), values)
        return self._known[compartment]

    def __len__(self) -> int:
        return len(self._known)


_ORDER = """
SELECT r.compartment, r.type, r.id, coalesce((SELECT min(p.instant) FROM old_past p JOIN old_locator l
    ON l.home = p.compartment AND l.type = p.type AND l.id = p.id
  WHERE l.compartment = r.type || '/' || r.id), r.instant) AS first
FROM old_resource r ORDER BY first, r.type, r.id
"""

_VERSIONS = """
SELECT compartment, version, instant, method, packing, body, refers FROM old_resource
WHERE compartment = :compartment AND type = :type AND id = :id
"""

_PAST = """
SELECT p.compartment, p.version, p.instant, p.method, p.packing, p.body FROM old_past p JOIN old_locator l
  ON l.home = p.compartment AND l.type = p.type AND l.id = p.id WHERE l.compartment = :reference
"""

_INSERT = """
INSERT INTO {table} (compartment, type, seq, version, id, instant, method, packing, labels, others, body{more})
VALUES (:compartment, :type, :seq, :version, :id, :instant, :method, :packing, :labels, :others, :body{values})
"""


def _carry(bind: sa.Connection, homes: _Homes, dialect: str) -> None:
    every = bind.execute(sa.text(_ORDER)).fetchall()
    empty = "''" if dialect == "sqlite" else "'{}'"
    current = sa.text(_INSERT.format(table="resource", more=", terms", values=f", {empty}"))
    earlier = sa.text(_INSERT.format(table="past", more="", values=""))
    for seq, (compartment, type, id, _) in enumerate(every, 1):
        key = {"compartment": compartment, "type": type, "id": id}
        beside = _Beside(bind, homes, type, id)
        row = bind.execute(sa.text(_VERSIONS), key).one()
        packing, body = (None, None) if row[5] is None else pack(unpack(row[4], row[5]), row[6].split())
        bind.execute(current, beside.version(seq, (*row[:4], packing, body)))
        hash, rest = whereabouts(f"{type}/{id}")
        place = {"c": hash, "r": rest, "h": homes.number(compartment), "s": seq}
        bind.execute(sa.text("INSERT INTO locator VALUES (:c, :r, :h, :s)"), place)
        for old in bind.execute(sa.text(_PAST), {"reference": f"{type}/{id}"}).fetchall():
            bind.execute(earlier, beside.version(seq, old))
    if dialect == "postgresql":
        op.execute(f"SELECT setval('resource_number', {len(every) + 1}, false)")
        op.execute(f"SELECT setval('home_number', {len(homes) + 1}, false)")


class _Beside:
    """What stands in other tables about the versions of one resource."""

    def __init__(self, bind: sa.Connection, homes: _Homes, type: str, id: str) -> None:
        self._homes, self._type, self._id = homes, type, id
        key = {"type": type, "id": id}
        labels = bind.execute(
            sa.text("SELECT compartment, version, label FROM old_label WHERE type = :type AND id = :id"), key
        ).fetchall()
        members = bind.execute(
            sa.text("SELECT home, version, compartment FROM old_member WHERE type = :type AND id = :id"), key
        ).fetchall()
        self._labels = {place: [row[2] for row in rows] for place, rows in _by_version(labels)}
        self._members = {place: [row[2] for row in rows] for place, rows in _by_version(members)}

    def version(self, seq: int, row: Any) -> dict[str, Any]:
        compartment, version, instant, method, packing, body = row
        labels = self._labels.get((compartment, version), ())
        others = self._members.get((compartment, version), ())
        written = [label.replace("\\", "\\\\").replace("\n", "\\n") for label in sorted(labels)]
        return {
            "compartment": self._homes.number(compartment), "type": NUMBERS[self._type], "seq": seq,
            "version": version, "id": self._id, "instant": instant, "method": METHOD_NUMBERS[method],
            "packing": packing, "body": body,
            "labels": "\n" + "\n".join(written) + "\n" if written else None,
            "others": f" {' '.join(str(self._homes.number(other)) for other in others)} " if others else None,
        }  # fmt: skip


def _by_version(rows: Any) -> Any:
    return [(key, list(group)) for key, group in groupby(sorted(map(tuple, rows)), lambda row: row[:2])]
