"""The words that every room uses: ids, instants, purposes, callers and what they ask for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Literal, NewType

NodeId = NewType("NodeId", str)
"""The short id of a node in the directory, such as ``on`` or ``qc``."""

Language = Literal["en", "fr"]
LANGUAGES: tuple[Language, ...] = ("en", "fr")

Json = dict[str, Any]
"""A JSON object; numbers with a fraction are ``Decimal`` so that 1.50 stays 1.50."""

FHIR_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
"""The FHIR R4 ``id`` datatype (https://hl7.org/fhir/R4/datatypes.html#id)."""


class Purpose(StrEnum):
    """Why a caller asks: v3 ActReason codes (http://terminology.hl7.org/CodeSystem/v3-ActReason)."""

    TREAT = "TREAT"
    ETREAT = "ETREAT"
    BTG = "BTG"
    PATRQT = "PATRQT"
    PUBHLTH = "PUBHLTH"
    HRESCH = "HRESCH"
    HOPERAT = "HOPERAT"
    HSYSADMIN = "HSYSADMIN"


@dataclass(frozen=True)
class Caller:
    """Who asks: a person with a role at an organization, or a service.

    ``node`` is the node that vouches for the caller: this node for its own people and services,
    the asking node for a request that crossed the wire.
    """

    id: str
    kind: Literal["person", "service"]
    role: str
    node: NodeId
    organization: str = ""
    name: str = ""
    patient: str | None = None
    """The id of the one Patient this caller may see (a patient's own login or a patient-bound token)."""
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Access:
    """One request to see or change something: caller, purpose, and what is asked for."""

    caller: Caller
    purpose: Purpose
    interaction: str
    """The FHIR interaction or operation: read, vread, search-type, create, update, delete,
    history-instance, transaction, batch, ``$match``, ``$everything``, ``$summary``, ``$record`` …"""
    type: str | None = None
    """The resource type asked for; none for the whole system."""
    id: str | None = None
    patient: str | None = None
    """The id of the Patient in whose compartment the request stays, where one is named."""
    request_id: str = ""


Words = Mapping[Language, str]
"""One sentence or name in both languages."""


def instant(moment: datetime) -> str:
    """Write a moment as a FHIR ``instant`` in UTC with milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
