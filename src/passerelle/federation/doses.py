"""How much of a drug, how often? Only what can be compared between two sources, in any language."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeGuard

from passerelle.federation.likeness import codings
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


@dataclass(frozen=True)
class Schedule:
    """What a dosage says: (unit, amount) of each dose, times a day, and the words, folded."""

    doses: tuple[tuple[str, str], ...]
    times: tuple[Fraction, ...]
    words: str

    def comparable(self, other: Schedule) -> bool:
        return self._same_units(other) or bool(self.times and other.times)

    def differs(self, other: Schedule) -> bool:
        doses = self._same_units(other) and self.doses != other.doses
        return doses or bool(self.times and other.times and self.times != other.times)

    def _same_units(self, other: Schedule) -> bool:
        """Two tablets and 1000 mg may be the same; two tablets and three tablets are not."""
        mine, theirs = ([unit for unit, _ in each.doses] for each in (self, other))
        return bool(mine) and mine == theirs


def schedule(resource: Json) -> Schedule:
    listed = dosages(resource)
    doses = sorted(dose for each in listed if (dose := _dose(each)))
    times = sorted(rate for each in listed if (rate := _times_a_day(each.get("timing"))))
    texts = (each.get("text") for each in listed)
    words = " ".join(sorted(" ".join(text.casefold().split()) for text in texts if isinstance(text, str)))
    return Schedule(tuple(doses), tuple(times), words)


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
