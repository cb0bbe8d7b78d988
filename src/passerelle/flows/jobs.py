"""Work that outlives its request: asked for, written down, done beside serving, fetched later.

The pattern is FHIR's asynchronous request (https://hl7.org/fhir/R4/async.html): 202 with ``Content-Location``, which
tells how far the work is until it is done. A job carries the request as it was asked, and who asked: whoever wants to
know about it must be the same caller, and must still be allowed what the job does.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Protocol, TypeVar

from passerelle.audit import Line
from passerelle.fhir.outcome import BadInput, Issue
from passerelle.fhir.resource import decode, encode
from passerelle.flows.deciding import Asked
from passerelle.flows.ports import Change, Here
from passerelle.flows.preferences import Preferences
from passerelle.flows.requests import Request
from passerelle.store.job import Job
from passerelle.values import Caller, Json, Purpose

T = TypeVar("T")

AREA = "_jobs"
"""Where jobs are told of, below the FHIR base. No resource type begins with an underscore."""


class Folder(Protocol):
    """The files that a job makes. They are private to the node, and gone when the job is."""

    async def append(self, name: str, parts: Sequence[bytes]) -> int:
        """Write to the end of a file, which is made if there is none; its size afterwards."""

    async def keep(self, sizes: Mapping[str, int]) -> None:
        """Cut each file to the size that was last said to be good, and remove every other file."""

    async def settle(self) -> None:
        """What was written is on the disk when this returns."""


class Work(Protocol):
    """A job in the hands of whoever does it."""

    job: Job
    folder: Folder

    async def reached(self, progress: Json, *, force: bool = False) -> None:
        """Say how far the work has come, so that it goes on from there after a crash. The files are settled first.

        Not every call is written down, unless ``force``. Raises LostError when the job is somebody else's by now.
        """

    async def carry(self, work: Callable[[Change], T], progress: Json) -> T:
        """Change the store and say that it is done, both or neither."""

    def fetch(self, url: str) -> Any:
        """The lines of a file elsewhere, as they come (an asynchronous iterator of bytes)."""


class LostError(Exception):
    """The job was cancelled, or another holds it: what is done from here on would be done twice."""


Doing = Callable[[Work, Here], Awaitable[Json]]
"""How the work of one kind is done; what it returns is the job's result."""


@dataclass(frozen=True)
class Started:
    """A job that was written down."""

    id: str

    def address(self, here: Here) -> str:
        return f"{here.base}/{AREA}/{self.id}"

    def headers(self, here: Here) -> tuple[tuple[str, str], ...]:
        """What the 202 says."""
        return (("Content-Location", self.address(here)),)


async def start(kind: str, asked: Asked, details: Json, here: Here) -> Started:
    """Write a job down; whoever works on jobs will find it."""
    created = milliseconds(here)
    job = Job(
        id=here.new_id(),
        kind=kind,
        owner=owner(asked.caller),
        request=encode({"asked": packed(asked), **details}),
        created=created,
        changed=created,
        expires=created + int(here.jobs.lives * 1000),
    )

    def put(change: Change) -> bool:
        every = change.jobs.all(owner=job.owner)
        if sum(not one.ended for one in every) >= here.jobs.most:
            return False
        change.jobs.put(job)
        return True

    if not await here.store.change(put):
        details = {"limit": str(here.jobs.most)}
        raise BadInput(Issue("too-many-jobs", "throttled", details=details), status=429)
    here.wake()
    return Started(job.id)


async def postpone(asked: Asked, here: Here) -> Started:
    """Do any request later, as a job of its own; its answer is told where the job is told of."""
    return await start("request", asked, {}, here)


def owner(caller: Caller) -> str:
    """Whose job it is: the caller as the node that vouches for them knows them."""
    return f"{caller.node}|{caller.kind}|{caller.id}"


def milliseconds(here: Here) -> int:
    return int(here.now().timestamp() * 1000)


def packed(asked: Asked) -> Json:
    """A request with who asked it, as JSON."""
    request = {**asdict(asked.request), "body": b64encode(asked.request.body).decode()}
    return {
        "caller": asdict(asked.caller),
        "purpose": asked.purpose.value,
        "request": request,
        "request_id": asked.request_id,
        "token_id": asked.token_id,
        "line": asdict(asked.line),
    }


def unpacked(document: bytes) -> Asked:
    """The request that a job carries."""
    said = decode(document)["asked"]
    caller = {**said["caller"], "scopes": tuple(said["caller"]["scopes"])}
    return Asked(
        Caller(**caller),
        Purpose(said["purpose"]),
        _request(said["request"]),
        said["request_id"],
        said["token_id"],
        Line(**said["line"]),
    )


def _request(said: Json) -> Request:
    known = {one.name for one in fields(Request)}
    values: dict[str, Any] = {name: _frozen(value) for name, value in said.items() if name in known}
    values["body"] = b64decode(said["body"])
    if isinstance(said.get("prefer"), dict):
        values["prefer"] = Preferences(**said["prefer"])
    return Request(**values)


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
