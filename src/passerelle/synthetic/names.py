"""What are they called? Names by culture, sex and time of birth; with syllabics or ideographs where people have both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from passerelle.synthetic.dice import Dice
from passerelle.synthetic.tables import toml

Sex = Literal["female", "male"]


@dataclass(frozen=True, slots=True)
class Name:
    """A name and when it was borne. ``family`` is "" for a person of one name, which is then the given name.

    ``script`` is the iso21090 representation code (SYL, IDE) of a spelling that is not alphabetic; ``start`` and
    ``end`` are ordinal days.
    """

    family: str
    given: tuple[str, ...]
    use: str = "official"
    script: str = ""
    start: int | None = None
    end: int | None = None

    @property
    def text(self) -> str:
        if self.script == "IDE":
            return self.family + "".join(self.given)
        return " ".join((*self.given, self.family)).strip()


@dataclass(frozen=True, slots=True)
class Called:
    """A drawn name: the alphabetic one first, then its other spelling if there is one, and what they speak."""

    names: tuple[Name, ...]
    language: str


def family_name(culture: str, dice: Dice) -> Any:
    """A family name of a culture, as its table has it (a pair where there are two spellings)."""
    if culture == "single":
        return ""
    return dice.pick(toml("names")[culture]["surnames"])


def call(culture: str, sex: Sex, born: int, family: Any, dice: Dice) -> Called:
    """Name a person born in the year ``born``."""
    table = toml("names")[culture]
    if culture == "single":
        fitting = [entry for entry in table["names"] if entry[2] == sex]
        name, language, _ = dice.pick(fitting)
        return Called((Name("", (name,)),), language)
    if "script" in table:
        return _two_spellings(table, dice.pick(table[sex]), family)
    given: tuple[str, ...] = (dice.pick(_given(table[sex], born)),)
    if "middle_name" in table:
        given += (table["middle_name"][sex],)
    elif born < 1995 and dice.chance(0.3):
        given += (dice.pick(_given(table[sex], born)),)
    return Called((Name(family, _distinct(given)),), table["language"])


def _distinct(given: tuple[str, ...]) -> tuple[str, ...]:
    return given[:1] if given[0] in given[1:] else given


def _given(table: dict[str, list[str]], born: int) -> list[str]:
    if "all" in table:
        return table["all"]
    return table["old" if born < 1965 else "middle" if born < 1995 else "young"]


def _two_spellings(table: dict[str, Any], given: list[str], family: list[str]) -> Called:
    letters = Name(family[0], (given[0],))
    signs = Name(family[1], (given[1],), use="usual", script=table["script"])
    return Called((letters, signs), table["language"])
