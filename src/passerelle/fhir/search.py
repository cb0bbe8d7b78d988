"""What does a search mean? ``parse`` reads it, ``matches`` defines it, ``index`` feeds the SQL engines."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from passerelle.fhir.resource import Stored

Kind = Literal["token", "string", "date", "reference", "quantity", "number", "uri", "special"]


@dataclass(frozen=True)
class Scope:
    """What a decision lets a query see; the store applies it before anything is counted or paged."""

    compartment: str | None = None
    """Only this patient's compartment (a Patient id) and what is about no patient at all."""
    hidden: frozenset[str] = frozenset()
    """``system|code`` of meta.security labels that are left out."""
    types: frozenset[str] | None = None
    """Only these resource types. None is all types; an empty set is none."""


EVERYTHING = Scope()


@dataclass(frozen=True)
class Clause:
    """One search parameter with its alternatives: ``values`` are ORed, clauses are ANDed."""

    name: str
    kind: Kind
    values: tuple[str, ...]
    """The alternatives as written, unescaped (`\\,` `\\|` `\\$` handled by the parser of each kind)."""
    modifier: str | None = None
    """exact, contains, missing, not, identifier, text, or a type name for a reference."""


@dataclass(frozen=True)
class Query:
    """A parsed search on one type."""

    type: str
    clauses: tuple[Clause, ...] = ()
    sort: tuple[tuple[str, bool], ...] = ()
    """(parameter name, descending)."""
    count: int = 50
    offset: int = 0
    total: bool = True
    summary: str | None = None
    elements: tuple[str, ...] = ()
    include: tuple[tuple[str, str], ...] = ()
    """_include as (source type, reference parameter)."""
    revinclude: tuple[tuple[str, str], ...] = ()
    scope: Scope = field(default=EVERYTHING)

    def within(self, scope: Scope) -> Query:
        return replace(self, scope=scope)


@dataclass(frozen=True)
class IndexRow:
    """One searchable value of one resource, lowered for the SQL engines.

    token: ``text`` = code, ``system`` = system (or ""); string: ``text`` = folded, ``exact`` = as written;
    date: ``low``/``high`` = the covered interval in UTC epoch milliseconds (high exclusive);
    reference: ``text`` = ``Type/id`` or absolute URL, ``system`` = identifier system, ``exact`` = identifier
    value; quantity/number: ``low``/``high`` = the implied range as floats, ``system`` and ``text`` = unit;
    uri: ``text``.
    """

    name: str
    kind: Kind
    text: str = ""
    system: str = ""
    exact: str = ""
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Found:
    """One page of a search or a history: the matches of this page, what was included, and the total."""

    matches: tuple[Stored, ...]
    included: tuple[Stored, ...] = ()
    total: int | None = None
    more: bool = False


Operator = Literal["is", "starts", "contains", "exact", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"]


@dataclass(frozen=True)
class Test:
    """One comparison against an index row; a field that is None is not compared.

    ``is``: text, system and exact are equal where given. ``starts``/``contains``: on ``row.text`` (folded).
    ``exact``: on ``row.exact``. The others compare the half-open intervals [low, high) as R4 defines for
    prefixes (https://hl7.org/fhir/R4/search.html#prefix): eq = the row lies within the test, ne = it does not,
    gt = row.high > test.high, lt = row.low < test.low, ge = gt or eq, le = lt or eq, sa = row.low >= test.high,
    eb = row.high <= test.low, ap = they overlap (the test is already widened). An open end is an infinity.
    """

    operator: Operator
    text: str | None = None
    system: str | None = None
    exact: str | None = None
    low: float | None = None
    high: float | None = None


# To be written here: parse, tests, holds, index, matches, parameters.
