"""Importing in bulk: every good line is kept, every bad line is told, and a crash costs nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from passerelle.flows import bulk_import
from passerelle.flows.bulk_import import may_fetch
from passerelle.values import Json
from tests.spec.bureau import Bureau
from tests.spec.country import condition, patient

PLACE = "https://files.example/in/"


def files(contents: Mapping[str, bytes], part: int = 37) -> Any:
    """A source that gives files in small parts."""

    async def fetch(url: str) -> AsyncIterator[bytes]:
        text = contents[url.removeprefix(PLACE)]
        for start in range(0, len(text), part):
            yield text[start : start + part]

    return fetch


def ndjson(*resources: Json) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in resources)


def asked_for(*names: str, type: str | None = None) -> Json:
    def one(name: str) -> Json:
        parts = [{"name": "url", "valueUrl": PLACE + name}]
        return {"name": "input", "part": parts + ([{"name": "type", "valueCode": type}] if type else [])}

    return {"resourceType": "Parameters", "parameter": [one(name) for name in names]}


@pytest.fixture
def bureau(tmp_path: Path) -> Bureau:
    return of(tmp_path, {"p": ndjson(patient("p1"), patient("p2")), "c": ndjson(condition("c1", "flu"))})


def of(folder: Path, contents: Mapping[str, bytes]) -> Bureau:
    bureau = Bureau(folder / "jobs", files(contents), import_from=(PLACE,))
    bureau.doings["import"] = bulk_import.run
    return bureau


def held(bureau: Bureau, type: str) -> list[str]:
    scan = asyncio.run(bureau.here.store.look(lambda view: view.scan(type)))
    return sorted(json.loads(body)["id"] for body in scan.bodies)


def test_every_line_becomes_a_resource(bureau: Bureau) -> None:
    job = bureau.kick_off("$import", asked_for("p", "c"))
    bureau.work()
    manifest = bureau.status(job).json
    assert [(one["inputUrl"], one["count"]) for one in manifest["output"]] == [
        (PLACE + "p", 2),
        (PLACE + "c", 1),
    ]
    assert manifest["error"] == []
    assert (held(bureau, "Patient"), held(bureau, "Condition")) == (["p1", "p2"], ["c1"])


def test_a_bad_line_is_told_with_its_number_and_the_others_are_kept(tmp_path: Path) -> None:
    text = (
        ndjson(patient("p1")) + b"not json\n\n" + ndjson({"resourceType": "Patient", "id": "p2", "gender": 7})
    )
    bureau = of(tmp_path, {"p": text + ndjson({"resourceType": "Patient"}, patient("p3")).rstrip()})
    job = bureau.kick_off("$import", asked_for("p"))
    bureau.work()
    manifest = bureau.status(job).json
    assert held(bureau, "Patient") == ["p1", "p3"]
    (error,) = manifest["error"]
    told = [one["issue"][0]["diagnostics"] for one in bureau.lines(error["url"])]
    assert [sentence.split()[1] for sentence in told] == ["2", "4", "5"]
    assert error["count"] == 3


def test_a_file_of_one_type_holds_no_other(bureau: Bureau) -> None:
    job = bureau.kick_off("$import", asked_for("p", "c", type="Patient"))
    bureau.work()
    assert [one["count"] for one in bureau.status(job).json["output"]] == [2, 0]
    assert held(bureau, "Condition") == []


@pytest.mark.parametrize("part", range(1, 8))
def test_an_import_that_was_broken_off_writes_no_line_twice(
    tmp_path: Path, part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_import, "TOGETHER", 2)
    text = ndjson(*(patient(f"p{n}") for n in range(5))) + b"bad\n" + ndjson(patient("p9"))
    bureau = of(tmp_path, {"p": text})
    left = [part]

    async def breaks(work: Any, here: Any) -> Json:
        carry, append = work.carry, work.folder.append

        def step(act: Any) -> Any:
            async def after(*said: Any) -> Any:
                left[0] -= 1
                if left[0] == 0:
                    await act(*said)
                    raise OSError
                return await act(*said)

            return after

        work.carry, work.folder.append = step(carry), step(append)
        return await bulk_import.run(work, here)

    bureau.doings["import"] = breaks
    job = bureau.kick_off("$import", asked_for("p"))

    async def work() -> None:
        worker = bureau.worker()
        worker._failed = lambda job, bug: worker._release(job, 0)  # type: ignore[method-assign]
        while await worker.once():
            pass

    asyncio.run(work())
    manifest = bureau.status(job).json
    assert [one["count"] for one in manifest["output"]] == [6]
    versions = asyncio.run(bureau.here.store.look(lambda view: view.history("Patient", count=100).matches))
    assert sorted(one.id for one in versions) == ["p0", "p1", "p2", "p3", "p4", "p9"]
    assert len(bureau.lines(manifest["error"][0]["url"])) == 1


@pytest.mark.parametrize(
    ("url", "good"),
    [
        (PLACE + "a.ndjson", True),
        ("https://files.example/other/a", False),
        ("https://files.example.evil/in/a", False),
        ("https://files.example/in/../secret", False),
        ("https://files.example/in/%2e%2e/secret", False),
        ("https://files.example@evil.example/in/a", False),
        ("ftp://files.example/in/a", False),
        ("http://169.254.169.254/latest", False),
        ("file:///etc/passwd", False),
    ],
)
def test_files_are_fetched_only_from_where_the_operator_said(url: str, good: bool) -> None:
    assert may_fetch(url, (PLACE,)) is good


def test_an_import_from_elsewhere_is_refused_before_it_begins(bureau: Bureau) -> None:
    body = {"name": "input", "part": [{"name": "url", "valueUrl": "http://127.0.0.1/x"}]}
    said = bureau.ask(
        "POST", "$import", {"resourceType": "Parameters", "parameter": [body]}, prefer="respond-async"
    )
    assert (said.status, said.keys) == (403, ["import-source"])


@pytest.mark.parametrize(
    "body", [{"resourceType": "Patient"}, {"resourceType": "Parameters", "parameter": []}]
)
def test_an_import_of_nothing_is_refused(bureau: Bureau, body: Json) -> None:
    assert bureau.ask("POST", "$import", body, prefer="respond-async").status == 400
