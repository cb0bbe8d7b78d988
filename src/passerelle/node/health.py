"""Is this node alive, and may it be sent requests? For a load balancer and for whoever is on call.

*Live* means that the process answers: restarting it helps when it is not. *Ready* means that everything that an answer
needs is there: its store, its ledger, a directory that is in force, room on the disk. It is not ready while it stops.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from passerelle.flows.ports import Here
from passerelle.node.edge import where

log = structlog.get_logger()

SECONDS = 2.0
"""How long a part may take to say that it is there."""


@dataclass(frozen=True)
class Needs:
    """What must be so for a node to be ready."""

    here: Here
    home: Path
    least_disk: int
    """Bytes that must be free where the node keeps its files."""
    most_unfiled: int
    """Bytes of audit events that may wait to be filed."""
    stopping: Callable[[], bool]


async def ready(needs: Needs) -> dict[str, bool]:
    """Each part by name, and whether it is there."""
    parts: dict[str, Callable[[], Awaitable[bool]]] = {
        "store": lambda: _store(needs),
        "ledger": lambda: _ledger(needs),
        "directory": lambda: _directory(needs),
        "disk": lambda: _disk(needs),
        "serving": lambda: _serving(needs),
    }
    return dict(zip(parts, await asyncio.gather(*(_told(part()) for part in parts.values())), strict=True))


async def _told(part: Awaitable[bool]) -> bool:
    try:
        return await asyncio.wait_for(part, SECONDS)
    except Exception as fault:  # whatever keeps a part from answering, it is not there
        log.warning("not ready", fault=type(fault).__name__, where=where(fault))
        return False


async def _store(needs: Needs) -> bool:
    await needs.here.store.look(lambda view: view.read("Patient", "~"))
    return True


async def _ledger(needs: Needs) -> bool:
    return needs.here.ledger.waiting <= needs.most_unfiled


async def _directory(needs: Needs) -> bool:
    return needs.here.now() < needs.here.directory().expires


async def _disk(needs: Needs) -> bool:
    free = await asyncio.to_thread(lambda: shutil.disk_usage(needs.home).free)
    return free >= needs.least_disk


async def _serving(needs: Needs) -> bool:
    return not needs.stopping()
