"""How bodies are kept: compressed with Zstandard and a dictionary of what FHIR resources usually say.

A dictionary never changes once it was shipped: each body remembers the number of its own (RFC 8878), so a new
dictionary is a new file and old bodies stay readable.

After a body and a newline may follow the references that a whole record follows. They stand in the body already, so
here they cost a few bytes, where a column of their own would cost a hundred. JSON that this system writes holds no newline.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files

import zstandard

WRITTEN = 2
"""The dictionary that new bodies are written with: ``dictionaries/<number>.zstd-dict``."""

LEVEL = 3

_own = threading.local()  # a compressor may not be used by two threads at once


def pack(body: bytes, refers: Sequence[str] = ()) -> tuple[int, bytes]:
    """A body as it is kept, and what it refers to, with the number of its packing."""
    compressor = getattr(_own, "compressor", None)
    if compressor is None:
        compressor = _own.compressor = zstandard.ZstdCompressor(level=LEVEL, dict_data=_dictionary(WRITTEN))
    return WRITTEN, compressor.compress(b"%b\n%b" % (body, " ".join(refers).encode()) if refers else body)


def unpack(packing: int, kept: bytes) -> bytes:
    """The body, byte for byte."""
    whole: bytes = _decompressor(packing).decompress(kept)
    end = whole.rfind(b"\n")
    return whole if end < 0 else whole[:end]


def unpack_many(kept: Iterable[tuple[int, bytes]]) -> list[bytes]:
    """Many bodies, for a scan."""
    found: list[bytes] = []
    number, decompress = 0, None
    for packing, packed in kept:
        if packing != number or decompress is None:
            number, decompress = packing, _decompressor(packing).decompress
        whole = decompress(packed)
        end = whole.rfind(b"\n")
        found.append(whole if end < 0 else whole[:end])
    return found


def unpack_all(packing: int, kept: bytes) -> tuple[bytes, list[str]]:
    """The body, and what it refers to."""
    body, _, refers = _decompressor(packing).decompress(kept).partition(b"\n")
    return body, refers.decode().split(" ") if refers else []


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
