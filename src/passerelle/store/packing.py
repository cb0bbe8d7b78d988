"""How bodies are kept: compressed with Zstandard and a dictionary of what FHIR resources usually say.

A dictionary never changes once it was shipped: each body remembers the number of its own (RFC 8878), so a new
dictionary is a new file and old bodies stay readable.
"""

from __future__ import annotations

import threading
from functools import cache
from importlib.resources import files

import zstandard

WRITTEN = 1
"""The dictionary that new bodies are written with: ``dictionaries/<number>.zstd-dict``."""

LEVEL = 3

_own = threading.local()  # a compressor may not be used by two threads at once


def pack(body: bytes) -> tuple[int, bytes]:
    """A body as it is kept, with the number of its packing."""
    compressor = getattr(_own, "compressor", None)
    if compressor is None:
        compressor = _own.compressor = zstandard.ZstdCompressor(level=LEVEL, dict_data=_dictionary(WRITTEN))
    return WRITTEN, compressor.compress(body)


def unpack(packing: int, kept: bytes) -> bytes:
    """The body, byte for byte."""
    return _decompressor(packing).decompress(kept)


def _decompressor(packing: int) -> zstandard.ZstdDecompressor:
    known: dict[int, zstandard.ZstdDecompressor] | None = getattr(_own, "decompressors", None)
    if known is None:
        known = _own.decompressors = {}
    if packing not in known:
        known[packing] = zstandard.ZstdDecompressor(dict_data=_dictionary(packing))
    return known[packing]


@cache
def _dictionary(number: int) -> zstandard.ZstdCompressionDict:
    path = files("passerelle.store").joinpath("dictionaries", f"{number}.zstd-dict")
    dictionary = zstandard.ZstdCompressionDict(path.read_bytes())
    dictionary.precompute_compress(level=LEVEL)
    return dictionary
