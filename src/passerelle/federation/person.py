"""One Patient made from all: what each source knows of the person, once, and where they differ."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from typing import Any

from passerelle.federation.sameness import Fact
from passerelle.fhir.clinical import moment
from passerelle.fhir.record import Conflict
from passerelle.fhir.resource import encode
from passerelle.values import Json


def one_patient(people: Sequence[Fact]) -> Json | None:
    """Every identifier, name, telecom and address once, the most recently updated source first.

    Where sources differ in birth date, gender or death, the majority is shown, at a tie the most recent; the
    difference is a conflict of the record. ``link`` leads to the Patient of every source.
    """
    if not people:
        return None
    newest = sorted(people, key=lambda fact: (fact.node, fact.reference))
    newest.sort(
        key=lambda fact: moment(_text(_object(fact.resource.get("meta")).get("lastUpdated"))), reverse=True
    )
    patient: Json = {"resourceType": "Patient", "id": _id(people)}
    for name, key in _LISTS.items():
        patient[name] = _once([each for fact in newest for each in _objects(fact.resource.get(name))], key)
    for name in ("gender", "birthDate"):
        patient[name] = _most_said([_text(fact.resource.get(name)) for fact in newest])
    patient |= _most_said([_deceased(fact.resource) for fact in newest]) or {}
    for name in ("maritalStatus", "multipleBirthBoolean", "multipleBirthInteger"):
        patient[name] = next((fact.resource[name] for fact in newest if name in fact.resource), None)
    patient["link"] = [{"other": {"reference": fact.full_url}, "type": "seealso"} for fact in newest]
    return {name: value for name, value in patient.items() if value not in (None, "", [])}


def _id(people: Sequence[Fact]) -> str:
    """An id that is the same whenever the same patients are merged, and says nothing about them."""
    addresses = "\n".join(sorted(fact.full_url for fact in people))
    return f"merged-{hashlib.sha256(addresses.encode()).hexdigest()[:32]}"


def _objects(value: Any) -> list[Json]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _object(value: Any) -> Json:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _fold(value: Any) -> str:
    """Letters and digits only, without accents and case; every script is kept."""
    decomposed = unicodedata.normalize("NFD", _text(value).casefold())
    return "".join(letter for letter in decomposed if letter.isalnum())


def _folded(values: Any) -> tuple[str, ...]:
    return tuple(_fold(value) for value in values) if isinstance(values, list) else ()


def _identifier_key(each: Json) -> Hashable:
    return _text(each.get("system")), _fold(each.get("value"))


def _name_key(each: Json) -> Hashable:
    parts = (_fold(each.get("family")), _folded(each.get("given")))
    return parts if any(parts) else _fold(each.get("text"))


def _telecom_key(each: Json) -> Hashable:
    value = _text(each.get("value"))
    if each.get("system") == "email" or "@" in value:
        return value.strip().casefold()
    digits = re.sub(r"\D", "", value)
    return digits[-10:] or value


def _address_key(each: Json) -> Hashable:
    place = (_folded(each.get("line")), _fold(each.get("city")), _fold(each.get("postalCode")))
    return place if any(place) else _fold(each.get("text"))


def _anything(each: Json) -> Hashable:
    return encode(each)


def _language_key(each: Json) -> Hashable:
    concept = _object(each.get("language"))
    codes = [_text(coding.get("code")).split("-")[0].lower() for coding in _objects(concept.get("coding"))]
    return tuple(codes) or _fold(concept.get("text"))


_LISTS: dict[str, Callable[[Json], Hashable]] = {
    "identifier": _identifier_key,
    "name": _name_key,
    "telecom": _telecom_key,
    "address": _address_key,
    "communication": _language_key,
    "extension": _anything,
}
"""What is gathered from every source, and what makes two of them one."""


def _once(listed: list[Json], key: Callable[[Json], Hashable]) -> list[Json]:
    """Each once; what is no longer used comes last."""
    kept: dict[Hashable, Json] = {}
    for each in listed:
        kept.setdefault(key(each), each)
    return sorted(kept.values(), key=_is_past)


def _is_past(each: Json) -> bool:
    return each.get("use") in ("old", "maiden") or "end" in _object(each.get("period"))


def _most_said(values: list[Any]) -> Any:
    """What most sources say; at a tie what stands first. None if nobody says anything."""
    said = [value for value in values if value]
    counted = Counter(encode(value) for value in said)
    return max(said, key=lambda value: counted[encode(value)], default=None)


def _deceased(resource: Json) -> Json:
    return {name: resource[name] for name in ("deceasedDateTime", "deceasedBoolean") if name in resource}


def patient_conflicts(people: Sequence[Fact]) -> tuple[Conflict, ...]:
    """What the sources say differently about who this is. ``entries`` is empty: these are about ``patients``."""
    checks: dict[str, tuple[str, Callable[[Json], str]]] = {
        "birth-date": ("Patient.birthDate", _birth_date),
        "gender": ("Patient.gender", _known_gender),
        "deceased": ("Patient.deceased", _death),
    }
    return tuple(
        Conflict(kind, about, ())
        for kind, (about, read) in checks.items()
        if _differ([value for fact in people if (value := read(fact.resource))])
    )


def _birth_date(resource: Json) -> str:
    return _text(resource.get("birthDate"))


def _known_gender(resource: Json) -> str:
    gender = _text(resource.get("gender"))
    return "" if gender == "unknown" else gender


def _death(resource: Json) -> str:
    """The day of death, ``dead`` if no day is said, ``alive`` if that is said; "" if nothing is."""
    day = _text(resource.get("deceasedDateTime"))[:10]
    flag = resource.get("deceasedBoolean")
    return day or ("dead" if flag is True else "alive" if flag is False else "")


def _differ(said: list[str]) -> bool:
    """Whether two of them cannot both be true: 1980 and 1980-05-02 can, dead and a day of death can."""
    days = {value for value in said if value not in ("dead", "alive")}
    if "alive" in said and len(set(said)) > 1:
        return True
    return any(not (a.startswith(b) or b.startswith(a)) for a in days for b in days)
