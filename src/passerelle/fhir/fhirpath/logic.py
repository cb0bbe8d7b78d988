"""What does a condition answer as soon as it can? ``and``, ``or``, ``xor``, ``implies``, and ``=`` with a literal.

The second side is not evaluated when the first decides. https://hl7.org/fhirpath/N1/#boolean-logic
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from passerelle.fhir.fhirpath.equality import equal
from passerelle.fhir.fhirpath.evaluation import Evaluation, Step
from passerelle.fhir.fhirpath.node import Collection, Item
from passerelle.fhir.fhirpath.steps import text_inside
from passerelle.fhir.fhirpath.syntax import Expression, Member
from passerelle.fhir.fhirpath.values import EMPTY, FALSE, TRUE, boolean, simple, truth


def equals_literal(side: Expression, left: Step, value: Item, wanted: bool) -> Step:
    """``use = 'official'``: the hottest comparison, without a second collection, and mostly without a node."""
    general = _compared(left, value, wanted)
    if not isinstance(side, Member) or value.__class__ is not str or side.name[:1].isupper():
        return general
    peek = text_inside(side.name)

    def compare(focus: Collection, evaluation: Evaluation) -> Collection:
        found = peek(focus[0]) if len(focus) == 1 else None
        if found is None:
            return general(focus, evaluation)
        return TRUE if (found == value) is wanted else FALSE

    return compare


def _compared(left: Step, value: Item, wanted: bool) -> Step:
    """Equal to a literal, or not equal to it."""
    kind = value.__class__

    def compare(focus: Collection, evaluation: Evaluation) -> Collection:
        items = left(focus, evaluation)
        if not items:
            return EMPTY
        if len(items) > 1:
            return boolean(not wanted)
        found = simple(items[0])
        if found.__class__ is kind:
            return TRUE if (found == value) is wanted else FALSE
        same = equal(found, value)
        return EMPTY if same is None else boolean(same is wanted)

    return compare


def _and(left: Step, right: Step) -> Step:
    def logic(focus: Collection, evaluation: Evaluation) -> Collection:
        first = truth(left(focus, evaluation))
        if first is False:
            return FALSE
        second = truth(right(focus, evaluation))
        if second is False:
            return FALSE
        return TRUE if first and second else EMPTY

    return logic


def _or(left: Step, right: Step) -> Step:
    def logic(focus: Collection, evaluation: Evaluation) -> Collection:
        first = truth(left(focus, evaluation))
        if first:
            return TRUE
        second = truth(right(focus, evaluation))
        if second:
            return TRUE
        return EMPTY if first is None or second is None else FALSE

    return logic


def _xor(left: Step, right: Step) -> Step:
    def logic(focus: Collection, evaluation: Evaluation) -> Collection:
        first, second = truth(left(focus, evaluation)), truth(right(focus, evaluation))
        return EMPTY if first is None or second is None else boolean(first is not second)

    return logic


def _implies(left: Step, right: Step) -> Step:
    def logic(focus: Collection, evaluation: Evaluation) -> Collection:
        first = truth(left(focus, evaluation))
        if first is False:
            return TRUE
        second = truth(right(focus, evaluation))
        if second:
            return TRUE
        return EMPTY if first is None or second is None else FALSE

    return logic


LOGIC: Mapping[str, Callable[[Step, Step], Step]] = {
    "and": _and,
    "or": _or,
    "xor": _xor,
    "implies": _implies,
}
