"""Any request, done as a job: its answer waits where the job is told of.

R4 says of asynchronous requests only how bulk data come back; for everything else this follows the pattern that came
after it (https://hl7.org/fhir/async-bundle.html): a Bundle of type batch-response with the one response in it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from passerelle.fhir.outcome import BadInput, Issue
from passerelle.fhir.resource import decode, encode
from passerelle.flows.exchange import Answer, exchange
from passerelle.flows.jobs import Work, unpacked
from passerelle.flows.ports import Change, Here, Store, View
from passerelle.flows.preferences import Preferences
from passerelle.values import Json

T = TypeVar("T")


@dataclass(frozen=True)
class Marked:
    """A store that remembers, in the very change, that the request has changed something."""

    store: Store
    work: Work
    seconds: float

    async def look(
        self, question: Callable[[View], T], *, brief: bool = False, seconds: float | None = None
    ) -> T:
        # Nobody waits for this: it may take as long as would be too long for a request.
        return await self.store.look(question, seconds=seconds or self.seconds)

    async def change(self, change: Callable[[Change], T]) -> T:
        return await self.work.carry(change, {"changed": True})

    async def close(self) -> None:
        """The store is the node's, which closes it."""


async def run(work: Work, here: Here) -> Json:
    """Do the request and keep its answer. What has changed something is never done a second time."""
    if decode(work.job.progress).get("changed"):
        raise BadInput(Issue("job-interrupted", "incomplete"), status=500)
    asked = unpacked(work.job.request)
    now = replace(asked, request=replace(asked.request, prefer=_at_once(asked.request.prefer)))
    answer = await exchange(now, replace(here, store=Marked(here.store, work, here.jobs.query_seconds)))
    # INVARIANT: no event, no answer.
    await here.ledger.append([{**event, "id": here.new_id()} for event in answer.events])
    return {"body": response(answer).decode(), "files": {}}


def _at_once(prefer: Preferences) -> Preferences:
    return replace(prefer, later=False)


def response(answer: Answer) -> bytes:
    """The answer in its Bundle; a resource goes in as the bytes that it is."""
    said: Json = {"status": str(answer.status)}
    for name, header in (("location", "Location"), ("etag", "ETag")):
        if header in answer.headers:
            said[name] = answer.headers[header]
    head = b'{"resourceType":"Bundle","type":"batch-response","entry":[{"response":' + encode(said)
    return head + (b',"resource":' + answer.body if answer.body else b"") + b"}]}"
