"""What happens to an ordinary person over the years, drawn from the tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from passerelle.synthetic import acts, episodes
from passerelle.synthetic.chart import Chart
from passerelle.synthetic.course import MONTH, Course, course, follow_up
from passerelle.synthetic.geography import NODES, SHARES
from passerelle.synthetic.life import Life
from passerelle.synthetic.tables import toml
from passerelle.values import NodeId

Event = tuple[int, int, Callable[[Course, int], None]]
"""A day, the order within the day, and what is written then."""


def write(seed: int, life: Life, today: int) -> Mapping[NodeId, Chart]:
    """Write the whole record of an ordinary person; at least the province where they live has a chart."""
    lived = course(seed, life, today)
    lived.chart(life.home.node)
    if lived.end <= life.born or lived.dice.chance(0.04):
        return lived.charts
    _fall_ill(lived)
    for day, _, happen in sorted(_events(lived), key=lambda event: event[:2]):
        happen(lived, day)
    return lived.charts


def _start(course: Course) -> int:
    """The first day of which there are electronic records; always some of the time before a move."""
    years = course.dice.weighted((3, 5, 8, 14), (30, 35, 25, 10))
    first = course.end - int(years * 365.25)
    if len(course.life.homes) > 1:
        first = min(first, course.life.home.start - 500)
    return min(max(first, course.life.homes[0].start, course.life.born), course.end)


def _fall_ill(course: Course) -> None:
    """Draw the lasting illnesses by age and sex."""
    age, dice = course.age(course.end), course.dice
    for key, table in toml("problems").items():
        share = next((share for since, share in reversed(table["prevalence"]) if age >= since), 0.0)
        if table.get("sex", course.life.sex) == course.life.sex and dice.chance(share):
            longest = max((age - table["prevalence"][0][0]) * 365, 300)
            course.suffer(key, course.end - dice.between(100, min(longest, 5500)))


def _events(course: Course) -> Iterator[Event]:
    first = _start(course)
    yield first, 0, episodes.arrive
    yield from _vaccines(course, first)
    yield from _short_illnesses(course, first)
    yield from _follow_ups(course, first)
    yield from _pregnancy(course, first)
    yield from _screening(course, first)


def _vaccines(course: Course, first: int) -> Iterator[Event]:
    """Children by the schedule (their whole record is kept); adults now and then."""
    life, dice = course.life, course.dice
    doses: dict[str, int] = {}
    if course.age(course.end) < 20 and not dice.chance(0.05):
        for months, key in toml("vaccines")["schedule"]["doses"]:
            day = life.born + int(months * MONTH) + dice.below(14)
            doses[key] = doses.get(key, 0) + 1
            if life.homes[0].start <= day <= course.end:
                yield day, 2, _given(key, doses[key])
    adult = [("covid", 0.5), ("flu", 0.5), ("tdap", 0.2)]
    adult += [("shingles", 0.35), ("pneu_p", 0.4)] if course.age(course.end) >= 65 else []
    for key, share in adult:
        if course.age(first) >= 18 and course.end - first > 60 and dice.chance(share):
            yield dice.between(max(first + 1, course.end - 1800), course.end), 2, _given(key, 1)


def _given(key: str, dose: int) -> Callable[[Course, int], None]:
    def happen(course: Course, day: int) -> None:
        acts.vaccinate(course.home_chart(day), day, key, dose)

    return happen


def _short_illnesses(course: Course, first: int) -> Iterator[Event]:
    """Colds, fractures, infections; one in fifteen people is treated in another province once."""
    dice = course.dice
    years = (course.end - first) / 365.0
    for _ in range(int(years * 0.8 + dice.roll())):
        day = dice.between(first, course.end)
        yield day, 3, _short(_draw_short(course, day))
    if dice.chance(0.065) and course.end - first > 30:
        day = dice.between(first, course.end)
        node = dice.weighted(NODES, SHARES)
        if node != course.life.home_on(day).node:
            yield day, 3, _away(node, _draw_short(course, day))


def _draw_short(course: Course, day: int) -> str:
    age = course.age(day)
    fitting = {
        key: table["rate"]
        for key, table in toml("acute").items()
        if table["ages"][0] <= age <= table["ages"][1]
        and table.get("sex", course.life.sex) == course.life.sex
    }
    return course.dice.weighted(tuple(fitting), tuple(fitting.values()))


def _short(key: str) -> Callable[[Course, int], None]:
    def happen(course: Course, day: int) -> None:
        episodes.short_illness(course.home_chart(day), day, key)

    return happen


def _away(node: NodeId, key: str) -> Callable[[Course, int], None]:
    def happen(course: Course, day: int) -> None:
        episodes.away(course, node, day, key)

    return happen


def _follow_ups(course: Course, first: int) -> Iterator[Event]:
    if not course.illnesses:
        return
    step = min(illness.table["visit"] for illness in course.illnesses) * MONTH
    day = max(first + 1, min(illness.onset for illness in course.illnesses))
    while day <= course.end:
        yield day, 4, follow_up
        day += int(step * (0.8 + course.dice.roll() * 0.5))


def _pregnancy(course: Course, first: int) -> Iterator[Event]:
    """Prenatal visit, ultrasound, birth."""
    if course.life.sex != "female" or course.end - first < 320 or not course.dice.chance(0.22):
        return
    birth = course.dice.between(first + 280, course.end)
    if 19 <= course.age(birth) <= 44:
        yield birth - 200, 5, episodes.prenatal
        yield birth - 140, 5, episodes.ultrasound
        yield birth, 5, episodes.childbirth


def _screening(course: Course, first: int) -> Iterator[Event]:
    age, dice = course.age(course.end), course.dice
    if course.end - first < 60:
        return
    if course.life.sex == "female" and 50 <= age <= 76 and dice.chance(0.6):
        yield dice.between(first + 1, course.end), 6, episodes.mammogram
    if 50 <= age <= 80 and dice.chance(0.3):
        yield dice.between(first + 1, course.end), 6, episodes.colonoscopy
    if age >= 70 and dice.chance(0.25):
        yield dice.between(first + 1, course.end), 6, episodes.cataract
