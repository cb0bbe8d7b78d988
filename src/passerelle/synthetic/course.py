"""What happens to an ordinary person: illnesses and what care does about them, over the years."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from passerelle.synthetic import acts, labs, medications, problems, visits
from passerelle.synthetic.chart import Chart
from passerelle.synthetic.dice import Dice
from passerelle.synthetic.geography import NODES, SHARES
from passerelle.synthetic.labs import Trend
from passerelle.synthetic.life import Life
from passerelle.synthetic.medications import Prescription
from passerelle.synthetic.tables import toml
from passerelle.synthetic.visits import Visit
from passerelle.values import Json, NodeId

_MONTH = 30.4


@dataclass(frozen=True, slots=True)
class Illness:
    """A lasting illness of one person, and what the tables say about it."""

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
        return self.today if self.life.died is None else self.life.died - 1

    def chart(self, node: NodeId) -> Chart:
        if node not in self.charts:
            self.charts[node] = Chart(self.seed, self.life, node)
        return self.charts[node]

    def age(self, day: int) -> int:
        return int((day - self.life.born) / 365.25)


Event = tuple[int, int, Callable[[Course, int], None]]
"""A day, the order within the day, and what is written then."""


def write(seed: int, life: Life, today: int) -> Mapping[NodeId, Chart]:
    """Write the whole record of an ordinary person; at least the province where they live has a chart."""
    course = Course(seed, life, today, Dice("course", life.key))
    course.chart(life.home.node)
    if course.end <= life.born or course.dice.chance(0.04):
        return course.charts
    _fall_ill(course)
    for day, _, happen in sorted(_events(course), key=lambda event: event[:2]):
        happen(course, day)
    return course.charts


def _start(course: Course) -> int:
    """The first day of which there are electronic records; always some of the time before a move."""
    years = course.dice.weighted((3, 5, 8, 14), (30, 35, 25, 10))
    first = course.end - int(years * 365.25)
    if len(course.life.homes) > 1:
        first = min(first, course.life.home.start - 500)
    return max(first, course.life.homes[0].start, course.life.born)


def _fall_ill(course: Course) -> None:
    """Draw the lasting illnesses by age and sex, and how their tests will move."""
    age, dice = course.age(course.end), course.dice
    for key, table in toml("problems").items():
        share = next((share for since, share in reversed(table["prevalence"]) if age >= since), 0.0)
        if table.get("sex", course.life.sex) != course.life.sex or not dice.chance(share):
            continue
        longest = max((age - table["prevalence"][0][0]) * 365, 300)
        onset = course.end - dice.between(100, min(longest, 5500))
        course.illnesses.append(Illness(key, onset, table))
        for test, (before, after, years) in table["effects"].items():
            course.trends[test] = Trend(before, after, onset, years)


def _events(course: Course) -> Iterator[Event]:
    first = _start(course)
    yield first, 0, _arrive
    yield from _vaccines(course, first)
    yield from _short_illnesses(course, first)
    yield from _follow_ups(course, first)
    if course.life.sex == "female" and 20 <= course.age(course.end) <= 48 and course.dice.chance(0.22):
        yield from _pregnancy(course, first)
    yield from _screening(course, first)


def _arrive(course: Course, day: int) -> None:
    """A first visit: allergies and tobacco are asked for, children are weighed."""
    dice, chart = course.dice, course.chart(course.life.home_on(day).node)
    newborn = day - course.life.born < 4
    at = visits.visit(chart, day, "newborn" if newborn else "office")
    if course.age(day) < 18:
        visits.measure(chart, at, "weight", 34 + min(course.age(day), 15) * 32 + dice.below(20))
    else:
        visits.smoking(chart, at, dice.weighted(("never", "former", "current"), (60, 28, 12)))
    spot = dice.roll()
    if spot < 0.2:
        key = dice.pick(
            (
                "penicillin",
                "penicillin",
                "sulfa",
                "asa",
                "codeine",
                "peanut",
                "shellfish",
                "latex",
                "pollen",
                "cat",
            )
        )
        reaction = dice.weighted(("hives", "rash", "rhinitis", "nausea", "anaphylaxis"), (30, 35, 15, 12, 8))
        problems.allergy(chart, at, key, reaction, severe=reaction == "anaphylaxis")
    elif spot < 0.45 and not newborn:
        problems.no_known_allergies(chart, at)


def _vaccines(course: Course, first: int) -> Iterator[Event]:
    """Children by the schedule (their whole record is kept); adults now and then."""
    life, dice = course.life, course.dice
    doses: dict[str, int] = {}
    if course.age(course.end) < 20 and not dice.chance(0.05):
        for months, key in toml("vaccines")["schedule"]["doses"]:
            day = life.born + int(months * _MONTH) + dice.below(14)
            doses[key] = doses.get(key, 0) + 1
            if day < course.end and day >= life.homes[0].start:
                yield day, 2, _given(key, doses[key])
    adult = [("covid", 0.5), ("flu", 0.5), ("tdap", 0.2)]
    adult += [("shingles", 0.35), ("pneu_p", 0.4), ("flu", 0.6)] if course.age(course.end) >= 65 else []
    for key, share in adult:
        if course.age(first) >= 18 and course.end - first > 60 and dice.chance(share):
            doses[key] = doses.get(key, 0) + 1
            yield dice.between(first + 1, course.end), 2, _given(key, doses[key])


def _given(key: str, dose: int) -> Callable[[Course, int], None]:
    def happen(course: Course, day: int) -> None:
        acts.vaccinate(course.chart(course.life.home_on(day).node), day, key, dose)

    return happen


def _short_illnesses(course: Course, first: int) -> Iterator[Event]:
    """Colds, fractures, infections; one in fifteen people is treated in another province once."""
    dice, life = course.dice, course.life
    years = (course.end - first) / 365.0
    for _ in range(int(years * 0.55 + dice.roll())):
        day = dice.between(first, course.end)
        yield day, 3, _short(_draw_short(course, day), life.home_on(day).node)
    if dice.chance(0.065) and course.end - first > 30:
        day = dice.between(first, course.end)
        away = dice.weighted(NODES, SHARES)
        if away != life.home_on(day).node:
            yield day, 3, _short(_draw_short(course, day), away)


def _draw_short(course: Course, day: int) -> str:
    age = course.age(day)
    fitting = {
        key: table["rate"]
        for key, table in toml("acute").items()
        if table["ages"][0] <= age <= table["ages"][1]
        and table.get("sex", course.life.sex) == course.life.sex
    }
    return course.dice.weighted(tuple(fitting), tuple(fitting.values()))


def _short(key: str, node: NodeId) -> Callable[[Course, int], None]:
    def happen(course: Course, day: int) -> None:
        chart = course.chart(node)
        short_illness(chart, day, key)
        if node != course.life.home_on(day).node:
            _bring_drugs(course, chart, day)

    return happen


def short_illness(chart: Chart, day: int, key: str) -> Visit:
    """Write an illness of ``data/acute.toml`` with what its line says: tests, images, drug, procedure, letter."""
    table, language = toml("acute")[key], chart.language
    reason = problems.problem_concept(key, language)
    at = visits.visit(chart, day, table["visit"], reason)
    problems.condition(chart, at, key, day - 1, ended=day + table["days"], listed=False)
    for panel in table.get("tests", ()):
        tests = toml("labs")["panel"][panel]["tests"]
        dice = Dice("short", chart.base, day, panel)
        labs.report(
            chart, day, panel, {test: labs.draw(test, day, {}, 0.5, dice) for test in tests}, encounter=at.ref
        )
    if "imaging" in table:
        acts.imaging(chart, day, *table["imaging"], encounter=at.ref)
    if "procedure" in table:
        acts.procedure(chart, at, table["procedure"], reason)
    if "drug" in table:
        order = medications.prescribe(chart, at, table["drug"], reason, state="completed", refills=0)
        medications.dispense(chart, table["drug"], day, order)
    if "document" in table:
        acts.document(chart, at, table["document"], reason["text"])
    return at


def _bring_drugs(course: Course, chart: Chart, day: int) -> None:
    """A node that treats a visitor or a newcomer writes down what they take, as copies of the prescriptions."""
    for order, _ in course.drugs.values():
        if ("brought", chart.node, order.drug) not in course.done:
            course.done["brought", chart.node, order.drug] = day
            medications.taking(chart, order.drug, order.day, said=day, identifier=order.identifier)


def _follow_ups(course: Course, first: int) -> Iterator[Event]:
    if not course.illnesses:
        return
    step = min(illness.table["visit"] for illness in course.illnesses) * _MONTH
    day = max(first + 1, min(illness.onset for illness in course.illnesses))
    while day < course.end:
        yield day, 4, _follow_up
        day += int(step * (0.8 + course.dice.roll() * 0.5))


def _follow_up(course: Course, day: int) -> None:
    """One visit for all lasting illnesses: problem list, measurements, tests that are due, drugs."""
    node = course.life.home_on(day).node
    chart = course.chart(node)
    present = [illness for illness in course.illnesses if illness.onset <= day]
    if not present:
        return
    at = visits.visit(chart, day, "followup", problems.problem_concept(present[0].key, chart.language))
    if any(
        order.identifier["system"].split(".")[0] != f"https://{node}" for order, _ in course.drugs.values()
    ):
        _bring_drugs(course, chart, day)
    _measure(course, chart, at, present)
    for illness in present:
        if course.done.setdefault(("problem", node, illness.key), day) == day:
            problems.condition(chart, at, illness.key, illness.onset)
        _tests(course, chart, at, illness)
        _drugs(course, chart, at, illness)
        _other(course, chart, at, illness)


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
        if at.day - course.done.get(("test", panel), -99_999) < months * _MONTH * 0.9:
            continue
        course.done["test", panel] = at.day
        values = {test: _value(course, test, at.day) for test in toml("labs")["panel"][panel]["tests"]}
        labs.report(chart, at.day, panel, values, encounter=at.ref)


def _value(course: Course, test: str, day: int) -> int:
    bias = course.bias.get(test)
    if bias is None:
        bias = course.bias[test] = course.dice.about(1.0)
    return labs.draw(test, day, course.trends, bias, course.dice)


def _drugs(course: Course, chart: Chart, at: Visit, illness: Illness) -> None:
    """Start what is due, stop what it replaces, renew once a year."""
    for drug, months, share in illness.table["drugs"]:
        decided = course.done.setdefault(("take", drug), int(course.dice.chance(share)))
        if not decided or at.day < illness.onset + months * _MONTH:
            continue
        if ("stopped", drug) in course.done or at.day - course.done.get(("order", drug), -99_999) < 300:
            continue
        course.done["order", drug] = at.day
        _replace(course, drug)
        reason = problems.problem_concept(illness.key, chart.language)
        order = medications.prescribe(chart, at, drug, reason)
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
        if at.day - course.done.get(("procedure", key), -99_999) > months * _MONTH and course.dice.chance(
            0.7
        ):
            course.done["procedure", key] = at.day
            acts.procedure(chart, at, key, problems.problem_concept(illness.key, chart.language))
    for key, finding, months in illness.table.get("imaging", ()):
        if at.day - course.done.get(("imaging", key), -99_999) > months * _MONTH and course.dice.chance(0.6):
            course.done["imaging", key] = at.day
            acts.imaging(chart, at.day, key, finding, encounter=at.ref)
    if course.dice.chance(0.12):
        acts.document(chart, at, "note", problems.problem_concept(illness.key, chart.language)["text"])


def _pregnancy(course: Course, first: int) -> Iterator[Event]:
    """Prenatal visits, blood count, ultrasound, vitamin, birth."""
    if course.end - first < 320:
        return
    birth = course.dice.between(first + 280, course.end)
    if course.age(birth) >= 18:
        yield birth - 200, 5, _prenatal
        yield birth - 140, 5, _ultrasound
        yield birth, 5, _birth


def _prenatal(course: Course, day: int) -> None:
    chart = course.chart(course.life.home_on(day).node)
    at = visits.visit(chart, day, "prenatal")
    visits.pregnant(chart, at)
    tests = toml("labs")["panel"]["cbc"]["tests"]
    labs.report(chart, day, "cbc", {test: _value(course, test, day) for test in tests}, encounter=at.ref)
    medications.prescribe(chart, at, "prenatal", state="completed")


def _ultrasound(course: Course, day: int) -> None:
    acts.imaging(course.chart(course.life.home_on(day).node), day, "obstetric_us", "pregnancy")


def _birth(course: Course, day: int) -> None:
    chart = course.chart(course.life.home_on(day).node)
    at = visits.visit(chart, day, "birth")
    acts.procedure(chart, at, "cesarean" if course.dice.chance(0.29) else "vaginal_birth")
    words = {"en": "childbirth", "fr": "accouchement"}
    acts.document(chart, at, "discharge", words[chart.language], day=day + 2)


def _screening(course: Course, first: int) -> Iterator[Event]:
    age, dice = course.age(course.end), course.dice
    if course.end - first < 60:
        return
    if course.life.sex == "female" and 50 <= age <= 76 and dice.chance(0.6):
        yield dice.between(first + 1, course.end), 6, _mammogram
    if 50 <= age <= 80 and dice.chance(0.3):
        yield dice.between(first + 1, course.end), 6, _colonoscopy
    if age >= 70 and dice.chance(0.25):
        yield dice.between(first + 1, course.end), 6, _cataract


def _mammogram(course: Course, day: int) -> None:
    acts.imaging(course.chart(course.life.home_on(day).node), day, "mammogram", "normal")


def _colonoscopy(course: Course, day: int) -> None:
    chart = course.chart(course.life.home_on(day).node)
    acts.procedure(chart, visits.visit(chart, day, "specialist"), "colonoscopy")


def _cataract(course: Course, day: int) -> None:
    chart = course.chart(course.life.home_on(day).node)
    acts.procedure(chart, visits.visit(chart, day, "specialist"), "cataract")
