"""What a change writes: rows that wait together, and the numbers that are given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from passerelle.fhir.resource import Stored
from passerelle.store import statements
from passerelle.store.clock import milliseconds
from passerelle.store.facets import Described, Key, Lexicon, packed, terms_of
from passerelle.store.filing import BUCKET, Filing
from passerelle.store.numbers import METHOD_NUMBERS, NUMBERS, TYPES, bucket, whereabouts
from passerelle.store.packing import pack
from passerelle.store.session import Numbers, Session

Row = tuple[Any, ...]

MOST_HOMES = 50_000

FEW = 4
"""How many resources are not worth a look of their own before they are written."""


@dataclass
class Known:
    """What a store has learnt of its database, and need not ask again. It outlives the changes."""

    lexicon: Lexicon
    homes: dict[str, int] = field(default_factory=dict)

    def home(self, session: Session, patient: str, *, sure: bool) -> int | None:
        """The number of a patient's compartment, which never changes; None if nobody has heard of the patient.

        ``sure``: what the session sees is committed. What is not may be taken back, and must not be remembered.
        """
        found = self.homes.get(patient)
        if found is None:
            rows = session.rows(statements.HOME, (whereabouts(patient)[0], patient))
            if rows:
                found = rows[0][0]
                if sure:
                    self.learn_homes({patient: found})
        return found

    def forget(self) -> None:
        """What was learnt may be wrong: the database was changed beside this program."""
        self.lexicon.forget()
        self.homes.clear()

    def learn_homes(self, homes: dict[str, int]) -> None:
        if len(self.homes) > MOST_HOMES:
            self.homes.clear()
        self.homes.update(homes)


class Before(NamedTuple):
    """What was there when a resource is written again."""

    compartment: int
    seq: int
    version: int
    instant: int
    method: int
    deleted: bool
    terms: Any
    others: str | None


class Writing:
    """The rows of one change. They wait until something is asked, or the change ends."""

    def __init__(self, session: Session, known: Known, numbers: Numbers) -> None:
        self._session = session
        self._known = known
        self._numbers = numbers
        self._described = Described(known.lexicon)
        self._rows: dict[str, list[Any]] = {name: [] for name in statements.INSERTS}
        self._homes: dict[str, int] = {}
        self._packed = packed(session.dialect)
        self._sure = False
        self._foreseen: dict[str, Before | None] = {}
        self.touched: set[str] = set()
        """The references that have rows waiting."""

    # --- looking ---

    def before(self, type: str, id: str) -> Before | None:
        reference = f"{type}/{id}"
        if reference in self.touched:
            self.flush()
        if not self._sure:
            self._check_generation()
        if reference in self._foreseen:
            return self._foreseen.pop(reference)
        rows = self._session.rows(statements.CURRENT, (NUMBERS[type], *whereabouts(reference), id))
        return Before._make(rows[0]) if rows else None

    def foresee(self, references: Sequence[str]) -> None:
        """Look once for what will be asked for one by one. In SQLite that is no gain: nothing is far away there."""
        known = [one for one in references if one.partition("/")[0] in NUMBERS and one not in self.touched]
        if self._session.dialect == "sqlite" or len(known) < FEW:
            return
        types = sorted({NUMBERS[one.partition("/")[0]] for one in known})
        rows = self._session.rows(statements.CURRENT_OF, ([whereabouts(one)[0] for one in known], types))
        found = {f"{TYPES[row[8]]}/{row[9]}": Before._make(row[:8]) for row in rows}
        self._foreseen = {one: found.get(one) for one in known}

    def _check_generation(self) -> None:
        """Another process may have erased facets since this one learnt them (PostgreSQL)."""
        self._sure = True
        if self._session.dialect == "postgresql":
            rows = self._session.rows(statements.SETTING, ("erasures",))
            generation = rows[0][0] if rows else None
            if generation != self._known.lexicon.generation:
                self._known.lexicon.forget()
                self._known.lexicon.generation = generation

    def home(self, compartment: str) -> int:
        """The number of a compartment, given now if the patient is new here."""
        if compartment.startswith(BUCKET):
            return bucket(compartment[len(BUCKET) :])
        found = self._homes.get(compartment)
        if found is None:
            found = self._known.home(self._session, compartment, sure=False)
            if found is None:
                found = self._numbers.next_home()
                self._rows["home"].append((whereabouts(compartment)[0], compartment, found))
            self._homes[compartment] = found
        return found

    # --- writing ---

    def insert(self, stored: Stored, filing: Filing) -> None:
        """What is new here."""
        seq, home = self._numbers.next_seq(), self.home(filing.place.home)
        self._put(home, seq, stored, filing)
        self._rows["locator"].append((*whereabouts(stored.reference), home, seq))
        self.touched.add(stored.reference)

    def replace(self, before: Before, stored: Stored, filing: Filing) -> None:
        """The next version of what is here."""
        self.retire(before, stored.type)
        home = self.home(filing.place.home)
        key = before.compartment, NUMBERS[stored.type], before.seq
        if home == before.compartment:
            row = self._row(home, before.seq, stored, filing)
            self._session.write(statements.UPDATE_RESOURCE, [(*row[3:], *key)])
        else:  # the resource was about somebody else: it moves, its past stays where it was
            self._session.write(statements.DELETE_RESOURCE, [key])
            self._session.write(statements.MOVE, [(home, *whereabouts(stored.reference))])
            self._put(home, before.seq, stored, filing)
        self.touched.add(stored.reference)

    def delete(self, before: Before, stored: Stored) -> None:
        self.retire(before, stored.type)
        method, empty = METHOD_NUMBERS[stored.method], self._packed([])
        values = stored.version, milliseconds(stored.instant), method, empty
        key = before.compartment, NUMBERS[stored.type], before.seq
        self._session.write(statements.UPDATE_DELETED, [(*values, *key)])

    def retire(self, before: Before, type: str) -> None:
        """Keep the version that is followed, and take its rows out of the index."""
        self.flush()
        key = before.compartment, NUMBERS[type], before.seq
        self._session.write(statements.KEEP_PAST, [key])
        self.unfile(before, type)

    def unfile(self, before: Before, type: str) -> None:
        if self._session.dialect == "sqlite":
            postings = [(term, before.seq) for term in terms_of(before.terms)]
            self._many(statements.DELETE_POSTING, postings)
        self._session.write(statements.DELETE_SPANS, [(before.compartment, before.seq)])
        others = [(int(other), NUMBERS[type], before.seq) for other in (before.others or "").split()]
        self._many(statements.DELETE_MEMBER, others)

    def erase(self, before: Before, type: str, version: int, at: int) -> None:
        """Leave nothing of any version but that there was something."""
        key = before.compartment, NUMBERS[type], before.seq
        method = METHOD_NUMBERS["PURGE"]
        self._session.write(statements.DELETE_PAST, [(before.seq,)])
        self._session.write(statements.ERASE, [(version, at, method, self._packed([]), *key)])

    def unsay(self, home: int, keys: Iterable[Key]) -> None:
        """Forget how some facets are spelled, where nothing else has them."""
        self.flush()
        self._known.lexicon.forget()
        self._described.fresh.clear()
        self._many(statements.DELETE_FACET[self._session.dialect], [(home, key) for key in keys])
        if self._session.dialect == "postgresql":
            self._session.write(statements.NEXT_GENERATION, [()])

    def refile(self, before: Before, type: str, filing: Filing) -> None:
        """The place and the index of a resource that is itself not written again."""
        home, key = self.home(filing.place.home), (before.compartment, NUMBERS[type], before.seq)
        terms = self._file(home, before.seq, type, filing)
        self.flush()
        values = home, worn(filing.place.labels), self._others(filing), terms
        self._session.write(statements.REFILE, [(*values, *key)])
        self._session.write(
            statements.RELOCATE, [(home, before.seq, before.compartment)] * (home != before.compartment)
        )

    def is_filed(self, before: Before, type: str, filing: Filing) -> bool:
        """Whether a resource lies where it should, and its index says what it should."""
        terms, spans = self._described.describe(type, filing.index)
        self.flush()
        if set(terms_of(before.terms)) != set(terms):
            return False
        rows = self._session.rows(statements.SPANS, (before.compartment, before.seq))
        kept = {(terms_of([key])[0] if isinstance(key, UUID) else key, low, high) for key, low, high in rows}
        here = before.compartment, before.others
        return kept == set(spans) and here == (self.home(filing.place.home), self._others(filing))

    def _others(self, filing: Filing) -> str | None:
        others = [str(self.home(other)) for other in filing.place.others]
        return f" {' '.join(others)} " if others else None

    def _put(self, home: int, seq: int, stored: Stored, filing: Filing) -> None:
        self._rows["resource"].append(self._row(home, seq, stored, filing))

    def _row(self, home: int, seq: int, stored: Stored, filing: Filing) -> Row:
        packing, body = pack(stored.body or b"", filing.refers)
        return (
            home,
            NUMBERS[stored.type],
            seq,
            stored.version,
            stored.id,
            milliseconds(stored.instant),
            METHOD_NUMBERS[stored.method],
            packing,
            worn(filing.place.labels),
            self._others(filing),
            self._file(home, seq, stored.type, filing),
            body,
        )

    def _file(self, home: int, seq: int, type: str, filing: Filing) -> Any:
        terms, spans = self._described.describe(type, filing.index)
        if spans:
            self._rows["span"] += [(home, seq, *span) for span in spans]
        if self._session.dialect == "sqlite":
            self._rows["posting"] += [(term, seq) for term in terms]
        for other in filing.place.others:
            self._rows["member"].append((self.home(other), NUMBERS[type], seq, home))
        return self._packed(terms)

    # --- together ---

    def flush(self) -> None:
        """Write what waits."""
        self._rows["facet"], self._described.rows = self._described.rows, []
        self._rows["posting"].sort()  # neighbours share a page
        for table, rows in self._rows.items():
            if rows:
                self._session.insert(table, rows)
                self._rows[table] = []
        self.touched.clear()

    def keys(self, type: str, filing: Filing) -> tuple[set[Key], set[tuple[Key, float, float]]]:
        """What the index of a resource holds when it is right."""
        terms, spans = self._described.describe(type, filing.index)
        return set(terms), set(spans)

    def learn(self) -> None:
        """After the commit: what this change wrote is known from now on."""
        self._known.lexicon.learn(self._described.fresh)
        self._known.learn_homes(self._homes)

    def _many(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        if some := list(rows):
            self._session.write(sql, some)


def worn(labels: Sequence[str]) -> str | None:
    """Security labels as a column holds them: each between newlines."""
    if not labels:
        return None
    return "\n" + "\n".join(label.replace("\\", "\\\\").replace("\n", "\\n") for label in labels) + "\n"
