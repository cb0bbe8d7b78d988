"""A page of a search or a history as a Bundle, with the links to itself, to the first page and to the next."""

from __future__ import annotations

from dataclasses import replace

from passerelle.fhir import bundle
from passerelle.fhir.outcome import operation_outcome
from passerelle.flows.ports import Here
from passerelle.flows.reach import Done
from passerelle.flows.requests import Params, Request

CURSOR = "_cursor"


def listing(done: Done, here: Here, request: Request) -> bytes:
    """The Bundle of what was found; ``request`` is the one whose pages the links lead to."""
    if done.found is None or done.query is None:
        raise ValueError("only a search or a history is a listing")
    links = _links(done, request, here)
    if done.kind == "history":
        return bundle.history(here.base, done.found, links=links)
    notes = [replace(note, severity="warning") for note in done.notes]
    outcomes = [operation_outcome(notes, request.language)] if notes else []
    return bundle.searchset(here.base, done.found, links=links, query=done.query, outcomes=outcomes)


def _links(done: Done, request: Request, here: Here) -> dict[str, str]:
    place = _place(request, here.base, done.kind == "history")
    kept = _kept(request, done)
    links = {"self": bundle.link(place, kept)}
    following = done.found.next if done.found is not None else None
    first = tuple(each for each in kept if each[0] != CURSOR)
    if len(first) != len(kept) or following:
        links["first"] = bundle.link(place, first)
    if following:
        if done.kind == "searchset":
            following = here.seal.close(following)
        # A cursor is written in letters, digits, dashes and underscores.
        links["next"] = f"{links['first']}{'&' if first else '?'}{CURSOR}={following}"
    return links


def _kept(request: Request, done: Done) -> Params:
    """The parameters that were understood: the link to itself says what was really asked."""
    left_out = {note.details.get("parameter") for note in done.notes}
    return tuple(each for each in request.params if each[0] not in left_out) if left_out else request.params


def _place(request: Request, base: str, history: bool) -> str:
    """The address of what was listed."""
    if request.within is not None:
        return "/".join((base, *request.within, request.type or "*"))
    place = "/".join(part for part in (base, request.type, request.id) if part)
    return f"{place}/_history" if history else place
