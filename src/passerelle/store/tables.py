"""The tables of every SQL engine: what is true now, what was true, and the roads that lead there.

Everything lies where its patient lies: each table, primary key and index that must be unique leads with
``compartment``, so that the tables can be spread over machines by that column alone. It holds

- for a resource in a patient's compartment, the number of that patient (of the first, when there are several), which
  ``home`` knows by the patient's id,
- for a resource of no patient, a bucket of its type: the number of the type, below zero,
- in ``locator`` and ``home``, a hash of the reference or the id that is looked for: who knows only type and id finds
  compartment and number there, so a read is two look-ups that each go to one place,
- in ``facet``, the bucket of the type whose values it spells out. The table is small: spread, each place may have a copy.

A value that can be searched for is a *facet*: (type, name, text, system, exact, slot), written out once in ``facet``
however many resources have it. Its fingerprint stands for it in the ``terms`` of each resource, and for intervals in
``span``. So exact and inexact tests are one thing: a choice of facets. PostgreSQL finds the resources of a facet by an
inverted index of ``terms``; SQLite has none, so there ``posting`` is that index (``SQLITE`` lists what differs).
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
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, UUID

from passerelle.store import job_tables

metadata = MetaData()

# Both engines compare text by code point, as Python does, so that they sort and page alike.
TEXT = Text().with_variant(Text(collation="C"), "postgresql")
KEY = LargeBinary().with_variant(UUID(), "postgresql")
KEYS = LargeBinary().with_variant(ARRAY(UUID()), "postgresql")

HEAD = 120
"""How much of a text PostgreSQL indexes; longer than any ``Type/id``."""

SHORT = 10
"""Bytes of a fingerprint that SQLite keeps."""


def _key(name: str, kind: Any = BigInteger) -> Column[Any]:
    return Column(name, kind, primary_key=True, nullable=False, autoincrement=False)


def _needed(name: str, kind: Any = BigInteger) -> Column[Any]:
    return Column(name, kind, nullable=False)


def _version() -> tuple[Column[Any], ...]:
    return (
        _needed("version", Integer),
        _needed("id", TEXT),
        _needed("instant"),  # UTC epoch milliseconds
        _needed("method", SmallInteger),
        Column("packing", SmallInteger),  # how the body is packed; none when there is none
        Column("labels", TEXT),  # the security labels, each between newlines
        Column("others", TEXT),  # the further patients' numbers, each between spaces
    )


home = Table("home", metadata, _key("compartment"), _key("name", TEXT), _needed("number"))
"""The number of each patient's compartment, which is given when the patient is first heard of."""

locator = Table("locator", metadata, _key("compartment"), _key("rest"), _needed("home"), _needed("seq"))
"""Where each resource is: the compartment that is its home now, and its number."""

resource = Table(
    "resource",
    metadata,
    _key("compartment"),
    _key("type", SmallInteger),
    _key("seq"),  # the order in which resources were first written
    *_version(),
    _needed("terms", KEYS),  # the fingerprints of its facets
    Column("body", LargeBinary),  # none for a deletion
    Index("resource_by_type", "type", "seq"),
    Index("resource_by_moment", "instant"),
)
"""The current version of each resource, a deletion included."""

past = Table(
    "past",
    metadata,
    _key("compartment"),
    _key("type", SmallInteger),
    _key("seq"),
    *(_key("version", Integer), *_version()[1:]),
    Column("body", LargeBinary),
    Index("past_by_seq", "seq", "version"),
    Index("past_by_moment", "instant"),
)
"""The versions that were followed by another, each in the compartment that it was written to."""

member = Table(
    "member", metadata, _key("compartment"), _key("type", SmallInteger), _key("seq"), _needed("home")
)
"""The further patients in whose compartments a current version lies, beside the one that is its home."""

facet = Table(
    "facet",
    metadata,
    _needed("compartment"),
    _needed("key", KEY),
    _needed("name", TEXT),
    _needed("text", TEXT),
    _needed("system", TEXT),
    _needed("exact", TEXT),
    _needed("slot", Integer),
)
"""What can be searched for, written out. In PostgreSQL the same may stand here twice: that costs less than a check."""

span = Table(
    "span",
    metadata,
    _needed("compartment"),
    _needed("seq"),
    _needed("key", KEY),
    _needed("low", Float(53)),
    _needed("high", Float(53)),
    Index("span_by_value", "key", "low"),
)
"""The intervals of each current version: dates, numbers and quantities; the facet says of what."""

setting = Table("setting", metadata, _key("compartment"), _key("name", TEXT), _needed("value", TEXT))
"""What the store knows about itself, such as the meaning by which it is indexed."""

posting = Table("posting", MetaData(), _needed("key", KEY), _needed("seq"))
"""SQLite only: which resources have a facet."""

job, outbox = job_tables.add(metadata)

POSTGRESQL = (
    Index(
        "resource_by_term", resource.c.terms, postgresql_using="gin", postgresql_with={"fastupdate": "off"}
    ),
    Index("facet_by_text", facet.c.compartment, facet.c.name, func.left(facet.c.text, text(str(HEAD)))),
    Index("facet_by_key", facet.c.compartment, facet.c.key),
    Index("span_by_resource", span.c.compartment, span.c.seq),
)
