"""The words of searching: what is asked (Query, Clause, Scope), what is indexed, and how one compares with the other."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

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
class Parameter:
    """A search parameter that a type understands here."""

    name: str
    kind: Kind
    targets: tuple[str, ...] = ()
    """For a reference: the resource types it may point to; empty is any."""
    parts: tuple[Kind, ...] = ()
    """For a composite: the kinds of its two halves; ``kind`` is then that of the second."""
    coded: bool = False
    """A token whose values are plain codes or booleans, so that a system in a query says nothing."""


@dataclass(frozen=True)
class Clause:
    """One search parameter with its alternatives: ``values`` are ORed, clauses are ANDed."""

    name: str
    kind: Kind
    values: tuple[str, ...]
    r"""The alternatives as written, split at the commas; ``\,`` ``\|`` ``\$`` are still escaped."""
    modifier: str | None = None
    """exact, contains, missing, not, identifier, text, above, below. A type name for a reference is already
    in the values. With ``not`` no row of the resource may pass a test; with ``missing`` there are no tests:
    value ``true`` means that the resource has no row of this name, ``false`` that it has one."""
    parts: tuple[Kind, ...] = ()
    """For a composite: the kinds of its two halves."""


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
    """_include as (source type, reference parameter); the parameter may be ``*``, and may end in
    ``:Type`` to follow only references to that type (``search.included`` does all of that)."""
    revinclude: tuple[tuple[str, str], ...] = ()
    scope: Scope = field(default=EVERYTHING)

    def within(self, scope: Scope) -> Query:
        return replace(self, scope=scope)


class IndexRow(NamedTuple):
    """One searchable value of one resource, lowered for the SQL engines (a tuple: a store writes millions).

    token: ``text`` = code, ``system`` = system (or ""), ``exact`` = folded display or text;
    string: ``text`` = folded, ``exact`` = as written;
    date: ``low``/``high`` = the covered interval in UTC epoch milliseconds (high exclusive);
    reference: ``text`` = ``Type/id`` or absolute URL, ``system`` = identifier system, ``exact`` = identifier
    value; quantity/number: ``low``/``high`` = the half-open interval that holds exactly the number (or the
    Range), ``system`` and ``text`` = coded unit, ``exact`` = unit as displayed;
    uri: ``text``;
    composite: the row of its second half (whose kind it has), ``exact`` = ``system|code`` and in a second row
    ``code`` of its first half.
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


Operator = Literal[
    "is", "starts", "contains", "named", "exact", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"
]


@dataclass(frozen=True)
class Test:
    """One comparison against an index row; a field that is None is not compared.

    text, system and exact must be equal where given, except that ``starts``/``contains`` ask that ``row.text``
    starts with or contains ``text`` (both folded), and ``named`` that ``row.exact`` starts with ``exact``
    (tokens by their display, folded). ``is`` and ``exact`` compare nothing more. The others also compare the
    half-open intervals [low, high) as R4 defines for
    prefixes (https://hl7.org/fhir/R4/search.html#prefix): eq = the row lies within the test, ne = it does not,
    gt = row.high > test.high, lt = row.low < test.low, ge = gt or eq, le = lt or eq, sa = row.low >= test.high,
    eb = row.high <= test.low, ap = they overlap (the test is already widened). An open end is an infinity.
    """

    __test__ = False  # not a test case, whatever pytest thinks of the name

    operator: Operator
    text: str | None = None
    system: str | None = None
    exact: str | None = None
    low: float | None = None
    high: float | None = None
