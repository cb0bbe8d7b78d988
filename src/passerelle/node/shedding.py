"""Who is served when there is more to do than can be done? Care first, and nobody waits without end.

So many requests are answered at once and so many wait for their turn. What is not about somebody's care — research,
public health, administration — is refused long before: it can come back, a clinician's question cannot.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from passerelle.fhir.outcome import BadInput, Issue
from passerelle.values import Purpose

CARE = frozenset({Purpose.TREAT, Purpose.ETREAT, Purpose.BTG, Purpose.PATRQT})
"""Purposes that wait for their turn; all others are refused when it is busy."""


@dataclass(frozen=True)
class Crowd:
    """How many may come."""

    running: int = 256
    """Requests that are answered at once."""
    waiting: int = 1024
    """Requests for care that wait for their turn."""
    others: float = 0.5
    """The share of ``running`` from which on only care is let in."""
    seconds: float = 5.0
    """The longest that a request waits."""
    retry_after: int = 5
    """Seconds after which who was refused may come again."""


class BusyError(BadInput):
    """Too much to do; ``seconds`` is when to ask again."""

    def __init__(self, seconds: int) -> None:
        super().__init__(Issue("too-busy", "throttled"), status=503)
        self.seconds = seconds


class Shedding:
    """The turns of one process. It is used from one event loop."""

    def __init__(self, crowd: Crowd, refused: Callable[[str], None] = lambda kind: None) -> None:
        self.crowd = crowd
        self.running = 0
        self.closed = False
        """Whether the node is about to stop: then nobody new is let in."""
        self._others = int(crowd.running * crowd.others)
        self._refused = refused
        self._line: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        return len(self._line)

    def enter(self, purpose: Purpose) -> bool:
        """Take a place if there is one; False: ``wait`` for it. Raises BusyError for whom there will be none."""
        if self.closed:
            raise self._no("stopping")
        free = self.crowd.running if purpose in CARE else self._others
        if self.running < free:
            self.running += 1
            return True
        if purpose not in CARE:
            raise self._no("secondary")
        if len(self._line) >= self.crowd.waiting:
            raise self._no("care")
        return False

    async def wait(self) -> None:
        """Wait for a place; BusyError when it takes too long."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._line.append(turn)
        try:
            async with asyncio.timeout(self.crowd.seconds):
                await turn
        except TimeoutError:
            self._out_of_line(turn)
            raise self._no("care") from None
        except asyncio.CancelledError:
            self._out_of_line(turn)
            raise

    def _out_of_line(self, turn: asyncio.Future[None]) -> None:
        if turn in self._line:
            self._line.remove(turn)
        elif turn.done() and not turn.cancelled():
            self.leave()  # the place was given in the moment of going away

    def leave(self) -> None:
        """Give the place to who has waited longest."""
        while self._line:
            turn = self._line.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.running -= 1

    def _no(self, kind: str) -> BusyError:
        self._refused(kind)
        return BusyError(self.crowd.retry_after)
