"""``Patient/[id]/$everything``: the patient's compartment here and what it refers to.

https://hl7.org/fhir/R4/patient-operation-everything.html
"""

from __future__ import annotations

from base64 import b64decode, urlsafe_b64encode
from typing import Any

from passerelle.fhir import bundle
from passerelle.fhir.definitions import resource_types
from passerelle.fhir.outcome import BadInput, Issue
from passerelle.fhir.resource import Stored
from passerelle.fhir.search import Found
from passerelle.flows.operation import only_known, simple
from passerelle.flows.ports import View
from passerelle.flows.reach import Done, Reach, absent, bad_value, id_of, period, whole
from passerelle.flows.requests import Params, Request
from passerelle.values import FHIR_ID

KNOWN = {"_type", "_since", "start", "end", "_count", "_cursor"}


def everything(request: Request, view: View, reach: Reach) -> Done:
    """All of it, or with ``_count`` a page of it."""
    params = simple(request, reach.limits)
    only_known(params, KNOWN)
    patient = id_of(request)
    stored = view.everything(patient, scope=reach.scope, **_asked(params))
    if not stored and view.read("Patient", patient, reach.scope) is None:
        raise absent(request)
    place = f"{reach.base}/Patient/{patient}/$everything"
    shown, following = _page(stored, params, reach)
    first = tuple(each for each in params if each[0] != "_cursor")
    links = {"self": bundle.link(place, params)}
    if following:
        links |= {
            "first": bundle.link(place, first),
            "next": bundle.link(place, (*first, ("_cursor", following))),
        }
    body = bundle.searchset(reach.base, Found(tuple(shown), total=len(stored)), links=links)
    return Done(200, body=body, patient=patient)


def _asked(params: Params) -> dict[str, Any]:
    """What the store is asked; what was not said is left out."""
    said: dict[str, Any] = {}
    types = [type for name, value in params if name == "_type" for type in value.split(",")]
    unknown = [type for type in types if type not in resource_types()]
    if unknown:
        raise bad_value("_type")
    if types:
        said["types"] = frozenset(types)
    for name, value in params:
        if name == "_since":
            said["since"] = period(name, value)[0]
        elif name == "start":
            said["start"] = period(name, value)[0]
        elif name == "end":
            said["end"] = period(name, value)[1]
    if "start" in said and "end" in said and said["start"] >= said["end"]:
        raise BadInput(Issue("period-reversed", "value"))
    return said


def _page(stored: list[Stored], params: Params, reach: Reach) -> tuple[list[Stored], str | None]:
    """A page and the cursor to the next: the Patient first, the rest by reference, so that what is written between two
    pages moves nothing."""
    said = dict(params)
    if "_count" not in said and "_cursor" not in said:
        return stored, None
    count = max(1, min(whole("_count", said.get("_count", "50")), reach.rules.most_in_page))
    ordered = sorted(stored[1:], key=lambda one: one.reference)
    if stored and stored[0].type != "Patient":
        ordered = sorted(stored, key=lambda one: one.reference)
    elif "_cursor" not in said:
        ordered = [*stored[:1], *ordered]
    if "_cursor" in said:
        after = _place(said["_cursor"])
        ordered = [one for one in ordered if one.reference > after]
    shown = ordered[:count]
    more = len(ordered) > count
    last = shown[-1].reference if len(shown) > 1 or "_cursor" in said or shown[0].type != "Patient" else ""
    return shown, urlsafe_b64encode(last.encode()).decode() if more else None


def _place(cursor: str) -> str:
    """The reference after which a page begins; the empty one comes before all."""
    try:
        text = b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True).decode("ascii")
    except ValueError:
        raise bad_value("_cursor") from None
    type_, _, id_ = text.partition("/")
    if text and not (type_ in resource_types() and FHIR_ID.fullmatch(id_)):
        raise bad_value("_cursor")
    return text
