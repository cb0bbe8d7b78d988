"""The cast as data: ``data/cast.toml`` says who they are and what happened, this writes it down."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from passerelle.synthetic import acts, episodes, problems, visits
from passerelle.synthetic.cast.casting import Role, ago, alive, born, home
from passerelle.synthetic.chart import Chart
from passerelle.synthetic.course import MONTH, Course, bring_drugs, course, follow_up
from passerelle.synthetic.households import swapped
from passerelle.synthetic.life import Home, Life, Slip
from passerelle.synthetic.names import Name
from passerelle.synthetic.numbers import failing
from passerelle.synthetic.people import Writer
from passerelle.synthetic.tables import toml
from passerelle.values import NodeId

Happening = tuple[int, Callable[[Course, int], object]]


def role(entry: dict[str, Any], index: int, today: int) -> Role:
    """One entry of the table as a life and its writer. Times in the table are months before today."""
    birth = born(entry["born"]) if "born" in entry else today - entry["days_old"]
    life = alive(
        entry["key"],
        index,
        entry["sex"],
        birth,
        tuple(_name(name, today) for name in entry["names"]),
        tuple(_home(each, birth, today) for each in entry["homes"]),
        language=entry.get("language", "en"),
        married=entry.get("married", False),
        multiple=entry.get("twin"),
    )
    life = replace(life, slips=_slips(entry, birth))
    return Role(_numbered(life, entry), _writer(entry))


def _name(name: dict[str, Any], today: int) -> Name:
    return Name(
        name["family"],
        tuple(name["given"]),
        name.get("use", "official"),
        name.get("script", ""),
        ago(today, name["from"]) if "from" in name else None,
        ago(today, name["to"]) if "to" in name else None,
    )


def _home(each: dict[str, Any], birth: int, today: int) -> Home:
    start = ago(today, each["from"]) if "from" in each else birth
    return home(
        each["node"], each["city"], each["street"], start, ago(today, each["to"]) if "to" in each else None
    )


def _slips(entry: dict[str, Any], birth: int) -> dict[NodeId, Slip]:
    """The table names the nodes that swapped day and month of the birth date."""
    return {NodeId(node): Slip("birth-date", swapped(birth)) for node in entry.get("swapped_birth_date", ())}


def _numbered(life: Life, entry: dict[str, Any]) -> Life:
    """No numbers yet, or a temporary one that fails the check, where the table says so."""
    if entry.get("without_number"):
        return replace(life, numbers=())
    temporary = entry.get("temporary", ())
    return replace(
        life,
        numbers=tuple(
            replace(each, value=failing(each.node, each.value), version="", temporary=True)
            if each.node in temporary
            else each
            for each in life.numbers
        ),
    )


def _writer(entry: dict[str, Any]) -> Writer:
    def write(seed: int, life: Life, today: int) -> Mapping[NodeId, Chart]:
        lived = course(seed, life, today)
        lived.chart(life.home.node)
        for key, months, *drugs in entry.get("illnesses", ()):
            lived.suffer(key, ago(today, months), *drugs)
        happenings = sorted(_happenings(entry, lived), key=lambda happening: happening[0])
        for day, happen in happenings:
            if day <= lived.end:
                happen(lived, day)
        return lived.charts

    return write


def _happenings(entry: dict[str, Any], lived: Course) -> Iterator[Happening]:
    for kind, makes in _KINDS.items():
        for row in entry.get(kind, ()):
            months, *rest = row if isinstance(row, list) else [row]
            # A few days off, so that not everything happens on the same day of the month.
            yield ago(lived.today, months) - int(months * 7) % 13, makes(*rest)
    if entry.get("vaccinated"):
        yield from _childhood(lived)


def _childhood(lived: Course) -> Iterator[Happening]:
    doses: dict[str, int] = {}
    for months, key in toml("vaccines")["schedule"]["doses"]:
        doses[key] = doses.get(key, 0) + 1
        yield lived.life.born + int(months * MONTH), _vaccine(key, doses[key])


def _vaccine(key: str, dose: int = 1) -> Callable[[Course, int], object]:
    return lambda lived, day: acts.vaccinate(lived.home_chart(day), day, key, dose)


def _short(key: str) -> Callable[[Course, int], object]:
    return lambda lived, day: episodes.short_illness(lived.home_chart(day), day, key)


def _away(node: str, key: str) -> Callable[[Course, int], object]:
    return lambda lived, day: episodes.away(lived, NodeId(node), day, key)


def _consult(node: str, kind: str, illness: str) -> Callable[[Course, int], object]:
    """A specialist's visit with a letter; what they take is copied where it is another province."""

    def happen(lived: Course, day: int) -> None:
        chart = lived.chart(NodeId(node))
        reason = problems.problem_brief(illness, chart.language)
        at = visits.visit(chart, day, kind, reason)
        onset = next((each.onset for each in lived.illnesses if each.key == illness), day)
        if lived.done.setdefault(("problem", node, illness), day) == day:
            problems.condition(chart, at, illness, onset)
        bring_drugs(lived, chart, day)
        acts.document(chart, at, "consult", reason["text"])

    return happen


def _allergy(node: str, key: str, reaction: str) -> Callable[[Course, int], object]:
    def happen(lived: Course, day: int) -> None:
        chart = lived.chart(NodeId(node))
        problems.allergy(
            chart, visits.visit(chart, day, "office"), key, reaction, severe=reaction == "anaphylaxis"
        )

    return happen


def _none_known(node: str) -> Callable[[Course, int], object]:
    def happen(lived: Course, day: int) -> None:
        chart = lived.chart(NodeId(node))
        problems.no_known_allergies(chart, visits.visit(chart, day, "office"))

    return happen


def _birth(node: str) -> Callable[[Course, int], object]:
    def happen(lived: Course, day: int) -> None:
        chart = lived.chart(NodeId(node))
        visits.measure(chart, visits.visit(chart, lived.life.born, "newborn"), "weight", 34)

    return happen


def _procedure(node: str, visit: str, key: str) -> Callable[[Course, int], object]:
    def happen(lived: Course, day: int) -> None:
        chart = lived.chart(NodeId(node))
        acts.procedure(chart, visits.visit(chart, day, visit), key)

    return happen


_KINDS: dict[str, Callable[..., Callable[[Course, int], object]]] = {
    "birth": _birth,
    "checkup": lambda: episodes.arrive,
    "vaccine": _vaccine,
    "follow": lambda: follow_up,
    "short": _short,
    "away": _away,
    "consult": _consult,
    "allergy": _allergy,
    "none_known": _none_known,
    "procedure": _procedure,
}
"""What a list of the table means: each row is months ago and what this function takes."""
