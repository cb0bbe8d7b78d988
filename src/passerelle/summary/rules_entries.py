"""Does every entry keep the rules of PS-CA, and is it about this person?"""

from __future__ import annotations

from collections.abc import Iterator

from passerelle.summary.faults import Document, Fault, loinc
from passerelle.summary.profiles import lacks, profiles
from passerelle.summary.sections import Section, sections
from passerelle.values import Json


def kinds(document: Document) -> Iterator[Fault]:
    """A section holds only the types of resource that are meant for it, each found in the document."""
    for path, section in document.sections:
        known = _section(section)
        for at, reference in enumerate(section.get("entry") or ()):
            resource = document.resolve(reference)
            if resource is None:
                yield Fault("section-entry-missing", f"{path}.entry[{at}]")
            elif known and str(resource.get("resourceType")) not in known.types:
                yield Fault("section-entry-type", f"{path}.entry[{at}]", {"section": known.key})


def profiles_kept(document: Document) -> Iterator[Fault]:
    """Each entry of a section keeps one of the profiles meant for it; each claim of a profile is true."""
    paths = {url: path for path, url, _ in document.entries}
    for _, section in document.sections:
        known = _section(section)
        for reference in section.get("entry") or ():
            resource = document.resolve(reference)
            if known and resource is not None:
                yield from _best(paths[reference["reference"]], resource, known)
    for path, _, resource in document.entries:
        for key, profile in profiles().items():
            if profile.url in ((resource.get("meta") or {}).get("profile") or ()):
                for lack in lacks(resource, key):
                    yield Fault("claim-untrue", f"{path}.resource.{lack.path}", {"profile": key})


def _best(path: str, resource: Json, section: Section) -> Iterator[Fault]:
    """The faults against the profile to which the resource comes nearest."""
    type_ = resource.get("resourceType")
    keys = list(dict.fromkeys(take.profile for take in section.takes if take.type == type_))
    if not keys or "" in keys:
        return
    for lack in min((lacks(resource, key) for key in keys), key=len):
        yield Fault(lack.key, f"{path}.resource.{lack.path}", {"element": lack.path, "type": str(type_)})


def person(document: Document) -> Iterator[Fault]:
    """The Patient keeps patient-ca-ps, and every entry of every section is about that Patient."""
    for path, _, resource in document.entries:
        if resource.get("resourceType") == "Patient":
            for lack in lacks(resource, "patient-ca-ps"):
                yield Fault(
                    lack.key, f"{path}.resource.{lack.path}", {"element": lack.path, "type": "Patient"}
                )
    whom = document.composition.get("subject")
    for section_path, section in document.sections:
        for at, reference in enumerate(section.get("entry") or ()):
            resource = document.resolve(reference) or {}
            about = resource.get("subject") or resource.get("patient")
            if (
                resource
                and isinstance(whom, dict)
                and (about or {}).get("reference") != whom.get("reference")
            ):
                yield Fault("entry-person", f"{section_path}.entry[{at}]")


def _section(section: Json) -> Section | None:
    code = loinc(section.get("code"))
    return next((known for known in sections() if known.loinc == code), None)
