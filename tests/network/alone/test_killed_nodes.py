"""A node that dies in the midst of writing: what it said it had kept is there, whole, when it comes back."""

from __future__ import annotations

import asyncio
import json
import random
import threading
import time
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any

from passerelle.store.ledger import open_ledger
from tests.network.one_node import OneNode
from tests.network.wire import FHIR, call

ROUNDS = 10
WRITERS = 4


@dataclass
class Writing:
    """What several callers write at once until nobody answers any more: a Patient with a Condition each time, half
    of them as a transaction of two, half of them as two requests."""

    node: OneNode
    round: int
    pairs: set[str] = field(default_factory=set)
    """Ids of the transactions that were acknowledged."""
    singles: set[str] = field(default_factory=set)
    """References of the single writes that were acknowledged."""

    def run(self, seconds: float) -> None:
        """Write, and kill the node after so many seconds from the first acknowledgement."""
        writers = [threading.Thread(target=self._write, args=(number,)) for number in range(WRITERS)]
        for writer in writers:
            writer.start()
        while not self.pairs and any(writer.is_alive() for writer in writers):
            time.sleep(0.001)
        time.sleep(seconds)
        self.node.kill()
        for writer in writers:
            writer.join()

    def _write(self, writer: int) -> None:
        for count in range(10_000):
            id = f"r{self.round}-w{writer}-{count}"
            try:
                if writer % 2:
                    self._transaction(f"t-{id}")
                else:
                    self._single(_patient(f"s-{id}"))
                    self._single(_condition(f"s-{id}"))
            except (OSError, HTTPException):
                return

    def _transaction(self, id: str) -> None:
        entries = [
            {"resource": each, "request": {"method": "PUT", "url": f"{each['resourceType']}/{id}"}}
            for each in (_patient(id), _condition(id))
        ]
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        answer = self._send("POST", "", bundle)
        assert answer == 200, answer
        self.pairs.add(id)

    def _single(self, resource: dict[str, Any]) -> None:
        reference = f"{resource['resourceType']}/{resource['id']}"
        answer = self._send("PUT", f"/{reference}", resource)
        assert answer == 201, answer
        self.singles.add(reference)

    def _send(self, method: str, path: str, body: Any) -> int:
        node, sent = self.node, json.dumps(body).encode()
        return call(node.fhir, method, path, sent, token=node.token, content_type=FHIR).status


def _patient(id: str) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": id, "name": [{"family": "Inventée"}]}


def _condition(id: str) -> dict[str, Any]:
    code = {"text": "Rhume des foins"}
    return {"resourceType": "Condition", "id": id, "code": code, "subject": {"reference": f"Patient/{id}"}}


def test_what_was_acknowledged_over_http_survives_a_kill_whole_and_with_its_event(
    fresh_node: OneNode,
) -> None:
    dice = random.Random(1867)
    pairs: set[str] = set()
    singles: set[str] = set()
    for number in range(ROUNDS):
        fresh_node.start()
        _is_all_there(fresh_node, pairs, singles)
        writing = Writing(fresh_node, number)
        writing.run(dice.uniform(0.0, 0.15))
        assert writing.pairs, "nothing was written before the kill"
        pairs |= writing.pairs
        singles |= writing.singles
    fresh_node.start()
    _is_all_there(fresh_node, pairs, singles)
    assert fresh_node.stop() == 0
    noted = asyncio.run(_noted(fresh_node))
    assert singles <= set(noted), "an acknowledged write has no event"
    assert noted.count("transaction") >= len(pairs), "an acknowledged transaction has no event"


def _is_all_there(node: OneNode, pairs: set[str], singles: set[str]) -> None:
    patients, conditions = _ids(node, "Patient"), _ids(node, "Condition")
    whole = {id for id in patients if id.startswith("t-")}
    assert whole == {id for id in conditions if id.startswith("t-")}, "half of a transaction is there"
    assert pairs <= whole, "an acknowledged transaction is gone"
    kept = {f"Patient/{id}" for id in patients} | {f"Condition/{id}" for id in conditions}
    assert singles <= kept, "an acknowledged write is gone"


def _ids(node: OneNode, type: str) -> set[str]:
    """Every id of this type, page by page."""
    found: set[str] = set()
    address = f"{node.fhir}/{type}?_elements=id&_count=1000"
    while address:
        page = call(address, "GET", token=node.token).json
        found |= {entry["resource"]["id"] for entry in page.get("entry", ())}
        address = next((link["url"] for link in page["link"] if link["relation"] == "next"), "")
    return found


async def _noted(node: OneNode) -> list[str]:
    """What each event in the ledger of a node that has ended is about: a reference, or the word transaction."""
    ledger = open_ledger(f"sqlite:///{node.folder / 'audit.sqlite'}", base=node.fhir)
    kept = await ledger.look(lambda view: view.history(count=1_000_000).matches)
    await ledger.close()
    events = [json.loads(one.body) for one in kept if one.body is not None]
    return [_about(event) for event in events]


def _about(event: dict[str, Any]) -> str:
    kinds = {subtype["code"] for subtype in event.get("subtype", ())}
    what = (entity.get("what", {}).get("reference") for entity in event.get("entity", ()))
    return "transaction" if "transaction" in kinds else next(filter(None, what), "")
