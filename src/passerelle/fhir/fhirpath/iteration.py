"""Which functions evaluate an argument for each item? ``where``, ``select``, ``all``, ``repeat``, ``iif`` …

While an item is looked at it is ``$this`` and its place ``$index``; afterwards both are what they were.
https://hl7.org/fhirpath/N1/#filtering-and-projection
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cmp_to_key
from typing import Any

from passerelle.fhir.fhirpath import moments, quantities
from passerelle.fhir.fhirpath.equality import MOMENTS, fingerprint
from passerelle.fhir.fhirpath.errors import FhirPathError
from passerelle.fhir.fhirpath.evaluation import Evaluation, Step
from passerelle.fhir.fhirpath.node import Collection, Item
from passerelle.fhir.fhirpath.quantities import Quantity
from passerelle.fhir.fhirpath.types import IsOfType
from passerelle.fhir.fhirpath.values import EMPTY, FALSE, TRUE, kind_of, one, text, truth


def _each(inner: Step, focus: Collection, evaluation: Evaluation) -> Iterator[tuple[Item, Collection]]:
    """Every item with what the argument makes of it."""
    before = (evaluation.this, evaluation.index, evaluation.defined)
    evaluation.walk(len(focus))
    for index, item in enumerate(focus):
        evaluation.this = this = [item]
        evaluation.index = index
        found = inner(this, evaluation)
        evaluation.this, evaluation.index, evaluation.defined = before
        yield item, found


def where(criteria: Step) -> Step:
    """The items for which the criteria hold."""

    def walk(focus: Collection, evaluation: Evaluation) -> Collection:
        if not focus:
            return EMPTY
        before = (evaluation.this, evaluation.index, evaluation.defined)
        evaluation.walk(len(focus))
        found = []
        for index, item in enumerate(focus):
            evaluation.this = this = [item]
            evaluation.index = index
            answer = criteria(this, evaluation)
            if answer is TRUE or (answer and truth(answer)):
                found.append(item)
            evaluation.this, evaluation.index, evaluation.defined = before
        return found

    return walk


def select(projection: Step) -> Step:
    """What the projection makes of every item, in one collection."""

    def walk(focus: Collection, evaluation: Evaluation) -> Collection:
        found: Collection = []
        for _, items in _each(projection, focus, evaluation):
            found.extend(items)
        return found

    return walk


def exists(criteria: Step | None = None) -> Step:
    """Whether there is an item, or one for which the criteria hold."""
    if criteria is None:
        return lambda focus, evaluation: TRUE if focus else FALSE

    return _until(True, criteria)


def all_hold(criteria: Step) -> Step:
    """Whether the criteria hold for every item."""
    return _until(False, criteria)


def _until(stop: bool, criteria: Step) -> Step:
    """Whether any item answers as ``stop``, and if none does the opposite."""
    found, otherwise = (TRUE, FALSE) if stop else (FALSE, TRUE)

    def walk(focus: Collection, evaluation: Evaluation) -> Collection:
        if not focus:
            return otherwise
        before = (evaluation.this, evaluation.index, evaluation.defined)
        evaluation.walk(len(focus))
        for index, item in enumerate(focus):
            evaluation.this = this = [item]
            evaluation.index = index
            answer = criteria(this, evaluation)
            evaluation.this, evaluation.index, evaluation.defined = before
            if (answer is TRUE or truth(answer) is True) is stop:
                return found
        return otherwise

    return walk


def repeat(projection: Step) -> Step:
    """The projection again and again over what it found, until there is nothing new."""

    def walk(focus: Collection, evaluation: Evaluation) -> Collection:
        seen: dict[Any, Item] = {}
        waiting = focus
        while waiting:
            new: Collection = []
            for _, items in _each(projection, waiting, evaluation):
                for item in items:
                    mark = fingerprint(item)
                    if mark not in seen:
                        seen[mark] = item
                        new.append(item)
            waiting = new
        return list(seen.values())

    return walk


def repeat_all(projection: Step) -> Step:
    """``repeat`` that keeps what is equal to something found before."""

    def walk(focus: Collection, evaluation: Evaluation) -> Collection:
        found: Collection = []
        waiting = focus
        while waiting:
            waiting = [item for _, items in _each(projection, waiting, evaluation) for item in items]
            found.extend(waiting)
        return found

    return walk


def aggregate(aggregator: Step, start: Step | None = None) -> Step:
    """The aggregator over every item, with ``$total`` from one to the next."""

    def walk(focus: Collection, evaluation: Evaluation) -> Collection:
        before = evaluation.total
        total = start(evaluation.this, evaluation) if start is not None else EMPTY
        evaluation.total = total
        for _, total in _each(aggregator, focus, evaluation):
            evaluation.total = total
        evaluation.total = before
        return total

    return walk


def iif(criterion: Step, yes: Step, no: Step | None = None) -> Step:
    """One of two branches; the other is not evaluated."""

    def walk(focus: Collection, evaluation: Evaluation) -> Collection:
        if len(focus) > 1:
            raise FhirPathError("iif() takes one item, several found")
        before = (evaluation.this, evaluation.defined)
        evaluation.this = focus
        known = one(criterion(focus, evaluation))
        if known is not None and known.__class__ is not bool:
            raise FhirPathError(f"a Boolean expected, {kind_of(known)} found")
        branch = yes if known else no
        found = branch(focus, evaluation) if branch is not None else EMPTY
        evaluation.this, evaluation.defined = before
        return found

    return walk


def trace(name: Step, projection: Step | None = None) -> Step:
    """The items unchanged; whoever listens is told."""

    def walk(focus: Collection, evaluation: Evaluation) -> Collection:
        listener = evaluation.services.trace
        label = text(name(evaluation.this, evaluation))
        seen = focus
        if projection is not None:
            seen = [item for _, items in _each(projection, focus, evaluation) for item in items]
        if listener is not None and label is not None:
            listener(label, seen)
        return focus

    return walk


def define_variable(name: Step, value: Step | None = None) -> Step:
    """The items unchanged; what follows knows a name more."""

    def walk(focus: Collection, evaluation: Evaluation) -> Collection:
        label = text(name(evaluation.this, evaluation))
        known = evaluation.defined or {}
        if label is None or label in known or label in evaluation.variables or label in _TAKEN:
            raise FhirPathError("this variable is defined already")
        before = (evaluation.this, evaluation.defined)
        found = focus
        if value is not None:
            evaluation.this = focus
            found = value(focus, evaluation)
            evaluation.this, evaluation.defined = before
        evaluation.defined = {**known, label: found}
        return focus

    return walk


_TAKEN = frozenset({"context", "resource", "rootResource", "sct", "loinc", "ucum"})


def scoped(inner: Step) -> Step:
    """A part after which the variables defined in it are forgotten."""

    def walk(focus: Collection, evaluation: Evaluation) -> Collection:
        before = evaluation.defined
        found = inner(focus, evaluation)
        evaluation.defined = before
        return found

    return walk


def coalesce(*choices: Step) -> Step:
    """The first argument that is not empty."""

    def walk(focus: Collection, evaluation: Evaluation) -> Collection:
        found = (choice(evaluation.this, evaluation) for choice in choices)
        return next((items for items in found if items), EMPTY)

    return walk


def sort(*keys: tuple[Step, bool]) -> Step:
    """The items in order of the keys, or of themselves; what has no key goes first."""

    def walk(focus: Collection, evaluation: Evaluation) -> Collection:
        if not keys:
            return sorted(focus, key=_own_key)
        rows: list[tuple[Item, list[Any]]] = [(item, []) for item in focus]
        for key, _ in keys:
            for row, (_, found) in zip(rows, _each(key, focus, evaluation), strict=True):
                row[1].append(one(found))
        return [item for item, _ in sorted(rows, key=cmp_to_key(_by_keys([down for _, down in keys])))]

    return walk


def _own_order(a: Item, b: Item) -> int:
    return _order(one([a]), one([b]))


_own_key = cmp_to_key(_own_order)


def _by_keys(descending: list[bool]) -> Callable[[Any, Any], int]:
    def compare(a: Any, b: Any) -> int:
        for first, second, down in zip(a[1], b[1], descending, strict=True):
            order = _order(first, second)
            if order:
                return -order if down and first is not None and second is not None else order
        return 0

    return compare


def _order(a: Any, b: Any) -> int:
    if a is None or b is None:
        return (a is not None) - (b is not None)
    if a.__class__ in MOMENTS and b.__class__ in MOMENTS:
        return moments.compare(a, b) or 0
    if a.__class__ is Quantity and b.__class__ is Quantity:
        return quantities.compare(a, b) or 0
    try:
        return int(a > b) - int(a < b)
    except TypeError:
        raise FhirPathError(f"{kind_of(a)} and {kind_of(b)} have no order") from None


def is_type(focus: Collection, holds: IsOfType) -> Collection:
    """Whether the one item is of the type; empty for none."""
    if not focus:
        return EMPTY
    if len(focus) > 1:
        raise FhirPathError("one item expected before is, several found")
    return TRUE if holds(focus[0]) else FALSE


def as_type(focus: Collection, holds: IsOfType) -> Collection:
    """The items of the type. One item is expected, but R4's own rules (dom-3) give many, so many are filtered."""
    return [item for item in focus if holds(item)]


ITERATIONS: Mapping[str, tuple[Callable[..., Step], int, int]] = {
    "where": (where, 1, 1),
    "select": (select, 1, 1),
    "exists": (exists, 0, 1),
    "all": (all_hold, 1, 1),
    "repeat": (repeat, 1, 1),
    "repeatAll": (repeat_all, 1, 1),
    "aggregate": (aggregate, 1, 2),
    "iif": (iif, 2, 3),
    "trace": (trace, 1, 2),
    "defineVariable": (define_variable, 1, 2),
    "coalesce": (coalesce, 1, 50),
    "sort": (sort, 0, 20),
}
"""Each with what builds it and its fewest and most arguments."""
