"""The directory: the signed list of nodes, their keys and addresses, and who may ask whom for what.

Each node keeps the last directory that it opened and goes on working when its publisher is gone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, KeySet, OKPKey, import_key

from passerelle.fhir.resource import encode
from passerelle.values import FHIR_ID, LANGUAGES, Json, NodeId, Purpose, Words, instant

TYPE = "passerelle-directory+jwt"
ANYONE = "*"

ALGORITHMS = ("ES256", "Ed25519", "EdDSA")
"""The only signatures that are accepted (RFC 7518, RFC 8037, RFC 9864). ``none`` and every MAC stay outside."""

_LEEWAY = timedelta(minutes=5)
"""How far a publisher's clock may run ahead of ours."""


class DirectoryError(Exception):
    """A directory cannot be used; the node keeps the one that it has."""


class UntrustedDirectoryError(DirectoryError):
    """The signature is missing, not one of the pinned algorithms, or not made with a publisher's key."""


class ExpiredDirectoryError(DirectoryError):
    """The directory is no longer valid, or not yet."""


class MalformedDirectoryError(DirectoryError):
    """What was signed is not a directory."""


@dataclass(frozen=True)
class NodeEntry:
    """One node as its directory describes it. ``fhir`` is its FHIR base address, without a last slash."""

    id: NodeId
    name: Words
    custodian: Words
    fhir: str
    keys: tuple[Json, ...]
    """Public keys as JWK (RFC 7517)."""
    jurisdiction: str


@dataclass(frozen=True)
class Agreement:
    """Which custodian may ask which other, for which purposes. ``*`` stands for every node of the directory.

    Empty ``interactions`` or ``types`` mean that the agreement does not narrow them; ``purposes`` are never
    implied: an agreement that names none permits nothing.
    """

    id: str
    asker: str
    responder: str
    purposes: tuple[Purpose, ...]
    interactions: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    expires: datetime | None = None

    def covers(self, asker: str, responder: str, purpose: Purpose, now: datetime | None = None) -> bool:
        current = now is None or self.expires is None or now < self.expires
        parties = self.asker in (ANYONE, asker) and self.responder in (ANYONE, responder)
        return parties and purpose in self.purposes and current


@dataclass(frozen=True)
class Directory:
    """Everyone in the network at one moment. ``issued`` lets a node refuse one older than it has."""

    network: str
    nodes: tuple[NodeEntry, ...]
    agreements: tuple[Agreement, ...]
    issued: datetime
    expires: datetime

    def node(self, id: str) -> NodeEntry | None:
        return next((entry for entry in self.nodes if entry.id == id), None)

    def to_json(self) -> Json:
        return {
            "network": self.network,
            "issued": instant(self.issued),
            "expires": instant(self.expires),
            "nodes": [_node_json(entry) for entry in self.nodes],
            "agreements": [_agreement_json(each) for each in self.agreements],
        }

    @staticmethod
    def from_json(value: Any) -> Directory:
        """Read what ``to_json`` wrote; anything else is a ``MalformedDirectoryError``."""
        try:
            read = msgspec.convert(value, _Directory)
            directory = Directory(
                read.network,
                tuple(each.value() for each in read.nodes),
                tuple(each.value() for each in read.agreements),
                read.issued,
                read.expires,
            )
        except (msgspec.ValidationError, ValueError) as error:
            raise MalformedDirectoryError(
                "not a directory: a member is missing or of the wrong kind"
            ) from error
        _check(directory)
        return directory


def agreement(
    directory: Directory, asker: str, responder: str, purpose: Purpose, now: datetime | None = None
) -> Agreement | None:
    """The agreement under which one node may ask another; one that names both nodes goes before a general one.

    Both must be in the directory. Those that had expired when the directory was opened are gone from it; with
    ``now`` those that expired since are left out as well.
    """
    if directory.node(asker) is None or directory.node(responder) is None:
        return None
    found = (each for each in directory.agreements if each.covers(asker, responder, purpose, now))
    return min(
        found, key=lambda each: ((each.asker == ANYONE) + (each.responder == ANYONE), each.id), default=None
    )


def sign(directory: Directory, private_key: Key | Json) -> str:
    """The directory as a compact JWS, signed with an EC P-256 (ES256) or Ed25519 key."""
    key = private_key if isinstance(private_key, Key) else import_key(private_key)
    header = {"alg": _algorithm(key), "typ": TYPE, "kid": key.kid or key.thumbprint()}
    return jws.serialize_compact(header, encode(directory.to_json()), key, algorithms=[header["alg"]])


def _algorithm(key: Key) -> str:
    if isinstance(key, ECKey) and key.curve_name == "P-256":
        return "ES256"
    if isinstance(key, OKPKey) and key.curve_name == "Ed25519":
        return "Ed25519"
    raise ValueError("a directory is signed with an EC P-256 or an Ed25519 key")


def open_directory(token: str, publisher_keys: Iterable[Json], now: datetime) -> Directory:
    """Check the signature against the publisher's keys, then read; raises one of the ``DirectoryError``s."""
    directory = Directory.from_json(_payload(token, [import_key(key) for key in publisher_keys]))
    if directory.issued > now + _LEEWAY:
        raise ExpiredDirectoryError("the directory is not valid yet: check the clocks")
    if directory.expires <= now:
        raise ExpiredDirectoryError("the directory has expired: fetch a newer one")
    current = tuple(each for each in directory.agreements if each.expires is None or now < each.expires)
    return Directory(directory.network, directory.nodes, current, directory.issued, directory.expires)


def _payload(token: str, keys: list[Key]) -> Any:
    for key in keys:
        # Each key is tried with its own algorithm only, so that no header can choose how a key is used.
        try:
            opened = jws.deserialize_compact(token, KeySet([key]), algorithms=_algorithms_of(key))
        except (JoseError, ValueError, UnicodeError):
            continue
        if opened.headers().get("typ") != TYPE:
            raise MalformedDirectoryError("the publisher signed something else than a directory")
        try:
            return msgspec.json.decode(opened.payload or b"")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise MalformedDirectoryError("the signed payload is not JSON") from error
    raise UntrustedDirectoryError("no publisher key verifies this directory")


def _algorithms_of(key: Key) -> list[str]:
    own = _algorithm(key)
    return [own, "EdDSA"] if own == "Ed25519" else [own]


class _Node(msgspec.Struct):
    id: str
    name: dict[str, str]
    custodian: dict[str, str]
    fhir: str
    keys: list[dict[str, Any]]
    jurisdiction: str

    def value(self) -> NodeEntry:
        if not FHIR_ID.fullmatch(self.id) or not self.fhir.startswith(("https://", "http://")):
            raise ValueError("a node needs an id and an http address")
        words = (_words(self.name), _words(self.custodian))
        return NodeEntry(NodeId(self.id), *words, self.fhir.rstrip("/"), tuple(self.keys), self.jurisdiction)


class _Agreement(msgspec.Struct):
    id: str
    asker: str
    responder: str
    purposes: list[Purpose]
    interactions: list[str] = []
    types: list[str] = []
    expires: datetime | None = None

    def value(self) -> Agreement:
        lists = (tuple(self.purposes), tuple(self.interactions), tuple(self.types))
        return Agreement(self.id, self.asker, self.responder, *lists, self.expires)


class _Directory(msgspec.Struct):
    network: str
    issued: datetime
    expires: datetime
    nodes: list[_Node]
    agreements: list[_Agreement]


def _words(said: dict[str, str]) -> Words:
    return {language: said.get(language) or _missing() for language in LANGUAGES}


def _missing() -> str:
    raise ValueError("a name is needed in both languages")


def _check(directory: Directory) -> None:
    ids = [entry.id for entry in directory.nodes]
    if len(set(ids)) != len(ids):
        raise MalformedDirectoryError("two nodes have the same id")
    if directory.issued.tzinfo is None or directory.expires.tzinfo is None:
        raise MalformedDirectoryError("issued and expires need a time zone")
    if any(each.expires is not None and each.expires.tzinfo is None for each in directory.agreements):
        raise MalformedDirectoryError("the end of an agreement needs a time zone")


def _node_json(entry: NodeEntry) -> Json:
    return {
        "id": entry.id,
        "name": dict(entry.name),
        "custodian": dict(entry.custodian),
        "fhir": entry.fhir,
        "keys": [dict(key) for key in entry.keys],
        "jurisdiction": entry.jurisdiction,
    }


def _agreement_json(each: Agreement) -> Json:
    written: Json = {"id": each.id, "asker": each.asker, "responder": each.responder}
    written |= {
        "purposes": list(each.purposes),
        "interactions": list(each.interactions),
        "types": list(each.types),
    }
    return written | ({"expires": instant(each.expires)} if each.expires else {})
