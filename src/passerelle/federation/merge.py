"""One record from many replies: nothing is lost, nothing is doubled, and what may be missing is said.

The result does not depend on the order of the replies. Two resources of one source never become one entry.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from passerelle.federation.conflicts import conflicts_among
from passerelle.federation.person import one_patient, patient_conflicts
from passerelle.federation.questions import BROKEN
from passerelle.federation.sameness import Fact, Key, Visits, keys_of, richer, same
from passerelle.fhir.clinical import clinical_time, moment
from passerelle.fhir.concept import contained_medication
from passerelle.fhir.record import Entry, Gap, Origin, Record, Reply, Source, State
from passerelle.fhir.resource import decode
from passerelle.values import Json, NodeId

_MOST_CANDIDATES = 64
"""With how many entries of one key a fact is compared; past that it stays on its own, which loses nothing."""


def merge(replies: Sequence[Reply], sources: Sequence[Source], *, now: datetime) -> Record:
    """The record made of what the sources sent; ``sources`` says what became of every question.

    A reply that cannot be read after all makes its source faulty. Entries come newest first, those without a
    clinical time last; sources, patients and gaps come in the order of the node ids.
    """
    read = [(reply, _facts(reply)) for reply in replies]
    answered = _answered(sources, read)
    facts = [fact for _, found in read for fact in found or ()]
    facts.sort(key=lambda fact: (fact.node, fact.reference, fact.full_url, fact.body))
    people = [fact for fact in facts if fact.type == "Patient"]
    groups = _grouped([fact for fact in facts if fact.type != "Patient"], _patient_systems(people))
    groups.sort(key=lambda group: (group[0].reference, group[0].node))
    groups.sort(key=lambda group: group[0].time, reverse=True)
    partial = {reply.node: reply.partial for reply, found in read if found and reply.partial}
    return Record(
        patient=one_patient(people),
        patients=tuple(_entry([fact]) for fact in people),
        entries=tuple(_entry(group) for group in groups),
        sources=answered,
        gaps=tuple(gap for source in answered if (gap := _gap(source, partial.get(source.node, "")))),
        conflicts=patient_conflicts(people) + conflicts_among(groups),
        assembled=now,
    )


def _facts(reply: Reply) -> list[Fact] | None:
    """Every resource of a reply, read once; None if one of them cannot be read."""
    try:
        read = [(full_url, body, decode(body)) for full_url, body in reply.entries]
    except BROKEN:
        return None
    if not all(resource.__class__ is dict for _, _, resource in read):
        return None
    medications = {_reference(r): r for _, _, r in read if r.get("resourceType") == "Medication"}
    return [_fact(reply.node, full_url, body, resource, medications) for full_url, body, resource in read]


def _fact(node: NodeId, full_url: str, body: bytes, resource: Json, medications: dict[str, Json]) -> Fact:
    time = moment(clinical_time(resource))
    medication = None
    if "medicationReference" in resource:
        medication = contained_medication(resource) or medications.get(
            _local(resource["medicationReference"])
        )
    kind = str(resource.get("resourceType", ""))
    return Fact(node, _reference(resource), full_url, kind, resource, body, time, medication)


def _reference(resource: Json) -> str:
    return f"{resource.get('resourceType', '')}/{resource.get('id', '')}"


def _local(reference: object) -> str:
    address = reference.get("reference") if isinstance(reference, dict) else None
    return "/".join(address.split("/")[-2:]) if isinstance(address, str) else ""


def _patient_systems(people: Iterable[Fact]) -> frozenset[str]:
    """The systems that name persons: a fact that carries the patient's number is not known by it."""
    listed = (fact.resource.get("identifier") for fact in people)
    return frozenset(
        str(each.get("system"))
        for identifiers in listed
        if isinstance(identifiers, list)
        for each in identifiers
        if isinstance(each, dict)
    )


def _grouped(facts: list[Fact], patient_systems: frozenset[str]) -> list[list[Fact]]:
    """The facts that are one, the richest of each group first, then by node.

    Facts arrive source by source in one fixed order, and each joins the first group that takes it: so the
    outcome is the same whatever the order of the replies. A fact must be the same as every member of the group,
    since sameness is not transitive.
    """
    groups: list[list[Fact]] = []
    found: dict[Key, list[int]] = {}
    visits: dict[tuple[NodeId, str], str] = {}
    # Visits first: whether two acts are one can depend on whether their visits are.
    for fact in sorted(facts, key=lambda fact: fact.type != "Encounter"):
        keys = list(keys_of(fact, patient_systems))
        place = _place(fact, keys, found, groups, visits)
        if place is None:
            place = len(groups)
            groups.append([])
        groups[place].append(fact)
        if fact.type == "Encounter":
            visits[fact.node, fact.reference] = f"visit {place}"
        for key in keys:
            listed = found.setdefault(key, [])
            if place not in listed[-_MOST_CANDIDATES:]:
                listed.append(place)
    return [_richest_first(group) for group in groups]


def _place(
    fact: Fact, keys: list[Key], found: dict[Key, list[int]], groups: list[list[Fact]], visits: Visits
) -> int | None:
    for key in keys:
        for place in found.get(key, ())[:_MOST_CANDIDATES]:
            if all(same(fact, member, visits) for member in groups[place]):
                return place
    return None


def _richest_first(group: list[Fact]) -> list[Fact]:
    if len(group) == 1:
        return group
    best = group[0]
    for fact in group[1:]:
        best = richer(best, fact) or best
    return [best, *(fact for fact in group if fact is not best)]


def _entry(group: list[Fact]) -> Entry:
    origins = tuple(Origin(fact.node, fact.reference, fact.full_url) for fact in group)
    return Entry(group[0].type, group[0].resource, group[0].body, origins)


def _answered(
    sources: Sequence[Source], read: Sequence[tuple[Reply, list[Fact] | None]]
) -> tuple[Source, ...]:
    """The sources as they turn out: a reply that holds a record has answered, one that cannot be read is faulty."""
    known = {source.node: source for source in sources}
    for reply, found in read:
        source = known.get(reply.node) or Source(
            reply.node, {"en": reply.node, "fr": reply.node}, State.ANSWERED, reply.seconds, base=reply.base
        )
        if found is None:
            known[reply.node] = replace(source, state=State.FAULTY, reason="not-a-record", items=0)
        else:
            known[reply.node] = replace(source, state=State.ANSWERED, reason="", items=len(found))
    return tuple(known[node] for node in sorted(known))


_REASONS = {
    State.SILENT: "deadline",
    State.UNCERTAIN: "uncertain-match",
    State.REFUSED: "refused-here",
    State.FAULTY: "not-a-record",
    State.WAITING: "waiting",
}
"""Why a source leaves a gap, where the source itself gives no reason."""

_RETRYABLE = frozenset({"deadline", "connection", "error-there", "waiting"})
"""Where asking again may help."""


def _gap(source: Source, partial: str) -> Gap | None:
    reason = partial
    if source.state in _REASONS:
        reason = source.reason or _REASONS[source.state]
    if not reason:
        return None
    return Gap(source.node, source.name, reason, retryable=reason in _RETRYABLE)
