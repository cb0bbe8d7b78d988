"""The demo's people: their records in each node's database, their logins, and who the cast are."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from passerelle import synthetic
from passerelle.fhir.clinical import human_name
from passerelle.node.accounts import DEMO_COST, Account, hash_password
from passerelle.store import open_store
from passerelle.values import Json, NodeId

if TYPE_CHECKING:
    from passerelle.node.demo import Plan

FORMAT = 1
"""Raised when what is written changes, so that an older demo's data are made anew."""

CHUNK = 500
TICK = 20


def fill(plan: Plan, nodes: tuple[str, ...], ticks: Any) -> int:
    """One worker's share; see ``_fill``."""
    return asyncio.run(_fill(plan, nodes, ticks))


async def _fill(plan: Plan, nodes: tuple[str, ...], ticks: Any) -> int:
    """Write the records of everybody into the databases of these nodes; the number of resources written.

    Everybody is made again by each worker: making them is cheaper than handing them from one process to another.
    """
    from passerelle.node.demo import TODAY

    people = [member.person for member in synthetic.cast(today=TODAY)]
    everybody = _chain(people, _counted(synthetic.population(plan.seed, plan.people, today=TODAY), ticks))
    stores = {
        node: open_store(
            f"sqlite:///{(plan.folder(node) / 'records.sqlite').absolute()}",
            base=f"{plan.address(node)}/fhir",
        )
        for node in nodes
    }
    waiting: dict[str, list[Json]] = {node: list(synthetic.shared(plan.seed, NodeId(node))) for node in nodes}
    written = 0
    for person in everybody:
        for node in nodes:
            waiting[node].extend(person.records.get(NodeId(node), ()))
            if len(waiting[node]) >= CHUNK:
                written += await stores[node].load(waiting[node])
                waiting[node] = []
    for node in nodes:
        written += await stores[node].load(waiting[node])
        await stores[node].close()
    return written


def _chain(first: Iterable[synthetic.Person], then: Iterable[synthetic.Person]) -> Iterator[synthetic.Person]:
    yield from first
    yield from then


def _counted(people: Iterator[synthetic.Person], ticks: Any) -> Iterator[synthetic.Person]:
    while batch := list(islice(people, TICK)):
        yield from batch
        ticks.put(len(batch))


def logins(plan: Plan) -> list[Json]:
    """Who can sign in: a physician, a nurse and a pharmacist at each node, and the cast as patients at their home."""
    return [{key: value for key, value in person.items() if key in SHOWN} for person in everyone(plan)]


SHOWN = ("login", "password", "node", "role", "name", "story")


def everyone(plan: Plan) -> list[Json]:
    """Every local account of the demo. The passwords are no secret: they open invented records on this machine only."""
    return [*_professionals(plan), *_patients(plan)]


OTHERS = {
    "nurse": "Camille Bouchard",
    "pharmacist": "Anita Rao",
    "clerk": "Sam Whitecloud",
    "privacy": "Helen Osei",
    "operator": "Luc Fontaine",
}
"""One login for each other role, at the first node."""


def _professionals(plan: Plan) -> Iterator[Json]:
    for node in plan.nodes:
        practitioner = synthetic.physician(NodeId(node))
        name = human_name(practitioner["name"][0])
        yield _account(f"dr-{node}", node, "physician", f"Dr. {name}", practitioner=practitioner["id"])
    for role, name in OTHERS.items():
        yield _account(f"{role}-{plan.nodes[0]}", plan.nodes[0], role, name)


def _patients(plan: Plan) -> Iterator[Json]:
    from passerelle.node.demo import TODAY

    for member in synthetic.cast(today=TODAY):
        node = next((node for node in member.person.records if node in plan.nodes), None)
        if node is not None:
            patient = member.person.patient(node)
            yield _account(
                member.key, node, "patient", _name(member.person), patient=patient["id"], story=member.story
            )


def _account(login: str, node: str, role: str, name: str, **more: Any) -> Json:
    return {
        "login": login,
        "password": f"{login}-demo",
        "node": node,
        "role": role,
        "name": name,
        "story": "",
        **more,
    }


def _name(person: synthetic.Person) -> str:
    """What the place that wrote last calls them."""
    first = next(iter(person.records.values()))[0]
    return human_name(first["name"][0])


def patients(plan: Plan) -> list[Json]:
    """The cast, as whoever looks for them would know them."""
    from passerelle.node.demo import TODAY

    return [
        {
            "name": _name(member.person),
            "birthDate": member.person.birth_date,
            "identifiers": [{"system": i.system, "value": i.value} for i in member.person.identifiers],
            "nodes": [node for node in member.person.records if node in plan.nodes],
            "story": member.story,
        }
        for member in synthetic.cast(today=TODAY)
    ]


def account(person: Json) -> Account:
    """The local account of one of the demo's people."""
    return Account(
        login=person["login"],
        role=person["role"],
        name=person["name"],
        hash=hash_password(person["password"], DEMO_COST),
        patient=person.get("patient"),
        practitioner=person.get("practitioner"),
    )
