"""Another project's R4 validator reads our summaries and has nothing to say."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from bench.summary_check import MEDPLUM, ROOT, composed, medplum, medplum_is_here
from passerelle.summary.check import check
from passerelle.values import LANGUAGES, Json, Language
from tests.unit.summary import world

INSTALL = f"npm ci --prefix {MEDPLUM.relative_to(ROOT)}"

needs_medplum = pytest.mark.skipif(not medplum_is_here(), reason=f"Medplum is not installed: {INSTALL}")


def issues(*bundles: Json) -> list[dict]:
    return [issue for verdict in medplum(bundles) for issue in verdict["issues"]]


@needs_medplum
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_validator_has_nothing_to_say_of_a_full_summary(language: Language) -> None:
    assert issues(world.summary(world.full_record(), language)) == []


@needs_medplum
def test_the_validator_has_nothing_to_say_of_a_summary_in_which_everything_is_absent() -> None:
    bare = [
        world.fact("MedicationStatement", "m", status="active"),
        world.fact("AllergyIntolerance", "a"),
        world.fact("Condition", "c"),
        world.fact("Procedure", "p", status="completed"),
        world.fact("Immunization", "i", status="completed"),
        world.fact("Observation", "o", status="final", code={"text": "x"}, category=world.LABORATORY),
        world.fact("DiagnosticReport", "d", status="final", code={"text": "x"}),
        world.fact("MedicationDispense", "md", status="completed", medicationCodeableConcept={"text": "x"}),
        {"resourceType": "Device", "id": "v", "patient": {"reference": "Patient/p1"}},
    ]
    nameless = {"resourceType": "Patient", "id": "p1"}
    bundle = world.summary(world.record(*map(world.entry, bare), who=nameless))
    assert check(bundle) == ()
    assert issues(bundle, world.summary(world.record(who=nameless))) == []


@needs_medplum
def test_the_validator_does_speak_when_something_is_wrong() -> None:
    bundle = world.summary(world.full_record())
    del world.resources(bundle, "Immunization")[0]["vaccineCode"]
    world.composition(bundle)["custodian"] = world.composition(bundle)["author"][0]
    assert {issue["path"] for issue in issues(bundle)} == {
        "Immunization.vaccineCode",
        "Composition.custodian",
    }


@needs_medplum
def test_the_validator_has_nothing_to_say_of_summaries_of_synthetic_people(shared_data: Path) -> None:
    assert (shared_data / "synthea-r4").is_dir()
    bundles = list(islice(composed(6), 6))
    assert [fault for bundle in bundles for fault in check(bundle)] == []
    assert issues(*bundles) == []


def test_no_registry_is_named_in_the_lock() -> None:
    assert "http" not in (MEDPLUM / "package-lock.json").read_text("utf-8")
