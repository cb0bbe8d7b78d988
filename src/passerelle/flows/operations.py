"""The operations of a node: who is this (``$match``), all of it (``$everything``), from everywhere (``$record``),
and what the next clinician must know (``$summary``)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from passerelle.federation import wire
from passerelle.fhir import bundle, intake
from passerelle.fhir.codes import NODES
from passerelle.fhir.outcome import BadInput, Issue, operation_outcome
from passerelle.fhir.record import Record, Source
from passerelle.fhir.resource import Stored, decode, encode
from passerelle.fhir.search import Found, Scope
from passerelle.flows.federate import Question, federate
from passerelle.flows.find import find
from passerelle.flows.interact import the_one
from passerelle.flows.ports import Here, View
from passerelle.flows.requests import Params, Request
from passerelle.identity import answer, block, match
from passerelle.summary.compose import compose
from passerelle.values import Caller, Json, Language, Purpose


@dataclass(frozen=True)
class Result:
    """An operation's answer, and for the audit event: the patient and whether data were disclosed."""

    body: bytes = field(repr=False)
    patient: str | None = None
    disclosed: bool = False
    record: Record | None = field(default=None, repr=False)
    """The record that the answer was made of, for the events of what other nodes sent for it."""


Operation = Callable[[Request, Caller, Purpose, Scope, Here], Awaitable[Result]]


async def match_patient(
    request: Request, caller: Caller, purpose: Purpose, scope: Scope, here: Here
) -> Result:
    """``Patient/$match`` (ITI-119): who here is this person, with score and grade."""
    asked = match_parameters(intake.read_json(request.body, here.limits))
    found, uncertain = await here.store.look(lambda view: matches(asked, view, scope))
    body = answer.match_bundle(found, base=here.base, uncertain=uncertain, language=request.language)
    return Result(body, found[0][1].id if len(found) == 1 else None)


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


def named(parameters: Json, known: set[str]) -> dict[str, object]:
    """The values of a Parameters resource by name; an unknown or repeated name is refused."""
    if parameters.get("resourceType") != "Parameters" or not isinstance(parameters.get("parameter"), list):
        raise BadInput(Issue("parameters-expected", "structure", "Parameters.parameter"))
    values: dict[str, object] = {}
    for index, parameter in enumerate(parameters["parameter"]):
        place = f"Parameters.parameter[{index}]"
        if (
            not isinstance(parameter, dict)
            or parameter.get("name") not in known
            or parameter["name"] in values
        ):
            raise BadInput(
                Issue(
                    "unknown-operation-parameter", "not-supported", place, {"known": ", ".join(sorted(known))}
                )
            )
        values[parameter["name"]] = next(
            (v for k, v in parameter.items() if k == "resource" or k.startswith("value")), None
        )
    return values


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


async def find_anyone(request: Request, caller: Caller, purpose: Purpose, scope: Scope, here: Here) -> Result:
    """``Patient/$find``: everybody whom any source knows by these words, one Patient for each person, best first."""
    _own_callers_only(caller, here)
    values = named(intake.read_json(request.body, here.limits), {"resource"})
    found = await find(Question(caller, purpose, described_patient(values)), here)
    outcomes = [operation_outcome([gap_issue(source)], request.language) for source in found.unheard]
    people = [(person.patient, person.grade) for person in found.people]
    return Result(answer.people_bundle(people, outcomes, base=here.base))


def gap_issue(source: Source) -> Issue:
    """That a source could not say whether it knows this person."""
    return Issue(
        f"source-{source.state.value}", "incomplete", details={"source": source.node}, severity="warning"
    )


def described_patient(values: dict[str, object]) -> Json:
    """The Patient that a question describes."""
    patient = values.get("resource")
    if not isinstance(patient, dict) or patient.get("resourceType") != "Patient":
        raise BadInput(
            Issue("match-needs-patient", "required", "Parameters.parameter.where(name='resource').resource")
        )
    return patient


async def everything(request: Request, caller: Caller, purpose: Purpose, scope: Scope, here: Here) -> Result:
    """``Patient/[id]/$everything``: the patient's compartment here and what it refers to."""
    only_known(request.params, {"_type"})
    types = (
        frozenset(t for name, value in request.params if name == "_type" for t in value.split(",")) or None
    )
    patient = str(request.id)
    stored = await here.store.look(lambda view: view.everything(patient, types=types, scope=scope))
    if not stored:
        raise BadInput(
            Issue("not-found", "not-found", details={"reference": f"Patient/{patient}"}), status=404
        )
    link = bundle.link(f"{here.base}/Patient/{patient}/$everything", request.params)
    body = bundle.searchset(
        here.base, Found(tuple(stored), total=len(stored)), self_link=link, next_link=None
    )
    return Result(body, patient, disclosed=True)


async def record_of_one(
    request: Request, caller: Caller, purpose: Purpose, scope: Scope, here: Here
) -> Result:
    """``Patient/[id]/$record``: this patient's record from every source, with its gaps."""
    patient = await demographics(request, scope, here)
    return await _record(patient, request, caller, purpose, here)


async def record_of_anyone(
    request: Request, caller: Caller, purpose: Purpose, scope: Scope, here: Here
) -> Result:
    """``Patient/$record``: the record of the person described, whether or not this node knows them."""
    values = named(intake.read_json(request.body, here.limits), {"resource"})
    return await _record(described_patient(values), request, caller, purpose, here)


async def _record(patient: Json, request: Request, caller: Caller, purpose: Purpose, here: Here) -> Result:
    _own_callers_only(caller, here)
    record = await federate(Question(caller, purpose, patient), here)
    body = wire.record_bundle(
        record, base=here.base, author=organization(here), now=here.now(), language=request.language
    )
    return Result(body, request.id, disclosed=True, record=record)


async def summary_of_one(
    request: Request, caller: Caller, purpose: Purpose, scope: Scope, here: Here
) -> Result:
    """``Patient/[id]/$summary``: the PS-CA document of the whole record."""
    only_known(request.params, {"profile"})
    patient = await demographics(request, scope, here)
    return await _summary(patient, request, caller, purpose, here)


async def summary_of_anyone(
    request: Request, caller: Caller, purpose: Purpose, scope: Scope, here: Here
) -> Result:
    """``Patient/$summary?identifier=system|value``; or, as ``$record`` does, of the person described.

    A number that this node does not know is not asked of the others: no node says who somebody is by a number alone.
    """
    only_known(request.params, {"identifier", "profile"})
    values = (
        named(intake.read_json(request.body, here.limits), {"identifier", "profile", "resource"})
        if request.body
        else {}
    )
    described = values.get("resource")
    if isinstance(described, dict) and described.get("resourceType") == "Patient":
        # The id that was described is not one of this node's.
        stranger = {name: value for name, value in described.items() if name != "id"}
        return await _summary(stranger, request, caller, purpose, here)
    token = _identifier(request.params, values.get("identifier"))
    params: Params = (("identifier", token),)
    stored = await here.store.look(lambda view: the_one("Patient", params, view, scope))
    if stored is None or stored.body is None:
        raise BadInput(Issue("no-match", "not-found"), status=404)
    return await _summary(decode(stored.body), request, caller, purpose, here)


def _identifier(params: Params, given: object) -> str:
    """The one ``system|value`` that a request names, in the address or in its body."""
    tokens = [value for name, value in params if name == "identifier"]
    if isinstance(given, dict):
        tokens.append(f"{given.get('system', '')}|{given.get('value', '')}")
    elif isinstance(given, str):
        tokens.append(given)
    if len(tokens) != 1 or not all(tokens[0].partition("|")[::2]):
        raise BadInput(Issue("bad-parameter-value", "value", details={"parameter": "identifier"}))
    return tokens[0]


async def _summary(patient: Json, request: Request, caller: Caller, purpose: Purpose, here: Here) -> Result:
    only = None if caller.node == here.id else frozenset({here.id})
    record = await federate(Question(caller, purpose, patient, only=only), here)
    body = encode(document(record, here, request.language))
    return Result(body, patient.get("id"), disclosed=True, record=record)


def document(record: Record, here: Here, language: Language) -> Json:
    """The summary of a record, in this node's name."""
    if record.patient is None:
        raise BadInput(Issue("no-match", "not-found"), status=404)
    return compose(record, author=organization(here), language=language, now=here.now(), new_id=here.new_id)


async def demographics(request: Request, scope: Scope, here: Here) -> Json:
    """What this node knows of the person that the request names."""
    patient = str(request.id)
    stored = await here.store.look(lambda view: view.read("Patient", patient, scope))
    if stored is None or stored.body is None:
        raise BadInput(
            Issue("not-found", "not-found", details={"reference": f"Patient/{patient}"}), status=404
        )
    return decode(stored.body)


def organization(here: Here) -> Json:
    """This node's custodian as an Organization, to sign what is made here."""
    return {
        "resourceType": "Organization",
        "id": f"custodian-{here.id}",
        "identifier": [{"system": NODES, "value": here.id}],
        "name": here.name["en"],
        "alias": [here.name["fr"]],
    }


def only_known(params: Params, known: set[str]) -> None:
    """Unknown or misspelt parameters are refused, never ignored."""
    for name, _ in params:
        if name not in known | {"_format", "_pretty"}:
            details = {
                "parameter": name[:40] if name.isidentifier() else "?",
                "known": ", ".join(sorted(known)),
            }
            raise BadInput(Issue("unknown-parameter", "not-supported", details=details))


def _own_callers_only(caller: Caller, here: Here) -> None:
    # A question that arrived from another node is answered with what is held here: asking onward for it would
    # let one node borrow another's agreements, and could go round in circles.
    if caller.node != here.id:
        raise BadInput(Issue("forbidden", "forbidden"), status=403)


OPERATIONS: dict[tuple[str, str | None, bool], Operation] = {
    ("$match", "Patient", False): match_patient,
    ("$everything", "Patient", True): everything,
    ("$record", "Patient", True): record_of_one,
    ("$record", "Patient", False): record_of_anyone,
    ("$find", "Patient", False): find_anyone,
    ("$summary", "Patient", True): summary_of_one,
    ("$summary", "Patient", False): summary_of_anyone,
}
