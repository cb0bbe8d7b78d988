"""Is this candidate the person asked for? A score, a grade, and the reasons for both.

The weights behind the score were set by hand: it orders candidates, and is not a calibrated probability. So
*certain* never rests on the score. It takes one of the rules below, each of which a person can check.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from passerelle.identity.compare import Reason, compare, table
from passerelle.identity.normalise import Person, person
from passerelle.values import Json

Grade = Literal["certain", "probable", "possible", "certainly-not"]
"""The codes of http://terminology.hl7.org/CodeSystem/match-grade."""

_ORDER: dict[str, int] = {"certain": 0, "probable": 1, "possible": 2, "certainly-not": 3}


@dataclass(frozen=True)
class Match:
    """How one candidate (the Patient ``id``) answers to the query."""

    id: str
    score: float
    grade: Grade
    reasons: tuple[Reason, ...]

    def level(self, field: str) -> str:
        return next((reason.level for reason in self.reasons if reason.field == field), "")


def score(query: Json, candidate: Json) -> Match:
    """Compare one candidate with the query, both shaped as Patients."""
    return _score(person(query), candidate)


def _score(asked: Person, candidate: Json) -> Match:
    reasons = compare(asked, person(candidate))
    model = table()["model"]
    bits = model["prior"] + sum(reason.weight for reason in reasons)
    likely = 1 / (1 + 2 ** -max(-60.0, min(60.0, bits)))
    match = Match(str(candidate.get("id", "")), likely, "possible", reasons)
    if _by_number(match) or _by_everything(match):
        return replace(match, grade="certain", score=round(max(likely, model["ceiling"]), 4))
    likely = min(likely, model["ceiling"])
    grade: Grade = "probable" if likely >= model["probable"] else "possible"
    if likely < model["possible"]:
        grade = "certainly-not"
    return replace(match, grade=grade, score=round(likely, 4))


_SAME_FAMILY = ("exact", "transposed", "single")
_SAME_GIVEN = ("exact", "transposed", "first")


def _by_number(match: Match) -> bool:
    """A shared good health number, today's or a former one, with the same birth date.

    A name that contradicts it is the sign of a card that two people used: of twins when the family name agrees, of
    a mistyped number when nothing does. Then a person decides.
    """
    if match.level("identifier") not in ("shared-valid", "shared-former"):
        return False
    given, family = match.level("given"), match.level("family")
    if match.level("birth-date") == "exact":
        return given != "different" and not (given == "" and family == "different")
    # Day and month the wrong way round is how a right date is mistyped; then the whole name must agree as well.
    return match.level("birth-date") == "transposed" and family in _SAME_FAMILY and given in _SAME_GIVEN


def _by_everything(match: Match) -> bool:
    """Without a shared number: the whole name, the birth date, and a postal code or telephone, none against.

    A nickname, a likeness or an initial is not the whole name: twins differ by as little.
    """
    given = match.level("given")
    name = match.level("family") in _SAME_FAMILY and (
        given in _SAME_GIVEN or match.level("family") == "single"
    )
    places = [match.level("postal-code"), match.level("phone")]
    return (
        name
        and match.level("birth-date") == "exact"
        and match.level("identifier") in ("", "shared-other", "different-other")
        and match.level("gender") != "different"
        and "same" in places
        and all(place in ("", "same") for place in places)
    )


def rank(
    query: Json, candidates: Sequence[Json], *, only_certain: bool = False, count: int = 10
) -> tuple[Match, ...]:
    """The candidates that may be the person, best first, at most ``count``.

    With ``only_certain`` the answer is one match or none: several certain ones are as ambiguous as none at all
    (ITI-119, onlyCertainMatches), and which of them it is must not be guessed.
    """
    ranked = _ranked(query, candidates)
    if not only_certain:
        return tuple(ranked[:count])
    certain = [match for match in ranked if match.grade == "certain"]
    return tuple(certain) if len(certain) == 1 else ()


def uncertain(query: Json, candidates: Sequence[Json]) -> bool:
    """Whether somebody here is likely the person, and yet nobody is certain or several are."""
    ranked = _ranked(query, candidates)
    certain = sum(match.grade == "certain" for match in ranked)
    return certain > 1 or (certain == 0 and any(match.grade == "probable" for match in ranked))


def _ranked(query: Json, candidates: Sequence[Json]) -> list[Match]:
    asked = person(query)
    scored = [_score(asked, candidate) for candidate in candidates]
    close = sum(match.grade in ("certain", "probable") for match in scored)
    told = [_doubted(match) if close > 1 else match for match in scored]
    kept = [match for match in told if match.grade != "certainly-not"]
    return sorted(kept, key=lambda match: (_ORDER[match.grade], -match.score, match.id))


def _doubted(match: Match) -> Match:
    """Without a number, certainty needs that nobody else is close."""
    if match.grade != "certain" or _by_number(match):
        return match
    return replace(match, grade="probable", score=min(match.score, table()["model"]["ceiling"]))
