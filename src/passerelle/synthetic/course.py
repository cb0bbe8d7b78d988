"""Lasting illnesses and what care does about them, visit by visit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from passerelle.synthetic import acts, labs, medications, problems, visits
from passerelle.synthetic.chart import Chart
from passerelle.synthetic.dice import Dice
from passerelle.synthetic.labs import Trend
from passerelle.synthetic.life import Life
from passerelle.synthetic.medications import Prescription
from passerelle.synthetic.tables import toml
from passerelle.synthetic.visits import Visit
from passerelle.values import Json, NodeId

MONTH = 30.4
_NEVER = -99_999


@dataclass(frozen=True, slots=True)
class Illness:
    """A lasting illness of one person, and what the table says about it."""

    key: str
    onset: int
    table: Mapping[str, Any]


@dataclass(slots=True)
class Course:
    """A life with its dice and charts, while its events are written down in the order of time."""

    seed: int
    life: Life
    today: int
    dice: Dice
    charts: dict[NodeId, Chart] = field(default_factory=dict)
    illnesses: list[Illness] = field(default_factory=list)
    trends: dict[str, Trend] = field(default_factory=dict)
    bias: dict[str, float] = field(default_factory=dict)
    done: dict[tuple[str, ...], int] = field(default_factory=dict)
    """When something that comes again (a test, a prescription) was last done."""
    drugs: dict[str, tuple[Prescription, Json]] = field(default_factory=dict)
    """The drugs they take now: the last prescription of each, and its resource."""

    @property
    def end(self) -> int:
        """The last day on which something can begin; a stay that begins then is over today."""
        return self.today - 3 if self.life.died is None else self.life.died - 1

    def chart(self, node: NodeId) -> Chart:
        """The chart of a node, opened at the first use."""
        if node not in self.charts:
            last = self.today if self.life.died is None else self.life.died
            self.charts[node] = Chart(self.seed, self.life, node, last)
        return self.charts[node]

    def home_chart(self, day: int) -> Chart:
        """The chart where they lived on a day."""
        return self.chart(self.life.home_on(day).node)

    def age(self, day: int) -> int:
        return int((day - self.life.born) / 365.25)

    def suffer(self, key: str, onset: int, *drugs: str) -> None:
        """Give them a lasting illness. ``drugs``, where given, are the ones they take for it, and no others."""
        table = toml("problems")[key]
        self.illnesses.append(Illness(key, onset, table))
        for test, (before, after, years) in table["effects"].items():
            self.trends[test] = Trend(before, after, onset, years)
        for drug, *_ in table["drugs"] if drugs else ():
            self.done["take", drug] = int(drug in drugs)


def course(seed: int, life: Life, today: int) -> Course:
    """A new course with its own dice."""
    return Course(seed, life, today, Dice("course", life.key))


def follow_up(course: Course, day: int) -> None:
    """One visit for all lasting illnesses: problem list, measurements, tests that are due, drugs."""
    chart = course.home_chart(day)
    present = [illness for illness in course.illnesses if illness.onset <= day]
    if not present:
        return
    reason = problems.problem_brief(present[0].key, chart.language)
    at = visits.visit(chart, day, "followup", reason)
    if any(order.node != chart.node for order, _ in course.drugs.values()):
        bring_drugs(course, chart, day)
    _measure(course, chart, at, present)
    for illness in present:
        if course.done.setdefault(("problem", chart.node, illness.key), day) == day:
            problems.condition(chart, at, illness.key, illness.onset)
        _tests(course, chart, at, illness)
        _drugs(course, chart, at, illness)
        _other(course, chart, at, illness)


def bring_drugs(course: Course, chart: Chart, day: int) -> None:
    """A node that treats a visitor or a newcomer writes down what they take, as copies of the prescriptions."""
    for order, _ in course.drugs.values():
        if order.node != chart.node and ("brought", chart.node, order.drug) not in course.done:
            course.done["brought", chart.node, order.drug] = day
            medications.taking(chart, order.drug, order.day, said=day, identifier=order.identifier)


_PRESSURE = frozenset(
    {"hypertension", "diabetes", "kidney", "heart_failure", "atrial_fibrillation", "dyslipidemia"}
)


def _measure(course: Course, chart: Chart, at: Visit, present: list[Illness]) -> None:
    if not any(illness.key in _PRESSURE for illness in present):
        return
    since = next((illness.onset for illness in present if illness.key == "hypertension"), None)
    middle = 119.0 if since is None else Trend(156, 130, since, 2).on(at.day)
    systolic = int(middle + course.dice.about(7))
    visits.blood_pressure(chart, at, systolic, int(systolic * 0.6 + 2 + course.dice.about(4)))
    if course.age(at.day) >= 18 and course.dice.chance(0.3):
        base = course.bias.setdefault("weight", course.dice.about(140))
        visits.measure(chart, at, "weight", 790 + int(base) + course.dice.between(-15, 15))


def _tests(course: Course, chart: Chart, at: Visit, illness: Illness) -> None:
    for panel, months in illness.table["tests"]:
        drug = _TESTED_FOR.get(panel)
        if drug is not None and drug not in course.drugs:
            continue
        if at.day - course.done.get(("test", panel), _NEVER) < months * MONTH * 0.9:
            continue
        course.done["test", panel] = at.day
        labs.report(chart, at.day, panel, values(course, panel, at.day), encounter=at.ref)


# An INR says how much warfarin to take; nobody measures it on another anticoagulant.
_TESTED_FOR = {"inr": "warfarin_5"}


def values(course: Course, panel: str, day: int) -> dict[str, int]:
    """The results of a panel for this person on a day."""
    return {test: _value(course, test, day) for test in toml("labs")["panel"][panel]["tests"]}


def _value(course: Course, test: str, day: int) -> int:
    bias = course.bias.get(test)
    if bias is None:
        bias = course.bias[test] = course.dice.about(1.0)
    return labs.draw(test, day, course.trends, bias, course.dice)


def _drugs(course: Course, chart: Chart, at: Visit, illness: Illness) -> None:
    """Start what is due, stop what it replaces, renew once a year."""
    for drug, months, share, *instead in illness.table["drugs"]:
        if any(course.done.get(("take", other)) for other in instead):
            continue
        decided = course.done.setdefault(("take", drug), int(course.dice.chance(share)))
        if not decided or at.day < illness.onset + months * MONTH or ("stopped", drug) in course.done:
            continue
        if at.day - course.done.get(("order", drug), _NEVER) < 300:
            continue
        order_drug(course, chart, at, drug, illness.key)


def order_drug(course: Course, chart: Chart, at: Visit, drug: str, illness: str) -> None:
    """Prescribe a drug for an illness and have it dispensed; it takes the place of what it renews or replaces."""
    course.done["order", drug] = at.day
    _replace(course, drug)
    order = medications.prescribe(chart, at, drug, problems.problem_brief(illness, chart.language))
    course.drugs[drug] = (order, chart.last())
    medications.dispense(chart, drug, min(at.day + course.dice.below(4), course.end), order)


def _replace(course: Course, drug: str) -> None:
    """A new prescription ends the one before it; another strength of the same ingredient stops the old strength."""
    for taken in list(course.drugs):
        same = taken == drug
        if same or taken.split("_")[0] == drug.split("_")[0]:
            _, before = course.drugs.pop(taken)
            before["status"] = "completed" if same else "stopped"
            if not same:
                course.done["stopped", taken] = 1


def _other(course: Course, chart: Chart, at: Visit, illness: Illness) -> None:
    for key, months in illness.table.get("procedures", ()):
        if at.day - course.done.get(("procedure", key), _NEVER) > months * MONTH and course.dice.chance(0.7):
            course.done["procedure", key] = at.day
            acts.procedure(chart, at, key, problems.problem_brief(illness.key, chart.language))
    for key, finding, months in illness.table.get("imaging", ()):
        if at.day - course.done.get(("imaging", key), _NEVER) > months * MONTH and course.dice.chance(0.6):
            course.done["imaging", key] = at.day
            acts.imaging(chart, at.day, key, finding, encounter=at.ref)
    if course.dice.chance(0.12):
        acts.document(chart, at, "note", problems.problem_concept(illness.key, chart.language)["text"])
