"""How a named person of the cast is put together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

from passerelle.synthetic.geography import place
from passerelle.synthetic.households import numbers
from passerelle.synthetic.life import Home, Life, Slip
from passerelle.synthetic.names import Name, Sex
from passerelle.synthetic.people import Person, Writer
from passerelle.synthetic.tables import toml
from passerelle.values import NodeId, Words

SEED = 0
"""The seed of the cast. They meet only staff whose ids and names are the same for every seed."""


@dataclass(frozen=True)
class CastMember:
    """A named person, and the sentence that says which promise their record shows."""

    key: str
    person: Person
    story: Words


@dataclass(frozen=True)
class Role:
    """A member as the modules of the cast describe them; ``cast`` adds the story."""

    life: Life
    writer: Writer


def ago(today: int, months: float) -> int:
    """The ordinal day some months before today."""
    return today - int(months * 30.4375)


def born(text: str) -> int:
    return date.fromisoformat(text).toordinal()


def home(node: str, city: str, street: str, start: int, end: int | None = None) -> Home:
    """A home in a town of the table."""
    town = place(NodeId(node), city)
    return Home(town.node, city, street, f"{town.prefixes[0]} 2B4", start, end)


def alive(
    key: str,
    index: int,
    sex: Sex,
    birth: int,
    names: tuple[Name, ...],
    homes: tuple[Home, ...],
    *,
    language: str = "en",
    married: bool = False,
    multiple: int | None = None,
    slips: Mapping[NodeId, Slip] | None = None,
) -> Life:
    """A life with the numbers that its homes give. ``index`` is below 0 and belongs to this person alone."""
    area = toml("regions")[homes[-1].node]["area"]
    life = Life(
        key=f"cast-{key}",
        index=index,
        sex=sex,
        born=birth,
        names=names,
        language=language,
        homes=homes,
        numbers=(),
        phone=f"+1-{area}-555-01{-index:02d}",
        email=f"{key}@patient.example",
        married=married,
        multiple=multiple,
        slips=slips or {},
    )
    return replace(life, numbers=numbers(life))
