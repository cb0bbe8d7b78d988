"""Who said which part? One Provenance for each source, and the labels that the whole must carry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from passerelle.fhir.record import Source
from passerelle.values import Json, Language

CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
_LEVELS = "ULMNRV"
_PARTICIPANT = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"


def organization(source: Source, id_: str, language: Language) -> Json:
    """The custodian behind a source; its name in the other language is an alias."""
    other: Language = "fr" if language == "en" else "en"
    named: Json = {"resourceType": "Organization", "id": id_, "name": source.name[language]}
    return named | ({"alias": [source.name[other]]} if source.name[other] != source.name[language] else {})


@dataclass(frozen=True)
class Statement:
    """What one source contributed to the document."""

    source: Source
    organization: str
    """The address of the source's Organization in the document."""
    targets: Sequence[str]
    """The addresses of the entries that it stated."""


def provenance(statement: Statement, id_: str, author: str, recorded: str) -> Json:
    """Which entries come from one source, who answers for them, and who put them together."""
    agents = [("custodian", statement.organization), ("assembler", author)]
    resource: Json = {
        "resourceType": "Provenance",
        "id": id_,
        "target": [{"reference": target} for target in statement.targets],
        "recorded": recorded,
        "agent": [
            {"type": {"coding": [{"system": _PARTICIPANT, "code": role}]}, "who": {"reference": who}}
            for role, who in agents
        ],
    }
    if statement.source.base:
        what = {"identifier": {"system": "urn:ietf:rfc:3986", "value": statement.source.base}}
        resource["entity"] = [{"role": "source", "what": what}]
    return resource


def confidentiality(resources: Iterable[Json]) -> str:
    """The highest confidentiality of any entry; normal where nothing says more."""
    levels = [
        str(label.get("code")) for label in _labels(resources) if label.get("system") == CONFIDENTIALITY
    ]
    return max([*(level for level in levels if level in _LEVELS), "N"], key=_LEVELS.index)


def labels(resources: Sequence[Json]) -> list[Json]:
    """Every security label of any entry once, and of the confidentialities only the highest."""
    others: dict[tuple[str, str], Mapping[str, object]] = {}
    for label in _labels(resources):
        if label.get("system") != CONFIDENTIALITY:
            others.setdefault((str(label.get("system")), str(label.get("code"))), label)
    return [{"system": CONFIDENTIALITY, "code": confidentiality(resources)}, *map(dict, others.values())]


def _labels(resources: Iterable[Json]) -> list[Json]:
    return [label for resource in resources for label in (resource.get("meta") or {}).get("security") or ()]
