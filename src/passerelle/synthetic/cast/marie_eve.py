"""Marie-Ève Tremblay: one life in five provinces, with what they agree on and what they do not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from passerelle.synthetic import acts, episodes, labs, medications, problems, visits
from passerelle.synthetic.cast.casting import Role, ago, alive, born, home
from passerelle.synthetic.chart import Chart
from passerelle.synthetic.course import Course, bring_drugs, course, order_drug, values
from passerelle.synthetic.life import Life
from passerelle.synthetic.names import Name
from passerelle.synthetic.numbers import HealthNumber
from passerelle.values import NodeId

ON, QC, BC, MB, NS = map(NodeId, ("on", "qc", "bc", "mb", "ns"))

TO_ONTARIO, TO_BC, BACK = 110, 29, 15
"""Months ago: moved from Gatineau to Ottawa, to her daughter in Vancouver, and back."""

_A1C = (
    *((119, QC, 91), (113, QC, 90), (106, ON, 88), (100, ON, 87), (94, ON, 86), (88, ON, 84), (82, ON, 83)),
    *((76, ON, 81), (70, ON, 80), (64, QC, 79), (58, ON, 78), (52, ON, 77), (46, ON, 77), (40, QC, 75)),
    *((34, ON, 74), (31, QC, 75), (14, ON, 72), (9, ON, 73), (5, ON, 73), (0.4, QC, 74)),
)
"""Hemoglobin A1c over ten years by two laboratories: months ago, node, tenths of a percent."""


def role(today: int) -> Role:
    """Born 1961-03-14; numbers of Ontario, Québec and British Columbia; the record is rich in Ontario."""
    birth = born("1961-03-14")
    move, west, back = (ago(today, months) for months in (TO_ONTARIO, TO_BC, BACK))
    homes = (
        home("qc", "Gatineau", "48 rue Champlain", birth, move),
        home("on", "Ottawa", "127 Maple Avenue", move, west),
        home("bc", "Vancouver", "2210 Cedar Road", west, back),
        home("on", "Ottawa", "890 River Road", back),
    )
    name = Name("Tremblay", ("Marie-Ève",))
    life = alive("marie-eve-tremblay", -1, "female", birth, (name,), homes, language="fr", married=True)
    numbers = (
        HealthNumber(QC, "TREM61531415", "", birth, move),
        HealthNumber(BC, "9698658215", "", west, back),
        HealthNumber(ON, "5584486673", "QV", move),
    )
    return Role(replace(life, numbers=numbers), write)


def write(seed: int, life: Life, today: int) -> Mapping[NodeId, Chart]:
    """Her five charts; Ontario comes first."""
    her = course(seed, life, today)
    her.chart(ON)
    _illnesses(her)
    _young_in_quebec(her)
    _ontario(her, range(TO_ONTARIO - 3, TO_BC, -3))
    _british_columbia(her)
    _ontario(her, range(BACK - 1, 0, -3))
    _prevention(her)
    _renewals(her)
    _manitoba(her)
    _nova_scotia(her)
    _cardiology(her)
    return her.charts


def _illnesses(her: Course) -> None:
    her.suffer("hypertension", ago(her.today, 178), "ramipril_5")
    her.suffer("diabetes", ago(her.today, 142), "metformin_500")
    her.suffer("kidney", ago(her.today, 48))


def _onset(her: Course, key: str) -> int:
    return next(illness.onset for illness in her.illnesses if illness.key == key)


def _young_in_quebec(her: Course) -> None:
    """Where diabetes and high blood pressure were found, and the allergy."""
    chart = her.chart(QC)
    at = visits.visit(chart, ago(her.today, 119), "followup", problems.problem_brief("diabetes", "fr"))
    problems.allergy(chart, at, "penicillin", "anaphylaxis", severe=True, since=born("1984-07-02"))
    problems.condition(chart, at, "diabetes", _onset(her, "diabetes"))
    problems.condition(chart, at, "hypertension", _onset(her, "hypertension"))
    visits.blood_pressure(chart, at, 148, 88)
    visits.smoking(chart, at, "never")
    medications.prescribe(chart, at, "metformin_500", state="completed")
    _a1c(her, QC, TO_ONTARIO, 200)


def _a1c(her: Course, node: NodeId, since: float, until: float) -> None:
    """The hemoglobin A1c results of one laboratory between two moments, in months ago."""
    for months, where, value in _A1C:
        if where == node and since <= months < until:
            labs.report(her.chart(node), ago(her.today, months), "hba1c", {"hba1c": value})


def _ontario(her: Course, months: range) -> None:
    """A visit every three months; tests twice or once a year; prescriptions once a year."""
    chart = her.chart(ON)
    for number, before in enumerate(months):
        day = ago(her.today, before)
        at = visits.visit(chart, day, "followup", problems.problem_brief("diabetes", "en"))
        if not chart.resources[1:]:
            _first_in_ontario(her, at)
        visits.blood_pressure(
            chart, at, 150 - number // 2 + her.dice.below(8), 88 - number // 3 + her.dice.below(6)
        )
        if number % 2 == 0:
            visits.measure(chart, at, "weight", 812 - number * 4 + her.dice.below(12))
            labs.report(chart, day, "renal", _kidneys(her, day), encounter=at.ref)
        if number % 4 == 1:
            for panel in ("lipids", "acr", "cbc"):
                labs.report(chart, day, panel, values(her, panel, day), encounter=at.ref)
            acts.procedure(chart, at, "eye_exam")
        if number % 4 == 0:
            _prescriptions(her, at, before)
        if before <= 48 and "ckd" not in {key[0] for key in her.done}:
            her.done["ckd",] = day
            problems.condition(chart, at, "kidney", _onset(her, "kidney"))
            acts.imaging(chart, day, "renal_us", "small_kidneys", encounter=at.ref)
        if number % 8 == 7:
            acts.document(chart, at, "note", "Type 2 diabetes, high blood pressure")
    _a1c(her, ON, months[-1] - 3, months[0] + 2)


def _first_in_ontario(her: Course, at: visits.Visit) -> None:
    chart = her.chart(ON)
    problems.allergy(chart, at, "penicillin", "anaphylaxis", severe=True, since=born("1984-07-02"))
    problems.condition(chart, at, "diabetes", _onset(her, "diabetes"))
    problems.condition(chart, at, "hypertension", _onset(her, "hypertension"))
    visits.smoking(chart, at, "never")


def _kidneys(her: Course, day: int) -> dict[str, int]:
    """Creatinine rises and filtration falls together, slowly."""
    years = (day - ago(her.today, 120)) / 365.0
    creatinine = int(84 + years * 4.4) + her.dice.below(4)
    return {
        "creatinine": creatinine,
        "egfr": int(74 - years * 2.9) - her.dice.below(3),
        "potassium": 43 + her.dice.below(6),
    }


def _prescriptions(her: Course, at: visits.Visit, before: int) -> None:
    """Ramipril was doubled after she came back; British Columbia never heard of it."""
    chart = her.chart(ON)
    order_drug(her, chart, at, "metformin_500", "diabetes")
    order_drug(her, chart, at, "ramipril_10" if before < BACK else "ramipril_5", "hypertension")
    order_drug(her, chart, at, "atorvastatin_40", "diabetes")


def _renewals(her: Course) -> None:
    """The pharmacy in Ottawa handed her drugs out every three months, last three weeks ago."""
    chart = her.chart(ON)
    for months in (9.6, 6.6, 3.7, 0.7):
        for drug in ("metformin_500", "ramipril_10", "atorvastatin_40"):
            medications.dispense(chart, drug, ago(her.today, months), her.drugs[drug][0])


def _prevention(her: Course) -> None:
    chart = her.chart(ON)
    for months in (100.0, 76.0, 50.0, 8.0):
        acts.imaging(chart, ago(her.today, months), "mammogram", "normal")
    at = visits.visit(chart, ago(her.today, 60), "specialist")
    acts.procedure(chart, at, "colonoscopy")
    acts.document(chart, at, "consult", "colorectal screening")
    for key, months in (
        ("tdap", 90),
        ("pneu_p", 58),
        ("shingles", 40),
        ("flu", 5),
        ("covid", 4),
        ("flu", 53),
        ("covid", 55),
    ):
        acts.vaccinate(chart, ago(her.today, months), key, 1)


def _british_columbia(her: Course) -> None:
    """A year and a bit in Vancouver: metformin went on, ramipril stayed at 5 mg; counselling that is hers to hide."""
    chart = her.chart(BC)
    for number, months in enumerate((28.0, 24.5, 21.0, 18.2, 15.6)):
        at = visits.visit(
            chart, ago(her.today, months), "followup", problems.problem_brief("hypertension", "en")
        )
        visits.blood_pressure(chart, at, 138 - number, 82)
        if number == 0:
            problems.condition(chart, at, "hypertension", _onset(her, "hypertension"))
        if number in (0, 4):
            for drug, illness in (("metformin_500", "diabetes"), ("ramipril_5", "hypertension")):
                state = "completed" if number == 0 else "active"
                order = medications.prescribe(
                    chart, at, drug, problems.problem_brief(illness, "en"), state=state
                )
                medications.dispense(chart, drug, at.day + 1, order)
            labs.report(chart, at.day, "renal", _kidneys(her, at.day), encounter=at.ref)
    sensitive = len(chart.resources)
    at = visits.visit(chart, ago(her.today, 22), "virtual", problems.problem_brief("depression", "en"))
    problems.condition(chart, at, "depression", ago(her.today, 23), ended=ago(her.today, 16))
    acts.document(chart, at, "note", "Depression")
    chart.label(sensitive, "MH")


def _manitoba(her: Course) -> None:
    """Blood taken on a visit to Winnipeg: laboratory results and nothing else."""
    chart, day = her.chart(MB), ago(her.today, 20)
    labs.report(chart, day, "renal", _kidneys(her, day))
    labs.report(chart, day, "glucose", {"glucose": 83})


def _nova_scotia(her: Course) -> None:
    """Pneumonia on a holiday; nobody there wrote down what she takes."""
    episodes.short_illness(her.chart(NS), ago(her.today, 19), "lungs")


def _cardiology(her: Course) -> None:
    """Across the river in Gatineau: atrial fibrillation and the anticoagulant that only Québec knows."""
    chart = her.chart(QC)
    bring_drugs(her, chart, ago(her.today, 2))
    _a1c(her, QC, 0, TO_ONTARIO)
    onset = ago(her.today, 36)
    reason = problems.problem_brief("atrial_fibrillation", "fr")
    for number, months in enumerate((36.0, 33.0, 30.0, 14.0, 8.0, 2.0)):
        at = visits.visit(chart, ago(her.today, months), "cardiology", reason)
        visits.blood_pressure(chart, at, 136 - number, 80)
        visits.measure(chart, at, "pulse", 92 - 3 * number)
        acts.procedure(chart, at, "ecg", reason)
        if number == 0:
            problems.condition(chart, at, "atrial_fibrillation", onset)
            acts.imaging(chart, at.day, "echo", "atrium", encounter=at.ref)
        if number in (0, 3, 5):
            labs.report(chart, at.day, "cbc", values(her, "cbc", at.day), encounter=at.ref)
            state = "active" if number == 5 else "completed"
            order = medications.prescribe(chart, at, "apixaban_5", reason, state=state)
            medications.dispense(chart, "apixaban_5", at.day + 1, order)
        acts.document(chart, at, "consult", reason["text"])
    medications.dispense(chart, "apixaban_5", ago(her.today, 0.4), order)
    medications.dispense(chart, "metformin_500", ago(her.today, 0.4))
