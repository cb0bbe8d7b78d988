"""The Patient resource of a person, as one node knows them."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from passerelle.synthetic.concept import BASELINE, HL7, meta, status
from passerelle.synthetic.geography import day_text, record_language
from passerelle.synthetic.life import Home, Life
from passerelle.synthetic.names import Name
from passerelle.synthetic.numbers import HealthNumber
from passerelle.synthetic.staff import facility, payer, sid
from passerelle.synthetic.tables import jurisdiction
from passerelle.values import Json, NodeId

_SCRIPT = "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation"


def patient(seed: int, life: Life, node: NodeId, id: str, *, last_seen: int) -> Json:
    """What ``node`` wrote down about a person whom it last saw on the day ``last_seen``.

    Their own number there, the numbers they came with, the names and addresses of that time, and the slip of the
    pen that this node made, if it made one.
    """
    here = [home for home in life.homes if home.node == node]
    home = here[-1] if here else life.home_on(last_seen)
    slip = life.slips.get(node)
    resource: Json = {
        "resourceType": "Patient",
        "id": id,
        "meta": meta("patient"),
        "extension": [_birth_sex(life.sex)],
        "identifier": _identifiers(life, node, id, last_seen),
        "active": True,
        "name": _names(life, last_seen),
        "telecom": _telecom(life),
        "gender": life.sex,
        "birthDate": day_text(life.born),
        "address": _addresses(life, home, last_seen),
        "communication": [_communication(life.language, node)],
        "managingOrganization": payer(node),
    }
    resource["language"] = record_language(node, life.language)
    if life.died is not None and life.home.node == node:
        resource["deceasedDateTime"] = day_text(life.died)
    if life.multiple is not None:
        resource["multipleBirthInteger"] = life.multiple
    if life.married:
        resource["maritalStatus"] = status("v3-MaritalStatus", "M", "Married")
    if here:
        clinic = facility(seed, node, "clinic", home.city)
        resource["generalPractitioner"] = [clinic.worker("family", life.index).ref]
    if slip is not None:
        _mistype(resource, slip.element, slip.value)
    return resource


@lru_cache(maxsize=4)
def _birth_sex(sex: str) -> Json:
    code = {"female": ("F", "Female"), "male": ("M", "Male")}[sex]
    coding = {"system": f"{HL7}v3-AdministrativeGender", "code": code[0], "display": code[1]}
    return {"url": f"{BASELINE}ext-patientbirthsex", "valueCoding": coding}


def _identifiers(life: Life, node: NodeId, id: str, last_seen: int) -> list[Json]:
    """This node's own number first, then the one that they came with, then the local record number."""
    ours = [number for number in life.numbers if number.node == node]
    theirs = [number for number in life.numbers if number.node != node and (number.start or 0) < last_seen]
    # A visitor shows the card that is in force; a newcomer shows the last one.
    shown = (
        theirs if ours else [number for number in theirs if (number.end or last_seen) >= last_seen] or theirs
    )
    return [_health_number(number) for number in (*ours, *shown[-1:])] + [_record_number(node, id)]


def _health_number(number: HealthNumber) -> Json:
    identifier: Json = {
        "use": "temp" if number.temporary else "old" if number.end is not None else "official",
        "type": status("v2-0203", "JHN", "Jurisdictional health number"),
        "system": number.system,
        "value": number.value,
        "assigner": {"display": jurisdiction(number.node)["payer"]["fr" if number.node == "qc" else "en"]},
    }
    if number.version:
        url = f"{BASELINE}ext-identifierversion"
        identifier = {"extension": [{"url": url, "valueString": number.version}], **identifier}
    period = _period(number.start, number.end)
    if period:
        identifier["period"] = period
    return identifier


def _record_number(node: NodeId, id: str) -> Json:
    return {
        "use": "usual",
        "type": status("v2-0203", "MR", "Medical record number"),
        "system": sid(node, "plan", "patient"),
        "value": id.removeprefix("p-")[:10].upper(),
    }


def _period(start: int | None, end: int | None) -> Json:
    period = {}
    if start is not None:
        period["start"] = day_text(start)
    if end is not None:
        period["end"] = day_text(end)
    return period


def _names(life: Life, last_seen: int) -> list[Json]:
    """The names that this node could know: a later name never reached a node that had seen them before."""
    known = life.names_on(last_seen)
    former = [name for name in known if name.end is not None and name.end <= last_seen]
    current = [name for name in known if name not in former]
    # Before the wedding the maiden name is simply the name.
    still = [replace(name, use="official" if name.end else name.use, end=None) for name in current]
    return [_name(name) for name in (*still, *former)]


def _name(name: Name) -> Json:
    written: Json = {"use": name.use}
    if name.script:
        written["extension"] = [{"url": _SCRIPT, "valueCode": name.script}]
    written["text"] = name.text
    if name.family:
        written["family"] = name.family
    written["given"] = list(name.given)
    period = _period(name.start, name.end)
    if period:
        written["period"] = period
    return written


def _telecom(life: Life) -> list[Json]:
    told: list[Json] = [{"system": "phone", "value": life.phone, "use": "mobile"}]
    if life.email:
        told.append({"system": "email", "value": life.email})
    return told


def _addresses(life: Life, home: Home, last_seen: int) -> list[Json]:
    """Where they live as far as this node knows, and the address here before that."""
    earlier = [other for other in life.homes if other.node == home.node and other.start < home.start]
    return [_address(home, "home", last_seen), *(_address(other, "old", last_seen) for other in earlier[-1:])]


def _address(home: Home, use: str, last_seen: int) -> Json:
    address: Json = {
        "use": use,
        "line": [home.street],
        "city": home.city,
        "state": home.node.upper(),
        "postalCode": home.postal,
        "country": "CA",
    }
    # A move away is known only to a node that saw them after it.
    end = home.end if home.end is not None and home.end <= last_seen else None
    address["period"] = _period(home.start, end)
    return address


@lru_cache(maxsize=256)
def _communication(language: str, node: NodeId) -> Json:
    code = f"{language}-CA" if language in {"en", "fr", "iu", "cr"} else language
    display = _LANGUAGES.get(language, ("", ""))[record_language(node, language) == "fr"]
    coding = {"system": "urn:ietf:bcp:47", "code": code}
    if display:
        coding["display"] = display
    return {"language": {"coding": [coding]}, "preferred": True}


_LANGUAGES = {
    "en": ("English", "Anglais"),
    "fr": ("French", "Français"),
    "iu": ("Inuktitut", "Inuktitut"),
    "cr": ("Cree", "Cri"),
    "pa": ("Punjabi", "Pendjabi"),
    "zh": ("Chinese", "Chinois"),
    "ar": ("Arabic", "Arabe"),
    "tl": ("Tagalog", "Tagalog"),
}


def _mistype(resource: Json, element: str, value: str) -> None:
    """Put a slip of the pen into a fresh Patient."""
    if element == "birth-date":
        resource["birthDate"] = value
    elif element == "gender":
        resource["gender"] = value
    elif element == "postal":
        resource["address"][0]["postalCode"] = value
    else:
        name = resource["name"][0]
        name[element] = value if element == "family" else [value, *name["given"][1:]]
        name["text"] = " ".join((*name["given"], name.get("family", ""))).strip()
