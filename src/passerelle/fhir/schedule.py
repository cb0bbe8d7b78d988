"""How much of a drug, how often? Only what can be compared between two sources, in any language."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeGuard

from passerelle.fhir.coding import Pair, codings, concept_names, folded
from passerelle.fhir.concept import all_words, object_of
from passerelle.fhir.drug import dosages, measure
from passerelle.values import Json

_DAYS = {
    "s": Fraction(1, 86400),
    "min": Fraction(1, 1440),
    "h": Fraction(1, 24),
    "d": Fraction(1),
    "wk": Fraction(7),
    "mo": Fraction(30),
    "a": Fraction(365),
}
_A_DAY = {"QD": 1, "AM": 1, "PM": 1, "BID": 2, "TID": 3, "QID": 4, "Q4H": 6, "Q6H": 4, "Q8H": 3, "Q12H": 2}
_A_DAY_OR_LESS: dict[str, Fraction] = {code: Fraction(times) for code, times in _A_DAY.items()}
_A_DAY_OR_LESS["QOD"] = Fraction(1, 2)
"""How many times a day each code of the R4 value set ``timing-abbreviation`` means."""

_PLAIN = frozenset(
    {"id", "sequence", "text", "_text", "timing", "route", "dose", "doseAndRate"} | {"asNeededBoolean"}
)
_PLAIN_RATE = frozenset({"id", "type", "doseQuantity"})
_PLAIN_TIMING = frozenset({"id", "repeat", "code"})
_PLAIN_CODES = _A_DAY_OR_LESS.keys() - {"AM", "PM"}
_PLAIN_REPEAT = frozenset({"id", "frequency", "period", "periodUnit", "boundsPeriod", "boundsDuration"})
"""What a dosage may hold for its dose, its rate and its route to be all that its structure says."""


@dataclass(frozen=True)
class Schedule:
    """What a dosage says: (unit, amount) of each dose, times a day, and the words, folded."""

    doses: tuple[tuple[str, str], ...]
    times: tuple[Fraction, ...]
    words: str
    as_needed: bool = False
    routes: frozenset[Pair] = frozenset()
    plain: bool = False
    """Whether one dose, how often and by which route is everything that is written in structure, or nothing is."""

    def comparable(self, other: Schedule) -> bool:
        return self._same_units(other) or bool(self.times and other.times)

    def differs(self, other: Schedule) -> bool:
        doses = self._same_units(other) and self.doses != other.doses
        return doses or bool(self.times and other.times and self.times != other.times)

    def same(self, other: Schedule) -> bool:
        """Whether both say the same to the person who takes it: in the same words, or by the same plain structure.

        Not the opposite of ``differs``: of two dosages that cannot be compared neither can be said.
        """
        if self.words and self.words == other.words:
            return not self.differs(other)
        return self.plain and other.plain and self._structure == other._structure and self._same_route(other)

    @property
    def _structure(self) -> tuple[object, ...]:
        return self.doses, self.times, self.as_needed

    def _same_route(self, other: Schedule) -> bool:
        return not self.routes or not other.routes or not self.routes.isdisjoint(other.routes)

    def _same_units(self, other: Schedule) -> bool:
        """Two tablets and 1000 mg may be the same; two tablets and three tablets are not."""
        mine, theirs = ([unit for unit, _ in each.doses] for each in (self, other))
        return bool(mine) and mine == theirs


def schedule(resource: Json) -> Schedule:
    """The schedule of any medication resource."""
    listed = dosages(resource)
    return Schedule(
        doses=tuple(sorted(dose for each in listed if (dose := _dose(each)))),
        times=tuple(sorted(rate for each in listed if (rate := _times_a_day(each.get("timing"))))),
        words=" ".join(sorted(folded(each.get("text")) for each in listed)).strip(),
        as_needed=any(_is_as_needed(each) for each in listed),
        routes=frozenset(name for each in listed for name in _routes(each.get("route"))),
        plain=len(listed) < 2 and all(map(is_plain, listed)),
    )


def is_plain(dosage: Json) -> bool:
    """Whether a dosage says in structure how much and how often, and nothing else but by which route."""
    timing, rates = object_of(dosage.get("timing")), dosage.get("doseAndRate") or [{}]
    repeat = object_of(timing.get("repeat"))
    return (
        dosage.keys() <= _PLAIN
        and timing.keys() <= _PLAIN_TIMING
        and ("code" not in timing or _says_only_how_often(timing["code"]))
        and repeat.keys() <= _PLAIN_REPEAT
        and isinstance(rates, list)
        and len(rates) == 1
        and object_of(rates[0]).keys() <= _PLAIN_RATE
        and _dose(dosage) is not None
        and (_times_a_day(timing) is not None or _is_as_needed(dosage))
    )


def _says_only_how_often(concept: Any) -> bool:
    codes = {code for _, code in codings(object_of(concept))}
    return bool(codes) and codes <= _PLAIN_CODES


def _is_as_needed(dosage: Json) -> bool:
    return dosage.get("asNeededBoolean") is True or "asNeededCodeableConcept" in dosage


def _routes(route: Any) -> set[Pair]:
    """The route's codes, and its words in every language."""
    words = {("text", folded(word)) for word in all_words(route)} - {("text", "")}
    return {*concept_names(route), *words}


def _dose(dosage: Json) -> tuple[str, str] | None:
    rates = dosage.get("doseAndRate")
    if isinstance(rates, list) and rates and isinstance(rates[0], dict):
        dose = rates[0].get("doseQuantity") or _high(rates[0].get("doseRange"))
    else:
        dose = dosage.get("dose")
    if not isinstance(dose, dict) or not _is_number(dose.get("value")):
        return None
    unit = dose.get("code") or dose.get("unit")
    return measure(dose["value"], unit if isinstance(unit, str) else "")


def _high(dose_range: Any) -> Any:
    return dose_range.get("high") if isinstance(dose_range, dict) else None


def _is_number(value: Any) -> TypeGuard[int | Decimal]:
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        return False
    # A number that no dose can be would only take long to write out.
    return -1_000_000_000 < value < 1_000_000_000 and (
        not isinstance(value, Decimal) or int(value.as_tuple().exponent) > -20
    )


def _times_a_day(timing: Any) -> Fraction | None:
    if not isinstance(timing, dict):
        return None
    repeat = timing.get("repeat")
    if isinstance(repeat, dict) and _is_number(repeat.get("frequency")):
        period: Any = repeat.get("period", 1)
        days = _DAYS.get(str(repeat.get("periodUnit")))
        if days and _is_number(period) and period > 0:
            return Fraction(repeat["frequency"]) / (Fraction(period) * days)
    concept = timing.get("code")
    found = codings(concept) if isinstance(concept, dict) else ()
    return next((_A_DAY_OR_LESS[code] for _, code in sorted(found) if code in _A_DAY_OR_LESS), None)
