"""FHIRPath says what the specification says, in our own words and without the official suite."""

from __future__ import annotations

import pytest

from passerelle.fhir.fhirpath import FhirPathError
from tests.spec.fhirpath_records import OBSERVATION, find, shown, table


@pytest.mark.parametrize(
    ("expression", "expected"),
    table("""
        1 + 2 * 3 → 7
        (1 + 2) * 3 → 9
        -2.abs() → -2
        7 div 2 → 3
        -7 div 2 → -3
        -7 mod 2 → -1
        1 / 4 → 0.25
        1 / 0 →
        5 mod 0 →
        'a' + 'b' → ab
        'a' & {} → a
        'a' + {} →
        true and {} →
        false and {} → false
        {} or true → true
        true xor {} →
        {} implies true → true
        false implies {} → true
        1 | 2 | 1 → 1; 2
        1 = 1.0 → true
        1 = '1' → false
        (1 | 2) = (2 | 1) → false
        (1 | 2) ~ (2 | 1) → true
        {} = {} →
        {} ~ {} → true
        'ABC def' ~ 'abc   DEF' → true
        0.67 ~ 0.6666 → true
        0.67 = 0.6666 → false
        3 in (1 | 2 | 3) → true
        (1 | 2) contains 3 → false
        1 > 2 or 2 > 1 → true
        'b' > 'a' → true
        2 is Integer → true
        2 is Decimal → false
        2 as Integer → 2
        (2 as String).empty() → true
    """),
)
def test_operators_bind_and_answer_as_specified(expression: str, expected: str) -> None:
    assert shown(find(expression)) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    table("""
        name.given → Aurélie; Marie; Lili; None; Ann
        Patient.name.given.count() → 5
        DomainResource.active → true
        name.where(use = 'official').family → Tremblay
        name[1].given → Lili
        name[7].given →
        name.given.where($this.length() = 4) → Lili
        telecom.select($index) → 0; 1
        name.all(given.exists()) → true
        name.exists(use = 'nickname') → false
        name.select(use | family).count() → 4
        deceased → false
        deceased is boolean → true
        deceased.is(dateTime) → false
        contained.name → Clinique du Port
        managingOrganization.resolve().name → Clinique du Port
        birthDate.extension('u:time').value → 1974-12-25T14:35:45-05:00
        name.given.extension.value → nick; 5
        name.given.select(hasValue()) → true; true; true; false; true
        name.given.where(hasValue().not()).extension.url → u:y
        name.given.id → g
        gender is code → true
        gender is string → true
        gender is uri → false
        gender.is(System.String) → false
        active.type().name → boolean
        true.type().namespace → System
        name.first().type().name → HumanName
        children().count() → 12
        descendants().where($this is code).distinct().count() → 7
        contained.resolve() →
    """),
)
def test_elements_are_found_with_their_type(expression: str, expected: str) -> None:
    assert shown(find(expression)) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    table("""
        value.unit → lbs
        value is Quantity → true
        value > 180 '[lb_av]' → true
        value < 84 'kg' → true
        value = 83914.58845 'g' → true
        value > 1 's' →
        value.value → 185.0
        valueQuantity →
        component.value.ofType(string) → a
        component.value.ofType(integer) + 1 → 4
        component[2].value > 1 'mg' →
        component[2].value = component[2].value → true
        code.coding.where(system = %loinc).code → 29463-7
    """),
)
def test_a_choice_has_one_name_and_a_quantity_is_reckoned_with(expression: str, expected: str) -> None:
    assert shown(find(expression, OBSERVATION)) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    table("""
        @2015 < @2016 → true
        @2015 = @2015-01 →
        @2015 = @2016-01 → false
        @2015-02-04 < @2015-02-04T10:00 →
        @2015-02-03 < @2015-02-04T10:00 → true
        @2015-02-04T10:00Z = @2015-02-04T12:00+02:00 → true
        @2015-02-04T10:00:00Z < @2015-02-04T10:00:00 →
        @2015-02-02T10:00:00Z < @2015-02-04T10:00:00 → true
        @T10:30:00 = @T10:30:00.000 → true
        @T10:30 < @T10:31 → true
        @2016-02-29 + 1 year → 2017-02-28
        @2015-01-31 + 1 month → 2015-02-28
        @2015-03 - 2 months → 2015-01
        @2015 + 13 months → 2016
        @2015-12-31T23:59:59.500-05:00 + 1 second → 2016-01-01T00:00:00.500-05:00
        @T23:30 + 45 minutes → 00:15
        @2015-02-04T10 + 90 minutes → 2015-02-04T11
        birthDate + 7 days → 1975-01-01
        1 year = 12 months → true
        1 year = 1 'a' →
        1 year ~ 1 'a' → true
        1 week = 7 'd' → true
        @2015-02-30T10:00.toString() → error
        '2015-02-30'.toDate() →
        '2015-02'.toDateTime() → 2015-02
        @2014.highBoundary(8) → 2014-12-31
        @2014-02.highBoundary() → 2014-02-28
        1.5.lowBoundary(3) → 1.450
        @2014-01.precision() → 6
    """),
)
def test_dates_know_what_they_do_not_say(expression: str, expected: str) -> None:
    if expected == "error":
        with pytest.raises(FhirPathError):
            find(expression)
    else:
        assert shown(find(expression)) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    table(r"""
        'abc'.substring(1, 1) → b
        'abc'.substring(3).empty() → true
        'abc'.indexOf('c') → 2
        'a,b,,c'.split(',').count() → 4
        ('a' | 'b').join('-') → a-b
        'abc'.matches('^b') → false
        'abc'.matchesFull('a.c') → true
        '2015-02'.replaceMatches('(\\d+)-(\\d+)', '$2/$1') → 02/2015
        '11/30'.replaceMatches('(?<month>\\d+)/(?<day>\\d+)', '${day}-${month}') → 30-11
        'aXbX'.replace('X', '') → ab
        ' a '.trim() → a
        'é'.upper() → É
        'ab'.toChars() → a; b
        'test'.encode('hex').decode('hex') → test
        '<a>'.escape('html') → &lt;a&gt;
        'A\u0042\'' → AB'
        12.34.round(1) → 12.3
        2.power(10) → 1024
        2.power(100) →
        (-1).sqrt() →
        1000.log(10) → 3
        (-1.5).ceiling() → -1
        '12'.toInteger() → 12
        '1.2'.toInteger() →
        'yes'.toBoolean() → true
        'maybe'.convertsToBoolean() → false
        '4 days'.toQuantity() → 4 days
        (1 'kg').toQuantity('g') → 1000 'g'
        1.toString() + '!' → 1!
        (3 | 1 | 2).sort() → 1; 2; 3
        (3 | 1 | 2).sort(-$this) → 3; 2; 1
        (1 | 2 | 3).aggregate($this + $total, 0) → 6
        iif(true, 1, 1 / 'a') → 1
        (1 | 2 | 3).skip(1).first() → 2
        (1 | 2).intersect(2 | 3) → 2
        (1 | 2).exclude(2) → 1
        (1).combine(1).isDistinct() → false
        (1 | 2).subsetOf(1 | 2 | 3) → true
        2.repeat(iif($this < 20, $this * 2, {})) → 4; 8; 16; 32
        defineVariable('n', 5).select(%n + 1) → 6
        (0).not() → false
    """),
)
def test_functions_answer_as_specified(expression: str, expected: str) -> None:
    assert shown(find(expression)) == expected
