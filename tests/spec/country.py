"""A country of nodes in memory: real stores, real decisions, real merging; only the wire between them is a call."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from passerelle.federation.directory import Agreement, Directory, NodeEntry
from passerelle.fhir.intake import Limits
from passerelle.flows.exchange import Answer, Asked, exchange
from passerelle.flows.federate import Question
from passerelle.flows.ports import Heard, Here, Nothing, Wire
from passerelle.flows.requests import understand
from passerelle.store.ledger import PlainLedger
from passerelle.store.memory import MemoryStore
from passerelle.values import Caller, Json, NodeId, Purpose

T = TypeVar("T")

NAMES = {"on": "Ontario", "qc": "Québec", "bc": "British Columbia", "mb": "Manitoba", "ns": "Nova Scotia"}
HCN = "https://fhir.infoway-inforoute.ca/NamingSystem/ca-on-patient-hcn"
PHN = "https://fhir.infoway-inforoute.ca/NamingSystem/ca-bc-patient-healthcare-id"


def run(work: Awaitable[T]) -> T:
    async def inner() -> T:
        return await work

    return asyncio.run(inner())


def physician(node: str) -> Caller:
    return Caller("dr-ng", "person", "physician", NodeId(node), "Clinic", "Dr. Ng", scopes=("user/*.cruds",))


def service(node: str) -> Caller:
    return Caller("loader", "service", "service", NodeId(node), scopes=("system/*.cruds",))


@dataclass
class Line:
    """The wire of one node: whom it reaches, who is slow, who is dead, and what was sent."""

    country: Country
    here: str
    sent: list[tuple[str, str]] = field(default_factory=list)

    async def ask(
        self, node: NodeEntry, wire: Wire, caller: Caller, purpose: Purpose, seconds: float
    ) -> Heard | Nothing:
        self.sent.append((node.id, wire.path))
        if node.id in self.country.refusing:
            return Nothing("connection")
        try:
            async with asyncio.timeout(seconds):
                await asyncio.sleep(self.country.delay.get(node.id, 0))
                if node.id in self.country.garbage:
                    return Heard(200, self.country.garbage[node.id])
                there = self.country.nodes[node.id]
                request = understand(wire.method, wire.path, "", wire.body)
                answer = await exchange(Asked(caller, purpose, request, "req-00000001"), there)
                self.country.events += [(node.id, event) for event in answer.events]
                return Heard(answer.status, answer.body)
        except TimeoutError:
            return Nothing("deadline")


class Country:
    """Some nodes, all of whom may ask each other for care unless an agreement is taken away."""

    def __init__(self, *ids: str, deadline: float = 0.5, apart: Sequence[str] = ()) -> None:
        self.ids = ids or tuple(NAMES)
        self.apart = frozenset(apart)
        self.delay: dict[str, float] = {}
        self.refusing: set[str] = set()
        self.garbage: dict[str, bytes] = {}
        self.events: list[tuple[str, Json]] = []
        self.lines = {id_: Line(self, id_) for id_ in self.ids}
        counter = itertools.count(1)
        self.nodes = {
            id_: Here(
                id=NodeId(id_),
                base=f"https://{id_}.example/fhir",
                name={"en": NAMES[id_], "fr": NAMES[id_]},
                store=MemoryStore(base=f"https://{id_}.example/fhir"),
                ledger=PlainLedger(MemoryStore(base=f"https://{id_}.example/fhir")),
                sources=self.lines[id_],
                directory=self.directory,
                now=lambda: datetime.now(UTC),
                timer=time.monotonic,
                new_id=lambda: f"made-{next(counter)}",
                limits=Limits(),
                deadline=deadline,
            )
            for id_ in self.ids
        }

    def directory(self) -> Directory:
        now = datetime.now(UTC)
        entries = tuple(
            NodeEntry(
                NodeId(i),
                {"en": NAMES[i], "fr": NAMES[i]},
                {"en": i, "fr": i},
                f"https://{i}.example/fhir",
                (),
                i,
            )
            for i in self.ids
        )
        agreements = tuple(
            Agreement(f"care-{i}", "*", i, (Purpose.TREAT,)) for i in self.ids if i not in self.apart
        )
        return Directory("test", entries, agreements, now - timedelta(days=1), now + timedelta(days=1))

    def put(self, node: str, *resources: Json) -> None:
        """Write resources as they are, under the ids that they have."""

        async def write() -> None:
            def work(change: Any) -> None:
                for resource in resources:
                    change.put(resource["resourceType"], resource["id"], resource, created=True)

            await self.nodes[node].store.change(work)

        run(write())

    def ask(
        self,
        node: str,
        method: str,
        path: str,
        body: Any = None,
        *,
        caller: Caller | None = None,
        purpose: Purpose = Purpose.TREAT,
        headers: Mapping[str, str] | None = None,
    ) -> Said:
        """One FHIR request to a node, as its edge would hand it on."""
        here = self.nodes[node]
        raw = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else b""
        place, _, query = path.partition("?")
        request = understand(method, place, query, raw, headers or {})
        asked = Asked(caller or service(node), purpose, request, "req-00000001")
        answer = run(exchange(asked, here))
        self.events += [(node, event) for event in answer.events]
        return Said(answer)

    def question(self, node: str, demographics: Json, **changes: Any) -> Question:
        return replace(Question(physician(node), Purpose.TREAT, demographics), **changes)


@dataclass(frozen=True)
class Said:
    """An answer, easy to look into."""

    answer: Answer

    @property
    def status(self) -> int:
        return self.answer.status

    @property
    def json(self) -> Any:
        return json.loads(self.answer.body)

    @property
    def keys(self) -> list[str]:
        """The message keys of an OperationOutcome."""
        return [issue["details"]["coding"][0]["code"] for issue in self.json["issue"]]

    @property
    def expressions(self) -> list[str]:
        return [place for issue in self.json["issue"] for place in issue.get("expression", ())]

    @property
    def resources(self) -> list[Json]:
        return [entry["resource"] for entry in self.json.get("entry", ()) if "resource" in entry]


def patient(id_: str = "p1", *, number: str = "9876543217", **changes: Any) -> Json:
    return {
        "resourceType": "Patient",
        "id": id_,
        "identifier": [{"system": HCN, "value": number}],
        "name": [{"family": "Ducharme", "given": ["Odile"]}],
        "birthDate": "1970-05-06",
        "gender": "female",
        **changes,
    }


def condition(id_: str, text: str, about: str = "p1", **changes: Any) -> Json:
    return {
        "resourceType": "Condition",
        "id": id_,
        "clinicalStatus": {
            "coding": [
                {"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}
            ]
        },
        "code": {"text": text},
        "subject": {"reference": f"Patient/{about}"},
        **changes,
    }
