"""The last line of defence: a bug ends one answer and never the process, and no log repeats what was in it."""

from __future__ import annotations

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from passerelle.node.edge import where

log = structlog.get_logger()


class BrokenOffError(Exception):
    """An answer ended in its midst because of a bug; the connection is broken off, so that nobody takes what was sent
    for the whole of it."""


class Guard:
    """Around everything that a node serves.

    The server beneath writes the whole text of an exception to its log, where a message may hold a value of somebody's
    record. So none gets that far: only its type, file and line are written.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        ended = False

        async def speak(message: Message) -> None:
            nonlocal ended
            await send(message)
            ended = message["type"] == "http.response.body" and not message.get("more_body", False)

        try:
            await self.app(scope, receive, speak)
        except Exception as bug:
            log.error("answer failed", fault=type(bug).__name__, where=where(bug))
            if not ended:
                raise BrokenOffError from None
