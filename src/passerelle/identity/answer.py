"""What to answer to ``$match``: the Bundle of IHE PDQm ITI-119, each stored Patient spliced in as it is."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from passerelle.fhir.outcome import Issue, operation_outcome
from passerelle.fhir.resource import Stored, encode
from passerelle.identity.match import Match
from passerelle.values import Json, Language

MATCH_GRADE = "http://hl7.org/fhir/StructureDefinition/match-grade"


def match_bundle(
    found: Sequence[tuple[Match, Stored]], *, base: str, uncertain: bool = False, language: Language = "en"
) -> bytes:
    """A searchset in which every match has its score and its grade.

    ``uncertain`` adds an outcome entry that says that somebody must decide, without saying who or how many.
    """
    entries: list[Json] = [_entry(match, stored, base.rstrip("/")) for match, stored in found if stored.body]
    total = len(entries)
    if uncertain:
        outcome = operation_outcome(
            [Issue("match-uncertain", "multiple-matches", severity="warning")], language
        )
        entries.append({"resource": outcome, "search": {"mode": "outcome"}})
    bundle: Json = {"resourceType": "Bundle", "type": "searchset", "total": total}
    return encode({**bundle, "entry": entries} if entries else bundle)


def _entry(match: Match, stored: Stored, base: str) -> Json:
    return {
        "fullUrl": f"{base}/Patient/{stored.id}",
        "resource": msgspec.Raw(stored.body or b""),
        "search": {
            "extension": [{"url": MATCH_GRADE, "valueCode": match.grade}],
            "mode": "match",
            "score": Decimal(str(match.score)),
        },
    }


def people_bundle(people: Sequence[tuple[Json, str]], outcomes: Sequence[Json], *, base: str) -> bytes:
    """A searchset of people made from several sources, each with its grade; outcomes say who could not answer."""
    entries: list[Json] = [
        {
            "fullUrl": f"{base.rstrip('/')}/Patient/{patient.get('id')}",
            "resource": patient,
            "search": {"extension": [{"url": MATCH_GRADE, "valueCode": grade}], "mode": "match"},
        }
        for patient, grade in people
    ]
    total = len(entries)
    entries += [{"resource": outcome, "search": {"mode": "outcome"}} for outcome in outcomes]
    return encode({"resourceType": "Bundle", "type": "searchset", "total": total, "entry": entries})
