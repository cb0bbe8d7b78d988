"""What came from other nodes, as the one who received it records it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from passerelle import audit
from passerelle.audit import NO_LINE, Line
from passerelle.fhir.record import Record, Source, State
from passerelle.flows.ports import Here
from passerelle.values import Access, Json, NodeId


def receipts(
    record: Record,
    access: Access,
    here: Here,
    *,
    noted: Collection[NodeId] = (),
    token_id: str = "",
    line: Line = NO_LINE,
) -> tuple[Json, ...]:
    """One event for each other node whose data are in this record and that is not ``noted`` already.

    They must be durable before anything of the record is said: a disclosure is known at both of its ends.
    """
    patient = access.patient or _known_here(record, here.id)
    access = replace(access, patient=patient)
    recorded = here.now()
    return tuple(
        audit.received(
            access,
            source=source.node,
            source_address=source.base,
            outcome="0",
            recorded=recorded,
            here=here.id,
            token_id=token_id,
            line=line,
            subject="" if patient else _known_there(record, source.node),
        )
        for source in senders(record, here.id)
        if source.node not in noted
    )


def senders(record: Record, here: NodeId) -> tuple[Source, ...]:
    """The other nodes that sent data for this record."""
    return tuple(s for s in record.sources if s.state is State.ANSWERED and s.node != here)


def _known_here(record: Record, here: NodeId) -> str | None:
    """The id of this node's own Patient, where the record has one."""
    own = (o.reference for p in record.patients for o in p.origins if o.node == here)
    return next((reference.rpartition("/")[2] for reference in own), None)


def _known_there(record: Record, node: NodeId) -> str:
    """The address of a source's own Patient, to say who the data are about when nobody here is that person."""
    return next((o.full_url for p in record.patients for o in p.origins if o.node == node), "")
