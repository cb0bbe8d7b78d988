"""A resource: a JSON object in, the same JSON object out, digit for digit."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, cast

import msgspec

from passerelle.values import Json

_decoder = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")


@dataclass(frozen=True, slots=True)
class Stored:
    """One version of a resource as the store holds it. ``body`` is None for a deletion."""

    type: str
    id: str
    version: int
    instant: datetime
    method: Literal["POST", "PUT", "DELETE"]
    body: bytes | None

    @property
    def deleted(self) -> bool:
        return self.body is None

    @property
    def reference(self) -> str:
        return f"{self.type}/{self.id}"

    @property
    def etag(self) -> str:
        return f'W/"{self.version}"'


@dataclass(frozen=True)
class Scan:
    """Some bodies of a scan of one type, and the ``after`` of the next part; ``last`` is None at the end."""

    bodies: list[bytes] = field(repr=False)
    last: int | None = None


def decode(body: bytes) -> Json:
    """Read JSON that this system wrote itself. For what arrives from outside use ``fhir.intake.read_json``."""
    return cast(Json, _decoder.decode(body))


def encode(value: Any) -> bytes:
    """Write JSON; a ``Decimal`` keeps its digits, and is written without an exponent as far as a person would."""
    body = _encoder.encode(value)
    if b"E-" in body and _SMALL.search(body):
        body = _TOKENS.sub(_plainly, body)
    return body


def number(value: Decimal) -> str:
    """A Decimal with all its digits. Python would write 0.0000005 as 5E-7."""
    text = str(value)
    return f"{value:f}" if "E-" in text and value.adjusted() >= -SMALLEST else text


SMALLEST = 18
"""Zeros after the point up to which a number is written without an exponent."""
_SMALL = re.compile(rb"[:,\[]-?[0-9]+(?:\.[0-9]+)?E-(?:[0-9]|1[0-8])[,\]}]")
_TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*"|-?[0-9][0-9.]*E-[0-9]+')


def _plainly(token: re.Match[bytes]) -> bytes:
    text = token[0]
    return text if text[:1] == b'"' else number(Decimal(text.decode())).encode()


def pretty(value: Any) -> str:
    """JSON for people to read, digits kept."""
    return msgspec.json.format(encode(value), indent=2).decode()


__all__ = ["Json", "Scan", "Stored", "decode", "encode", "number", "pretty"]
