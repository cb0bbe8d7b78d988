"""The operations of a node, in one table."""

from __future__ import annotations

from collections.abc import Mapping

from passerelle.fhir.outcome import BadInput, Issue
from passerelle.flows.bulk_import import bulk_import
from passerelle.flows.deciding import Asked
from passerelle.flows.everything import everything
from passerelle.flows.export import export
from passerelle.flows.federated import (
    find_anyone,
    record_of_anyone,
    record_of_one,
    summary_of_anyone,
    summary_of_one,
)
from passerelle.flows.matching import match_patient
from passerelle.flows.meta import meta, meta_add, meta_delete
from passerelle.flows.operation import Level, Operation, Result, Run, level_of
from passerelle.flows.ports import Here
from passerelle.flows.reach import Done, Look, Reach
from passerelle.flows.requests import Request
from passerelle.flows.validating import validated

_PATIENT = frozenset({"Patient"})
_ONE: frozenset[Level] = frozenset({"instance"})
_TYPE: frozenset[Level] = frozenset({"type"})
_SYSTEM: frozenset[Level] = frozenset({"system"})
_FHIR = "http://hl7.org/fhir/OperationDefinition"
_BULK = "http://hl7.org/fhir/uv/bulkdata/OperationDefinition"
_EXPORT = f"{_BULK}/export"
_EXPORTS: tuple[tuple[str | None, Level, str], ...] = (
    (None, "system", _EXPORT),
    ("Patient", "type", f"{_BULK}/patient-export"),
    ("Group", "instance", f"{_BULK}/group-export"),
)
_EVERYTHINGS: tuple[tuple[str | None, Level, str], ...] = (
    ("Patient", "instance", f"{_FHIR}/Patient-everything"),
    ("Encounter", "instance", f"{_FHIR}/Encounter-everything"),
)
_OURS = "https://passerelle.example/fhir/OperationDefinition"


async def summary(asked: Asked, reach: Reach, here: Here) -> Result:
    """``$summary`` of the patient named by id, or described."""
    return await (summary_of_one if asked.request.id else summary_of_anyone)(asked, reach, here)


async def record(asked: Asked, reach: Reach, here: Here) -> Result:
    """``$record`` of the patient named by id, or described."""
    return await (record_of_one if asked.request.id else record_of_anyone)(asked, reach, here)


OPERATIONS: Mapping[str, Operation] = {
    each.name: each
    for each in (
        Operation("$match", f"{_FHIR}/Patient-match", _TYPE, _PATIENT, look=match_patient),
        Operation(
            "$everything",
            f"{_FHIR}/Patient-everything",
            _ONE,
            places=_EVERYTHINGS,
            look=everything,
            discloses=True,
        ),
        Operation(
            "$summary",
            "http://hl7.org/fhir/uv/ips/OperationDefinition/summary",
            _ONE | _TYPE,
            _PATIENT,
            run=summary,
        ),
        Operation("$record", f"{_OURS}/record", _ONE | _TYPE, _PATIENT, run=record),
        Operation("$find", f"{_OURS}/find", _TYPE, _PATIENT, run=find_anyone),
        Operation("$export", _EXPORT, _SYSTEM, places=_EXPORTS, run=export),
        Operation(
            "$import",
            f"{_OURS}/import",
            _SYSTEM,
            places=((None, "system", f"{_OURS}/import"),),
            run=bulk_import,
            changes=True,
        ),
        Operation("$validate", f"{_FHIR}/Resource-validate", _ONE | _TYPE, look=validated),
        Operation("$meta", f"{_FHIR}/Resource-meta", _ONE, look=meta),
        Operation("$meta-add", f"{_FHIR}/Resource-meta-add", _ONE, look=meta_add, changes=True),
        Operation("$meta-delete", f"{_FHIR}/Resource-meta-delete", _ONE, look=meta_delete, changes=True),
    )
}


def found(request: Request) -> Operation:
    """The operation that a request asks for; BadInput when this server has none there."""
    operation = OPERATIONS.get(request.interaction)
    if operation is None or not operation.has(request.type, level_of(request)):
        raise BadInput(Issue("unknown-operation", "not-supported"), status=404)
    if operation.changes and request.method != "POST":
        raise BadInput(Issue("method-not-allowed", "not-supported", details={"methods": "POST"}), status=405)
    return operation


async def operate(asked: Asked, reach: Reach, here: Here) -> Result:
    """Do the operation that a request asks for."""
    operation = found(asked.request)
    if operation.run is not None:
        return await operation.run(asked, reach, here)
    done = await _done(operation, asked.request, reach, here)
    if done.stored is not None and done.patient is None and done.stored.type == "Patient":
        return Result(done.body or b"", done.stored.id)
    return Result(done.body or b"", done.patient, disclosed=operation.discloses)


async def _done(operation: Operation, request: Request, reach: Reach, here: Here) -> Done:
    look = operation.look
    if look is None:
        raise BadInput(Issue("unknown-operation", "not-supported"), status=404)
    if operation.changes:
        if request.type == "AuditEvent":
            raise BadInput(
                Issue("method-not-allowed", "not-supported", details={"methods": "GET"}), status=405
            )
        return await here.store.change(lambda change: look(request, change, reach))
    place = here.ledger if request.type == "AuditEvent" else here.store
    return await place.look(lambda view: look(request, view, reach))


def _inside(operation: Operation, look: Look) -> Look:
    def act(request: Request, view: object, reach: Reach) -> Done:
        found(request)
        return look(request, view, reach)  # type: ignore[arg-type]

    return act


IN_TRANSACTIONS: Mapping[str, Look] = {
    name: _inside(operation, operation.look)
    for name, operation in OPERATIONS.items()
    if operation.look is not None
}
"""The operations that can be asked inside a transaction: those that one snapshot answers."""


def offered(type: str | None) -> tuple[tuple[str, str], ...]:
    """(name without its sign, definition) of what can be asked of a type, or of the whole system."""
    levels: tuple[Level, ...] = ("system",) if type is None else ("type", "instance")
    return tuple(
        (name[1:], operation.defined(type))
        for name, operation in OPERATIONS.items()
        if any(operation.has(type, level) for level in levels)
    )


__all__ = ["IN_TRANSACTIONS", "OPERATIONS", "Operation", "Result", "Run", "found", "offered", "operate"]
