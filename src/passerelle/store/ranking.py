"""Which condition of a search should lead? The one that is likely to leave the fewest resources."""

from __future__ import annotations

from collections.abc import Sequence

from passerelle.store.shapes import (
    LAST,
    AllOf,
    AnyOf,
    ConditionShape,
    Ids,
    Linked,
    OfTypes,
    Slotted,
    Spans,
    Words,
)


def leading(conditions: Sequence[ConditionShape]) -> ConditionShape | None:
    """The condition that leaves least; none when each may leave almost everything."""
    best = min(conditions, key=rank_of, default=None)
    return best if best is not None and rank_of(best) < LAST else None


def is_by_terms(shape: ConditionShape) -> bool:
    """Whether the inverted index of PostgreSQL leads to few rows."""
    match shape:
        case Words() | Linked():
            return rank_of(shape) < LAST - 1
        case AnyOf():
            return all(map(is_by_terms, shape.any))
    return False


def is_exact(shape: ConditionShape) -> bool:
    """Whether what leads to the resources leads to no others."""
    match shape:
        case Words() | Spans() | Linked():
            return True
        case AnyOf():
            return all(map(is_exact, shape.any))
    return False


def rank_of(shape: ConditionShape) -> int:
    """The smaller, the fewer resources are likely to be left. What cannot lead, or may leave all, is last."""
    match shape:
        case Words(negated=False) | Spans(negated=False):
            return shape.rank if shape.tests else 0
        case Ids(negated=False):
            return 0
        case Linked():
            return 6
        case OfTypes():
            return rank_of(shape.then)
        case AnyOf() if shape.any:
            return max(map(rank_of, shape.any))
        case AllOf() if shape.all:
            return min(map(rank_of, shape.all))
        case Slotted():
            return min(map(rank_of, shape.parts))
    return LAST
