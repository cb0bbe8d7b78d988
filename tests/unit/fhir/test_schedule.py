"""How much of a drug, how often? Compared in any language."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passerelle.fhir.concept import TRANSLATION
from passerelle.fhir.schedule import Schedule, schedule
from passerelle.values import Json


def translated(text: str, language: str, other: str) -> Json:
    parts = [{"url": "lang", "valueCode": language}, {"url": "content", "valueString": other}]
    return {"text": text, "_text": {"extension": [{"url": TRANSLATION, "extension": parts}]}}


ORAL = translated("Oral", "fr-CA", "Orale")
ORALE = translated("Orale", "en-CA", "Oral")


def dosage(text: str = "", dose: Any = 1, times: int = 2, **more: Any) -> Json:
    made: Json = {
        "timing": {"repeat": {"frequency": times, "period": 1, "periodUnit": "d"}},
        "doseAndRate": [{"doseQuantity": {"value": dose, "unit": "?", "code": "{tbl}"}}],
    }
    return made | ({"text": text} if text else {}) | more


def taken(*dosages: Json) -> Schedule:
    return schedule({"resourceType": "MedicationRequest", "dosageInstruction": list(dosages)})


ENGLISH = dosage("Take 1 tablet by mouth twice a day", route=ORAL)
FRENCH = dosage("Prendre 1 comprimé par la bouche deux fois par jour", route=ORALE)


def test_one_schedule_in_two_languages_is_the_same() -> None:
    assert taken(ENGLISH).same(taken(FRENCH))
    assert not taken(ENGLISH).differs(taken(FRENCH))


@pytest.mark.parametrize(
    "other",
    [
        dosage("x", dose=2),
        dosage("x", dose=Decimal("0.5")),
        dosage("x", times=3),
        dosage("x", asNeededBoolean=True),
        dosage("x", route={"text": "Rectal"}),
        {"text": "Prendre 1 comprimé deux fois par jour"},
        dosage("x", additionalInstruction=[{"text": "with food"}]),
        dosage("x", timing={"repeat": {"frequency": 2, "period": 1, "periodUnit": "d", "when": ["PC"]}}),
        dosage("x", timing={"code": {"coding": [{"code": "AM"}]}}),
        dosage("x", doseAndRate=[{"doseRange": {"high": {"value": 1, "code": "{tbl}"}}}]),
    ],
    ids=[
        "twice as much",
        "half",
        "oftener",
        "as needed",
        "another way",
        "words",
        "a condition",
        "when",
        "morning",
        "up to",
    ],
)
def test_what_differs_or_says_more_is_never_the_same(other: Json) -> None:
    assert not taken(ENGLISH).same(taken(other))
    assert not taken(other).same(taken(ENGLISH))


def test_the_same_words_are_the_same_unless_the_numbers_differ() -> None:
    assert taken({"text": "As directed"}).same(taken({"text": "as  directed"}))
    assert taken({"text": "As directed"}).same(taken(dosage("As directed")))
    assert not taken(dosage("As directed")).same(taken(dosage("As directed", dose=2)))


def test_twice_a_day_and_every_twelve_hours_are_the_same() -> None:
    every = {"repeat": {"frequency": 1, "period": 12, "periodUnit": "h"}}
    assert taken(dosage("a")).same(taken(dosage("b", timing=every)))
    assert taken(dosage("a")).same(taken(dosage("b", timing={"code": {"coding": [{"code": "BID"}]}})))


def test_two_dosages_at_once_are_compared_by_their_words_only() -> None:
    taper = (dosage("a", dose=2), dosage("b", dose=1, times=1))
    swapped = (dosage("c", dose=1), dosage("d", dose=2, times=1))
    assert not taken(*taper).same(taken(*swapped))
    assert taken(*taper).same(taken(*reversed(taper)))


def test_nothing_said_is_the_same_as_nothing_said_and_as_nothing_else() -> None:
    assert taken().same(taken())
    assert not taken().same(taken(dosage()))


numbers = st.integers(1, 4)
made = st.builds(
    dosage,
    st.sampled_from(["", "one", "two"]),
    numbers,
    numbers,
    asNeededBoolean=st.booleans(),
    route=st.sampled_from([ORAL, ORALE, {"text": "Rectal"}]),
)


@given(made, made)
def test_what_is_the_same_never_differs_and_both_are_mutual(one: Json, other: Json) -> None:
    mine, theirs = taken(one), taken(other)
    assert mine.same(mine)
    assert mine.same(theirs) == theirs.same(mine)
    assert mine.differs(theirs) == theirs.differs(mine)
    assert not (mine.same(theirs) and mine.differs(theirs))
