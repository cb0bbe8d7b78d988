"""A whole record: what is about a patient, and what that refers to, each once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class Kept(NamedTuple, Generic[T]):
    """A current version, and the references of it that a whole record follows."""

    reference: str
    refers: tuple[str, ...]
    version: T


def whole(patient: str, about: Iterable[Kept[T]], find: Callable[[list[str]], list[Kept[T]]]) -> list[T]:
    """The Patient first, then its compartment, then what those refer to, directly or through one another.

    ``find`` answers with what exists of some references. Empty if the Patient is not among ``about``.
    """
    by_reference = attrgetter("reference")
    found = {kept.reference: kept for kept in sorted(about, key=by_reference)}
    itself = found.pop(f"Patient/{patient}", None)
    if itself is None:
        return []
    found = {itself.reference: itself, **found}
    newest: list[Kept[T]] = list(found.values())
    while sought := {text for kept in newest for text in kept.refers} - found.keys():
        newest = sorted(find(sorted(sought)), key=by_reference)
        found |= {kept.reference: kept for kept in newest}
    return [kept.version for kept in found.values()]
