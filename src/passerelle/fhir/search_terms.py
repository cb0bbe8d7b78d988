"""The words of searching: what is asked (Query, Condition, Scope), what is indexed, and how the two compare."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from passerelle.fhir.outcome import Issue
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
    """For a composite: the kinds of its parts; ``kind`` is then that of the last."""
    coded: bool = False
    """A token whose values are plain codes or booleans, so that a system in a query says nothing."""
    rows: tuple[str, ...] = ()
    """The names of the index rows that hold its values: a value that several parameters share is written once.
    A composite has none: it is asked of the rows of its parts."""
    start: str = ""
    """For a reference to one type only (``patient``): what the text of a row must start with, ``Patient/``."""


# --- what is asked --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Clause:
    """One search parameter with its alternatives: some row of the resource passes some test (``search.tests``).

    With the modifier ``not`` no row may pass a test. With ``missing`` there are no tests: value ``true`` means
    that the resource has no such row, ``false`` that it has one.
    """

    name: str
    kind: Kind
    values: tuple[str, ...]
    r"""The alternatives as written, split at the commas; ``\,`` ``\|`` ``\$`` are still escaped."""
    modifier: str | None = None
    """exact, contains, missing, not, identifier, text, above, below, of-type; in and not-in until
    ``search.resolve`` has put the codes in. A type name for a reference is already in the values."""
    rows: tuple[str, ...] = ()
    """The names of the index rows that are looked at; empty is the one called ``name``."""
    start: str = ""
    """Only rows whose text starts with this are looked at. It only matters with ``missing`` and for sorting:
    every other test of such a clause says the whole text."""

    @property
    def names(self) -> tuple[str, ...]:
        return self.rows or (self.name,)


@dataclass(frozen=True)
class Chain:
    """A reference of the resource points to a resource of ``type`` that passes ``then``.

    ``subject:Patient.name=ann`` is ``Chain("subject", "Patient", Clause("name", …))``: there is a row of one of
    ``rows`` whose text is ``Patient/<id>`` of a current resource in scope. No other text counts (an absolute URL
    is elsewhere).
    """

    name: str
    type: str
    then: Condition
    rows: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return self.rows or (self.name,)


@dataclass(frozen=True)
class Has:
    """Some resource of ``type`` in scope that passes ``then`` has a row of one of ``rows`` that points here.

    ``Patient?_has:Observation:patient:code=1`` is ``Has("Observation", "patient", Clause("code", …))``.
    """

    type: str
    name: str
    then: Condition
    rows: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return self.rows or (self.name,)


@dataclass(frozen=True)
class Either:
    """At least one of ``any`` is passed. Empty is never passed."""

    any: tuple[Condition, ...]


@dataclass(frozen=True)
class All:
    """Each of ``all`` is passed. Empty is always passed. A composite of the resource itself is one of these."""

    all: tuple[Condition, ...]


@dataclass(frozen=True)
class Together:
    """A composite of a repeating element, such as ``component-code-value-quantity``.

    There is a ``slot`` (of 1 or more) in which every part has a passing row: each part is a plain Clause, and the
    rows that pass have the same ``slot``. To SQL: the index joined with itself on the resource and the slot.
    """

    parts: tuple[Clause, ...]


@dataclass(frozen=True)
class Typed:
    """The resource is of one of ``types`` and passes ``then``: what differs by type in a search across types."""

    types: tuple[str, ...]
    then: Condition


Condition = Clause | Chain | Has | Either | All | Together | Typed


@dataclass(frozen=True)
class Include:
    """One ``_include`` or ``_revinclude``: follow the references ``name`` of resources of type ``source``.

    ``name`` may be ``*`` (every reference parameter), ``source`` too (every type). With ``target`` only to, or for
    ``_revinclude`` only from matches of, that type. With ``iterate`` also from what was itself included.
    """

    source: str
    name: str
    target: str = ""
    iterate: bool = False


@dataclass(frozen=True)
class Query:
    """A parsed search: on one type, or with ``type`` "" on several."""

    type: str
    clauses: tuple[Condition, ...] = ()
    """All of them are passed."""
    sort: tuple[tuple[str, bool], ...] = ()
    """(parameter name, descending); ``search.sort_rows`` says which rows hold the values."""
    count: int = 50
    total: bool = True
    """Whether a total is wanted (``_total=none`` is not)."""
    summary: str | None = None
    elements: tuple[str, ...] = ()
    include: tuple[Include, ...] = ()
    revinclude: tuple[Include, ...] = ()
    scope: Scope = field(default=EVERYTHING)
    """It governs every resource that is looked at: matches, targets of chains, sources of ``_has``, includes."""
    types: tuple[str, ...] = ()
    """Which types a search with ``type`` "" is on; empty is every type."""
    after: str | None = None
    """The cursor of the page before (``fhir.search_cursor``); None is the first page."""
    ignored: tuple[Issue, ...] = ()
    """What was not understood and left out, because ``Prefer: handling=lenient`` allowed it."""

    def within(self, scope: Scope) -> Query:
        return replace(self, scope=scope)


# --- what is indexed ------------------------------------------------------------------------------------------


class IndexRow(NamedTuple):
    """One searchable value of one resource, for every engine (a tuple: a store writes millions).

    token: ``text`` = code, ``system`` = system (or ""), ``exact`` = folded display or text;
    string: ``text`` = folded, ``exact`` = as written;
    date: ``low``/``high`` = the covered interval in UTC epoch milliseconds (high exclusive);
    reference: ``text`` = ``Type/id`` or absolute URL, ``system`` = identifier system, ``exact`` = identifier
    value, or for a canonical its version; all empty for what is contained or only named;
    quantity/number: ``low``/``high`` = the half-open interval that holds exactly the number (or the
    Range), ``system`` and ``text`` = coded unit, ``exact`` = unit as displayed where that differs;
    uri: ``text``.

    ``name`` is not always a parameter: each value is written once, and ``Parameter.rows`` says which names a
    parameter reads (``combo-code`` reads ``code`` and ``component-code``; ``patient`` reads ``subject``). Two
    kinds of rows have names of their own: ``value-quantity~`` is the same quantity in canonical UCUM units (only
    where that differs), and ``identifier~`` an identifier by its type (``:of-type``: ``text`` = value, ``system``
    and ``exact`` = system and code of the type). A composite has no rows.

    ``slot`` is 0, or for a row within a repeating element that some composite pairs values of (such as
    ``Observation.component``) the number of that element, from 1.
    """

    name: str
    kind: Kind
    text: str = ""
    system: str = ""
    exact: str = ""
    low: float | None = None
    high: float | None = None
    slot: int = 0


@dataclass(frozen=True)
class Found:
    """One page of a search or a history: the matches of this page, what was included, and the total."""

    matches: tuple[Stored, ...]
    included: tuple[Stored, ...] = ()
    total: int | None = None
    more: bool = False
    next: str | None = None
    """The cursor that leads to the next page; None when this is the last."""


# --- how the two compare --------------------------------------------------------------------------------------

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
