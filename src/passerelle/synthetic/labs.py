"""Laboratory results: reports, observations, and how a person's values move."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any

from passerelle.synthetic.chart import Chart
from passerelle.synthetic.concept import HL7, LOINC, coded, quantity, status
from passerelle.synthetic.dice import Dice
from passerelle.synthetic.tables import toml
from passerelle.values import Json


@lru_cache(maxsize=65536)
def number(count: int, decimals: int) -> Any:
    """A count of last digits as a JSON number: 74 of one decimal is 7.4."""
    return count if decimals == 0 else Decimal(count).scaleb(-decimals)


@dataclass(frozen=True, slots=True)
class Trend:
    """How a test moves: from ``start`` at day ``since``, half of the way to ``goal`` in ``years`` years, and so on."""

    start: int
    goal: int
    since: int
    years: int

    def on(self, day: int) -> float:
        """The middle value on a day. A ratio, not an exponential: equal on every machine."""
        passed = max(day - self.since, 0) / (365.0 * self.years)
        return self.goal + (self.start - self.goal) / (1.0 + passed * 2.0)


def draw(test: str, day: int, trends: Mapping[str, Trend], bias: float, dice: Dice) -> int:
    """A value of one test on a day, in counts of its last digit. ``bias`` is the person's own offset in spreads."""
    table = toml("labs")["analyte"][test]
    trend = trends.get(test)
    if trend is None:
        middle = table["middle"] + bias * table["spread"]
    else:
        middle = trend.on(day)
    return max(int(middle + dice.about(table["spread"] * 0.5)), 1)


def report(
    chart: Chart,
    day: int,
    panel: str,
    values: Mapping[str, int],
    *,
    encounter: Json | None = None,
    identifier: Json | None = None,
) -> Json:
    """Write the DiagnosticReport of a panel and one Observation for each value; return the report's reference."""
    table = toml("labs")["panel"][panel]
    at = chart.at("laboratory")
    drawn, issued = chart.time(day, 450 + day % 120), chart.time(day, 960)
    common: Json = {
        "subject": chart.subject,
        "effectiveDateTime": drawn,
        "issued": issued,
        "performer": [at.org],
    }
    if encounter is not None:
        common["encounter"] = encounter
    results = [_result(chart, at.slug, test, value, common) for test, value in values.items()]
    body: Json = {
        "status": "final",
        "category": _section(table["section"]),
        "code": coded(((LOINC, table["loinc"]),), table["en"], table["fr"], chart.language),
        **common,
        "result": results,
    }
    return chart.add("DiagnosticReport", "diagnosticreport", at.slug, body, identifier)


@cache
def _section(code: str) -> list[Json]:
    names = {"CH": "Chemistry", "HM": "Hematology"}
    return [status("v2-0074", "LAB", "Laboratory"), status("v2-0074", code, names[code])]


def _result(chart: Chart, slug: str, test: str, value: int, common: Json) -> Json:
    table = toml("labs")["analyte"][test]
    body: Json = {
        "status": "final",
        "category": _LABORATORY,
        "code": coded(((LOINC, table["loinc"]),), table["en"], table["fr"], chart.language),
        **common,
        "valueQuantity": quantity(number(value, table["decimals"]), table["unit"], table["ucum"]),
        "interpretation": _interpretation(value, table["low"], table["high"]),
        "referenceRange": _range(test),
    }
    return chart.add("Observation", "observation-results", slug, body)


_LABORATORY = [status("observation-category", "laboratory", "Laboratory")]


@cache
def _range(test: str) -> list[Json]:
    table = toml("labs")["analyte"][test]
    unit = (table["unit"], table["ucum"])
    between: Json = {"high": quantity(number(table["high"], table["decimals"]), *unit)}
    if table["low"]:
        between = {"low": quantity(number(table["low"], table["decimals"]), *unit), **between}
    return [between]


def _interpretation(value: int, low: int, high: int) -> list[Json]:
    return _FLAGS["L" if value < low else "H" if value > high else "N"]


_FLAGS = {
    code: [{"coding": [{"system": f"{HL7}v3-ObservationInterpretation", "code": code, "display": shown}]}]
    for code, shown in (("L", "Low"), ("H", "High"), ("N", "Normal"))
}
