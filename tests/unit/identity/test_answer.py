"""The answer to ``$match`` (IHE PDQm ITI-119)."""

from __future__ import annotations

from datetime import UTC, datetime

from passerelle.fhir.resource import Stored, decode, encode
from passerelle.identity.answer import MATCH_GRADE, match_bundle
from passerelle.identity.match import score
from tests.unit.identity.world import VALID, number, someone

PERSON = someone(identifier=[number(VALID)])
STORED = Stored("Patient", "a", 1, datetime(2026, 1, 1, tzinfo=UTC), "PUT", encode(PERSON))


def test_each_match_has_its_score_and_grade() -> None:
    bundle = decode(match_bundle([(score(PERSON, PERSON), STORED)], base="https://on.example/fhir/"))
    entry = bundle["entry"][0]
    assert (bundle["type"], bundle["total"], entry["fullUrl"]) == (
        "searchset",
        1,
        "https://on.example/fhir/Patient/a",
    )
    assert entry["search"]["extension"] == [{"url": MATCH_GRADE, "valueCode": "certain"}]
    assert entry["search"]["mode"] == "match" and 0.98 <= entry["search"]["score"] <= 1
    assert entry["resource"] == PERSON


def test_nobody_is_a_bundle_without_entries() -> None:
    bundle = decode(match_bundle([], base="https://on.example/fhir"))
    assert (bundle["total"], "entry" in bundle) == (0, False)


def test_uncertainty_is_said_without_saying_about_whom() -> None:
    bundle = decode(match_bundle([], base="https://on.example/fhir", uncertain=True, language="fr"))
    (entry,) = bundle["entry"]
    assert (bundle["total"], entry["search"]["mode"]) == (0, "outcome")
    assert entry["resource"]["issue"][0]["code"] == "multiple-matches"
    assert entry["resource"]["issue"][0]["details"]["text"].startswith("Quelqu’un ici")
