"""Files elsewhere, read as they come: what an import asks for. Where from is decided before (``flows.bulk_import``)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import aiohttp

from passerelle.fhir.outcome import BadInput, Issue

CHUNK = 1024 * 1024
SILENCE = 60.0
"""Seconds without a byte after which a source is taken to be gone."""


class FetchError(OSError):
    """A source broke off; it may be asked again later."""


async def fetch(url: str) -> AsyncIterator[bytes]:
    """The bytes of a file. BadInput when there is none; FetchError when it breaks off."""
    parts = _here(url) if url.startswith("file://") else _there(url)
    async for part in parts:
        yield part


async def _here(url: str) -> AsyncIterator[bytes]:
    path = Path(unquote(urlsplit(url).path))
    try:
        file = await asyncio.to_thread(path.open, "rb")
    except OSError:
        raise _unreachable() from None
    try:
        while part := await asyncio.to_thread(file.read, CHUNK):
            yield part
    finally:
        file.close()


async def _there(url: str) -> AsyncIterator[bytes]:
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=SILENCE)
    try:
        async with (
            aiohttp.ClientSession(
                timeout=timeout, trust_env=False, cookie_jar=aiohttp.DummyCookieJar()
            ) as http,
            # A redirection would lead where the operator did not say.
            http.get(url, allow_redirects=False, headers={"Accept": "application/fhir+ndjson"}) as response,
        ):
            if response.status != 200:
                raise _unreachable()
            async for part in response.content.iter_chunked(CHUNK):
                yield part
    except (aiohttp.ClientError, TimeoutError) as fault:
        raise FetchError(type(fault).__name__) from None


def _unreachable() -> BadInput:
    return BadInput(Issue("import-unreachable", "not-found"), status=422)
