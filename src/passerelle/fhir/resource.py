"""A resource: a JSON object in, the same JSON object out, digit for digit."""

from __future__ import annotations

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
    home: str = ""
    """Where the store files it: a Patient's id, or ``~`` and the type for what is about no patient. Empty when the store
    did not say: then who it is about has to be read in its body."""

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
    """Write JSON; a ``Decimal`` keeps its digits."""
    return _encoder.encode(value)


def pretty(value: Any) -> str:
    """JSON for people to read, digits kept."""
    return msgspec.json.format(encode(value), indent=2).decode()


__all__ = ["Json", "Scan", "Stored", "decode", "encode", "pretty"]
