"""The PS-CA document of a merged record: read, select, bring along, rewrite, adapt, narrate, and say what may be missing.

Specification: PS-CA 2.1.1-DFT, https://simplifier.net/guide/PS-CA, on FHIR R4 documents,
https://hl7.org/fhir/R4/documents.html.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from passerelle.fhir.record import Entry, Origin, Record
from passerelle.fhir.speech import tag
from passerelle.summary.adapt import Entrance, adapt
from passerelle.summary.provenance import Statement as Said
from passerelle.summary.provenance import confidentiality, labels, organization, provenance
from passerelle.summary.references import PATIENT, Places, Rewriter, places
from passerelle.summary.sectioning import Teller, composition_notes, composition_text, section
from passerelle.summary.select import Fact, Selection, carried, select
from passerelle.summary.shape import legible
from passerelle.summary.wording import say
from passerelle.values import Json, Language, instant

P = "http://fhir.infoway-inforoute.ca/io/psca/StructureDefinition/"
LOINC = "http://loinc.org"
SUMMARY = "60591-5"
ACT_CLASS = "http://terminology.hl7.org/CodeSystem/v3-ActClass"
URI = "urn:ietf:rfc:3986"


class NobodyError(ValueError):
    """There is no person to summarise: the record of a person whom no source knows is answered, not composed."""


def compose(
    record: Record,
    *,
    author: Json,
    custodian: Json | None = None,
    language: Language,
    now: datetime,
    new_id: Callable[[], str],
    limits: Mapping[str, int] | None = None,
    withheld: frozenset[str] = frozenset(),
) -> Json:
    """A PS-CA document Bundle.

    ``author`` (a Device, Organization, Practitioner …) and ``custodian`` (an Organization) are resources that
    become entries; an author that is an Organization is also the custodian when no other is named.
    ``new_id`` gives a fresh UUID at each call. ``limits`` override how many facts a section lists, by its key in
    ``sections.toml``. ``withheld`` are the keys of sections of which policy lets us say that something is withheld.
    Raises ``NobodyError`` when ``record.patient`` is None.
    """
    if record.patient is None:
        raise NobodyError("the record has no patient")
    record = legible(record)
    where = places(record)
    selection = select(record, where, now, limits or {})
    desk = _Desk(record, where, selection, language, new_id)
    entries = desk.entries()
    makers = desk.makers(author, custodian)
    telling = Teller(record, where, language, instant(now), desk.urls, withheld)
    composition = _composition(telling, selection, desk, makers, now, [each["resource"] for each in entries])
    provenances = desk.provenances(makers[0]["fullUrl"], instant(now))
    return _bundle([composition, *_once([entries[0], *makers, *entries[1:], *provenances])], new_id(), now)


@dataclass(frozen=True)
class _Part:
    """One resource on its way into the document: ``url`` is its address there."""

    entry: Entry
    index: int
    profile: str
    url: str


class _Desk:
    """Where the parts of one document lie while it is put together, each with its address."""

    def __init__(
        self,
        record: Record,
        where: Places,
        selection: Selection,
        language: Language,
        new_id: Callable[[], str],
    ) -> None:
        self.record, self.where, self.language, self.new_id = record, where, language, new_id
        self.patient = self.address()
        facts = selection.facts()
        self.facts = {fact: _Part(fact.entry, fact.index, fact.profile, self.address()) for fact in facts}
        listed = {fact.index for fact in facts if not fact.restated}
        self.carried = [
            _Part(entry, place, "medication-ca-ps" if entry.type == "Medication" else "", self.address())
            for place in carried(facts, record, where)
            if place not in listed
            for entry in [record.entries[place]]
        ]
        own = [part for fact, part in self.facts.items() if not fact.restated] + self.carried
        self.places: dict[int, str] = {PATIENT: self.patient, **{part.index: part.url for part in own}}
        restated = {fact.index: part.url for fact, part in self.facts.items() if fact.restated}
        self.urls = {**self.places, **restated}
        """Where to find what the record has at an index; a restated fact stands for what it restates."""

    def address(self) -> str:
        return f"urn:uuid:{self.new_id()}"

    def parts(self) -> list[_Part]:
        return [*self.facts.values(), *self.carried]

    def entries(self) -> list[Json]:
        """The Patient first, then the facts in the order of the sections, then what they refer to."""
        origins = tuple(origin for entry in self.record.patients for origin in entry.origins)
        patient = self._entry(self.record.patient or {}, origins, self.patient, "patient-ca-ps")
        return [patient, *(self._fact(part) for part in self.parts())]

    def _fact(self, part: _Part) -> Json:
        return self._entry(part.entry.resource, part.entry.origins[:1], part.url, part.profile)

    def _entry(self, resource: Json, origins: tuple[Origin, ...], url: str, profile: str) -> Json:
        copy = Rewriter(self.where, self.places, origins, self.language)(resource)
        source = origins[0].full_url if len(origins) == 1 else ""
        entrance = Entrance(url.removeprefix("urn:uuid:"), self.patient, source, profile, self.language)
        return {"fullUrl": url, "resource": adapt(copy, entrance)}

    def makers(self, author: Json, custodian: Json | None) -> list[Json]:
        """The author, and the custodian when it is another."""
        makers = [author] if custodian is None or custodian == author else [author, custodian]
        return [self._entry(maker, (), self.address(), "") for maker in makers]

    def provenances(self, author: str, recorded: str) -> list[Json]:
        """An Organization and a Provenance for each source of which the document holds something."""
        made = []
        for source in self.record.sources:
            held = [
                part.url for part in self.parts() if any(o.node == source.node for o in part.entry.origins)
            ]
            if any(origin.node == source.node for entry in self.record.patients for origin in entry.origins):
                held.insert(0, self.patient)
            if held:
                named, stated = self.new_id(), self.new_id()
                said = Said(source, f"urn:uuid:{named}", held)
                made.append(_as_entry(organization(source, named, self.language)))
                made.append(_as_entry(provenance(said, stated, author, recorded)))
        return made


def _as_entry(resource: Json) -> Json:
    return {"fullUrl": f"urn:uuid:{resource['id']}", "resource": resource}


def _once(entries: Iterable[Json]) -> list[Json]:
    return list({entry["fullUrl"]: entry for entry in entries}.values())


def _composition(
    telling: Teller,
    selection: Selection,
    desk: _Desk,
    makers: list[Json],
    now: datetime,
    resources: list[Json],
) -> Json:
    id_ = desk.new_id()
    addresses: Mapping[Fact, str] = {fact: part.url for fact, part in desk.facts.items()}
    sections = (section(chosen, telling, addresses) for chosen in selection.chosen)
    return _as_entry(
        {
            "resourceType": "Composition",
            "id": id_,
            "meta": {"profile": [f"{P}composition-ca-ps"]},
            "language": tag(telling.language),
            "text": composition_text(telling, selection, now),
            "extension": composition_notes(telling, selection),
            "identifier": {"system": URI, "value": f"urn:uuid:{id_}"},
            "status": "final",
            "type": {"coding": [{"system": LOINC, "code": SUMMARY, "display": "Patient summary Document"}]},
            "subject": {"reference": desk.patient},
            "date": instant(now),
            "author": [{"reference": makers[0]["fullUrl"]}],
            "title": say("title", telling.language),
            "confidentiality": confidentiality(resources),
            **_custodian(makers),
            "event": [
                {
                    "code": [{"coding": [{"system": ACT_CLASS, "code": "PCPR"}]}],
                    "period": {"end": instant(now)},
                }
            ],
            "section": [made for made in sections if made is not None],
        }
    )


def _custodian(makers: list[Json]) -> Json:
    """R4: the custodian of a document is an Organization, or is not named."""
    organizations = [maker for maker in makers if maker["resource"]["resourceType"] == "Organization"]
    return {"custodian": {"reference": organizations[-1]["fullUrl"]}} if organizations else {}


def _bundle(entries: list[Json], id_: str, now: datetime) -> Json:
    return {
        "resourceType": "Bundle",
        "id": id_,
        "meta": {
            "profile": [f"{P}bundle-ca-ps"],
            "security": labels([entry["resource"] for entry in entries]),
        },
        "identifier": {"system": URI, "value": f"urn:uuid:{id_}"},
        "type": "document",
        "timestamp": instant(now),
        "entry": entries,
    }
