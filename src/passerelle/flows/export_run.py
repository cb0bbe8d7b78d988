"""The export itself: part after part of the store to files, as everything was at one moment.

A stored body is a line as it is: it is read only where something in it decides (``_typeFilter``, ``_elements``, whose it
is). Between two parts the job says how far it is, so a crash costs the parts since then and never a line of a file.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from passerelle.fhir import compartment
from passerelle.fhir.outcome import Issue, operation_outcome
from passerelle.fhir.resource import Stored, decode, encode
from passerelle.fhir.search import Clause, Query, matches
from passerelle.fhir.subset import subset
from passerelle.flows.export import Export, at
from passerelle.flows.jobs import Work
from passerelle.flows.ports import Here, View
from passerelle.values import Json

PART = 500
"""Resources that are read at a time. Serving waits for no more than that, and what stays in the processor's caches is
written half as fast again as parts of thousands."""

Kind = str
"""``output``, ``error`` or ``deleted``: the list of the manifest that a file is in."""


@dataclass
class Reached:
    """How far an export is: the files with their good sizes, and where in the store to go on."""

    files: dict[str, Json] = field(default_factory=dict)
    place: int = 0
    """How many types, or patients, are done."""
    after: int = 0
    """Where in the present type to go on."""
    count: int = 0

    @classmethod
    def of(cls, progress: bytes) -> Reached:
        return cls(**decode(progress)) if progress != b"{}" else cls()

    @property
    def json(self) -> Json:
        return {"files": self.files, "place": self.place, "after": self.after, "count": self.count}

    @property
    def sizes(self) -> dict[str, int]:
        return {name: one["bytes"] for name, one in self.files.items()}


@dataclass(frozen=True)
class Part:
    """Some lines by type, ready to be written, and where the next part begins."""

    lines: tuple[tuple[str, bytes, int], ...]
    place: int
    after: int
    ended: bool


async def run(work: Work, here: Here) -> Json:
    """Do an export, or what is left of it; the manifest with the names of its files."""
    export = Export.of(work.job)
    reached = Reached.of(work.job.progress)
    await work.folder.keep(reached.sizes)
    one = Exporting(export, reached, work, here)
    if export.group is not None or export.patients:
        from passerelle.flows.export_members import by_patient

        await by_patient(one)
    else:
        await _types(one)
    await _beside(one)
    await work.reached(reached.json, force=True)
    return {"transactionTime": export.moment, "files": reached.files}


@dataclass
class Exporting:
    """An export under way."""

    export: Export
    reached: Reached
    work: Work
    here: Here
    members: frozenset[str] | None = None
    """The patients that are exported by name; None when nobody is named."""
    _choices: dict[str, Choose | None] = field(default_factory=dict)

    async def write(self, kind: Kind, type: str, lines: bytes, count: int) -> None:
        """Lines to the end of the last file of their type."""
        name, known = self._file(kind, type)
        known["bytes"] = await self.work.folder.append(name, [lines])
        known["count"] += count
        if kind == "output":
            self.reached.count += count

    def _file(self, kind: Kind, type: str) -> tuple[str, Json]:
        files = self.reached.files
        own = [name for name, one in files.items() if (one["kind"], one["type"]) == (kind, type)]
        if own and files[own[-1]]["bytes"] < self.here.jobs.file_bytes:
            return own[-1], files[own[-1]]
        name = f"{type if kind == 'output' else kind}.{len(own) + 1}.ndjson"
        files[name] = {"kind": kind, "type": type, "bytes": 0, "count": 0}
        return name, files[name]

    def choose(self, type: str) -> Choose | None:
        """What decides about the resources of a type."""
        if type not in self._choices:
            self._choices[type] = chosen(type, self.export, self.here.base)
        return self._choices[type]

    @property
    def since(self) -> datetime | None:
        """The first moment that counts: the parameter names the last that does not."""
        return at(self.export.since) + timedelta(milliseconds=1) if self.export.since else None

    @property
    def until(self) -> datetime:
        """As of when everything is exported."""
        then = at(self.export.moment)
        return min(then, at(self.export.until)) if self.export.until else then


async def _types(one: Exporting) -> None:
    """All types; while a part is written the next is read."""
    coming = asyncio.ensure_future(_read(one, one.reached.place, one.reached.after))
    try:
        while True:
            part = await coming
            if not part.ended:
                coming = asyncio.ensure_future(_read(one, part.place, part.after))
            for type, text, count in part.lines:
                await one.write("output", type, text, count)
            one.reached.place, one.reached.after = part.place, part.after
            if part.ended:
                break
            await one.work.reached(one.reached.json)
    finally:
        coming.cancel()


async def _read(one: Exporting, place: int, after: int) -> Part:
    return await one.here.store.look(lambda view: _part(view, one, place, after))


def _part(view: View, one: Exporting, place: int, after: int) -> Part:
    """The next part: of one type, or of several of which there are few."""
    export, found, left = one.export, list[tuple[str, bytes, int]](), PART
    scope, since, until = export.scope, one.since, one.until
    theirs = export.level == "patient"
    while place < len(export.types) and left > 0:
        type = export.types[place]
        scan = view.scan(
            type, scope=scope, since=since, until=until, after=after, count=left, of_patients=theirs
        )
        choose = one.choose(type)
        bodies = scan.bodies if choose is None else choose(scan.bodies, view)
        if bodies:
            found.append((type, lines(bodies), len(bodies)))
        left -= len(scan.bodies) or 1
        place, after = (place + 1, 0) if scan.last is None else (place, scan.last)
    return Part(tuple(found), place, after, place == len(export.types))


def lines(bodies: Sequence[bytes]) -> bytes:
    """NDJSON: one resource a line."""
    if not bodies:
        return b""
    text = b"\n".join([*bodies, b""])
    if text.count(b"\n") != len(bodies):  # a body that was kept with its line breaks
        return b"\n".join([*(encode(decode(body)) for body in bodies), b""])
    return text


# --- what decides about each resource -----------------------------------------------------------------------

Choose = Callable[[Sequence[bytes], View], list[bytes]]
"""Those of some bodies that are exported, each as it is exported."""


def chosen(type: str, export: Export, base: str) -> Choose | None:
    """What decides about the resources of a type; None when all go as they are."""
    queries, elements = export.queries(type), _elements(type, export.elements)
    if not (queries or elements):
        return None

    def choose(bodies: Sequence[bytes], view: View) -> list[bytes]:
        read = [(body, decode(body)) for body in bodies]
        if queries:
            read = _met(read, queries, view, base)
        return [encode(subset(resource, elements)) if elements else body for body, resource in read]

    return choose


def _elements(type: str, elements: Iterable[str]) -> tuple[str, ...]:
    """The elements that are asked for of this type: ``id`` of every type, ``Patient.id`` of one."""
    named = (one.rpartition(".") for one in elements)
    return tuple(name for of, _, name in named if of in ("", type))


Read = list[tuple[bytes, Json]]


def _met(read: Read, queries: list[Query], view: View, base: str) -> Read:
    """Those that meet one of the searches."""
    met: set[str] = set()
    for query in queries:
        if all(isinstance(clause, Clause) for clause in query.clauses):
            met |= {resource["id"] for _, resource in read if matches(resource, query, base=base)}
        else:  # it asks about other resources too: the engine knows them
            met |= _answered(query, [resource["id"] for _, resource in read], view)
    return [(body, resource) for body, resource in read if resource["id"] in met]


def _answered(query: Query, ids: Sequence[str], view: View) -> set[str]:
    found: set[str] = set()
    for start in range(0, len(ids), 100):
        some = tuple(ids[start : start + 100])
        asked = replace(query, clauses=(*query.clauses, Clause("_id", "token", some)), count=len(some))
        found |= {one.id for one in view.search(asked).matches}
    return found


# --- beside the resources -----------------------------------------------------------------------------------


async def _beside(one: Exporting) -> None:
    """What could not be exported, and what was deleted since."""
    if one.export.refused and "error.1.ndjson" not in one.reached.files:
        issues = [Issue("type-not-exported", "forbidden", details={"type": t}) for t in one.export.refused]
        outcomes = [encode(operation_outcome([issue])) for issue in issues]
        await one.write("error", "OperationOutcome", lines(outcomes), len(outcomes))
    if one.export.since and not any(known["kind"] == "deleted" for known in one.reached.files.values()):
        for bundle in await _deleted(one):
            await one.write("deleted", "Bundle", encode(bundle) + b"\n", 1)


async def _deleted(one: Exporting) -> list[Json]:
    """What was there at ``_since`` and is not any more, as transactions that would delete it elsewhere too."""
    gone: dict[str, bool] = {}
    after: str | None = None
    while True:
        page, after = await one.here.store.look(lambda view, after=after: _gone(view, one, after))  # type: ignore[misc]
        for reference, deleted in page:
            gone.setdefault(reference, deleted)  # the newest version says whether it is there
        if after is None:
            break
    entries = [{"request": {"method": "DELETE", "url": reference}} for reference, was in gone.items() if was]
    return [
        {"resourceType": "Bundle", "type": "transaction", "entry": entries[start : start + 1000]}
        for start in range(0, len(entries), 1000)
    ]


def _gone(view: View, one: Exporting, after: str | None) -> tuple[list[tuple[str, bool]], str | None]:
    """A page of what happened since, newest first: whether each was a deletion of something that is exported."""
    scope = one.export.scope
    found = view.history(scope=scope, since=one.since, count=1000, after=after)
    page = [
        (stored.reference, stored.deleted and _was_theirs(view, stored, one))
        for stored in found.matches
        if stored.instant <= one.until and stored.type in one.export.types
    ]
    return page, found.next


def _was_theirs(view: View, stored: Stored, one: Exporting) -> bool:
    if one.export.level == "system":
        return True
    before = view.vread(stored.type, stored.id, stored.version - 1, one.export.scope)
    if before is None or before.body is None:
        return False
    about = compartment.patients(decode(before.body), one.here.base)
    return bool(about) and (one.members is None or not one.members.isdisjoint(about))


def manifest(result: Mapping[str, Json], *, request: str, address: str) -> Json:
    """What the client is told when all is done (https://hl7.org/fhir/uv/bulkdata/export.html#response---output-manifest)."""
    files: Mapping[str, Json] = result["files"]

    def listed(kind: Kind) -> list[Json]:
        return [
            {"type": known["type"], "url": f"{address}/{name}", "count": known["count"]}
            for name, known in files.items()
            if known["kind"] == kind and known["count"]
        ]

    return {
        "transactionTime": result["transactionTime"],
        "request": request,
        "requiresAccessToken": True,
        "output": listed("output"),
        "deleted": listed("deleted"),
        "error": listed("error"),
    }
