"""UCUM: what a unit means, and how much one unit is in another."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passerelle.fhir.ucum import _table, canonical, comparable, convert, understand


@pytest.mark.parametrize(
    ("value", "code", "amount", "base"),
    [
        ("5.4", "mg/dL", "54", "g.m-3"),
        ("1", "mmol/L", "602214076000000000000000", "m-3"),
        ("1", "10*9/L", "1e12", "m-3"),
        ("1", "10^9/L", "1e12", "m-3"),
        ("250", "10*3/uL", "2.5e14", "m-3"),
        ("120", "mm[Hg]", "15998640", "g.m-1.s-2"),
        ("1", "m[H2O]", "9806650", "g.m-1.s-2"),
        ("37", "Cel", "310.15", "K"),
        ("98.6", "[degF]", "310.15", "K"),
        ("37000", "mCel", "310.15", "K"),
        ("185", "[lb_av]", "83914.58845", "g"),
        ("1", "[in_i]", "0.0254", "m"),
        ("72", "/min", "1.2", "s-1"),
        ("45", "%", "0.45", "1"),
        ("7", "{score}", "7", "1"),
        ("7", "1", "7", "1"),
        ("3", "mg{total}/dL", "30", "g.m-3"),
        ("90", "mL/min/{1.73_m2}", "0.0000015", "m3.s-1"),
        ("1", "kg.m/s2", "1000", "g.m.s-2"),
        ("1", "N", "1000", "g.m.s-2"),
        ("1", "(mg/dL).s", "10", "g.m-3.s"),
        ("1", "k[IU]/mL", "1000000000", "[iU].m-3"),
        ("12", "meq/L", "7226568912000000000000000", "m-3"),
        ("1", "wk", "604800", "s"),
        ("1", "a", "31557600", "s"),
        ("1", "mo", "2629800", "s"),
        ("7.4", "[pH]", "7.4", "[pH]"),
    ],
)
def test_an_amount_in_base_units(value: str, code: str, amount: str, base: str) -> None:
    assert canonical(Decimal(value), code) == (Decimal(amount), base)


@pytest.mark.parametrize(
    ("value", "code", "to", "expected"),
    [
        ("37", "Cel", "[degF]", "98.6"),
        ("98.6", "[degF]", "Cel", "37"),
        ("-40", "Cel", "[degF]", "-40"),
        ("1", "[in_i]", "cm", "2.54"),
        ("6", "[ft_i]", "m", "1.8288"),
        ("1", "[lb_av]", "kg", "0.45359237"),
        ("1", "[stone_av]", "[lb_av]", "14"),
        ("16", "[oz_av]", "[lb_av]", "1"),
        ("1", "[gal_us]", "L", "3.785411784"),
        ("1", "[tsp_us]", "mL", "4.92892159375"),
        ("1", "kcal", "kJ", "4.184"),
        ("1", "mg/L", "ug/mL", "1"),
        ("140", "mmol/L", "mol/m3", "140"),
        ("60", "mg/min", "mg/s", "1"),
        ("3", "h", "min", "180"),
        ("2", "g%", "g/L", "20"),
        ("760", "mm[Hg]", "kPa", "101.32472"),
        ("1", "U/L", "kat/m3", "0.00001666666666666666666666666667"),
    ],
)
def test_an_amount_in_another_unit(value: str, code: str, to: str, expected: str) -> None:
    assert convert(Decimal(value), code, to) == Decimal(expected)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("mg/dL", "g/L", True),
        ("cm", "[in_i]", True),
        ("Cel", "[degF]", True),
        ("mg/dL", "mmol/L", False),
        ("[iU]/L", "[arb'U]/L", False),
        ("[pH]", "1", False),
        ("cm", "s", False),
        ("cm", "not a unit", False),
    ],
)
def test_which_units_measure_the_same(one: str, other: str, same: bool) -> None:
    assert comparable(one, other) is same


_NO_UNITS = [
    "foo",
    "[s]",
    "mg/",
    "/",
    "mg//dL",
    "(mg",
    "mg)",
    "m0",
    "{open",
    "Cel.m",
    "Cel2",
    "kmin",
    "k[in_i]",
    "m999",
    "é",
]


@pytest.mark.parametrize("code", ["", "mg dL", "m" * 300, "(" * 50 + "m" + ")" * 50, *_NO_UNITS])
def test_what_is_no_unit_is_not_understood(code: str) -> None:
    assert understand(code) is None
    assert canonical(Decimal(1), code) is None


def test_every_unit_of_the_table_is_understood() -> None:
    table = _table()
    assert [code for code in (*table.metric, *table.plain) if understand(code) is None] == []


def test_litres_and_units_have_two_spellings_and_one_meaning() -> None:
    assert understand("mL") == understand("ml")
    assert understand("[IU]/L") == understand("[iU]/L")


def test_an_amount_beyond_every_number_is_not_understood() -> None:
    assert canonical(Decimal("1e999999"), "Ym99") is None


_ATOMS = [
    "g",
    "mg",
    "kg",
    "L",
    "mL",
    "dL",
    "mol",
    "mmol",
    "s",
    "min",
    "h",
    "m2",
    "[in_i]",
    "%",
    "10*3",
    "{x}",
    "[iU]",
    "Pa",
]
_codes = st.lists(st.sampled_from(_ATOMS), min_size=1, max_size=4).map("/".join)
_values = st.decimals(min_value=-10000, max_value=10000, places=3)


@given(_values, _codes)
def test_canonical_units_are_their_own_canonical_form(value: Decimal, code: str) -> None:
    found = canonical(value, code)
    assert found is not None
    assert canonical(*found) == found


@given(_values, _values, _codes)
def test_order_is_kept(a: Decimal, b: Decimal, code: str) -> None:
    first, second = canonical(a, code), canonical(b, code)
    assert first is not None
    assert second is not None
    assert (first[0] <= second[0]) if a <= b else (first[0] >= second[0])


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(code: str) -> None:
    found = understand(code)
    assert found is None or found.name
