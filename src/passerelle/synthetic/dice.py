"""Chance that falls the same way everywhere: seeded by a path of words, the same on every machine and Python."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from random import Random
from typing import TypeVar

T = TypeVar("T")


def digest(*path: object) -> str:
    """Sixteen hexadecimal digits that stand for a path such as (seed, person, node)."""
    return blake2b("/".join(map(str, path)).encode(), digest_size=8).hexdigest()


class Dice:
    """A source of chance for one path.

    INVARIANT: only ``Random.random`` is used, whose sequence for an integer seed Python keeps from version to
    version; and only + - * / on its floats, which IEEE 754 makes equal on every machine.
    """

    __slots__ = ("roll",)

    def __init__(self, *path: object) -> None:
        self.roll = Random(int(digest(*path), 16)).random

    def below(self, limit: int) -> int:
        """A whole number from 0 up to but not including ``limit``."""
        return int(self.roll() * limit)

    def between(self, low: int, high: int) -> int:
        """A whole number from ``low`` to ``high``, both included."""
        return low + int(self.roll() * (high - low + 1))

    def chance(self, probability: float) -> bool:
        return self.roll() < probability

    def pick(self, choices: Sequence[T]) -> T:
        return choices[int(self.roll() * len(choices))]

    def weighted(self, choices: Sequence[T], weights: Sequence[float]) -> T:
        """One of ``choices``, each as likely as its weight."""
        # Not sum(): since Python 3.12 it rounds otherwise.
        total = 0.0
        for weight in weights:
            total += weight
        left = self.roll() * total
        for choice, weight in zip(choices, weights, strict=True):
            left -= weight
            if left < 0:
                return choice
        return choices[-1]

    def about(self, spread: float) -> float:
        """A number around zero, bell-shaped, nearly always within two and a half times ``spread``."""
        roll = self.roll
        return (roll() + roll() + roll() - 1.5) * 2.0 * spread
