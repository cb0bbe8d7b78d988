"""The SQL of a condition: which rows of ``resource`` pass it (``fhir.search_meaning.passes``).

Every condition can be asked of a row (``passing``). SQLite does not plan by what it knows of the values, so for it the
condition that is likely to leave least is also turned around (``seats``): a list of the resources that pass.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Select,
    and_,
    any_,
    case,
    cast,
    false,
    func,
    literal_column,
    not_,
    or_,
    select,
    true,
    tuple_,
    union_all,
)
from sqlalchemy.sql.selectable import FromClause

from passerelle.store.comparing import interval_passes, moment_passes
from passerelle.store.compose import ONE, ZERO, Condition, Dialect, among, text_position, value, within
from passerelle.store.ranking import is_by_terms, is_exact, leading, rank_of
from passerelle.store.shapes import (
    AllOf,
    Always,
    AnyOf,
    Candidates,
    ConditionShape,
    Ids,
    Kinds,
    Linked,
    Moments,
    OfTypes,
    Pointed,
    Present,
    Slotted,
    Spans,
    TestShape,
    Words,
)
from passerelle.store.tables import HEAD, facet, locator, member, posting, resource, span

_HEAD: Condition = literal_column(str(HEAD))
_NUMBERS: Any = ARRAY(BigInteger)


@dataclass(frozen=True)
class Keyed:
    """SQLite only: the condition that leads is one facet, whose fingerprint is known; the places of both."""

    condition: int
    key: int


class Composer:
    """Composes for one engine."""

    def __init__(self, dialect: Dialect, *, probing: bool = False) -> None:
        self._dialect = dialect
        self._lite = dialect == "sqlite"
        self._probing = probing
        """Whether something else leads to few rows, of which each is asked: PostgreSQL then guesses badly."""

    # --- candidates ---

    def passing(self, row: FromClause, shape: Candidates, by: Keyed | None = None) -> list[Condition]:
        """That a row is current, of the types, in scope, and passes every condition."""
        found = [row.c.packing.is_not(None), *within(row, shape.scope, self._dialect)]
        asked = list(shape.conditions)
        if shape.scope.compartment is not None:
            found += self._at_home(row, shape.kinds, shape.scope.compartment)
            leader = None
        elif by is not None:
            found += [row.c.seq == posting.c.seq, posting.c.key == value(by.key)]
            leader = asked.pop(by.condition)
        else:
            leader = leading(asked)
            found += self._led(row, shape.kinds, leader, asked)
        probing = shape.scope.compartment is not None or isinstance(leader, Words | Linked | Ids | AnyOf)
        inner = Composer(self._dialect, probing=probing)
        return found + [inner.condition(row, one) for one in asked]

    def _led(
        self, row: FromClause, kinds: Kinds, leader: ConditionShape | None, asked: list[ConditionShape]
    ) -> list[Condition]:
        """The type, and what leads to few rows; that is not ``asked`` again where it leads to no others."""
        # An engine likes the index by type too much; what is added to the type keeps it away from there.
        if leader is None:
            return [self._of_types(row, kinds)]
        if self._lite:
            if is_exact(leader):
                asked.remove(leader)
            return [self._of_types(row, kinds, led=True), row.c.seq.in_(self.seats(leader))]
        if isinstance(leader, Ids):
            places = among(self._dialect, locator.c.compartment, leader.places)
            here = tuple_(row.c.compartment, row.c.seq).in_(
                select(locator.c.home, locator.c.seq).where(places)
            )
            return [self._of_types(row, kinds), here]
        return [self._of_types(row, kinds, led=is_by_terms(leader))]

    def _at_home(self, row: FromClause, kinds: Kinds, patient: int) -> list[Condition]:
        if self._lite:
            return [tuple_(row.c.compartment, row.c.type).in_(self._home_types(kinds, patient))]
        return [self._of_types(row, kinds), row.c.compartment.in_(self._homes(kinds, patient))]

    def _homes(self, kinds: Kinds, patient: int) -> Any:
        """The few homes that what is in a patient's scope can have: said, because no engine can infer it."""
        shared = select(member.c.home).where(member.c.compartment == value(patient))
        shared = shared.where(self._of_types(member, kinds))
        buckets = value(kinds.buckets) if kinds.one else func.unnest(cast(value(kinds.buckets), _NUMBERS))
        return union_all(select(value(patient).label("home")), select(buckets), shared)

    def _home_types(self, kinds: Kinds, patient: int) -> Any:
        """The same with the types, so that SQLite looks both up in one index."""
        shared = select(member.c.home, member.c.type).where(member.c.compartment == value(patient))
        shared = shared.where(self._of_types(member, kinds))
        own: Any = value(patient).label("home")
        if kinds.one:
            one: Any = value(kinds.types).label("type")
            rows = union_all(select(own, one), select(value(kinds.buckets), one), shared)
        else:
            types = func.json_each(value(kinds.types)).table_valued("value").c.value
            rows = union_all(select(own, types.label("type")), select(-types, types), shared)
        # SQLite looks up the members of a list of keys only when the list is not itself a UNION.
        return select(rows.subquery())

    def _of_types(self, row: FromClause, kinds: Kinds, *, led: bool = False) -> Condition:
        type = row.c.type + ZERO if led else row.c.type
        if kinds.one:
            is_one: Condition = type == value(kinds.types)
            return is_one
        return among(self._dialect, type, kinds.types)

    # --- asked of a row ---

    def condition(self, row: FromClause, shape: ConditionShape) -> Condition:
        match shape:
            case Words():
                return _negated(shape.negated, self._words(row, shape))
            case Spans():
                return _negated(shape.negated, self._spans(row, shape))
            case Present():
                return _negated(shape.negated, self._present(row, shape))
            case Ids():
                return _negated(shape.negated, among(self._dialect, row.c.id, shape.ids))
            case Moments():
                return _any(moment_passes(test, row) for test in shape.tests)
            case AnyOf():
                return _any(self.condition(row, one) for one in shape.any)
            case AllOf():
                return and_(true(), *(self.condition(row, one) for one in shape.all))
            case OfTypes():
                return and_(self._of_types(row, shape.kinds), self.condition(row, shape.then))
            case Always():
                return true() if shape.true else false()
            case Slotted():
                return self._slotted(row, shape)
            case Linked():
                return self._linked(row, shape)
            case Pointed():
                return self._pointed(row, shape)

    def _words(self, row: FromClause, shape: Words) -> Condition:
        spelled = facet.alias()
        return self._some(row, spelled, self._spelled(spelled, shape))

    def _present(self, row: FromClause, shape: Present) -> Condition:
        spelled = facet.alias()
        named = and_(self.named(spelled, shape.kinds, shape.names), spelled.c.text == value(shape.start))
        return self._some(row, spelled, named)

    def _some(self, row: FromClause, spelled: FromClause, condition: Condition) -> Condition:
        """That a resource has some facet of which a condition is true."""
        if self._lite:
            return select(ONE).select_from(spelled).where(condition, self.has(row, spelled)).exists()
        return self._overlaps(row, select(spelled.c.key).where(condition))

    def _overlaps(self, row: FromClause, keys: Select[Any]) -> Condition:
        found: Condition = row.c.terms.op("&&", is_comparison=True)(func.array(keys.scalar_subquery()))
        return found

    def has(self, row: FromClause, spelled: FromClause) -> Condition:
        """That a resource has a facet."""
        if self._lite:
            return text_position(row.c.terms, spelled.c.key) > ZERO
        found: Condition = spelled.c.key == any_(row.c.terms)
        return found

    def _spans(self, row: FromClause, shape: Spans) -> Condition:
        spelled, covered = facet.alias(), span.alias()
        found = self._covered(row, covered, spelled).where(self._spanned(covered, spelled, shape))
        # With an offset PostgreSQL asks each row; without, it may begin with all intervals of the world.
        return (found.offset(ZERO) if self._probing and not self._lite else found).exists()

    def _covered(self, row: FromClause, covered: FromClause, spelled: FromClause) -> Select[Any]:
        return (
            select(ONE)
            .select_from(covered.join(spelled, spelled.c.key == covered.c.key))
            .where(covered.c.compartment == row.c.compartment, covered.c.seq == row.c.seq)
        )

    def _slotted(self, row: FromClause, shape: Slotted) -> Condition:
        found, slots = select(ONE), []
        for part in shape.parts:
            spelled = facet.alias()
            if isinstance(part, Words):
                found = found.where(self._spelled(spelled, part), self.has(row, spelled))
            else:
                covered = span.alias()
                here = covered.c.compartment == row.c.compartment, covered.c.seq == row.c.seq
                found = found.where(
                    *here, covered.c.key == spelled.c.key, self._spanned(covered, spelled, part)
                )
            slots.append(spelled.c.slot)
        found = found.where(slots[0] > ZERO, *(slot == slots[0] for slot in slots[1:]))
        return found.correlate(row).exists()

    def _linked(self, row: FromClause, shape: Linked) -> Condition:
        if self._lite:
            seats: Condition = row.c.seq.in_(self._linked_seats(shape))
            return seats
        spelled = facet.alias()
        return self._overlaps(row, select(spelled.c.key).where(self._leading(spelled, shape)))

    def _leading(self, spelled: FromClause, shape: Linked) -> Condition:
        """That a facet is a reference to a candidate."""
        target = self._apart(shape.target)
        there = select(value(shape.start).concat(target.c.id))
        return and_(self.named(spelled, shape.kinds, shape.names), self._head(spelled).in_(there))

    def _pointed(self, row: FromClause, shape: Pointed) -> Condition:
        source, spelled = self._apart(shape.source), facet.alias()
        named = self.named(spelled, shape.source.kinds, shape.names)
        here = self._reference(row, shape.kinds)
        if self._lite:
            sources = select(source.c.seq)
            found = select(ONE).select_from(spelled.join(posting, posting.c.key == spelled.c.key))
            return (
                found.where(named, spelled.c.text == here, posting.c.seq.in_(sources)).correlate(row).exists()
            )
        texts = select(spelled.c.text).where(named, self.has(source, spelled))
        pointed: Condition = here.in_(texts)
        return pointed

    def _apart(self, shape: Candidates) -> FromClause:
        """Candidates on the way, said before the statement: SQLite reads nested ones only some levels deep, and PostgreSQL
        plans what is nested twice at each level unless it is told to make it once."""
        row = resource.alias()
        found = select(row.c.id, row.c.seq, row.c.terms).where(*self.passing(row, shape)).cte()
        return found.prefix_with("MATERIALIZED", dialect="postgresql")

    def _reference(self, row: FromClause, kinds: Kinds) -> Any:
        """``Type/id`` of a row."""
        if kinds.one:
            return value(kinds.names[0]).concat(row.c.id)
        if not kinds.numbered:  # no type is left
            return literal_column("''")
        names = [
            (row.c.type == literal_column(str(number)), value(place)) for place, number in kinds.numbered
        ]
        return case(*names).concat(row.c.id)

    # --- turned around, for SQLite ---

    def seats(self, shape: ConditionShape) -> Select[Any]:
        """The numbers of the resources that pass; a superset where the row is asked as well."""
        match shape:
            case Words():
                spelled = facet.alias()
                found = select(posting.c.seq).select_from(
                    spelled.join(posting, posting.c.key == spelled.c.key)
                )
                return found.where(self._spelled(spelled, shape))
            case Spans():
                spelled, covered = facet.alias(), span.alias()
                found = select(covered.c.seq).select_from(
                    spelled.join(covered, covered.c.key == spelled.c.key)
                )
                return found.where(self._spanned(covered, spelled, shape))
            case Ids():
                return select(locator.c.seq).where(among(self._dialect, locator.c.compartment, shape.places))
            case Linked():
                return self._linked_seats(shape)
            case AnyOf():
                return select(union_all(*(self.seats(one) for one in shape.any)).subquery())
            case OfTypes():
                return self.seats(shape.then)
            case AllOf():
                return self.seats(min(shape.all, key=rank_of))
            case Slotted():
                return self.seats(min(shape.parts, key=rank_of))
        raise TypeError(f"Nothing leads to {type(shape).__name__}")

    def _linked_seats(self, shape: Linked) -> Select[Any]:
        spelled = facet.alias()
        found = select(posting.c.seq).select_from(spelled.join(posting, posting.c.key == spelled.c.key))
        return found.where(self._leading(spelled, shape))

    # --- facets ---

    def spelled_by(self, shape: Words) -> Select[Any]:
        """The fingerprints of the facets that pass."""
        return select(facet.c.key).where(self._spelled(facet, shape))

    def named(self, spelled: FromClause, kinds: Kinds, names: tuple[int, ...]) -> Condition:
        """That a facet is of some types and has one of some names."""
        if kinds.one:
            home: Condition = spelled.c.compartment == value(kinds.buckets)
        else:
            home = among(self._dialect, spelled.c.compartment, kinds.buckets)
        if len(names) == 1:
            return and_(home, spelled.c.name == value(names[0]))
        return and_(home, spelled.c.name.in_([value(name) for name in names]))

    def _spelled(self, spelled: FromClause, shape: Words) -> Condition:
        passing = _any(self._passes(test, spelled) for test in shape.tests)
        return and_(self.named(spelled, shape.kinds, shape.names), passing)

    def _spanned(self, covered: FromClause, spelled: FromClause, shape: Spans) -> Condition:
        passing = [and_(self._passes(test, spelled), interval_passes(test, covered)) for test in shape.tests]
        return and_(self.named(spelled, shape.kinds, shape.names), _any(passing))

    def _passes(self, shape: TestShape, spelled: FromClause) -> Condition:
        """What a test says of the words of a row (``fhir.search.holds``)."""
        found: list[Condition] = []
        if shape.texts is not None and shape.heads is not None:
            if not self._lite:
                found.append(among(self._dialect, self._head(spelled), shape.heads))
            found.append(among(self._dialect, spelled.c.text, shape.texts))
        elif shape.text is not None:
            found += self._text_passes(shape, shape.text, spelled)
        if shape.system is not None:
            found.append(spelled.c.system == value(shape.system))
        if shape.exact is not None:
            exact, end = spelled.c.exact, shape.end
            if shape.operator == "named" and end is not None:
                found += [exact >= value(shape.exact), exact < value(end)]
            else:
                found.append(exact == value(shape.exact))
        return and_(true(), *found)

    def _text_passes(self, shape: TestShape, place: int, spelled: FromClause) -> list[Condition]:
        text, sought = spelled.c.text, value(place)
        if shape.operator == "contains":
            return [text_position(text, sought) > ZERO]
        if shape.operator == "starts" and shape.end is not None:
            head = [] if self._lite or not shape.long else [self._head(spelled) == func.left(sought, _HEAD)]
            by = text if shape.long else self._head(spelled)
            return [*head, by >= sought, by < value(shape.end)]
        head = [] if self._lite else [self._head(spelled) == func.left(sought, _HEAD)]
        return [*head, text == sought]

    def _head(self, spelled: FromClause) -> Any:
        """As much of a text as is indexed."""
        return spelled.c.text if self._lite else func.left(spelled.c.text, _HEAD)


GROUP = 100
"""How many ORs stand in one expression; SQLite takes a thousand."""


def _any(conditions: Iterable[Condition]) -> Condition:
    every = list(conditions)
    if len(every) <= GROUP:
        return or_(false(), *every)
    groups = [every[start : start + GROUP] for start in range(0, len(every), GROUP)]
    # Composed ORs would be one flat list again, which SQLite reads as a deep tree.
    return or_(false(), *(case((or_(*group), ONE), else_=ZERO) == ONE for group in groups))


def _negated(negated: bool, condition: Condition) -> Condition:
    return not_(condition) if negated else condition
