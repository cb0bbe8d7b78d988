"""How alike are two people, field by field? Each field gives one level, and the table gives its weight in bits."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from rapidfuzz.distance import JaroWinkler

from passerelle.fhir import health_number
from passerelle.fhir.health_number import Verdict
from passerelle.identity.normalise import Name, Number, Person, nicknames, transposed


class Reason(NamedTuple):
    """One observation: which field, how alike, and how many bits that is worth."""

    field: str
    level: str
    weight: float


@cache
def table() -> dict[str, dict[str, float]]:
    """The weights by field and level; ``model`` holds the prior and the grades."""
    read = tomllib.loads(files("passerelle.identity").joinpath("weights.toml").read_text("utf-8"))
    read["model"] = {"prior": read.pop("prior"), **read.pop("grades")}
    return read


def compare(one: Person, other: Person) -> tuple[Reason, ...]:
    """Every field that both sides know, with its level and weight."""
    levels = {
        "identifier": numbers_level(one.numbers, other.numbers),
        **dict(zip(("family", "given"), names_levels(one.names, other.names), strict=True)),
        "birth-date": dates_level(one.birth_date, other.birth_date),
        "gender": _equal_level(one.gender, other.gender),
        "postal-code": postal_level(one.postal_codes, other.postal_codes),
        "phone": _shared_level(one.phones, other.phones),
    }
    weights = table()
    return tuple(Reason(field, level, weights[field][level]) for field, level in levels.items() if level)


def numbers_level(mine: Iterable[Number], theirs: Iterable[Number]) -> str:
    """The strongest that the identifiers say; a shared one goes before a different one."""
    found = {_pair_level(a, b) for a in mine for b in theirs if a.system == b.system}
    return next((level for level in table()["identifier"] if level in found), "")


def _pair_level(one: Number, other: Number) -> str:
    is_health = one.system in health_number.systems()
    verdicts = {health_number.check(each.system, each.value) for each in (one, other)}
    if Verdict.MALFORMED in verdicts:
        return ""
    if one.value != other.value:
        good = is_health and Verdict.FAILED not in verdicts and not (one.former or other.former)
        return "different" if good else "different-other"
    if Verdict.FAILED in verdicts:
        return "shared-failed"
    if not is_health:
        return "shared-other"
    return "shared-former" if one.former or other.former else "shared-valid"


def names_levels(mine: Iterable[Name], theirs: Iterable[Name]) -> tuple[str, str]:
    """The levels of family and given name for the two names that agree best: people have had several."""
    weights = table()
    pairs = [_name_levels(a, b) for a in mine for b in theirs]

    def worth(levels: tuple[str, str]) -> float:
        return weights["family"].get(levels[0], 0.0) + weights["given"].get(levels[1], 0.0)

    return max(pairs, key=worth, default=("", ""))


def _name_levels(one: Name, other: Name) -> tuple[str, str]:
    if one.single or other.single:
        return _single_levels(one, other)
    crossed = _joined(one.family) == _joined(other.given) and _joined(one.given) == _joined(other.family)
    if crossed and one.family and one.given and one.family != other.family:
        return "transposed", "transposed"
    return _family_level(one.family, other.family), _given_level(one.given, other.given)


def _joined(parts: Iterable[str]) -> str:
    return "".join(parts).replace(" ", "")


def _single_levels(one: Name, other: Name) -> tuple[str, str]:
    """Somebody of one name stands in either field; beside a full name one word is only a part."""
    mine, theirs = {*one.family, *one.given}, {*other.family, *other.given}
    if one.single and other.single:
        level = "single" if mine == theirs else "similar" if _similar(min(mine), min(theirs)) else "different"
        return level, ""
    return ("part" if mine & theirs else "different"), ""


def _family_level(mine: tuple[str, ...], theirs: tuple[str, ...]) -> str:
    if not mine or not theirs:
        return ""
    if _joined(mine) == _joined(theirs):
        return "exact"
    if set(mine) & set(theirs):
        return "part"
    return "similar" if _similar(_joined(mine), _joined(theirs)) else "different"


def _given_level(mine: tuple[str, ...], theirs: tuple[str, ...]) -> str:
    if not mine or not theirs:
        return ""
    if _joined(mine) == _joined(theirs):
        return "exact"
    length = min(len(mine), len(theirs))
    first, other = mine[0], theirs[0]
    if mine[:length] == theirs[:length]:
        return "first"
    if nicknames().get(first, frozenset()) & nicknames().get(other, frozenset()):
        return "nickname"
    if 1 in (len(first), len(other)) and first[0] == other[0]:
        return "initial"
    return "similar" if first == other or _similar(first, other) else "different"


def _similar(one: str, other: str) -> bool:
    return JaroWinkler.similarity(one, other) >= 0.9


def dates_level(one: str, other: str) -> str:
    if not one or not other:
        return ""
    if one == other:
        return "exact" if len(one) == 10 else "partial"
    if len(one) < 10 or len(other) < 10:
        return "partial" if one.startswith(other) or other.startswith(one) else "different"
    if transposed(one) == other:
        return "transposed"
    return "one-digit" if sum(a != b for a, b in zip(one, other, strict=True)) == 1 else "different"


def postal_level(mine: frozenset[str], theirs: frozenset[str]) -> str:
    level = _shared_level(mine, theirs)
    areas = {each[:3] for each in mine} & {each[:3] for each in theirs}
    return "same-area" if level == "different" and areas else level


def _shared_level(mine: frozenset[str], theirs: frozenset[str]) -> str:
    if not mine or not theirs:
        return ""
    return "same" if mine & theirs else "different"


def _equal_level(one: str, other: str) -> str:
    if not one or not other:
        return ""
    return "same" if one == other else "different"
