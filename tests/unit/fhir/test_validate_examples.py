"""Real resources that others publish pass, and what the reference validator calls wrong in structure is caught."""

from __future__ import annotations

import json
import tarfile

import pytest

from passerelle.fhir.bundle import entries
from passerelle.fhir.intake import Limits, read_json
from passerelle.fhir.validate import check, report

LIMITS = Limits()
SAMPLE = 6

WRONG_EXAMPLES = {
    # Official examples that break the official definitions.
    "DeviceMetric-example.json": {("reference-target", "DeviceMetric.parent.reference")},
    "DeviceUseStatement-example.json": {
        ("reference-target", "DeviceUseStatement.reasonReference[0].reference")
    },
    "MedicationRequest-medrx0301.json": {
        ("reference-target", "MedicationRequest.dispenseRequest.performer.reference")
    },
    "Observation-clinical-gender.json": {("reference-target", "Observation.performer[0].reference")},
    "Questionnaire-qs1.json": "no linkId in its display items",
}


def files(archive, most=None):
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.isfile() and member.name.endswith(".json") and most != 0:
                yield member.name.rsplit("/", 1)[-1], tar.extractfile(member).read()
                most = None if most is None else most - 1


def test_every_official_example_passes_but_those_that_break_the_definitions(shared_data):
    seen, wrong = 0, {}
    for name, body in files(shared_data / "fhir-r4-examples" / "instances.tar.xz"):
        seen += 1
        if issues := {(issue.key, issue.expression) for issue in check(read_json(body, LIMITS))}:
            wrong[name] = issues
    assert seen > 500
    assert set(wrong) == set(WRONG_EXAMPLES)
    assert {key for key, _ in wrong.pop("Questionnaire-qs1.json")} == {"element-required"}
    assert all(wrong[name] == WRONG_EXAMPLES[name] for name in wrong)


@pytest.mark.parametrize("part", [1, 4])
def test_synthetic_records_pass(part, shared_data):
    seen = 0
    for _, body in files(shared_data / "synthea-r4" / f"bundles-{part}.tar.xz", SAMPLE):
        for _, resource in entries(read_json(body, LIMITS)):
            assert check(resource) == ()
            seen += 1
    assert seen > 500


def test_resources_are_judged_as_the_reference_validator_judges_them(shared_data):
    disagreements = {}
    cases = json.loads((shared_data / "validate" / "manifest.json").read_text())
    for case in cases:
        issues = report(read_json((shared_data / "validate" / case["file"]).read_bytes(), LIMITS))
        errors = [issue for issue in issues if issue.severity == "error"]
        if bool(errors) != bool(case["expect_errors"]):
            disagreements[case["name"]] = len(errors)
    # This case asks to overlook the faults of contained-resource-bad-id, the same file.
    assert disagreements == {"contained-resource-bad-id-ignore": 2}
