"""Compress a page while it streams: each part is flushed, so that what has arrived can be shown.

A wave repeats most of the one before it; compressed as one stream, the repetition costs next to nothing.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import AsyncIterator

_GZIP = re.compile(r"\bgzip\b(?!\s*;\s*q=0(\.0+)?\s*(,|$))", re.IGNORECASE)


class Squeeze:
    """One response's compression, or none."""

    def __init__(self, gzip: bool) -> None:
        self._gzip = gzip

    @classmethod
    def if_wanted(cls, accept_encoding: str) -> Squeeze:
        return cls(bool(_GZIP.search(accept_encoding)))

    @property
    def headers(self) -> dict[str, str]:
        return {"Vary": "Accept-Encoding", **({"Content-Encoding": "gzip"} if self._gzip else {})}

    async def all(self, parts: AsyncIterator[str]) -> AsyncIterator[bytes]:
        """Every part as bytes, sent at once and not when a buffer is full."""
        if not self._gzip:
            async for part in parts:
                yield part.encode()
            return
        squeezer = zlib.compressobj(6, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
        async for part in parts:
            yield squeezer.compress(part.encode()) + squeezer.flush(zlib.Z_SYNC_FLUSH)
        yield squeezer.flush(zlib.Z_FINISH)
