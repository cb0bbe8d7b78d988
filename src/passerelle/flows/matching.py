"""``Patient/$match`` (ITI-119): who here is this person, with score and grade."""

from __future__ import annotations

from dataclasses import dataclass

from passerelle.fhir import intake
from passerelle.fhir.outcome import BadInput, Issue
from passerelle.fhir.resource import Stored, decode
from passerelle.fhir.search import Scope
from passerelle.flows.operation import named
from passerelle.flows.ports import View
from passerelle.flows.reach import Done, Reach
from passerelle.flows.requests import Request
from passerelle.identity import answer, block, match
from passerelle.values import Json


def match_patient(request: Request, view: View, reach: Reach) -> Done:
    """Candidates with their scores, best first."""
    asked = match_parameters(intake.read_json(request.body, reach.limits))
    reach.check(asked.patient, "Patient")
    found, uncertain = matches(asked, view, reach.scope)
    body = answer.match_bundle(found, base=reach.base, uncertain=uncertain, language=request.language)
    return Done(200, body=body, patient=found[0][1].id if len(found) == 1 else None)


@dataclass(frozen=True)
class MatchQuestion:
    """The parameters of ``$match``."""

    patient: Json
    only_certain: bool = False
    count: int = 10


def match_parameters(parameters: Json) -> MatchQuestion:
    """Read a Parameters resource; every parameter is known or refused."""
    if parameters.get("resourceType") == "Patient":
        return MatchQuestion(parameters)
    values = named(parameters, {"resource", "onlyCertainMatches", "count"})
    patient = described_patient(values)
    count = values.get("count", 10)
    if not isinstance(count, int) or not 1 <= count <= 100:
        raise BadInput(Issue("bad-parameter-value", "value", details={"parameter": "count"}))
    return MatchQuestion(patient, values.get("onlyCertainMatches") is True, count)


def matches(asked: MatchQuestion, view: View, scope: Scope) -> tuple[list[tuple[match.Match, Stored]], bool]:
    """Fetch candidates by blocking keys, score each, keep those that the question lets through; and whether
    somebody here may be the person although none is certain."""
    candidates: dict[str, Stored] = {}
    for query in block.blocks(asked.patient):
        candidates |= {stored.id: stored for stored in view.search(query.within(scope)).matches}
    bodies = [decode(stored.body) for stored in candidates.values() if stored.body is not None]
    ranked = match.rank(asked.patient, bodies, only_certain=asked.only_certain, count=asked.count)
    uncertain = asked.only_certain and not ranked and match.uncertain(asked.patient, bodies)
    return [(found, candidates[found.id]) for found in ranked], uncertain


def described_patient(values: dict[str, object]) -> Json:
    """The Patient that a question describes."""
    patient = values.get("resource")
    if not isinstance(patient, dict) or patient.get("resourceType") != "Patient":
        raise BadInput(
            Issue("match-needs-patient", "required", "Parameters.parameter.where(name='resource').resource")
        )
    return patient
