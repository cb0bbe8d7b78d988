"""What each kind of parameter and each modifier finds (https://hl7.org/fhir/R4/search.html)."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from passerelle.fhir.outcome import BadInput
from passerelle.fhir.search import cared_for, index, matches, parse, resolve
from passerelle.fhir.search_cursor import Cursor, decode, encode
from passerelle.fhir.search_values import moments

UCUM = "http://unitsofmeasure.org"


def has(resource, *params):
    return matches({"id": "x", **resource}, parse(resource["resourceType"], params))


def observation(**more):
    return {"resourceType": "Observation", **more}


def measured(value, code="mg", **more):
    return observation(valueQuantity={"value": Decimal(value), "system": UCUM, "code": code, **more})


# --- token ------------------------------------------------------------------------------------------------------

PERSON = {
    "resourceType": "Patient",
    "active": True,
    "gender": "female",
    "identifier": [
        {
            "system": "urn:hn",
            "value": "446053",
            "type": {"coding": [{"system": "urn:types", "code": "MR"}], "text": "Hospital number"},
        }
    ],
    "telecom": [{"system": "phone", "value": "555-0100", "use": "work"}],
}


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("identifier", "446053", True),
        ("identifier", "urn:hn|446053", True),
        ("identifier", "urn:hn|", True),
        ("identifier", "|446053", False),
        ("identifier:of-type", "urn:types|MR|446053", True),
        ("identifier:of-type", "urn:types|SS|446053", False),
        ("identifier:text", "hospital", True),
        ("active", "true", True),
        ("active", "http://hl7.org/fhir/special-values|true", True),
        ("gender:not", "male", True),
        ("gender:not", "female", False),
        ("phone", "555-0100", True),
        ("phone", "work|555-0100", True),
        ("email", "555-0100", False),
        ("deceased", "false", True),
        ("deceased", "true", False),
    ],
)
def test_a_token_is_a_code_in_its_system(name, value, expected):
    assert has(PERSON, (name, value)) is expected


VALUE_SETS = {
    "urn:vs:listed": {
        "compose": {"include": [{"system": "urn:s", "concept": [{"code": "a"}, {"code": "b"}]}]}
    },
    "urn:vs:whole": {"compose": {"include": [{"system": "urn:t"}]}},
    "urn:vs:nested": {
        "compose": {
            "include": [{"valueSet": ["urn:vs:listed"]}],
            "exclude": [{"system": "urn:s", "concept": [{"code": "b"}]}],
        }
    },
    "urn:vs:expanded": {
        "expansion": {
            "contains": [{"abstract": True, "code": "x", "contains": [{"system": "urn:s", "code": "c"}]}]
        }
    },
    "urn:vs:is-a": {
        "compose": {
            "include": [
                {"system": "urn:cs", "filter": [{"property": "concept", "op": "is-a", "value": "animal"}]}
            ]
        }
    },
    "urn:vs:rule": {
        "compose": {
            "include": [{"system": "urn:cs", "filter": [{"property": "legs", "op": "=", "value": "4"}]}]
        }
    },
    "urn:vs:itself": {"compose": {"include": [{"valueSet": ["urn:vs:itself"]}]}},
    "urn:vs:empty": {"compose": {"include": []}},
}
CODE_SYSTEM = {
    "resourceType": "CodeSystem",
    "content": "complete",
    "concept": [
        {"code": "animal", "concept": [{"code": "dog", "concept": [{"code": "poodle"}]}]},
        {"code": "plant"},
    ],
}


def known(url):
    if url == "urn:cs":
        return CODE_SYSTEM
    found = VALUE_SETS.get(url)
    return {"resourceType": "ValueSet", **found} if found else None


@pytest.mark.parametrize(
    ("parameter", "code", "expected"),
    [
        (("code:in", "urn:vs:listed"), ("urn:s", "a"), True),
        (("code:in", "urn:vs:listed"), ("urn:t", "a"), False),
        (("code:not-in", "urn:vs:listed"), ("urn:t", "a"), True),
        (("code:in", "urn:vs:whole"), ("urn:t", "anything"), True),
        (("code:in", "urn:vs:nested"), ("urn:s", "a"), True),
        (("code:in", "urn:vs:nested"), ("urn:s", "b"), False),
        (("code:in", "urn:vs:expanded"), ("urn:s", "c"), True),
        (("code:in", "urn:vs:expanded"), ("", "x"), False),
        (("code:in", "urn:vs:is-a"), ("urn:cs", "poodle"), True),
        (("code:in", "urn:cs?fhir_vs=isa/dog"), ("urn:cs", "animal"), False),
        (("code:in", "urn:cs?fhir_vs"), ("urn:cs", "plant"), True),
        (("code:in", "urn:vs:empty"), ("urn:s", "a"), False),
        (("code:not-in", "urn:vs:empty"), ("urn:s", "a"), True),
        (("code:below", "urn:cs|dog"), ("urn:cs", "poodle"), True),
        (("code:below", "urn:cs|dog"), ("urn:cs", "animal"), False),
        (("code:above", "urn:cs|dog"), ("urn:cs", "animal"), True),
        (("code:above", "urn:cs|dog"), ("urn:cs", "poodle"), False),
    ],
)
def test_a_value_set_or_a_hierarchy_stands_for_its_codes(parameter, code, expected):
    system, code = code
    resource = observation(id="x", code={"coding": [{"system": system, "code": code}]})
    assert matches(resource, resolve(parse("Observation", [parameter]), known)) is expected


@pytest.mark.parametrize("url", ["urn:vs:rule", "urn:vs:itself", "urn:vs:unknown"])
def test_a_value_set_that_is_not_understood_is_refused(url):
    with pytest.raises(BadInput):
        resolve(parse("Observation", [("code:in", url)]), known)


def test_a_value_set_that_nobody_put_in_is_refused():
    with pytest.raises(BadInput):
        has(observation(code={"coding": [{"code": "a"}]}), ("code:in", "urn:vs:listed"))


# --- quantity, number -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("5.4", True),
        ("5", True),
        ("5.40", True),
        ("5.39", False),
        (f"5.4|{UCUM}|mg", True),
        (f"0.0054|{UCUM}|g", True),
        (f"5.40e-3|{UCUM}|g", True),
        (f"5400|{UCUM}|ug", True),
        (f"5.4|{UCUM}|mL", False),
        (f"lt0.006|{UCUM}|g", True),
        (f"gt0.0054|{UCUM}|g", False),
        (f"ge0.0054|{UCUM}|g", True),
        (f"ne0.0054|{UCUM}|g", False),
        (f"ap5.8|{UCUM}|mg", True),
        ("5.4||mg", True),
        ("5.4||milligram", True),
        ("5.4||g", False),
        ("5.4|urn:other|mg", False),
    ],
)
def test_an_amount_is_found_in_any_unit_of_its_dimension(value, expected):
    assert has(measured("5.4", unit="milligram"), ("value-quantity", value)) is expected


def test_a_temperature_is_found_on_another_scale():
    assert has(measured("37", "Cel"), ("value-quantity", f"98.6|{UCUM}|[degF]"))
    assert has(measured("37", "Cel"), ("value-quantity", f"gt98|{UCUM}|[degF]"))


def test_a_unit_that_is_not_understood_is_compared_as_it_is_written():
    assert has(measured("3", "{furlongs}x"), ("value-quantity", f"3|{UCUM}|{{furlongs}}x"))
    assert not has(measured("3", "{furlongs}x"), ("value-quantity", f"3|{UCUM}|mg"))


def test_sampled_data_is_found_by_the_bounds_of_its_values():
    sampled = observation(valueSampledData={"origin": {"value": 10}, "factor": 2, "data": "1 -3 E 4"})
    assert has(sampled, ("value-quantity", "lt5"))
    assert has(sampled, ("value-quantity", "gt17"))
    assert not has(sampled, ("value-quantity", "gt18"))


@pytest.mark.parametrize(
    ("value", "expected"), [("100", True), ("1e2", True), ("100.00", False), ("gt0.8", True)]
)
def test_a_number_has_the_precision_in_which_it_is_written(value, expected):
    risk = {"resourceType": "RiskAssessment", "prediction": [{"probabilityDecimal": Decimal("100.3")}]}
    assert has(risk, ("probability", value)) is expected


# --- date -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2024-05-02", True),
        ("2024-05", True),
        ("2024-05-04", False),
        ("sa2024-04-30", True),
        ("eb2024-05-03", False),
    ],
)
def test_a_day_within_a_period_finds_it(value, expected):
    stay = {"resourceType": "Encounter", "period": {"start": "2024-05-01", "end": "2024-05-03"}}
    assert has(stay, ("date", value)) is expected


def test_a_period_or_a_range_that_is_written_the_wrong_way_round_is_turned():
    assert has({"resourceType": "Encounter", "period": {"start": "2021", "end": "2019"}}, ("date", "2020"))
    between = {"low": {"value": 3}, "high": {"value": 1}}
    risk = {"resourceType": "RiskAssessment", "prediction": [{"probabilityRange": between}]}
    assert has(risk, ("probability", "gt2"), ("probability", "lt2"))


def test_a_timing_reaches_from_its_first_to_its_last_event():
    plan = {"resourceType": "ServiceRequest", "occurrenceTiming": {"event": ["2013-01-31", "2013-03-24"]}}
    assert has(plan, ("occurrence", "2013-02-01"))
    assert not has(plan, ("occurrence", "2013-03-25"))


# --- string, uri, reference -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("given", "eve", True),
        ("given", "EVÉ", True),
        ("given", "velyn", False),
        ("given:contains", "VELYN", True),
        ("given:exact", "Evelyn", True),
        ("given:exact", "evelyn", False),
        ("name", "d'arcy", True),
        ("given", r"a\,b", True),
    ],
)
def test_a_word_is_found_by_its_beginning_in_any_case(name, value, expected):
    person = {"resourceType": "Patient", "name": [{"family": "D’Arcy", "given": ["Evelyn", "a,b"]}]}
    assert has(person, (name, value)) is expected


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("url", "http://acme.org/fhir/ValueSet/123", True),
        ("url", "http://acme.org/fhir/ValueSet", False),
        ("url:below", "http://acme.org/fhir/", True),
        ("url:below", "http://acme.org/fhir/ValueSet/124", False),
        ("url:above", "http://acme.org/fhir/ValueSet", False),
        ("url:above", "http://acme.org/fhir/ValueSet/123/_history/5", True),
    ],
)
def test_an_address_is_exact_or_above_or_below(name, value, expected):
    assert (
        has({"resourceType": "ValueSet", "url": "http://acme.org/fhir/ValueSet/123"}, (name, value))
        is expected
    )


@pytest.mark.parametrize(("value", "expected"), [("urn:q", True), ("urn:q|2", True), ("urn:q|1", False)])
def test_a_canonical_is_found_with_or_without_its_version(value, expected):
    answers = {"resourceType": "QuestionnaireResponse", "questionnaire": "urn:q|2"}
    assert has(answers, ("questionnaire", value)) is expected
    assert has(observation(meta={"profile": ["urn:q|2"]}), ("_profile", value)) is expected


def test_a_reference_is_found_by_what_it_points_to_or_by_its_identifier():
    seen = observation(
        subject={"reference": "Patient/1/_history/3", "identifier": {"system": "urn:hn", "value": "7"}}
    )
    for name, value in [
        ("subject", "1"),
        ("subject", "Patient/1"),
        ("patient", "1"),
        ("subject:Patient", "1"),
        ("subject:identifier", "urn:hn|7"),
    ]:
        assert has(seen, (name, value)), name
    assert not has(seen, ("subject:Group", "1"))
    here = parse(
        "Observation", [("subject", "https://here.example/fhir/Patient/1")], base="https://here.example/fhir"
    )
    assert matches(seen, here)


def test_an_id_alone_may_point_to_anything_where_anything_may_be_pointed_to():
    assert has(observation(focus=[{"reference": "Device/9"}]), ("focus", "9"))


# --- composite --------------------------------------------------------------------------------------------------


def test_the_parts_of_a_composite_belong_to_one_element():
    def part(code, value):
        return {"code": {"coding": [{"code": code}]}, "valueQuantity": {"value": value}}

    pressure = observation(component=[part("8480-6", 120), part("8462-4", 80)])
    assert has(pressure, ("component-code-value-quantity", "8480-6$gt110"))
    assert not has(pressure, ("component-code-value-quantity", "8480-6$lt90"))
    assert has(pressure, ("combo-code-value-quantity", "8462-4$lt90"))


def test_a_composite_may_have_three_parts_some_of_them_elsewhere():
    def variant(start, end):
        return {"start": start, "end": end}

    sequence = {
        "resourceType": "MolecularSequence",
        "referenceSeq": {"chromosome": {"coding": [{"code": "7"}]}},
        "variant": [variant(1, 10), variant(50, 60)],
    }
    assert has(sequence, ("chromosome-variant-coordinate", "7$ge50$le60"))
    assert not has(sequence, ("chromosome-variant-coordinate", "7$ge50$le10"))
    assert not has(sequence, ("chromosome-variant-coordinate", "8$ge50$le60"))


def test_a_composite_of_a_code_and_a_reference_is_paired_too():
    document = {
        "resourceType": "DocumentReference",
        "relatesTo": [
            {"code": "replaces", "target": {"reference": "DocumentReference/1"}},
            {"code": "appends", "target": {"reference": "DocumentReference/2"}},
        ],
    }
    assert has(document, ("relationship", "replaces$DocumentReference/1"))
    assert has(document, ("relationship", "DocumentReference/1$http://example.org/any|replaces"))
    assert not has(document, ("relationship", "replaces$DocumentReference/2"))


# --- cursors and care -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("values", [(), ("é\ud800", None, 1.5), (float("-inf"), "")])
def test_a_cursor_comes_back_as_it_went(values):
    cursor = Cursor(2**53, 7, values)
    assert decode(encode(cursor), len(values)) == cursor
    with pytest.raises(BadInput):
        decode(encode(cursor), len(values) + 1)


@pytest.mark.parametrize("word", ["", "x", "W10", "bnVsbA", "WzEsMix7fV0", "é", "A" * 9000])
def test_what_is_no_cursor_is_refused(word):
    with pytest.raises(BadInput):
        decode(word, 1)


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        (observation(effectiveDateTime="2020-06-01"), True),
        (observation(effectiveDateTime="2019-06-01"), False),
        (observation(), True),
        ({"resourceType": "Patient", "birthDate": "1950-01-01"}, True),
        ({"resourceType": "Condition", "onsetDateTime": "2010"}, True),
        ({"resourceType": "Condition", "onsetDateTime": "2010", "abatementDateTime": "2011"}, False),
        ({"resourceType": "Encounter", "period": {"start": "2019-12-01", "end": "2020-01-02"}}, True),
    ],
)
def test_care_is_within_a_period_when_some_of_it_was(resource, expected):
    start, end = (moments(day)[0] for day in ("2020-01-01", "2021-01-01"))
    assert datetime.fromtimestamp(start / 1000, UTC).year == 2020
    assert cared_for(resource["resourceType"], index(resource), start, end) is expected
