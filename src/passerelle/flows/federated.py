"""The operations that ask other nodes too: who is it (``$find``), the record (``$record``), the summary (``$summary``)."""

from __future__ import annotations

from passerelle.federation import wire
from passerelle.fhir import intake
from passerelle.fhir.codes import NODES
from passerelle.fhir.outcome import BadInput, Issue, operation_outcome
from passerelle.fhir.record import Record, Source
from passerelle.fhir.resource import decode, encode
from passerelle.flows.deciding import Asked
from passerelle.flows.federate import Question, federate
from passerelle.flows.find import find
from passerelle.flows.matching import described_patient
from passerelle.flows.operation import Result, named, only_known
from passerelle.flows.ports import Here
from passerelle.flows.reach import Reach, not_found
from passerelle.flows.requests import Params
from passerelle.flows.searching import the_one
from passerelle.identity import answer
from passerelle.summary.compose import compose
from passerelle.values import Json, Language


async def find_anyone(asked: Asked, reach: Reach, here: Here) -> Result:
    """``Patient/$find``: everybody whom any source knows by these words, one Patient for each person, best first."""
    _own_callers_only(asked, here)
    values = named(intake.read_json(asked.request.body, here.limits), {"resource"})
    found = await find(
        Question(asked.caller, asked.purpose, reach.check(described_patient(values), "Patient")), here
    )
    outcomes = [operation_outcome([gap_issue(source)], asked.request.language) for source in found.unheard]
    people = [(person.patient, person.grade) for person in found.people]
    return Result(answer.people_bundle(people, outcomes, base=here.base))


def gap_issue(source: Source) -> Issue:
    """That a source could not say whether it knows this person."""
    return Issue(
        f"source-{source.state.value}", "incomplete", details={"source": source.node}, severity="warning"
    )


async def record_of_one(asked: Asked, reach: Reach, here: Here) -> Result:
    """``Patient/[id]/$record``: this patient's record from every source, with its gaps."""
    return await _record(await demographics(asked, reach, here), asked, here)


async def record_of_anyone(asked: Asked, reach: Reach, here: Here) -> Result:
    """``Patient/$record``: the record of the person described, whether or not this node knows them."""
    values = named(intake.read_json(asked.request.body, here.limits), {"resource"})
    return await _record(reach.check(described_patient(values), "Patient"), asked, here)


async def _record(patient: Json, asked: Asked, here: Here) -> Result:
    _own_callers_only(asked, here)
    record = await federate(Question(asked.caller, asked.purpose, patient), here)
    body = wire.record_bundle(
        record, base=here.base, author=organization(here), now=here.now(), language=asked.request.language
    )
    return Result(body, asked.request.id, disclosed=True, record=record)


async def summary_of_one(asked: Asked, reach: Reach, here: Here) -> Result:
    """``Patient/[id]/$summary``: the PS-CA document of the whole record."""
    only_known(asked.request.params, {"profile"})
    return await _summary(await demographics(asked, reach, here), asked, here)


async def summary_of_anyone(asked: Asked, reach: Reach, here: Here) -> Result:
    """``Patient/$summary?identifier=system|value``; or, as ``$record`` does, of the person described.

    A number that this node does not know is not asked of the others: no node says who somebody is by a number alone.
    """
    request = asked.request
    only_known(request.params, {"identifier", "profile"})
    values = (
        named(intake.read_json(request.body, here.limits), {"identifier", "profile", "resource"})
        if request.body
        else {}
    )
    described = values.get("resource")
    if isinstance(described, dict) and described.get("resourceType") == "Patient":
        # The id that was described is not one of this node's.
        stranger = {name: value for name, value in reach.check(described, "Patient").items() if name != "id"}
        return await _summary(stranger, asked, here)
    token = _identifier(request.params, values.get("identifier"))
    params: Params = (("identifier", token),)
    stored = await here.store.look(lambda view: the_one("Patient", params, view, reach))
    if stored is None or stored.body is None:
        raise BadInput(Issue("no-match", "not-found"), status=404)
    return await _summary(decode(stored.body), asked, here)


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


async def _summary(patient: Json, asked: Asked, here: Here) -> Result:
    only = None if asked.caller.node == here.id else frozenset({here.id})
    record = await federate(Question(asked.caller, asked.purpose, patient, only=only), here)
    body = encode(document(record, here, asked.request.language))
    return Result(body, patient.get("id"), disclosed=True, record=record)


def document(record: Record, here: Here, language: Language) -> Json:
    """The summary of a record, in this node's name."""
    if record.patient is None:
        raise BadInput(Issue("no-match", "not-found"), status=404)
    return compose(record, author=organization(here), language=language, now=here.now(), new_id=here.new_id)


async def demographics(asked: Asked, reach: Reach, here: Here) -> Json:
    """What this node knows of the person that the request names."""
    patient = str(asked.request.id)
    stored = await here.store.look(lambda view: view.read("Patient", patient, reach.scope))
    if stored is None or stored.body is None:
        raise not_found(f"Patient/{patient}")
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


def _own_callers_only(asked: Asked, here: Here) -> None:
    # A question that arrived from another node is answered with what is held here: asking onward for it would
    # let one node borrow another's agreements, and could go round in circles.
    if asked.caller.node != here.id:
        raise BadInput(Issue("forbidden", "forbidden"), status=403)
