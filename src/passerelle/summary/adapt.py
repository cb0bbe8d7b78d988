"""How does a source's resource become an entry of a PS-CA document? Here, and nowhere else, something is changed.

What a source sent is kept wherever it may be; what PS-CA requires and the source did not send is marked absent
with ``data-absent-reason``, never guessed:

- a missing ``effective[x]``, ``performed[x]`` or ``occurrence[x]`` becomes ``_effectiveDateTime`` (and so on) with
  the reason ``unknown``: a primitive may carry only an extension, so the element exists and no date is invented;
  ``dateAsserted`` and ``issued`` say when it was said, not when it was true, and are not put in its place;
- a missing ``performer`` becomes a Reference with only that extension: the node that holds a laboratory's result is
  not the laboratory that made it;
- a missing text of a medication is taken from its display, a missing UCUM code from a unit that is written exactly
  like its UCUM code: both are already there in other words;
- a Condition that has ended and does not say so is ``inactive``, as R4 requires (con-4), the widest of the three
  codes that the rule allows.

The entry claims its PS-CA profile in ``meta.profile`` only when it then keeps the profile's rules.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from passerelle.fhir.clinical import concept_text
from passerelle.fhir.health_number import systems
from passerelle.summary.narrative import fault
from passerelle.summary.profiles import ABSENT, UCUM, absent, found, lacks, profiles
from passerelle.summary.vocabulary import vocabulary
from passerelle.values import Json, Language

JHN = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "JHN"}]}


@dataclass(frozen=True)
class Entrance:
    """What an entry is told as it enters the document."""

    id: str
    """The uuid of its ``urn:uuid:`` address."""
    patient: str
    """The address of the Patient of the document."""
    source: str
    """The address of the resource at its (first) source; "" for what was made here."""
    profile: str
    """The key of the profile that it may claim; "" for none."""
    language: Language


def adapt(resource: Json, entrance: Entrance) -> Json:
    """The resource as an entry. ``resource`` must be a copy: its references already lead to the document."""
    adapted = {"resourceType": resource["resourceType"], **resource, "id": entrance.id}
    adapted["meta"] = _meta(resource.get("meta") or {}, entrance.source)
    if "div" in (adapted.get("text") or {}) and fault(adapted["text"]["div"]):
        del adapted["text"]  # a source's page that could not be shown safely is not passed on
    _about(adapted, entrance.patient)
    _ADAPTATIONS.get(adapted["resourceType"], _as_it_is)(adapted, entrance.language)
    return _claiming(adapted, entrance.profile)


def _meta(meta: Json, source: str) -> Json:
    """The labels and tags stay; the version was the source's, and the profile claims are made anew."""
    kept = {key: value for key, value in meta.items() if key != "versionId"}
    claims = [
        url
        for url in meta.get("profile") or ()
        if url not in {profile.url for profile in profiles().values()}
    ]
    kept.pop("profile", None)
    if claims:
        kept["profile"] = claims
    if source and "source" not in kept:
        kept["source"] = source
    return kept


def _claiming(resource: Json, profile: str) -> Json:
    if profile and not lacks(resource, profile):
        resource["meta"]["profile"] = [*resource["meta"].get("profile", ()), profiles()[profile].url]
    if not resource["meta"]:
        del resource["meta"]
    return resource


def _about(resource: Json, patient: str) -> None:
    """The merge has said that this is about the one person of the document, by whatever name the source knew them."""
    type_ = resource["resourceType"]
    for name in ("patient", "subject"):
        if type_ in vocabulary(f"has_{name}") or (
            name in resource and type_ in vocabulary(f"may_have_{name}")
        ):
            told = resource.get(name) or {}
            kept = {key: value for key, value in told.items() if key in ("display", "extension")}
            resource[name] = {"reference": patient, **kept}


def reason(code: str = "unknown") -> Json:
    """An element that says only why it is absent."""
    return {"extension": [{"url": ABSENT, "valueCode": code}]}


def _absent_time(resource: Json, stem: str) -> None:
    if not found(resource, f"{stem}[x]"):
        resource[f"_{stem}DateTime"] = reason()


def _absent(resource: Json, name: str) -> None:
    if not found(resource, name):
        resource[name] = reason()


def _coded(concept: Any, language: Language) -> None:
    """A medication's concept: a text, and for each coding a system and a code or why there is none."""
    if not isinstance(concept, dict):
        return
    for coding in concept.get("coding") or ():
        for name in ("system", "code"):
            if not found(coding, name):
                coding[f"_{name}"] = reason()
    if not found(concept, "text"):
        read = concept_text(concept, language)
        concept |= {"text": read} if read else {"_text": reason()}


def _medicine(resource: Json, language: Language) -> None:
    if not found(resource, "medication[x]"):
        resource["medicationCodeableConcept"] = {"_text": reason()}
    _coded(resource.get("medicationCodeableConcept"), language)


def _medication_statement(resource: Json, language: Language) -> None:
    _medicine(resource, language)
    _absent_time(resource, "effective")


def _medication(resource: Json, language: Language) -> None:
    _absent(resource, "code")
    _coded(resource["code"], language)


def _allergy(resource: Json, _: Language) -> None:
    _absent(resource, "code")
    # ait-1: it must be there; its coding too (PS-CA), and only the coding's own absence can be stated.
    status = resource.setdefault("clinicalStatus", {})
    for concept in (status, resource.get("verificationStatus")):
        if isinstance(concept, dict) and not concept.get("coding"):
            concept["coding"] = [reason()]


def _condition(resource: Json, _: Language) -> None:
    _absent(resource, "code")
    if "clinicalStatus" not in resource and found(resource, "abatement[x]"):
        system = "http://terminology.hl7.org/CodeSystem/condition-clinical"
        resource["clinicalStatus"] = {"coding": [{"system": system, "code": "inactive"}]}


def _procedure(resource: Json, _: Language) -> None:
    _absent(resource, "code")
    _absent_time(resource, "performed")


def _immunization(resource: Json, _: Language) -> None:
    _absent(resource, "vaccineCode")
    _absent_time(resource, "occurrence")


def _device_use(resource: Json, _: Language) -> None:
    _absent_time(resource, "timing")


def _report(resource: Json, _: Language) -> None:
    _absent_time(resource, "effective")


def _observation(resource: Json, _: Language) -> None:
    _absent_time(resource, "effective")
    if not resource.get("performer"):
        resource["performer"] = [reason()]
    for quantity in [*found(resource, "valueQuantity"), *found(resource, "component.valueQuantity")]:
        unit = quantity.get("unit") or quantity.get("code")
        if quantity.get("system") in (None, UCUM) and unit in vocabulary("written_as_in_ucum"):
            quantity |= {"system": UCUM, "code": quantity.get("code") or unit}


def _patient(resource: Json, _: Language) -> None:
    if not resource.get("name"):
        resource["name"] = [reason()]
    for name in resource["name"]:
        if not absent(name) and not any(found(name, part) for part in ("family", "given", "text")):
            name.setdefault("extension", []).extend(reason()["extension"])
    if not found(resource, "birthDate"):
        resource["_birthDate"] = reason()
    if not resource.get("identifier"):
        resource["identifier"] = [{"_system": reason(), "_value": reason()}]
    for identifier in resource["identifier"]:
        _identifier(identifier)


def _identifier(identifier: Json) -> None:
    """A health number says that it is one (JHN); a number without its system says that the system is not known."""
    for name in ("system", "value"):
        if not found(identifier, name):
            identifier[f"_{name}"] = reason()
    if identifier.get("system") in systems() and "type" not in identifier:
        identifier["type"] = {"coding": [dict(JHN["coding"][0])]}


def _as_it_is(_: Json, __: Language) -> None:
    """Nothing to adapt."""


_ADAPTATIONS: dict[str, Callable[[Json, Language], None]] = {
    "AllergyIntolerance": _allergy,
    "Condition": _condition,
    "DeviceUseStatement": _device_use,
    "DiagnosticReport": _report,
    "Immunization": _immunization,
    "Medication": _medication,
    "MedicationRequest": _medicine,
    "MedicationStatement": _medication_statement,
    "Observation": _observation,
    "Patient": _patient,
    "Procedure": _procedure,
}
