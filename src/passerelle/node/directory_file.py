"""The directory that a node works with: read at the start, looked at again from time to time, kept when that fails."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import aiohttp
import structlog

from passerelle.federation.directory import Directory, DirectoryError, open_directory
from passerelle.node.config import ConfigurationError
from passerelle.values import Json

log = structlog.get_logger()

LARGEST = 16 * 1024 * 1024


class DirectoryFile:
    """Calling it gives the last directory that was good.

    INVARIANT: it is replaced only by one that its publisher signed and that is not older. A publisher that is gone, or
    an address that answers nonsense, changes nothing; the directory's own end does: then nobody else is asked.
    """

    def __init__(self, source: str, kept: Path, publisher: Path, now: Callable[[], datetime]) -> None:
        self.source = source
        self.kept = kept
        self.keys = _keys(publisher)
        self.now = now
        self._current = self._first()

    def __call__(self) -> Directory:
        if self._current.expires <= self.now():
            return Directory(self._current.network, (), (), self._current.issued, self._current.expires)
        return self._current

    async def follow(self, seconds: float) -> None:
        """Look for a newer directory, again and again."""
        while True:
            await asyncio.sleep(seconds)
            try:
                await self.refresh()
            except (DirectoryError, OSError, aiohttp.ClientError, TimeoutError) as fault:
                log.warning("the directory was not renewed", fault=type(fault).__name__)

    async def refresh(self) -> None:
        """Fetch, check and keep; raises when what came is not to be used."""
        token = await self._fetch()
        fresh = open_directory(token.strip(), self.keys, self.now())
        if fresh.issued < self._current.issued:
            raise DirectoryError("The directory that came is older than the one in use.")
        self._current = fresh
        if self._remote:
            self.kept.write_text(token, "utf-8")

    def _first(self) -> Directory:
        for path in [self.kept] if self._remote else [Path(self.source)]:
            try:
                return open_directory(path.read_text("utf-8").strip(), self.keys, self.now())
            except (OSError, DirectoryError) as fault:
                raise ConfigurationError(
                    f"directory: {path.name} cannot be used ({type(fault).__name__}: {fault}). Fetch it again from its publisher."
                ) from None
        raise AssertionError("unreachable")

    @property
    def _remote(self) -> bool:
        return self.source.startswith(("https://", "http://"))

    async def _fetch(self) -> str:
        if not self._remote:
            return Path(self.source).read_text("utf-8")
        timeout = aiohttp.ClientTimeout(total=30)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(self.source, allow_redirects=False) as response,
        ):
            response.raise_for_status()
            body = await response.content.read(LARGEST + 1)
            if len(body) > LARGEST:
                raise DirectoryError("The directory that came is too large.")
            return body.decode("utf-8", "replace")


def _keys(path: Path) -> tuple[Json, ...]:
    try:
        return tuple(json.loads(path.read_text("utf-8"))["keys"])
    except (OSError, ValueError, KeyError, TypeError):
        raise ConfigurationError(
            f"directory_keys: {path} is not a JWK set. Get it from the directory's publisher."
        ) from None
