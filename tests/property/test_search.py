"""Laws of searching that hold for every date and number."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from passerelle.fhir.search import Clause, fold, holds, index, matches, parse, tests

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
moments = st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)).map(
    lambda at: at.replace(tzinfo=UTC, microsecond=0)
)
precisions = st.sampled_from(["%Y", "%Y-%m", "%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"])


def covered(at, precision):
    """The interval that a moment written with a precision covers, worked out by the calendar alone."""
    if precision == "%Y":
        return at.replace(month=1, day=1, hour=0, minute=0, second=0), at.replace(
            year=at.year + 1, month=1, day=1, hour=0, minute=0, second=0
        )
    if precision == "%Y-%m":
        start = at.replace(day=1, hour=0, minute=0, second=0)
        return start, (start + timedelta(days=32)).replace(day=1)
    if precision == "%Y-%m-%d":
        start = at.replace(hour=0, minute=0, second=0)
        return start, start + timedelta(days=1)
    return at, at + timedelta(seconds=1)


EXPECTED = {
    "": lambda row, test: row[0] < test[1] and test[0] < row[1],
    "eq": lambda row, test: row[0] < test[1] and test[0] < row[1],
    "ne": lambda row, test: not (test[0] <= row[0] and row[1] <= test[1]),
    "gt": lambda row, test: row[1] > test[1],
    "lt": lambda row, test: row[0] < test[0],
    "ge": lambda row, test: row[1] > test[0],
    "le": lambda row, test: row[0] < test[1],
    "sa": lambda row, test: row[0] >= test[1],
    "eb": lambda row, test: row[1] <= test[0],
}


def observation(**value):
    return {"resourceType": "Observation", "id": "o", "status": "final", **value}


@given(moments, precisions, moments, precisions, st.sampled_from(sorted(EXPECTED)))
def test_dates_compare_as_the_intervals_that_they_cover(mine, my_precision, asked, precision, prefix):
    resource = observation(effectiveDateTime=mine.strftime(my_precision))
    query = parse("Observation", [("date", prefix + asked.strftime(precision))])
    expected = EXPECTED[prefix](covered(mine, my_precision), covered(asked, precision))
    assert matches(resource, query) is expected


@given(moments, st.integers(-14 * 60, 14 * 60))
def test_a_moment_is_the_same_in_every_time_zone(at, minutes):
    sign = "-" if minutes < 0 else "+"
    local = (at + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%S")
    elsewhere = f"{local}{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
    here, there = (
        index(observation(effectiveDateTime=text)) for text in (at.strftime("%Y-%m-%dT%H:%M:%SZ"), elsewhere)
    )
    assert here == there


@given(moments, precisions, st.sampled_from(sorted(set(EXPECTED) - {"eq", "ne", ""})))
def test_two_contrary_prefixes_never_both_hold_of_a_moment(at, precision, prefix):
    contrary = {"gt": "le", "lt": "ge", "ge": "lt", "le": "gt", "sa": "le", "eb": "ge"}[prefix]
    resource = observation(effectiveInstant=at.strftime("%Y-%m-%dT%H:%M:%SZ"))
    first, second = (parse("Observation", [("date", p + at.strftime(precision))]) for p in (prefix, contrary))
    assert not (matches(resource, first) and matches(resource, second))


numbers = st.decimals(-1000, 1000, places=3, allow_nan=False)


@given(numbers, numbers, st.sampled_from(["gt", "lt", "ge", "le", "sa", "eb"]))
def test_ordered_numbers_compare_exactly(mine, asked, prefix):
    resource = observation(valueQuantity={"value": mine})
    query = parse("Observation", [("value-quantity", f"{prefix}{asked:f}")])
    expected = {
        "gt": mine > asked,
        "sa": mine > asked,
        "lt": mine < asked,
        "eb": mine < asked,
        "ge": mine >= asked,
        "le": mine <= asked,
    }[prefix]
    assert matches(resource, query) is expected


@given(numbers, st.integers(0, 3))
def test_an_equal_number_is_within_half_of_the_last_digit_that_was_written(mine, places):
    asked = round(mine, places)
    half = Decimal(5).scaleb(-places - 1)
    query = parse("Observation", [("value-quantity", f"{asked:f}")])
    inside = asked - half <= mine < asked + half
    assert matches(observation(valueQuantity={"value": mine}), query) is inside


@given(numbers)
def test_equal_and_not_equal_part_the_numbers(mine):
    resource = observation(valueQuantity={"value": mine})
    equal, other = (parse("Observation", [("value-quantity", prefix + "5")]) for prefix in ("eq", "ne"))
    assert matches(resource, equal) is not matches(resource, other)


@given(st.text(min_size=1))
def test_folding_twice_is_folding_once(text):
    assert fold(fold(text)) == fold(text)


@given(st.text(st.characters(categories=["L"]), min_size=1, max_size=20))
def test_a_name_is_found_by_itself_in_capitals_and_by_its_beginning(name):
    person = {"resourceType": "Patient", "id": "p", "name": [{"family": name}]}
    [row] = [row for row in index(person) if row.name == "family"]
    for asked in (name, name.upper(), name.lower()):
        assert any(holds(test, row) for test in tests(Clause("family", "string", (asked,))))
