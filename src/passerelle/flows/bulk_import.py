"""Import in bulk: NDJSON files elsewhere become resources here, line after line, each checked as if it had been sent.

``POST [base]/$import`` with Parameters: ``input`` once for each file, with the parts ``url`` and (if all lines are of one
type) ``type``. The addresses that a node fetches from are its operator's decision. What is wrong with a line is written to
an error file with the line's number; the other lines are kept. Lines and how far the import is become true together,
so a crash neither loses a line nor writes one twice.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from passerelle.fhir import intake
from passerelle.fhir.definitions import resource_types
from passerelle.fhir.outcome import BadInput, Issue, operation_outcome
from passerelle.fhir.resource import decode, encode
from passerelle.flows.deciding import Asked
from passerelle.flows.doing import aside, checked
from passerelle.flows.export import NOT_EXPORTED
from passerelle.flows.jobs import Work, start
from passerelle.flows.operation import Result
from passerelle.flows.ports import Change, Here
from passerelle.flows.reach import Reach, bad_value
from passerelle.values import FHIR_ID, Json, instant

TOGETHER = 500
"""Lines that are written in one change."""
ENOUGH = 2 * 1024 * 1024
"""Bytes of lines after which a change is full, however few they are."""

FORMATS = frozenset({"application/fhir+ndjson", "application/ndjson", "ndjson"})


@dataclass(frozen=True)
class Input:
    """One file to import."""

    url: str
    type: str | None = None


@dataclass
class Reached:
    """How far an import is."""

    place: int = 0
    """How many files are done."""
    line: int = 0
    """How many lines of the present file are done."""
    count: int = 0
    kept: dict[str, int] = field(default_factory=dict)
    """By file: how many resources were written."""
    files: dict[str, Json] = field(default_factory=dict)
    """The error files, with their good sizes."""

    @classmethod
    def of(cls, progress: bytes) -> Reached:
        return cls(**decode(progress)) if progress != b"{}" else cls()


# --- asking -------------------------------------------------------------------------------------------------


async def bulk_import(asked: Asked, reach: Reach, here: Here) -> Result:
    """``$import``: read the request, see that the files may be fetched, and write the job down."""
    if not asked.request.prefer.later:
        raise BadInput(Issue("export-needs-async", "required"))
    inputs = read(intake.read_json(asked.request.body, here.limits))
    for one in inputs:
        if not may_fetch(one.url, here.jobs.import_from):
            raise BadInput(Issue("import-source", "forbidden"), status=403)
    types = None if reach.scope.types is None else sorted(reach.scope.types)
    details = {"inputs": [asdict(one) for one in inputs], "types": types}
    started = await start("import", asked, details, here)
    return Result(b"", status=202, headers=started.headers(here))


def read(parameters: Json) -> list[Input]:
    """The files that a Parameters resource names."""
    found = parameters.get("parameter")
    if parameters.get("resourceType") != "Parameters" or not isinstance(found, list):
        raise BadInput(Issue("parameters-expected", "structure", "Parameters.parameter"))
    inputs = []
    for place, one in enumerate(found):
        at = f"Parameters.parameter[{place}]"
        name = one.get("name") if isinstance(one, dict) else None
        if name == "input":
            inputs.append(_input(one, at))
        elif name == "inputFormat":
            if _value(one) not in FORMATS:
                raise bad_value("inputFormat")
        elif name != "inputSource":
            known = "input, inputFormat, inputSource"
            raise BadInput(Issue("unknown-operation-parameter", "not-supported", at, {"known": known}))
    if not inputs:
        raise bad_value("input")
    return inputs


def _input(one: Json, at: str) -> Input:
    parts = {part.get("name"): _value(part) for part in one.get("part") or () if isinstance(part, dict)}
    url, type = parts.get("url"), parts.get("type")
    if url is None or (type is not None and type not in resource_types()):
        raise BadInput(Issue("bad-parameter-value", "value", at, {"parameter": "input"}))
    return Input(url, type)


def _value(parameter: Json) -> str | None:
    found = next((value for name, value in parameter.items() if name.startswith("value")), None)
    return found if isinstance(found, str) else None


def may_fetch(url: str, allowed: Sequence[str]) -> bool:
    """Whether the operator lets this node fetch from there. An address that could mean another place is refused."""
    if not re.fullmatch(r"(https?|file)://[A-Za-z0-9.\-:\[\]]*/[A-Za-z0-9._~\-/%+=,@$?&]*", url):
        return False
    path = url.partition("?")[0].lower()
    if "/.." in path or "/./" in path or "%2e" in path or "%2f" in path or "%00" in path:
        return False
    return any(url.startswith(start if start.endswith("/") else f"{start}/") for start in allowed)


# --- doing --------------------------------------------------------------------------------------------------


async def run(work: Work, here: Here) -> Json:
    """Do an import, or what is left of it."""
    said = decode(work.job.request)
    inputs = [Input(**one) for one in said["inputs"]]
    types = None if said["types"] is None else frozenset(said["types"])
    reached = Reached.of(work.job.progress)
    await work.folder.keep({name: one["bytes"] for name, one in reached.files.items()})
    for one in inputs[reached.place :]:
        await _file(one, Importing(types, reached, work, here))
        reached.place, reached.line = reached.place + 1, 0
        await work.reached(asdict(reached), force=True)
    manifest = {"inputs": said["inputs"], "kept": reached.kept, "files": reached.files}
    return {**manifest, "transactionTime": instant(here.now())}


@dataclass
class Importing:
    """An import under way."""

    types: frozenset[str] | None
    reached: Reached
    work: Work
    here: Here


@dataclass
class Batch:
    """Some lines, read and checked."""

    resources: list[Json] = field(default_factory=list)
    faults: list[Json] = field(default_factory=list)


async def _file(one: Input, doing: Importing) -> None:
    reached = doing.reached
    done = reached.line
    async for first, some in _batches(doing.work.fetch(one.url), done):
        size = sum(map(len, some))
        batch = await aside(size, lambda first=first, some=some: _checked(some, first, one, doing))  # type: ignore[misc]
        await _told(batch.faults, one, doing)
        reached.line = first + len(some)
        reached.count += len(batch.resources)
        reached.kept[one.url] = reached.kept.get(one.url, 0) + len(batch.resources)
        await doing.work.carry(lambda change, batch=batch: _write(change, batch), asdict(reached))  # type: ignore[misc]


def _write(change: Change, batch: Batch) -> None:
    change.load(batch.resources)


async def _batches(parts: AsyncIterator[bytes], skipped: int) -> AsyncIterator[tuple[int, list[bytes]]]:
    """Lines in batches, each with how many lines came before it; those that are done already are left out."""
    number, some, size = 0, list[bytes](), 0
    async for line in _lines(parts):
        number += 1
        if number <= skipped:
            continue
        some.append(line)
        size += len(line)
        if len(some) == TOGETHER or size >= ENOUGH:
            yield number - len(some), some
            some, size = [], 0
    if some:
        yield number - len(some), some


async def _lines(parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    rest = b""
    async for part in parts:
        *whole, rest = (rest + part).split(b"\n")
        for line in whole:
            yield line
    if rest:
        yield rest


def _checked(some: Sequence[bytes], first: int, one: Input, doing: Importing) -> Batch:
    batch = Batch()
    seen: set[str] = set()
    for number, line in enumerate(some, first + 1):
        if not line.strip():
            continue
        try:
            resource = _resource(line, one, doing)
        except BadInput as bad:
            told = Issue("import-line", "invalid", details={"line": str(number)})
            batch.faults.append(operation_outcome([told, *bad.issues]))
            continue
        reference = f"{resource['resourceType']}/{resource['id']}"
        if reference in seen:  # twice in one change: the later is the one that is meant
            batch.resources = [r for r in batch.resources if f"{r['resourceType']}/{r['id']}" != reference]
        seen.add(reference)
        batch.resources.append(resource)
    return batch


def _resource(line: bytes, one: Input, doing: Importing) -> Json:
    """The resource of a line, if it may be kept."""
    resource = intake.read_json(line, doing.here.limits)
    type: Any = resource.get("resourceType")
    if one.type is not None and type != one.type:
        raise BadInput(Issue("import-type", "structure", "resourceType", {"type": one.type}))
    checked(resource, type if isinstance(type, str) else None, doing.here)
    if not isinstance(resource.get("id"), str) or not FHIR_ID.fullmatch(resource["id"]):
        raise BadInput(Issue("import-needs-id", "required", f"{type}.id"))
    if type in NOT_EXPORTED or (doing.types is not None and type not in doing.types):
        raise BadInput(Issue("forbidden", "forbidden"))
    return resource


async def _told(faults: Sequence[Json], one: Input, doing: Importing) -> None:
    if not faults:
        return
    name = f"error.{doing.reached.place + 1}.ndjson"
    known = doing.reached.files.setdefault(name, {"url": one.url, "bytes": 0, "count": 0})
    text = b"".join(encode(fault) + b"\n" for fault in faults)
    known["bytes"] = await doing.work.folder.append(name, [text])
    known["count"] += len(faults)


def manifest(result: Json, *, request: str, address: str) -> Json:
    """What the client is told when all is done."""
    output = [
        {
            "type": one["type"] or "Resource",
            "inputUrl": one["url"],
            "count": result["kept"].get(one["url"], 0),
        }
        for one in result["inputs"]
    ]
    error = [
        {
            "type": "OperationOutcome",
            "url": f"{address}/{name}",
            "count": one["count"],
            "inputUrl": one["url"],
        }
        for name, one in result["files"].items()
    ]
    told = {"transactionTime": result["transactionTime"], "request": request, "requiresAccessToken": True}
    return {**told, "output": output, "error": error}


__all__ = ["bulk_import", "manifest", "may_fetch", "read", "run"]
