"""What an operation is, and how its parameters are read (https://hl7.org/fhir/R4/operations.html)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal

from passerelle.fhir import intake
from passerelle.fhir.outcome import BadInput, Issue
from passerelle.fhir.record import Record
from passerelle.fhir.resource import encode
from passerelle.flows.deciding import Asked
from passerelle.flows.ports import Here
from passerelle.flows.reach import Look, Reach, unknown_parameter
from passerelle.flows.requests import Params, Request
from passerelle.values import Json

Level = Literal["system", "type", "instance"]


@dataclass(frozen=True)
class Result:
    """An operation's answer, and for the audit event: the patient and whether data were disclosed."""

    body: bytes = field(repr=False)
    patient: str | None = None
    disclosed: bool = False
    record: Record | None = field(default=None, repr=False)
    """The record that the answer was made of, for the events of what other nodes sent for it."""
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()


Run = Callable[[Asked, Reach, Here], Awaitable[Result]]


@dataclass(frozen=True)
class Operation:
    """One operation of this server: where it can be asked, and what answers it.

    ``look`` answers from one snapshot, and so inside a transaction too; ``run`` may wait for others.
    """

    name: str
    """With its dollar sign."""
    definition: str
    levels: frozenset[Level]
    types: frozenset[str] | None = None
    """The resource types that have it; None is every type."""
    look: Look | None = None
    run: Run | None = None
    changes: bool = False
    """Whether it changes something: then it is only answered to a POST."""
    discloses: bool = False
    """Whether it gives a whole record away, which is a disclosure when another node asks."""
    says: str = ""
    """What a client should know that the definition does not say."""
    places: tuple[tuple[str | None, Level, str], ...] = ()
    """Type, level and definition of each place, for an operation that is another in each of them."""

    def has(self, type: str | None, level: Level) -> bool:
        """Whether it can be asked there."""
        if self.places:
            return any((type, level) == place[:2] for place in self.places)
        return level in self.levels and (type is None or self.types is None or type in self.types)

    def defined(self, type: str | None) -> str:
        """The definition of what can be asked there."""
        return next((place[2] for place in self.places if place[0] == type), self.definition)


def level_of(request: Request) -> Level:
    if request.type is None:
        return "system"
    return "instance" if request.id is not None else "type"


def named(parameters: Json, known: set[str]) -> dict[str, object]:
    """The values of a Parameters resource by name; an unknown or repeated name is refused."""
    if parameters.get("resourceType") != "Parameters" or not isinstance(parameters.get("parameter"), list):
        raise BadInput(Issue("parameters-expected", "structure", "Parameters.parameter"))
    values: dict[str, object] = {}
    for index, parameter in enumerate(parameters["parameter"]):
        place = f"Parameters.parameter[{index}]"
        name = parameter.get("name") if isinstance(parameter, dict) else None
        if not isinstance(name, str) or name not in known or name in values:
            details = {"known": ", ".join(sorted(known))}
            raise BadInput(Issue("unknown-operation-parameter", "not-supported", place, details))
        values[name] = next(
            (v for k, v in parameter.items() if k == "resource" or k.startswith("value")), None
        )
    return values


def simple(request: Request, limits: intake.Limits) -> Params:
    """The parameters of an operation that are all simple values: those of the address, and those of a POST."""
    if not request.body or request.method != "POST":
        return request.params
    parameters = intake.read_json(request.body, limits)
    if parameters.get("resourceType") != "Parameters":
        raise BadInput(Issue("parameters-expected", "structure", "Parameters"))
    given = parameters.get("parameter", [])
    if not isinstance(given, list):
        raise BadInput(Issue("parameters-expected", "structure", "Parameters.parameter"))
    posted = []
    for index, parameter in enumerate(given):
        said = parameter if isinstance(parameter, dict) else {}
        value = next((v for k, v in said.items() if k.startswith("value")), None)
        if not isinstance(said.get("name"), str) or not isinstance(value, str | int | bool):
            raise BadInput(Issue("operation-parameter-value", "value", f"Parameters.parameter[{index}]"))
        posted.append((said["name"], value if isinstance(value, str) else encode(value).decode()))
    return (*request.params, *posted)


def only_known(params: Params, known: set[str]) -> None:
    """Unknown or misspelt parameters are refused, never ignored."""
    for name, _ in params:
        if name not in known and name not in ("_format", "_pretty"):
            raise unknown_parameter(name, ", ".join(sorted(known)))
