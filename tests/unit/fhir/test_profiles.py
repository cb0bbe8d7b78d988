"""A profile is kept, or each element that does not keep it is named."""

from __future__ import annotations

import json
from copy import deepcopy

import pytest

from passerelle.fhir.profiles import IN_THE_BOX, check, load

CA = "http://hl7.org/fhir/ca/baseline/StructureDefinition/"
R4 = "http://hl7.org/fhir/StructureDefinition/"
V2 = "http://terminology.hl7.org/CodeSystem/v2-0203"
PATIENT = {
    "resourceType": "Patient",
    "id": "p",
    "meta": {"profile": [CA + "profile-patient"]},
    "identifier": [
        {"type": {"coding": [{"system": V2, "code": "JHN"}]}, "system": "urn:oid:1.2", "value": "1"}
    ],
    "name": [{"family": "Roy"}],
}
WEIGHT = {
    "resourceType": "Observation",
    "meta": {"profile": [R4 + "bodyweight"]},
    "status": "final",
    "category": [
        {
            "coding": [
                {
                    "system": "http://terminology.hl7.org/CodeSystem/observation-category",
                    "code": "vital-signs",
                }
            ]
        }
    ],
    "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
    "subject": {"reference": "Patient/1"},
    "effectiveDateTime": "2020-01-01",
    "valueQuantity": {"value": 70, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"},
}


def told(resource, profiles=IN_THE_BOX, **options):
    return [(issue.key, issue.expression) for issue in check(resource, profiles, **options)]


def with_(resource, change):
    copy = deepcopy(resource)
    change(copy)
    return copy


def test_a_resource_that_keeps_its_profile_has_no_issues():
    assert told(PATIENT) == told(WEIGHT) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda p: p["identifier"][0].pop("system"), [("profile-least", "Patient.identifier[0]")]),
        (lambda p: p.update(telecom=[{"value": "1"}]), [("profile-least", "Patient.telecom[0]")]),
        (lambda p: p.update(name=[{"use": "usual"}]), [("rule-broken", "Patient.name[0]")]),
        (
            lambda p: p.update(extension=[{"url": CA + "ext-patientbirthsex", "valueCode": "F"}]),
            [("profile-kind", "Patient.extension[0].valueCode")],
        ),
    ],
)
def test_the_canadian_baseline_is_in_the_box(change, expected):
    assert told(with_(PATIENT, change)) == expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda o: o["category"][0]["coding"][0].update(code="survey"), [("profile-least", "Observation")]),
        (lambda o: o["code"]["coding"][0].update(code="1"), [("profile-least", "Observation.code")]),
        (lambda o: o["valueQuantity"].pop("unit"), [("profile-least", "Observation.valueQuantity")]),
        (
            lambda o: o["valueQuantity"].update(code="lb"),
            [("profile-code", "Observation.valueQuantity.code")],
        ),
        (
            lambda o: (o.pop("valueQuantity"), o.update(valueString="70")),
            [("profile-kind", "Observation.valueString")],
        ),
    ],
)
def test_the_vital_signs_of_r4_are_in_the_box(change, expected):
    assert told(with_(WEIGHT, change)) == expected


def test_a_profile_that_nobody_knows_is_a_warning():
    [issue] = check({"resourceType": "Patient", "meta": {"profile": ["http://x.example/p"]}})
    assert (issue.key, issue.severity) == ("profile-unknown", "warning")


def test_a_profile_may_be_asked_for_and_is_for_its_own_type():
    assert told({"resourceType": "Patient"}, asked=[R4 + "bodyweight"]) == [("profile-other-type", "Patient")]


def profile(*elements, type="Observation", base=None):
    return {
        "resourceType": "StructureDefinition",
        "url": f"http://p.example/{type}",
        "type": type,
        "derivation": "constraint",
        "baseDefinition": base or R4 + type,
        "differential": {"element": [{"id": id, "path": id.split(":")[0], **rest} for id, rest in elements]},
    }


def asked(resource, *definitions, **options):
    return told(resource, load(definitions), asked=[definitions[0]["url"]], **options)


def slicing(kind, path, rules="open", **rest):
    return {"slicing": {"discriminator": [{"type": kind, "path": path}], "rules": rules, **rest}}


BASE = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}


def test_fixed_values_and_patterns():
    rules = profile(
        ("Observation.status", {"fixedCode": "final"}),
        ("Observation.code", {"patternCodeableConcept": {"coding": [{"code": "a"}]}}),
    )
    good = {**BASE, "code": {"coding": [{"code": "b"}, {"code": "a", "system": "urn:x"}]}}
    assert asked(good, rules) == []
    assert asked({**BASE, "status": "amended"}, rules) == [
        ("profile-fixed", "Observation.status"),
        ("profile-pattern", "Observation.code"),
    ]


def test_a_closed_slicing_takes_nothing_else_and_an_ordered_one_keeps_its_order():
    rules = profile(
        ("Observation.component", slicing("value", "code.text", "closed", ordered=True)),
        ("Observation.component:a", {"sliceName": "a", "max": "1"}),
        ("Observation.component:a.code.text", {"fixedString": "a"}),
        ("Observation.component:b", {"sliceName": "b"}),
        ("Observation.component:b.code.text", {"fixedString": "b"}),
    )

    def of(*texts):
        return {**BASE, "component": [{"code": {"text": text}} for text in texts]}

    assert asked(of("a", "b", "b"), rules) == []
    assert asked(of("b", "a"), rules) == [("profile-slice-order", "Observation.component[1]")]
    assert asked(of("a", "c"), rules) == [("profile-slice-closed", "Observation.component[1]")]
    assert asked(of("a", "a"), rules) == [("profile-most", "Observation")]


def test_slices_are_told_apart_by_what_exists_and_by_type():
    exists = profile(
        ("Observation.component", slicing("exists", "dataAbsentReason")),
        ("Observation.component:without", {"sliceName": "without", "max": "1"}),
        ("Observation.component:without.dataAbsentReason", {"max": "0"}),
    )
    empty = {"code": {"text": "a"}}
    assert asked({**BASE, "component": [empty, {**empty, "dataAbsentReason": {"text": "x"}}]}, exists) == []
    assert asked({**BASE, "component": [empty, empty]}, exists) == [("profile-most", "Observation")]
    kinds = profile(
        ("Observation.value[x]", slicing("type", "$this", "closed")),
        ("Observation.value[x]:valueString", {"sliceName": "valueString", "type": [{"code": "string"}]}),
    )
    assert asked({**BASE, "valueString": "x"}, kinds) == []
    assert asked({**BASE, "valueBoolean": True}, kinds) == [
        ("profile-slice-closed", "Observation.valueBoolean")
    ]


def test_references_lead_to_what_a_profile_says():
    person = profile(("Patient.birthDate", {"min": 1}), type="Patient")
    rules = profile(
        ("Observation.subject", {"type": [{"code": "Reference", "targetProfile": [person["url"]]}]})
    )
    observed = {**BASE, "subject": {"reference": "Patient/1"}}
    assert asked(observed, rules, person) == []
    assert asked({**BASE, "subject": {"reference": "Group/1"}}, rules, person) == [
        ("profile-target", "Observation.subject")
    ]
    world = {"Patient/1": {"resourceType": "Patient"}}
    assert asked(observed, rules, person, resolve=world.get) == [("profile-target", "Observation.subject")]
    world["Patient/1"]["birthDate"] = "1980"
    assert asked(observed, rules, person, resolve=world.get) == []


def test_value_sets_of_a_package_bind():
    codes = {
        "resourceType": "ValueSet",
        "url": "http://p.example/set",
        "compose": {"include": [{"system": "urn:s", "concept": [{"code": "a"}, {"code": "b"}]}]},
    }
    for strength, severity in (("required", "error"), ("extensible", "warning")):
        rules = profile(("Observation.code", {"binding": {"strength": strength, "valueSet": codes["url"]}}))
        known = load([rules, codes])

        def of(code, known=known, url=rules["url"]):
            coded = {**BASE, "code": {"coding": [{"system": "urn:s", "code": code}]}}
            return [(issue.key, issue.severity) for issue in check(coded, known, asked=[url])]

        assert of("a") == []
        assert of("c") == [("profile-code", severity)]


def test_a_profile_of_a_profile_asks_for_both():
    first = profile(("Observation.subject", {"min": 1}))
    second = {
        **profile(("Observation.component", {"max": "0"}), base=first["url"]),
        "url": "http://p.example/2",
    }
    broken = {**BASE, "component": [{"code": {"text": "a"}}]}
    assert asked(broken, second, first) == [("profile-least", "Observation"), ("profile-most", "Observation")]


def test_rules_of_a_profile_keep_their_severity():
    rule = {"key": "x-1", "human": "A note is needed", "expression": "note.exists()", "severity": "warning"}
    rules = profile(("Observation", {"constraint": [rule]}))
    [issue] = check(BASE, load([rules]), asked=[rules["url"]])
    assert (issue.key, issue.severity, issue.details["rule"]) == ("rule-broken", "warning", "x-1")


def test_profiles_that_lean_on_one_another_in_a_circle_come_to_an_end():
    rules = profile(
        (
            "Observation.hasMember",
            {"type": [{"code": "Reference", "targetProfile": ["http://p.example/Observation"]}]},
        )
    )
    member = {**BASE, "id": "1", "hasMember": [{"reference": "Observation/1"}]}
    assert asked(member, rules, resolve={"Observation/1": member}.get) == []


def test_the_examples_of_the_international_summary_keep_its_profiles(shared_data):
    examples = sorted((shared_data / "ips" / "hl7-examples").glob("*.json"))
    assert len(examples) > 30
    for path in examples:
        resource = json.loads(path.read_text("utf-8"))
        issues = [issue for issue in check(resource) if issue.severity == "error"]
        assert issues == [], path.name


def test_a_summary_without_a_section_it_needs_is_told_what_is_missing(shared_data):
    bundle = json.loads(
        (shared_data / "ips/hl7-examples/Bundle-IPS-examples-Bundle-01.json").read_text("utf-8")
    )
    del bundle["entry"][0]["resource"]["section"][0]
    assert ("profile-least", "Bundle.entry[0].resource") in told(bundle)


def test_the_files_in_the_box_are_what_the_compiler_makes(shared_data):
    from passerelle.fhir.profiles.data import lines
    from tools.compile_profiles import base, profiles, read

    types = base(read(shared_data / "fhir-r4-examples" / "definitions.tar.xz"))
    packages = {
        "ca-baseline.jsonl": shared_data / "canada" / "ca-baseline",
        "ips.jsonl": shared_data / "ips" / "profiles-ips-2.0.0.tar.xz",
    }
    made = {"r4.jsonl": types, **{name: profiles(read(place)) for name, place in packages.items()}}
    for name, rows in made.items():
        assert {key: lines(name).get(key) for key in lines(name)} == rows, name


def test_every_rule_in_the_box_can_be_read():
    from passerelle.fhir.fhirpath import compile
    from passerelle.fhir.profiles.data import lines, rules

    for type in lines("r4.jsonl"):
        for _, _, _, expression, _ in rules(type):
            compile(expression)
    for name in ("r4-profiles.jsonl", "ca-baseline.jsonl", "ips.jsonl"):
        for url in lines(name):
            for element in lines(name).get(url)["element"]:
                for rule in element.get("constraint", ()):
                    compile(rule["expression"])


def test_without_discriminators_the_slice_is_the_one_that_is_satisfied():
    rules = profile(
        ("Observation.component", {"slicing": {"rules": "closed"}}),
        ("Observation.component:a", {"sliceName": "a", "min": 1}),
        ("Observation.component:a.code.text", {"fixedString": "a"}),
    )
    assert asked({**BASE, "component": [{"code": {"text": "a"}}]}, rules) == []
    assert asked({**BASE, "component": [{"code": {"text": "b"}}]}, rules) == [
        ("profile-slice-closed", "Observation.component[0]"),
        ("profile-least", "Observation"),
    ]
