"""``$everything`` of a patient or of an encounter: its compartment here and what that refers to.

https://hl7.org/fhir/R4/patient-operation-everything.html, https://hl7.org/fhir/R4/encounter-operation-everything.html
"""

from __future__ import annotations

from base64 import b64decode, urlsafe_b64encode
from dataclasses import replace
from typing import Any

from passerelle.fhir import bundle, search
from passerelle.fhir.definitions import resource_types
from passerelle.fhir.outcome import BadInput, Issue
from passerelle.fhir.resource import Stored
from passerelle.fhir.search import Found
from passerelle.flows.operation import only_known, simple
from passerelle.flows.ports import View
from passerelle.flows.reach import (
    Done,
    Reach,
    absent,
    bad_value,
    gone,
    id_of,
    period,
    type_of,
    unknown_parameter,
    whole,
)
from passerelle.flows.requests import Params, Request
from passerelle.values import FHIR_ID

KNOWN = {"_type", "_since", "start", "end", "_count", "_cursor"}


def everything(request: Request, view: View, reach: Reach) -> Done:
    """All of it, or with ``_count`` a page of it."""
    params = simple(request, reach.limits)
    only_known(params, KNOWN)
    head = view.read(type_of(request), id_of(request), reach.scope)
    if head is None:
        raise absent(request)
    if head.deleted:
        raise gone(head)
    if head.type == "Encounter":
        stored = _of_encounter(head, params, view, reach)
    else:
        stored = view.everything(head.id, scope=reach.scope, **_asked(params))
    place = f"{reach.base}/{head.reference}/$everything"
    shown, following = _page(stored, head, params, reach)
    first = tuple(each for each in params if each[0] != "_cursor")
    links = {"self": bundle.link(place, params)}
    if following is not None:
        links |= {
            "first": bundle.link(place, first),
            "next": bundle.link(place, (*first, ("_cursor", following))),
        }
    body = bundle.searchset(reach.base, Found(tuple(shown), total=len(stored)), links=links)
    return Done(200, body=body, patient=head.id if head.type == "Patient" else None)


def _of_encounter(head: Stored, params: Params, view: View, reach: Reach) -> list[Stored]:
    """The encounter, its compartment, and what those refer to; found page by page."""
    said = _asked(params)
    if "start" in said or "end" in said:
        raise unknown_parameter("start" if "start" in said else "end", "_count, _since, _type")
    found = {head.reference: head}
    query = search.parse("", (("_include", "*"),), compartment=("Encounter", head.id), base=reach.base)
    query = replace(query.within(reach.scope), count=reach.rules.most_in_page, total=False)
    while True:
        page = view.search(query)
        found |= {one.reference: one for one in (*page.matches, *page.included)}
        if page.next is None:
            break
        query = replace(query, after=page.next)
    types, since = said.get("types"), said.get("since")
    return [
        one
        for one in found.values()
        if (types is None or one.type in types) and (since is None or one.instant >= since)
    ]


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


def _page(
    stored: list[Stored], head: Stored, params: Params, reach: Reach
) -> tuple[list[Stored], str | None]:
    """A page and the cursor to the next: whom it is about first and the rest by reference, so that what is written
    between two pages moves nothing."""
    said = dict(params)
    if "_count" not in said and "_cursor" not in said:
        return stored, None
    count = max(1, min(whole("_count", said.get("_count", "50")), reach.rules.most_in_page))
    after = _place(said["_cursor"]) if "_cursor" in said else None
    first = [one for one in stored if one.reference == head.reference]
    rest = sorted((one for one in stored if one.reference != head.reference), key=lambda one: one.reference)
    ordered = [*first, *rest] if after is None else [one for one in rest if one.reference > after]
    shown = ordered[:count]
    last = shown[-1].reference if shown and shown[-1].reference != head.reference else ""
    return shown, urlsafe_b64encode(last.encode()).decode() if len(ordered) > count else None


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
