"""The export of some patients by name: those of a Group, or those that the request lists."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from passerelle.fhir import compartment
from passerelle.fhir.resource import Stored, decode
from passerelle.fhir.search_values import reference
from passerelle.flows.export_run import Exporting, chosen, lines
from passerelle.flows.ports import View
from passerelle.values import Json

TOGETHER = 10
"""Patients that are read at a time."""

DEEPEST = 8
"""Groups within groups."""


async def by_patient(one: Exporting) -> None:
    """Everything of each patient, some of them at a time; what is several patients' stands at the first of them."""
    members = await one.here.store.look(lambda view: _members(view, one))
    order = {id: place for place, id in enumerate(members)}
    one.members = frozenset(members)
    while one.reached.place < len(members):
        some = members[one.reached.place : one.reached.place + TOGETHER]
        found = await one.here.store.look(lambda view, some=some: _read(view, one, some, order))  # type: ignore[misc]
        for type, (text, count) in found.items():
            await one.write("output", type, text, count)
        one.reached.place += len(some)
        await one.work.reached(one.reached.json)


def _members(view: View, one: Exporting) -> list[str]:
    """The patients to export, in the order in which they are named."""
    if one.export.group is None:
        return list(one.export.patients)
    found = list(dict.fromkeys(_of_group(view, one.export.group, one.here.base, frozenset())))
    return [id for id in found if not one.export.patients or id in one.export.patients]


def _of_group(view: View, id: str, base: str, seen: frozenset[str]) -> Iterable[str]:
    stored = view.read("Group", id)
    if stored is None or stored.body is None or id in seen or len(seen) > DEEPEST:
        return
    for member in decode(stored.body).get("member") or ():
        literal = (member.get("entity") or {}).get("reference")
        if not isinstance(literal, str) or member.get("inactive") is True:
            continue
        type, _, other = reference(literal, base).partition("/")
        if type == "Patient":
            yield other
        elif type == "Group":
            yield from _of_group(view, other, base, seen | {id})


def _read(
    view: View, one: Exporting, some: list[str], order: Mapping[str, int]
) -> dict[str, tuple[bytes, int]]:
    """The lines of some patients by type, as all was at the moment of the export."""
    by_type: dict[str, list[bytes]] = defaultdict(list)
    for stored, theirs in _as_it_was(view, one, some):
        sure = theirs and _only_theirs(stored)
        if stored.body is not None and (sure or _stands_here(stored, some, order, one.here.base)):
            by_type[stored.type].append(stored.body)
    found = {}
    for type, bodies in by_type.items():
        choose = chosen(type, one.export, one.here.base)
        kept = choose(bodies, view) if choose else bodies
        if kept:
            found[type] = lines(kept), len(kept)
    return found


def _as_it_was(view: View, one: Exporting, some: list[str]) -> Iterable[tuple[Stored, bool]]:
    """What the compartments hold now, each resource as it was then; and whether it was found with one of these patients."""
    export, until, types = one.export, one.until, frozenset(one.export.types)
    changed = _changed_since(view, one, until)
    seen: set[str] = set(changed)
    for patient in some:
        for stored in view.everything(patient, types=types, since=one.since, scope=export.scope):
            if stored.reference not in seen:
                seen.add(stored.reference)
                yield stored, True
    for was in changed.values():
        if was is not None and was.type in types and (one.since is None or was.instant >= one.since):
            yield was, False


def _changed_since(view: View, one: Exporting, until: datetime) -> dict[str, Stored | None]:
    """What was written after a moment, by reference: the version of that moment, or None when there was none."""
    first: dict[str, Stored] = {}
    after: str | None = None
    while True:
        start = until + timedelta(milliseconds=1)
        page = view.history(scope=one.export.scope, since=start, count=1000, after=after)
        first |= {stored.reference: stored for stored in page.matches}  # newest first: the oldest stays
        after = page.next
        if after is None:
            break
    return {
        text: view.vread(later.type, later.id, later.version - 1, one.export.scope)
        if later.version > 1
        else None
        for text, later in first.items()
    }


def _stands_here(stored: Stored, some: list[str], order: Mapping[str, int], base: str) -> bool:
    """Whether a resource is one of these patients' and of nobody's who comes before them."""
    if stored.type == "Patient":
        return stored.id in some
    about = _about(stored, base)
    placed = [id for id in about if id in order]
    return bool(placed) and min(placed, key=order.__getitem__) in some


def _only_theirs(stored: Stored) -> bool:
    """Whether what was found in one patient's compartment is surely in no other's, without reading it: it speaks of
    one Patient at most. What a whole record brings along lies in nobody's compartment, so that it is read."""
    body = stored.body or b""
    return stored.type not in BROUGHT_ALONG and body.count(b"Patient/") <= 1


BROUGHT_ALONG = frozenset(
    {"Organization", "Practitioner", "PractitionerRole", "Location", "Medication", "Device"}
)


def _about(stored: Stored, base: str) -> tuple[str, ...]:
    resource: Json = decode(stored.body or b"{}")
    return compartment.patients(resource, base)
