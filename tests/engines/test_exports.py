"""An export means the same on every engine, and so does an import."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from passerelle.flows import bulk_import
from passerelle.flows.exchange import exchange
from passerelle.flows.job_answers import status
from passerelle.flows.jobs import AREA
from passerelle.flows.requests import Request
from passerelle.values import Json
from tests.engines.conftest import Opener
from tests.spec.bureau import Bureau, asked
from tests.spec.country import condition, patient, service
from tests.spec.test_bulk_export import group

Found = dict[str, list[tuple[str, str]]]
"""(id, version) by type."""


class Office:
    """The bureau of a node on some engine; all in one event loop."""

    def __init__(self, store: Any, folder: Path) -> None:
        self.bureau = Bureau(folder, fetch, import_from=("https://files.example/",))
        self.bureau.doings["import"] = bulk_import.run
        self.bureau.here = replace(self.bureau.here, store=store)

    async def write(self, *resources: Json) -> None:
        def put(change: Any) -> None:
            for one in resources:
                change.put(one["resourceType"], one["id"], one, created=True)

        await self.bureau.here.store.change(put)

    async def kick_off(self, method: str, path: str, body: bytes = b"") -> str:
        request = asked(method, path, service("on"))
        headers = {"prefer": "respond-async"}
        request = replace(request, request=_with(request.request, method, path, body, headers))
        answer = await exchange(request, self.bureau.here)
        assert answer.status == 202, answer.body
        return answer.headers["Content-Location"].rpartition(f"/{AREA}/")[2]

    async def work(self) -> None:
        worker = self.bureau.worker()
        while await worker.once():
            pass

    async def manifest(self, job: str) -> Any:
        answer = await status(asked("GET", "$export", service("on")), job, self.bureau.here)
        assert answer.status == 200, answer.body
        return json.loads(answer.body)

    async def found(self, job: str) -> Found:
        by_type: Found = {}
        for file in (await self.manifest(job))["output"]:
            name = file["url"].rpartition("/")[2]
            lines = self.bureau.files.path(job, name).read_bytes().splitlines()
            resources = [json.loads(line) for line in lines]
            assert len(resources) == file["count"]
            known = by_type.setdefault(file["type"], [])
            known += [(one["id"], one["meta"]["versionId"]) for one in resources]
        return {type: sorted(ids) for type, ids in by_type.items()}


def _with(request: Request, method: str, path: str, body: bytes, headers: dict[str, str]) -> Request:
    from passerelle.flows.requests import understand

    place, _, query = path.partition("?")
    return understand(method, place, query, body, headers)


async def fetch(url: str) -> AsyncIterator[bytes]:
    for number in range(1200):
        yield json.dumps({"resourceType": "Patient", "id": f"n{number}"}).encode() + b"\n"
    yield b"{\n"


async def _all_levels(office: Office) -> None:
    await office.write(patient("p1"), patient("p2"), condition("c1", "flu"), condition("c2", "gout", "p2"))
    await office.write({"resourceType": "Organization", "id": "o1", "name": "Clinic"}, group("g1", "p1"))
    jobs = [
        await office.kick_off("GET", path)
        for path in (
            "$export?_type=Patient,Condition,Organization",
            "Patient/$export?_type=Patient,Condition",
            "Group/g1/$export?_type=Patient,Condition",
            "$export?_type=Condition&_typeFilter=Condition%3Fcode:text%3Dgout",
            "$export?_type=Condition&_typeFilter=Condition%3Fpatient._id%3Dp2",
        )
    ]
    await office.write(condition("c1", "changed"), condition("c9", "later"))
    await office.bureau.here.store.change(lambda change: change.delete("Condition", "c2"))
    await office.work()
    both = {"Patient": [("p1", "1"), ("p2", "1")], "Condition": [("c1", "1"), ("c2", "1")]}
    assert await office.found(jobs[0]) == {**both, "Organization": [("o1", "1")]}
    assert await office.found(jobs[1]) == both
    assert await office.found(jobs[2]) == {"Patient": [("p1", "1")], "Condition": [("c1", "1")]}
    assert await office.found(jobs[3]) == {"Condition": [("c2", "1")]}
    # What a filter asks of other resources is asked as they are now.
    assert set(await office.found(jobs[4])) <= {"Condition"}
    moment = (await office.manifest(jobs[0]))["transactionTime"]
    since = await office.kick_off("GET", f"$export?_since={moment}")
    await office.work()
    assert await office.found(since) == {"Condition": [("c1", "2"), ("c9", "1")]}
    assert [one["count"] for one in (await office.manifest(since))["deleted"]] == [1]
    await office.bureau.here.store.close()


def test_an_export_means_the_same_on_every_engine(new_store: Opener, tmp_path: Path) -> None:
    store = new_store(base="https://on.example/fhir")
    asyncio.run(_all_levels(Office(store, tmp_path / "jobs")))


async def _import(office: Office) -> None:
    body = {"name": "input", "part": [{"name": "url", "valueUrl": "https://files.example/a"}]}
    text = json.dumps({"resourceType": "Parameters", "parameter": [body]}).encode()
    job = await office.kick_off("POST", "$import", text)
    await office.work()
    manifest = await office.manifest(job)
    assert [one["count"] for one in (*manifest["output"], *manifest["error"])] == [1200, 1]
    scan = await office.bureau.here.store.look(lambda view: view.scan("Patient"))
    assert len(scan.bodies) == 1200
    await office.bureau.here.store.close()


def test_an_import_means_the_same_on_every_engine(new_store: Opener, tmp_path: Path) -> None:
    asyncio.run(_import(Office(new_store(base="https://on.example/fhir"), tmp_path / "jobs")))
