"""Families and people living alone, one after another: the same ones for the same seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from passerelle.synthetic.dice import Dice
from passerelle.synthetic.geography import NODES, SHARES, Place, day_text, places
from passerelle.synthetic.life import Home, Life, Slip
from passerelle.synthetic.names import Name, Sex, call, family_name
from passerelle.synthetic.numbers import HealthNumber, failing, issue, version_code
from passerelle.synthetic.tables import toml
from passerelle.values import NodeId

YEAR = 365.25


@dataclass(frozen=True, slots=True)
class Member:
    """One place in a household: age in years, sex, and the place in the birth order of twins."""

    age: int
    sex: Sex
    twin: int | None = None


@dataclass(frozen=True, slots=True)
class Roof:
    """What the members of one household share."""

    seed: int
    today: int
    node: NodeId
    culture: str
    family: Any
    street: str
    town: Place
    postal: str
    phone: str
    since: int


def lives(seed: int, people: int, today: date) -> Iterator[Life]:
    """The lives of ``people`` people. INVARIANT: the first ones are the same however many are asked for."""
    index = household = 0
    while index < people:
        for life in _household(seed, household, index, today.toordinal()):
            if index == people:
                return
            yield life
            index += 1
        household += 1


def _household(seed: int, number: int, index: int, today: int) -> list[Life]:
    dice = Dice("household", seed, number)
    roof = _roof(seed, number, today, dice)
    couple = dice.chance(0.6)
    members = _members(couple, dice)
    return [
        _live(roof, member, index + place, couple and place < 2, place == 1, dice)
        for place, member in enumerate(members)
    ]


def _roof(seed: int, number: int, today: int, dice: Dice) -> Roof:
    node = _node(seed, number)
    cultures = toml("regions")[node]["cultures"]
    culture = dice.weighted(tuple(cultures), tuple(cultures.values()))
    towns = places(node)
    town = dice.weighted(towns, tuple(each.weight for each in towns))
    street = _street(node, dice)
    phone = f"+1-{toml('regions')[node]['area']}-555-01{dice.below(100):02d}"
    since = today - dice.between(100, 9000)
    return Roof(
        seed,
        today,
        node,
        culture,
        family_name(culture, dice),
        street,
        town,
        _postal(town, dice),
        phone,
        since,
    )


def _node(seed: int, number: int) -> NodeId:
    """Households walk over the provinces by a golden-ratio step, so that even few people have the right shares."""
    spot = (number * 2_654_435_769 + seed * 40_503) % 2**32 * sum(SHARES)
    for node, share in zip(NODES, SHARES, strict=True):
        spot -= share * 2**32
        if spot < 0:
            return node
    return NODES[-1]


def _street(node: NodeId, dice: Dice) -> str:
    names = toml("streets")["fr" if node == "qc" else "en"]
    return f"{dice.between(1, 4999)} {dice.pick(names)}"


def _postal(town: Place, dice: Dice) -> str:
    letters = "ABCEGHJKLMNPRSTVWXYZ"
    return f"{dice.pick(town.prefixes)} {dice.below(10)}{dice.pick(letters)}{dice.below(10)}"


def _members(couple: bool, dice: Dice) -> list[Member]:
    """Adults first, then the children at home; now and then twins."""
    age = dice.weighted((24, 34, 44, 54, 64, 74, 84), (16, 19, 18, 17, 15, 10, 6)) + dice.between(-5, 5)
    first: Sex = "female" if dice.chance(0.51) else "male"
    members = [Member(age, first)]
    if couple:
        members = [Member(age, "male"), Member(max(age + dice.between(-6, 4), 19), "female")]
    if not 22 <= age <= 54 or not dice.chance(0.7 if couple else 0.3):
        return members
    for _ in range(dice.weighted((1, 2, 3), (40, 45, 15))):
        child = dice.between(0, min(age - 20, 19))
        sexes: tuple[Sex, Sex] = (
            "female" if dice.chance(0.5) else "male",
            "female" if dice.chance(0.5) else "male",
        )
        if dice.chance(0.03):
            members += [Member(child, sexes[0], 1), Member(child, sexes[1], 2)]
        else:
            members.append(Member(child, sexes[0]))
    return members


def _live(roof: Roof, member: Member, index: int, married: bool, second: bool, dice: Dice) -> Life:
    born = _born(roof, member, dice)
    year = date.fromordinal(born).year
    called = call(roof.culture, member.sex, year, roof.family, dice)
    names = called.names
    wed = roof.today - dice.between(200, max(int((member.age - 20) * YEAR), 400))
    if married and second and wed > born + 18 * 365:
        names = _married(roof, names, wed, dice)
    life = Life(
        key=f"s{roof.seed}-{index}",
        index=index,
        sex=member.sex,
        born=born,
        names=names,
        language=called.language,
        homes=(Home(roof.node, roof.town.city, roof.street, roof.postal, max(roof.since, born)),),
        numbers=(),
        phone=roof.phone,
        multiple=member.twin,
        married=married,
        died=_died(roof, member, dice),
    )
    life = _moved(roof, life, dice)
    life = replace(life, numbers=_numbers(life, roof.today, dice))
    return replace(life, slips=_slips(life, dice))


def _born(roof: Roof, member: Member, dice: Dice) -> int:
    """Twins are born on the same day; a quarter of one day matters for nobody else."""
    if member.twin is None:
        return roof.today - int(member.age * YEAR) - dice.between(1, 365)
    return roof.today - int(member.age * YEAR) - 1 - (roof.since * 31 + member.age) % 365


def _married(roof: Roof, names: tuple[Name, ...], wed: int, dice: Dice) -> tuple[Name, ...]:
    """Where the law lets her, she may take his name; in Québec a wife keeps hers (Civil Code, art. 393)."""
    if roof.culture not in {"english", "french", "cree", "filipino"}:
        return names
    own = family_name(roof.culture, dice)
    given = names[0].given
    if roof.node == "qc" or own == roof.family or dice.chance(0.35):
        return (Name(own, given),)
    return (Name(roof.family, given, start=wed), Name(own, given, use="maiden", end=wed))


def _died(roof: Roof, member: Member, dice: Dice) -> int | None:
    risk = 0.12 if member.age > 80 else 0.05 if member.age > 65 else 0.004
    return roof.today - dice.between(20, 900) if dice.chance(risk) else None


def _moved(roof: Roof, life: Life, dice: Dice) -> Life:
    """Some lived in another province before, some at another address of the same town."""
    home = life.homes[0]
    latest = home.start
    if latest - life.born < 400:
        return life
    if dice.chance(0.13):
        node = dice.weighted(
            [node for node in NODES if node != home.node],
            [s for n, s in zip(NODES, SHARES, strict=True) if n != home.node],
        )
        town = dice.pick(places(node))
        begin = max(life.born, latest - dice.between(700, 9000))
        before = Home(node, town.city, _street(node, dice), _postal(town, dice), begin, latest)
        return replace(life, homes=(before, home))
    if dice.chance(0.25):
        begin = max(life.born, latest - dice.between(400, 5000))
        before = Home(home.node, home.city, _street(home.node, dice), _postal(roof.town, dice), begin, latest)
        return replace(life, homes=(before, home))
    return life


def _numbers(life: Life, today: int, dice: Dice) -> tuple[HealthNumber, ...]:
    """One number per province lived in. Newborns of a month may have none yet; some have a temporary one."""
    if today - life.born < 60 and dice.chance(0.7):
        return ()
    found = numbers(life)
    if dice.chance(0.006):
        last = found[-1]
        value = failing(last.node, last.value)
        return (*found[:-1], replace(last, value=value, version="", temporary=True))
    return found


def numbers(life: Life) -> tuple[HealthNumber, ...]:
    """The numbers of a life: one per province lived in; the old one stays, ended by the move."""
    found: list[HealthNumber] = []
    for node in dict.fromkeys(home.node for home in life.homes):
        there = [home for home in life.homes if home.node == node]
        version = version_code(life.birth) if node == "on" else ""
        value = issue(node, life.birth)
        found.append(HealthNumber(node, value, version, there[0].start, there[-1].end))
    return tuple(found)


def _slips(life: Life, dice: Dice) -> dict[NodeId, Slip]:
    """One record in forty is mistyped somewhere."""
    if not dice.chance(0.025):
        return {}
    node = dice.pick(life.homes).node
    kind = dice.below(4)
    if kind == 0:
        return {node: Slip("birth-date", swapped(life.born))}
    name = life.names[0]
    if kind == 1 and len(name.family) > 3:
        return {node: Slip("family", _transposed(name.family, dice))}
    if kind == 2 and len(name.given[0]) > 3:
        return {node: Slip("given", _transposed(name.given[0], dice))}
    postal = life.home.postal
    return {node: Slip("postal", f"{postal[:4]}{(int(postal[4]) + 1) % 10}{postal[5:]}")}


def swapped(day: int) -> str:
    """A birth date with day and month swapped where that is a date, else a year too late."""
    year, month, number = day_text(day).split("-")
    if int(number) <= 12 and number != month:
        return f"{year}-{number}-{month}"
    return day_text(day + 365)


def _transposed(text: str, dice: Dice) -> str:
    """Two neighbouring letters typed the wrong way round."""
    spots = [at for at in range(1, len(text) - 1) if text[at] != text[at + 1]] or [0]
    at = dice.pick(spots)
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]


__all__ = ["lives", "numbers", "swapped"]
