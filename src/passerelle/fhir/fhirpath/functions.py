"""Which functions are there that only look at the items before them and at their arguments?

Each table gives a name, the fewest and most arguments, and what to do. https://hl7.org/fhirpath/N1/#functions
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from passerelle.fhir.fhirpath.equality import distinct, fingerprint
from passerelle.fhir.fhirpath.errors import FhirPathError
from passerelle.fhir.fhirpath.evaluation import Evaluation
from passerelle.fhir.fhirpath.node import Collection
from passerelle.fhir.fhirpath.operators import union
from passerelle.fhir.fhirpath.steps import children, descendants
from passerelle.fhir.fhirpath.types import type_info
from passerelle.fhir.fhirpath.values import EMPTY, FALSE, TRUE, boolean, integer, kind_of, simple, truth

Arguments = tuple[Collection, ...]
Plain = Callable[[Collection, Arguments, Evaluation], Collection]


@dataclass(frozen=True, slots=True)
class Function:
    """A function and how many arguments it takes."""

    call: Plain
    least: int = 0
    most: int = 0


def _empty(focus: Collection, arguments: Arguments, evaluation: Evaluation) -> Collection:
    return FALSE if focus else TRUE


def _count(focus: Collection, arguments: Arguments, evaluation: Evaluation) -> Collection:
    return [len(focus)]


def _not(focus: Collection, arguments: Arguments, evaluation: Evaluation) -> Collection:
    if not focus:
        return EMPTY
    value = simple(focus[0])
    if len(focus) == 1 and value.__class__ is bool:
        return FALSE if value else TRUE
    known = truth(focus)
    return boolean(None if known is None else not known)


def _every(wanted: bool, some: bool) -> Plain:
    """``allTrue``, ``anyTrue``, ``allFalse``, ``anyFalse``"""

    def check(focus: Collection, arguments: Arguments, evaluation: Evaluation) -> Collection:
        values = [simple(item) for item in focus]
        for value in values:
            if value.__class__ is not bool:
                raise FhirPathError(f"booleans expected, {kind_of(value)} found")
        matching = (value is wanted for value in values)
        return boolean(any(matching) if some else all(matching))

    return check


def _subset(focus: Collection, arguments: Arguments, evaluation: Evaluation) -> Collection:
    whole = set(map(fingerprint, arguments[0]))
    return boolean(all(fingerprint(item) in whole for item in focus))


def _superset(focus: Collection, arguments: Arguments, evaluation: Evaluation) -> Collection:
    return _subset(arguments[0], (focus,), evaluation)


def _distinct(focus: Collection, arguments: Arguments, evaluation: Evaluation) -> Collection:
    return distinct(focus)


def _is_distinct(focus: Collection, arguments: Arguments, evaluation: Evaluation) -> Collection:
    return boolean(len(distinct(focus)) == len(focus))


def _single(focus: Collection, arguments: Arguments, evaluation: Evaluation) -> Collection:
    if len(focus) > 1:
        raise FhirPathError("one item expected, several found")
    return focus


def _first(focus: Collection, arguments: Arguments, evaluation: Evaluation) -> Collection:
    return focus[:1]


def _last(focus: Collection, arguments: Arguments, evaluation: Evaluation) -> Collection:
    return focus[-1:]


def _tail(focus: Collection, arguments: Arguments, evaluation: Evaluation) -> Collection:
    return focus[1:]


def _skip(focus: Collection, arguments: Arguments, evaluation: Evaluation) -> Collection:
    number = integer(arguments[0])
    return EMPTY if number is None else focus[max(0, number) :]


def _take(focus: Collection, arguments: Arguments, evaluation: Evaluation) -> Collection:
    number = integer(arguments[0])
    return EMPTY if number is None else focus[: max(0, number)]


def _intersect(focus: Collection, arguments: Arguments, evaluation: Evaluation) -> Collection:
    other = set(map(fingerprint, arguments[0]))
    return distinct([item for item in focus if fingerprint(item) in other])


def _exclude(focus: Collection, arguments: Arguments, evaluation: Evaluation) -> Collection:
    other = set(map(fingerprint, arguments[0]))
    return [item for item in focus if fingerprint(item) not in other]


def _union(focus: Collection, arguments: Arguments, evaluation: Evaluation) -> Collection:
    return union(focus, arguments[0])


def _combine(focus: Collection, arguments: Arguments, evaluation: Evaluation) -> Collection:
    evaluation.walk(len(focus) + len(arguments[0]))
    return focus + arguments[0]


def _children(focus: Collection, arguments: Arguments, evaluation: Evaluation) -> Collection:
    return [child for item in focus for child in children(item)]


def _descendants(focus: Collection, arguments: Arguments, evaluation: Evaluation) -> Collection:
    return descendants(focus, evaluation)


def _type(focus: Collection, arguments: Arguments, evaluation: Evaluation) -> Collection:
    return [type_info(item) for item in focus]


COLLECTIONS: Mapping[str, Function] = {
    "empty": Function(_empty),
    "count": Function(_count),
    "not": Function(_not),
    "allTrue": Function(_every(True, some=False)),
    "anyTrue": Function(_every(True, some=True)),
    "allFalse": Function(_every(False, some=False)),
    "anyFalse": Function(_every(False, some=True)),
    "subsetOf": Function(_subset, 1, 1),
    "supersetOf": Function(_superset, 1, 1),
    "distinct": Function(_distinct),
    "isDistinct": Function(_is_distinct),
    "single": Function(_single),
    "first": Function(_first),
    "last": Function(_last),
    "tail": Function(_tail),
    "skip": Function(_skip, 1, 1),
    "take": Function(_take, 1, 1),
    "intersect": Function(_intersect, 1, 1),
    "exclude": Function(_exclude, 1, 1),
    "union": Function(_union, 1, 1),
    "combine": Function(_combine, 1, 1),
    "children": Function(_children),
    "descendants": Function(_descendants),
    "type": Function(_type),
}
