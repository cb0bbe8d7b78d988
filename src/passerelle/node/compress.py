"""Compressed bodies, in and out: answers whole, pages while they stream, and what arrives within its bound.

A page is flushed part by part, so that what has arrived can be shown. A wave repeats most of the one before it;
compressed as one stream, the repetition costs next to nothing.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Callable
from functools import lru_cache

import zstandard

from passerelle.fhir.outcome import BadInput, Issue
from passerelle.flows.doing import aside

WORTH_IT = 1024
"""Bytes from which on an answer is compressed; a smaller one fits into one packet as it is."""


LONGEST = 256
"""Characters of a header that are looked at: what it means is remembered by its text, and memory has an end."""


@lru_cache(256)
def coding(accept_encoding: str, written: tuple[str, ...] = ("gzip", "zstd")) -> str:
    """The coding that is wanted most and written here; none when plain bytes are wanted."""
    weights: dict[str, float] = {}
    for part in accept_encoding.lower().split(","):
        name, _, parameter = part.partition(";")
        key, _, weight = parameter.partition("=")
        try:
            weights[name.strip()] = float(weight) if key.strip() == "q" else 1.0
        except ValueError:
            weights[name.strip()] = 0.0
    fallback = weights.get("*", 0.0)
    best, name = max((weights.get(name, fallback), name) for name in written)
    return name if best > 0 else ""


async def squeezed(body: bytes, accept_encoding: str) -> tuple[bytes, str]:
    """The body as it is sent, and its coding."""
    name = coding(accept_encoding[:LONGEST])
    if not name:
        return body, ""
    squeeze = _SQUEEZE[name]
    return await aside(len(body), lambda: squeeze(body)), name


def _gzip(body: bytes) -> bytes:
    squeezer = zlib.compressobj(4, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    return squeezer.compress(body) + squeezer.flush()


def _zstd(body: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=3).compress(body)


_SQUEEZE: dict[str, Callable[[bytes], bytes]] = {"gzip": _gzip, "zstd": _zstd}


# --- what arrives -------------------------------------------------------------------------------------------


async def unpacked(body: bytes, content_encoding: str, limit: int) -> bytes:
    """The body without its coding. BadInput when it grows past the limit (413), is broken (400) or unknown (415)."""
    return await aside(len(body), lambda: _unpacked(body, content_encoding.strip().lower(), limit))


def _unpacked(body: bytes, name: str, limit: int) -> bytes:
    if name in ("", "identity"):
        return body
    if name not in ("gzip", "x-gzip", "deflate", "zstd"):
        raise BadInput(Issue("unsupported-encoding", "not-supported"), status=415)
    try:
        # INVARIANT: nothing is ever unpacked further than one byte past the limit.
        found = _zstd_read(body, limit) if name == "zstd" else _zlib_read(body, limit)
    except (zlib.error, zstandard.ZstdError, EOFError):
        raise BadInput(Issue("encoding-broken", "structure")) from None
    if len(found) > limit:
        raise BadInput(Issue("too-large", "too-long", details={"limit": str(limit)}), status=413)
    return found


def _zlib_read(body: bytes, limit: int) -> bytes:
    reader = zlib.decompressobj(32 + zlib.MAX_WBITS)  # gzip or zlib, by its first bytes
    found = reader.decompress(body, limit + 1)
    if len(found) <= limit and not reader.eof:
        raise EOFError
    return found


def _zstd_read(body: bytes, limit: int) -> bytes:
    with zstandard.ZstdDecompressor(max_window_size=8 * 1024 * 1024).stream_reader(body) as reader:
        parts: list[bytes] = []
        size = 0
        while size <= limit and (part := reader.read(min(limit + 1 - size, 1024 * 1024))):
            parts.append(part)
            size += len(part)
    return b"".join(parts)


# --- pages --------------------------------------------------------------------------------------------------


class Squeeze:
    """One response's compression, or none."""

    def __init__(self, gzip: bool) -> None:
        self._gzip = gzip

    @classmethod
    def if_wanted(cls, accept_encoding: str) -> Squeeze:
        return cls(coding(accept_encoding[:LONGEST], ("gzip",)) == "gzip")

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
