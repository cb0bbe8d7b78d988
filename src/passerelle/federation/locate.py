"""Whom to ask? Everyone with whom there is an agreement for this purpose; the others are gaps with a reason."""

from __future__ import annotations

from datetime import datetime

from passerelle.federation.directory import Directory, NodeEntry, agreement
from passerelle.fhir.record import Source, State
from passerelle.values import Purpose


def locate(
    directory: Directory, asker: str, purpose: Purpose, now: datetime | None = None
) -> tuple[tuple[NodeEntry, ...], tuple[Source, ...]]:
    """The nodes to ask, and as refused sources those that must not be asked for this purpose.

    The asking node comes first among those to ask: it needs no agreement with itself, and the flow asks it
    without a wire. The others follow in the order of the directory.
    """
    asked: list[NodeEntry] = []
    not_asked: list[Source] = []
    for entry in directory.nodes:
        if entry.id == asker:
            asked.insert(0, entry)
        elif agreement(directory, asker, entry.id, purpose, now):
            asked.append(entry)
        else:
            not_asked.append(_refused(entry))
    return tuple(asked), tuple(not_asked)


def _refused(entry: NodeEntry) -> Source:
    return Source(entry.id, entry.name, State.REFUSED, reason="no-agreement", base=entry.fhir)
