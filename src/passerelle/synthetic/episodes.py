"""What happens once: short illnesses, injuries, pregnancies, screening, vaccines."""

from __future__ import annotations

from passerelle.synthetic import acts, labs, medications, problems, visits
from passerelle.synthetic.chart import Chart
from passerelle.synthetic.course import Course, bring_drugs, values
from passerelle.synthetic.dice import Dice
from passerelle.synthetic.tables import toml
from passerelle.synthetic.visits import Visit
from passerelle.values import NodeId


def short_illness(chart: Chart, day: int, key: str) -> Visit:
    """Write an illness of ``data/acute.toml`` with what its line says: tests, images, drug, procedure, letter."""
    table, language = toml("acute")[key], chart.language
    reason = problems.problem_brief(key, language)
    at = visits.visit(chart, day, table["visit"], reason)
    over = day + table["days"]
    problems.condition(chart, at, key, day - 1, ended=over if over < chart.today else None, listed=False)
    for panel in table.get("tests", ()):
        dice = Dice("short", chart.base, day, panel)
        drawn = {test: labs.draw(test, day, {}, 0.5, dice) for test in toml("labs")["panel"][panel]["tests"]}
        labs.report(chart, day, panel, drawn, encounter=at.ref)
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


def away(course: Course, node: NodeId, day: int, key: str) -> Visit:
    """A short illness in a province where they do not live; what they take is written down there."""
    chart = course.chart(node)
    at = short_illness(chart, day, key)
    bring_drugs(course, chart, day)
    return at


def arrive(course: Course, day: int) -> None:
    """A first visit: allergies and tobacco are asked for, children are weighed."""
    dice, chart = course.dice, course.home_chart(day)
    newborn = day - course.life.born < 4
    at = visits.visit(chart, day, "newborn" if newborn else "office")
    if course.age(day) < 18:
        visits.measure(chart, at, "weight", 34 + min(course.age(day), 15) * 32 + dice.below(20))
    else:
        visits.smoking(chart, at, dice.weighted(("never", "former", "current"), (60, 28, 12)))
    spot = dice.roll()
    if spot < 0.2:
        key = dice.pick(_ALLERGENS)
        reaction = dice.weighted(("hives", "rash", "rhinitis", "nausea", "anaphylaxis"), (30, 35, 15, 12, 8))
        problems.allergy(chart, at, key, reaction, severe=reaction == "anaphylaxis")
    elif spot < 0.45 and not newborn:
        problems.no_known_allergies(chart, at)


# Penicillin twice: it is the commonest.
_ALLERGENS = ("penicillin", *(key for key in toml("allergies") if key != "reaction"))


def prenatal(course: Course, day: int) -> None:
    """A prenatal visit with a blood count and the vitamin."""
    chart = course.home_chart(day)
    at = visits.visit(chart, day, "prenatal")
    visits.pregnant(chart, at)
    labs.report(chart, day, "cbc", values(course, "cbc", day), encounter=at.ref)
    medications.prescribe(chart, at, "prenatal", state="completed")


def ultrasound(course: Course, day: int) -> None:
    acts.imaging(course.home_chart(day), day, "obstetric_us", "pregnancy")


def childbirth(course: Course, day: int) -> None:
    chart = course.home_chart(day)
    at = visits.visit(chart, day, "birth")
    acts.procedure(chart, at, "cesarean" if course.dice.chance(0.29) else "vaginal_birth")
    words = {"en": "childbirth", "fr": "accouchement"}
    acts.document(chart, at, "discharge", words[chart.language], day=day + 2)


def mammogram(course: Course, day: int) -> None:
    acts.imaging(course.home_chart(day), day, "mammogram", "normal")


def colonoscopy(course: Course, day: int) -> None:
    chart = course.home_chart(day)
    acts.procedure(chart, visits.visit(chart, day, "specialist"), "colonoscopy")


def cataract(course: Course, day: int) -> None:
    chart = course.home_chart(day)
    acts.procedure(chart, visits.visit(chart, day, "specialist"), "cataract")
