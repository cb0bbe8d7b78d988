"""The tables of every SQL engine: what is true now, what was true, and the roads that lead there.

Everything lies where its patient lies: each table, primary key and index that must be unique leads with
``compartment``, so that the tables can be spread over machines by that column alone. It holds

- for a resource in a patient's compartment, the id of that Patient (of the first, when there are several),
- for a resource of no patient, a bucket of its type, such as ``~Organization``,
- in ``locator``, the resource's own reference, such as ``Observation/1``: who knows only type and id finds
  the compartment there, so a read is two look-ups that each go to one place.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
)

metadata = MetaData()

# Both engines compare text by code point, as Python does, so that they sort and page alike.
TEXT = Text().with_variant(Text(collation="C"), "postgresql")


def _table(name: str, *parts: Column[Any] | Index) -> Table:
    return Table(name, metadata, *parts, sqlite_with_rowid=False)


def _key(name: str, kind: Any = TEXT) -> Column[Any]:
    return Column(name, kind, primary_key=True, nullable=False, autoincrement=False)


resource = _table(
    "resource",
    _key("compartment"),
    _key("type"),
    _key("id"),
    Column("version", Integer, nullable=False),
    Column("instant", BigInteger, nullable=False),  # UTC epoch milliseconds
    Column("method", TEXT, nullable=False),
    Column("packing", SmallInteger),  # how the body is packed; none when there is none
    Column("body", LargeBinary),  # none for a deletion
    Column("refers", TEXT, nullable=False),  # the references that `everything` follows, with spaces between
    Index("resource_by_moment", "instant"),
)
"""The current version of each resource, a deletion included."""

# In the order of a search that asks for no other. What was deleted has no packing: it is not there, and since
# the packing is, nothing else need be read to count.
Index(
    "resource_by_time",
    *(resource.c.type, resource.c.instant.desc(), resource.c.id, resource.c.packing),
    sqlite_where=resource.c.packing.is_not(None),
    postgresql_where=resource.c.packing.is_not(None),
)

past = _table(
    "past",
    _key("compartment"),
    _key("type"),
    _key("id"),
    _key("version", Integer),
    Column("instant", BigInteger, nullable=False),
    Column("method", TEXT, nullable=False),
    Column("packing", SmallInteger),
    Column("body", LargeBinary),
    Index("past_by_time", "type", "instant"),
    Index("past_by_moment", "instant"),
)
"""The versions that were followed by another, each in the compartment that it was written to."""

locator = _table(
    "locator",
    _key("compartment"),
    _key("home"),
    Column("type", TEXT, nullable=False),
    Column("id", TEXT, nullable=False),
)
"""Every compartment that a resource has ever had its home in; ``resource`` has it in one of them."""

member = _table(
    "member", _key("compartment"), _key("home"), _key("type"), _key("id"), _key("version", Integer)
)
"""The further patients in whose compartments a version lies, beside the one that is its home."""

label = _table(
    "label", _key("compartment"), _key("type"), _key("id"), _key("version", Integer), _key("label")
)
"""The security labels of each version, as ``system|code``; a deletion keeps those of what it deleted."""

indexed = _table(
    "indexed",
    _key("compartment"),
    _key("type"),
    _key("id"),
    _key("name"),
    _key("place", SmallInteger),
    Column("text", TEXT, nullable=False),
    Column("system", TEXT, nullable=False),
    Column("exact", TEXT, nullable=False),
    Column("low", Float(53)),
    Column("high", Float(53)),
)
"""The searchable values of each current version (``fhir.search.index``)."""

# A row is found either by its text or by its interval, so it stands in one of these two, not in both.
Index(
    "indexed_by_text",
    *(indexed.c.type, indexed.c.name, indexed.c.text, indexed.c.compartment, indexed.c.id),
    sqlite_where=indexed.c.low.is_(None),
    postgresql_where=indexed.c.low.is_(None),
)
Index(
    "indexed_by_interval",
    *(indexed.c.type, indexed.c.name, indexed.c.low, indexed.c.compartment, indexed.c.id),
    sqlite_where=indexed.c.low.is_not(None),
    postgresql_where=indexed.c.low.is_not(None),
)
