"""A page of a search or a history as a Bundle, with the links to itself and to the next page."""

from __future__ import annotations

from passerelle.fhir import bundle
from passerelle.flows.interact import Done
from passerelle.flows.ports import Here
from passerelle.flows.requests import Request


def listing(done: Done, here: Here, request: Request | None = None) -> bytes:
    """The Bundle of what was found; ``request`` is the one whose pages the links lead to."""
    if done.found is None or done.query is None:
        raise ValueError("only a search or a history is a listing")
    if request is None:
        this, following = f"{here.base}/{done.query.type}", None
    else:
        this, following = _links(done, request, here)
    if done.kind == "history":
        return bundle.history(here.base, done.found, self_link=this, next_link=following)
    return bundle.searchset(here.base, done.found, self_link=this, next_link=following, query=done.query)


def _links(done: Done, request: Request, here: Here) -> tuple[str, str | None]:
    place = "/".join(part for part in (here.base, request.type, request.id) if part)
    place += "/_history" if done.kind == "history" else ""
    this = bundle.link(place, request.params)
    if done.query is None or done.found is None or not done.found.more:
        return this, None
    onward = tuple(parameter for parameter in request.params if parameter[0] != "_offset")
    return this, bundle.link(place, (*onward, ("_offset", str(done.query.offset + done.query.count))))
