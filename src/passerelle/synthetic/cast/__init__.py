"""Who shows what the network promises? A small named cast; each story is really in the data."""

from __future__ import annotations

from datetime import date
from functools import lru_cache

from passerelle.fhir.words import catalogue
from passerelle.synthetic.cast import marie_eve, plan
from passerelle.synthetic.cast.casting import SEED, CastMember, Role
from passerelle.synthetic.people import Person
from passerelle.synthetic.tables import toml


@lru_cache(maxsize=4)
def cast(*, today: date) -> tuple[CastMember, ...]:
    """The named people, Marie-Ève Tremblay first. Their resources are whole at every node where they have care."""
    day = today.toordinal()
    roles = [marie_eve.role(day)]
    roles += [plan.role(entry, -2 - number, day) for number, entry in enumerate(toml("cast")["member"])]
    return tuple(_member(role, day) for role in roles)


def _member(role: Role, today: int) -> CastMember:
    key = role.life.key.removeprefix("cast-")
    story = catalogue("passerelle.synthetic.data", "stories.toml").both(key)
    return CastMember(key, Person(role.life, SEED, today, role.writer), story)


__all__ = ["CastMember", "cast"]
