"""Searching a type, a compartment or everything, and finding the one that a condition means.

https://hl7.org/fhir/R4/http.html#search and https://hl7.org/fhir/R4/http.html#ccreate
"""

from __future__ import annotations

from collections.abc import Callable

from passerelle.fhir import search
from passerelle.fhir.outcome import BadInput, Issue
from passerelle.fhir.resource import Stored, decode
from passerelle.fhir.search import Found, Query
from passerelle.flows.ports import View
from passerelle.flows.reach import Done, Reach
from passerelle.flows.requests import Params, Request
from passerelle.values import FHIR_ID, Json

AUDIT = "AuditEvent"


def search_for(request: Request, view: View, reach: Reach) -> Done:
    """What a search finds within the scope, a page of it."""
    query = understood(request, reach).within(reach.scope)
    found = view.search(codes_of(query, view, reach))
    return Done(
        200, found=found, query=query, kind="searchset", patient=patient_named(request), notes=query.ignored
    )


def understood(request: Request, reach: Reach) -> Query:
    """The query that a request means, what is not understood refused or, where the client wished it, left out."""
    return search.parse(
        request.type or "",
        _opened(request.params, reach),
        max_count=reach.rules.most_in_page,
        base=reach.base,
        compartment=request.within,
        lenient=request.prefer.lenient,
        max_depth=reach.rules.deepest_chain,
    )


def _opened(params: Params, reach: Reach) -> Params:
    """The parameters with the cursor as the store wrote it."""
    if all(name != "_cursor" for name, _ in params):
        return params
    try:
        return tuple((name, reach.seal.open(value) if name == "_cursor" else value) for name, value in params)
    except ValueError:
        raise BadInput(Issue("search-cursor", "value", details={"parameter": "_cursor"})) from None


def codes_of(query: Query, view: View, reach: Reach) -> Query:
    """The query with the codes of every ValueSet that it names (``:in``, ``:not-in``) put in."""
    return search.resolve(query, definitions(view, reach))


def definitions(view: View, reach: Reach) -> Callable[[str], Json | None]:
    """Finds a ValueSet or a CodeSystem that is held here, by its canonical address or by its reference."""

    def find(named: str) -> Json | None:
        type_, _, id_ = named.rpartition("/")
        if type_ in ("ValueSet", "CodeSystem") and FHIR_ID.fullmatch(id_):
            stored = view.read(type_, id_, reach.sees(type_))
            return decode(stored.body) if stored is not None and stored.body is not None else None
        url, _, version = named.partition("|")
        for kind in ("ValueSet", "CodeSystem"):
            params = (("url", url), *([("version", version)] if version else []), ("_count", "1"))
            found = view.search(search.parse(kind, params).within(reach.sees(kind))).matches
            if found and found[0].body is not None:
                return decode(found[0].body)
        return None

    return find


def all_that_match(type_: str, params: Params, view: View, reach: Reach) -> tuple[Stored, ...]:
    """Everything that a condition means; 412 when it means everything, or more than may be done at once."""
    found = _matching(type_, params, view, reach, reach.rules.most_conditional)
    if found.more:
        details = {"limit": str(reach.rules.most_conditional)}
        raise BadInput(Issue("too-many-match", "too-costly", details=details), status=412)
    return found.matches


def the_one(type_: str, params: Params, view: View, reach: Reach) -> Stored | None:
    """The only resource that matches, None if none does; several: 412, no criteria: 412."""
    found = _matching(type_, params, view, reach, 2)
    if len(found.matches) > 1:
        raise BadInput(Issue("several-match", "multiple-matches"), status=412)
    return found.matches[0] if found.matches else None


def _matching(type_: str, params: Params, view: View, reach: Reach, most: int) -> Found:
    # What governs a page has no meaning in a condition; the parameters that choose a format have none either.
    criteria = tuple(each for each in params if each[0] not in ("_format", "_pretty"))
    query = search.parse(
        type_,
        (*criteria, ("_count", str(most)), ("_total", "none")),
        max_count=most,
        base=reach.base,
        max_depth=reach.rules.deepest_chain,
    )
    if not query.clauses:
        raise BadInput(Issue("no-criteria", "invalid"), status=412)
    return view.search(codes_of(query.within(reach.sees(type_)), view, reach))


def patient_named(request: Request) -> str | None:
    """The one Patient that a search names, where it names one."""
    if request.within is not None:
        return request.within[1] if request.within[0] == "Patient" else None
    names = ("_id",) if request.type == "Patient" else ("patient", "subject")
    named = [value for name, value in request.params if name in names]
    if len(named) != 1 or "," in named[0]:
        return None
    type_, _, id_ = named[0].rpartition("/")
    return id_ if type_ in ("", "Patient") else None
