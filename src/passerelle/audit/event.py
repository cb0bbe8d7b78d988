"""What happened, as a FHIR AuditEvent in the shapes of IHE BALP (https://profiles.ihe.net/ITI/BALP).

An event says who asked, in what role and for what purpose, by which token and rules, about which patient and which
resource, and how it ended. It holds references, never a clinical value. BALP keeps the raw search request, so what was
searched for is in an event: events are as private as the records, and are kept apart from them.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Literal

from passerelle.fhir.bundle import query_string
from passerelle.fhir.codes import NODES
from passerelle.values import Access, Caller, Json, NodeId, Purpose, instant

Outcome = Literal["0", "4", "8"]
"""FHIR audit-event-outcome: success, minor failure (refused or not possible), serious failure."""

CALLER = "https://passerelle.example/fhir/NamingSystem/caller"
CLIENT = "https://passerelle.example/fhir/NamingSystem/client"
ROLE = "https://passerelle.example/fhir/CodeSystem/role"
RULE = "urn:passerelle:rule:"
TOKEN = "urn:ietf:params:oauth:jti:"  # noqa: S105  BALP's name for a token's id, not a secret
_DICOM = "http://dicom.nema.org/resources/ontology/DCM"
_PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
_ACT_REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
_INTERACTION = "http://hl7.org/fhir/restful-interaction"
_ENTITY = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
_OBJECT_ROLE = "http://terminology.hl7.org/CodeSystem/object-role"


def _coding(system: str, code: str, display: str = "") -> Json:
    return {"system": system, "code": code, **({"display": display} if display else {})}


def _concept(system: str, code: str, display: str = "") -> Json:
    return {"coding": [_coding(system, code, display)]}


_REST = _coding("http://terminology.hl7.org/CodeSystem/audit-event-type", "rest", "Restful Operation")
_EXPORT = _coding(_DICOM, "110106", "Export")
_IMPORT = _coding(_DICOM, "110107", "Import")
_DISCLOSE = _coding("http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle", "disclose")
_SOURCE = _concept(_DICOM, "110153", "Source Role ID")
_DESTINATION = _concept(_DICOM, "110152", "Destination Role ID")
_APPLICATION = _concept(_DICOM, "110150", "Application")
_CUSTODIAN = _concept("http://terminology.hl7.org/CodeSystem/provenance-participant-type", "custodian")
_RECIPIENT = _concept(_PARTICIPATION, "IRCP", "information recipient")
_AUTHOR = _concept(_PARTICIPATION, "AUT", "author")
_SERVER = [_coding("http://terminology.hl7.org/CodeSystem/security-source-type", "4", "Application Server")]
_PERSON, _OBJECT = _coding(_ENTITY, "1", "Person"), _coding(_ENTITY, "2", "System Object")
_PATIENT, _RESOURCE = _coding(_OBJECT_ROLE, "1", "Patient"), _coding(_OBJECT_ROLE, "4", "Domain Resource")
_REPORT, _QUERY = _coding(_OBJECT_ROLE, "3", "Report"), _coding(_OBJECT_ROLE, "24", "Query")
_REQUEST_ID = _coding("https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType", "XrequestId")


@dataclass(frozen=True)
class Shape:
    """How BALP records one kind of interaction: the action, and the part that client, server and user play."""

    action: str
    client: Json
    server: Json
    user: Json


_READ = Shape("R", _DESTINATION, _SOURCE, _RECIPIENT)
_ASK = Shape("E", _SOURCE, _DESTINATION, _RECIPIENT)
_SHAPES = {
    "read": _READ,
    "vread": _READ,
    "create": Shape("C", _SOURCE, _DESTINATION, _AUTHOR),
    "update": Shape("U", _SOURCE, _DESTINATION, _AUTHOR),
    "delete": Shape("D", _APPLICATION, _CUSTODIAN, _AUTHOR),
    "transaction": Shape("E", _SOURCE, _DESTINATION, _AUTHOR),
}
_SHAPES |= {"patch": _SHAPES["update"], "batch": _SHAPES["transaction"]}
_SHAPES |= {"conditional-update": _SHAPES["update"], "conditional-delete": _SHAPES["delete"]}
_SHAPES |= {"conditional-patch": _SHAPES["update"]}
_SHAPES |= {"$meta-add": _SHAPES["update"], "$meta-delete": _SHAPES["update"]}
_KINDS = {"conditional-update": "update", "conditional-delete": "delete", "conditional-patch": "patch"}
_TRANSACTIONS = {"$match": "ITI-119", "$ihe-pix": "ITI-83"}


@dataclass(frozen=True)
class Line:
    """How the request came in: the program that sent it, and the addresses of both ends. BALP asks for all three."""

    client: str = ""
    client_address: str = ""
    server_address: str = ""


NO_LINE = Line()


def event(
    access: Access,
    *,
    outcome: Outcome | str,
    recorded: datetime,
    here: NodeId,
    entity: str | None = None,
    reasons: Sequence[str] = (),
    query: bytes | Sequence[tuple[str, str]] = (),
    token_id: str = "",
    disclosed: bool = False,
    line: Line = NO_LINE,
) -> Json:
    """The event of one request that this node answered or refused.

    ``entity`` is the reference ``Type/id`` of what was touched, ``reasons`` the ids of the rules that decided,
    ``query`` the search as it was sent. ``disclosed``: the patient's data went to another node; the event then is
    a disclosure as its source records it.
    """
    shape = _SHAPES.get(access.interaction, _ASK)
    leaves = disclosed and bool(access.patient) and access.caller.node != here
    return _event(
        access,
        kind=_EXPORT if leaves else _REST,
        action="R" if leaves else shape.action,
        subtypes=([_DISCLOSE] if leaves else []) + _subtypes(access.interaction),
        outcome=outcome,
        recorded=recorded,
        here=here,
        agents=_agents(
            access.caller, access.purpose, access.interaction, here, line, token_id, tuple(reasons), leaves
        ),
        entities=_entities(access, entity, query, _REPORT if leaves else _RESOURCE),
    )


@lru_cache(maxsize=2048)
def _agents(
    caller: Caller,
    purpose: Purpose,
    interaction: str,
    here: NodeId,
    line: Line,
    token_id: str,
    reasons: tuple[str, ...],
    leaves: bool,
) -> list[Json]:
    """Who took part. Every request of one token has the same, so it is made once. INVARIANT: nobody changes it."""
    access, shape = Access(caller, purpose, interaction), _SHAPES.get(interaction, _ASK)
    if leaves:
        agents = [_node(here, _SOURCE, line.server_address), _client(access, _DESTINATION, line)]
    else:
        agents = [_client(access, shape.client, line), _node(here, shape.server, line.server_address)]
    part = _RECIPIENT if leaves else shape.user
    return _with_user(agents, access, part, _policies(token_id, reasons), int(leaves))


def received(
    access: Access,
    *,
    source: NodeId,
    source_address: str,
    outcome: Outcome | str,
    recorded: datetime,
    here: NodeId,
    token_id: str = "",
    line: Line = NO_LINE,
    subject: str = "",
) -> Json:
    """The event of data about ``access.patient`` that came from another node: a disclosure as its recipient records it.

    Both ends record, so that a disclosure that only one of them knows of can be found. ``subject`` is the address of
    the source's own Patient, for a person whom this node has no Patient for.
    """
    agents = [_node(source, _SOURCE, source_address), _node(here, _DESTINATION, line.server_address)]
    about = [_patient(subject)] if subject and not access.patient else []
    return _event(
        access,
        kind=_IMPORT,
        action="C",
        subtypes=[_DISCLOSE, *_subtypes(access.interaction)],
        outcome=outcome,
        recorded=recorded,
        here=here,
        agents=_with_user(agents, access, _RECIPIENT, _policies(token_id, ()), 1),
        entities=about + _entities(access, None, (), _REPORT),
    )


def _event(
    access: Access,
    *,
    kind: Json,
    action: str,
    subtypes: list[Json],
    outcome: str,
    recorded: datetime,
    here: NodeId,
    agents: list[Json],
    entities: list[Json],
) -> Json:
    made: Json = {
        "resourceType": "AuditEvent",
        "type": kind,
        "subtype": subtypes,
        "action": action,
        "recorded": instant(recorded),
        "outcome": outcome,
        "purposeOfEvent": [_concept(_ACT_REASON, access.purpose.value)],
        "agent": agents,
        "source": {"site": here, "observer": _who_node(here), "type": _SERVER},
    }
    if entities:
        made["entity"] = entities
    return made


def _subtypes(interaction: str) -> list[Json]:
    if not interaction.startswith("$"):
        return [_coding(_INTERACTION, _KINDS.get(interaction, interaction))]
    named = _TRANSACTIONS.get(interaction)
    return [
        _coding(_INTERACTION, "operation"),
        *([_coding("urn:ihe:event-type-code", named)] if named else []),
    ]


def _policies(token_id: str, reasons: Sequence[str]) -> list[str]:
    """What authorized or refused it: the token's id and the rules, each as a URI."""
    return ([TOKEN + token_id] if token_id else []) + [RULE + reason for reason in reasons]


def _who_node(node: NodeId) -> Json:
    return {"identifier": {"system": NODES, "value": node}}


def _node(node: NodeId, part: Json, address: str) -> Json:
    agent: Json = {"type": part, "who": _who_node(node), "requestor": False}
    if address:
        agent["network"] = {"address": address, "type": "5"}
    return agent


def _client(access: Access, part: Json, line: Line) -> Json:
    """The program that asked: as it named itself, else the node that vouches for the caller."""
    caller = access.caller
    client = line.client or (caller.id if caller.kind == "service" else "")
    who = {"identifier": {"system": CLIENT, "value": client}} if client else _who_node(caller.node)
    agent: Json = {"type": part, "who": who, "requestor": False}
    if line.client_address:
        agent["network"] = {"address": line.client_address, "type": "2"}
    return agent


def _with_user(
    agents: list[Json], access: Access, part: Json, policies: list[str], asking: int
) -> list[Json]:
    """The agents with the one who asked: the person, or the client (at ``asking``) when it asked for itself."""
    caller = access.caller
    if caller.kind == "person":
        asker: Json = {"type": part, "who": _who_person(caller), "requestor": True}
        if caller.name:
            asker["name"] = caller.name
        agents.append(asker)
    else:
        asker = agents[asking]
        asker["requestor"] = True
    asker["role"] = [_concept(ROLE, caller.role)]
    asker["purposeOfUse"] = [_concept(_ACT_REASON, access.purpose.value)]
    if policies:
        asker["policy"] = policies
    return agents


def _who_person(caller: Caller) -> Json:
    """A person's id means something at the node that vouches for it, so that node is named with it."""
    vouching: Json = {"identifier": {"system": NODES, "value": caller.node}}
    if caller.organization:
        vouching["display"] = caller.organization
    return {"identifier": {"system": CALLER, "value": caller.id, "assigner": vouching}}


def _entities(
    access: Access, reference: str | None, query: bytes | Sequence[tuple[str, str]], role: Json
) -> list[Json]:
    entities: list[Json] = []
    touched = reference or (f"{access.type}/{access.id}" if access.type and access.id else None)
    if touched:
        entities.append({"what": {"reference": touched}, "type": _OBJECT, "role": role})
    if access.patient:
        entities.append(_patient(f"Patient/{access.patient}"))
    if query or access.interaction.startswith("search"):
        entities.append({"type": _OBJECT, "role": _QUERY, "query": _raw(access, query)})
    if access.request_id:
        entities.append({"what": {"identifier": {"value": access.request_id}}, "type": _REQUEST_ID})
    return entities


def _patient(reference: str) -> Json:
    return {"what": {"reference": reference}, "type": _PERSON, "role": _PATIENT}


def _raw(access: Access, query: bytes | Sequence[tuple[str, str]]) -> str:
    sent = query if isinstance(query, bytes) else query_string(tuple(query)).encode()
    return b64encode((access.type or "").encode() + b"?" + sent).decode()
