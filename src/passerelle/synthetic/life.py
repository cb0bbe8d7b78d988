"""One invented person: what is true of them, before any province writes it down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from passerelle.synthetic.names import Name, Sex
from passerelle.synthetic.numbers import Born, HealthNumber
from passerelle.values import NodeId


@dataclass(frozen=True, slots=True)
class Home:
    """Where they lived, from ``start`` until ``end`` (ordinal days; an open end is now)."""

    node: NodeId
    city: str
    street: str
    postal: str
    start: int
    end: int | None = None


@dataclass(frozen=True, slots=True)
class Slip:
    """How one province's copy of the demographics is wrong: which element, and what was typed instead."""

    element: Literal["birth-date", "family", "given", "postal", "gender"]
    value: str


@dataclass(frozen=True, slots=True)
class Life:
    """A person's life as it was. Days are ordinals.

    ``home`` of the latest ``homes`` decides where care normally takes place. ``slips`` are typing errors by node.
    """

    key: str
    index: int
    sex: Sex
    born: int
    names: tuple[Name, ...]
    """Every name ever borne; the current alphabetic one first."""
    language: str
    homes: tuple[Home, ...]
    numbers: tuple[HealthNumber, ...]
    phone: str
    email: str = ""
    died: int | None = None
    multiple: int | None = None
    """The place in the birth order of twins."""
    married: bool = False
    slips: Mapping[NodeId, Slip] = field(default_factory=dict)

    @property
    def birth(self) -> Born:
        """The facts that were fixed at birth; the birth name is the oldest alphabetic one."""
        letters = [name for name in self.names if not name.script]
        return Born(self.index, letters[-1], self.born, self.sex)

    @property
    def home(self) -> Home:
        return self.homes[-1]

    def home_on(self, day: int) -> Home:
        """Where they lived on a day; before the first home, there."""
        for home in reversed(self.homes):
            if home.start <= day:
                return home
        return self.homes[0]

    def names_on(self, day: int) -> tuple[Name, ...]:
        """The names that someone could know who last heard of them on ``day``, none of them ended after it."""
        return tuple(name for name in self.names if name.start is None or name.start <= day)
