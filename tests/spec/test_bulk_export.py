"""Exporting in bulk: what is exported, to whom, as of when, and what a crash may cost."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from passerelle.values import Json
from tests.spec.bureau import Bureau
from tests.spec.country import condition, patient, physician, service


@pytest.fixture
def bureau(tmp_path: Path) -> Bureau:
    bureau = Bureau(tmp_path / "jobs")
    message = {
        "resourceType": "Communication",
        "id": "d1",
        "status": "completed",
        "subject": {"reference": "Patient/p1"},
    }
    bureau.country.put(
        "on",
        patient("p1"),
        patient("p2", gender="male"),
        condition("c1", "flu", "p1"),
        condition("c2", "gout", "p2"),
        {"resourceType": "Organization", "id": "o1", "name": "Clinic"},
        {"resourceType": "Communication", "id": "d0", "status": "completed"},
        message,
        group("g1", "p1"),
    )
    return bureau


def group(id: str, *patients: str) -> Json:
    members = [{"entity": {"reference": f"Patient/{one}"}} for one in patients]
    return {"resourceType": "Group", "id": id, "type": "person", "actual": True, "member": members}


def test_the_kick_off_answers_202_with_the_address_of_the_job(bureau: Bureau) -> None:
    said = bureau.ask("GET", "Patient/$export", prefer="respond-async")
    assert said.status == 202
    assert said.answer.headers["Content-Location"].startswith("https://on.example/fhir/_jobs/")


def test_everything_is_exported_and_the_manifest_says_what(bureau: Bureau) -> None:
    job = bureau.kick_off("$export?_type=Patient,Condition")
    assert bureau.status(job).status == 202
    assert bureau.status(job).answer.headers["Retry-After"]
    assert len(bureau.status(job).answer.headers["X-Progress"]) <= 100
    bureau.work()
    said = bureau.status(job)
    manifest = said.json
    assert said.status == 200
    assert manifest["requiresAccessToken"] is True
    assert manifest["request"] == "https://on.example/fhir/$export?_type=Patient%2CCondition"
    assert [(one["type"], one["count"]) for one in manifest["output"]] == [("Patient", 2), ("Condition", 2)]
    assert manifest["error"] == []
    patients = bureau.lines(manifest["output"][0]["url"])
    assert [one["id"] for one in patients] == ["p1", "p2"]


def test_a_system_export_has_every_type_and_a_patient_export_what_is_about_patients(bureau: Bureau) -> None:
    every = bureau.exported("$export")
    assert set(every) == {"Patient", "Condition", "Organization", "Communication", "Group"}
    theirs = bureau.exported("Patient/$export")
    assert theirs == {
        "Patient": ["p1", "p2"],
        "Condition": ["c1", "c2"],
        "Communication": ["d1"],
        "Group": ["g1"],
    }


def test_a_group_export_has_its_members_and_nobody_else(bureau: Bureau) -> None:
    found = bureau.exported("Group/g1/$export")
    assert {**found, "Group": []} == {
        "Patient": ["p1"],
        "Condition": ["c1"],
        "Communication": ["d1"],
        "Group": [],
    }


def test_what_two_members_share_is_exported_once(bureau: Bureau) -> None:
    both = {
        "resourceType": "Appointment",
        "id": "a1",
        "status": "booked",
        "participant": [
            {"actor": {"reference": f"Patient/{id}"}, "status": "accepted"} for id in ("p2", "p1")
        ],
    }
    bureau.country.put("on", both, group("g2", "p1", "p2"))
    assert bureau.exported("Group/g2/$export?_type=Appointment") == {"Appointment": ["a1"]}


def test_a_group_that_is_not_there_is_not_found(bureau: Bureau) -> None:
    assert bureau.ask("GET", "Group/g9/$export", prefer="respond-async").status == 404


def test_a_posted_export_names_its_patients(bureau: Bureau) -> None:
    body = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "patient", "valueReference": {"reference": "Patient/p2"}},
            {"name": "_type", "valueString": "Patient"},
            {"name": "_type", "valueString": "Condition"},
        ],
    }
    assert bureau.exported("Patient/$export", body) == {"Patient": ["p2"], "Condition": ["c2"]}


def test_since_leaves_out_what_is_older_and_tells_what_was_deleted(bureau: Bureau) -> None:
    first = bureau.kick_off("$export")
    bureau.work()
    moment = bureau.status(first).json["transactionTime"]
    bureau.country.put("on", condition("c3", "new", "p1"))
    assert bureau.ask("DELETE", "Condition/c1").status == 204
    job = bureau.kick_off(f"$export?_since={moment}")
    bureau.work()
    manifest = bureau.status(job).json
    assert [one["id"] for one in bureau.lines(manifest["output"][0]["url"])] == ["c3"]
    (bundle,) = bureau.lines(manifest["deleted"][0]["url"])
    assert bundle["entry"] == [{"request": {"method": "DELETE", "url": "Condition/c1"}}]


def test_a_group_is_told_of_no_deletion_but_its_members(bureau: Bureau) -> None:
    since = "2020-01-01T00:00:00Z"
    for gone in ("c1", "c2"):
        assert bureau.ask("DELETE", f"Condition/{gone}").status == 204
    job = bureau.kick_off(f"Group/g1/$export?_since={since}")
    bureau.work()
    (file,) = bureau.status(job).json["deleted"]
    (bundle,) = bureau.lines(file["url"])
    assert [one["request"]["url"] for one in bundle["entry"]] == ["Condition/c1"]


def test_an_export_is_as_all_was_when_it_was_asked_for(bureau: Bureau) -> None:
    system, of_group = (
        bureau.kick_off("$export?_type=Condition"),
        bureau.kick_off("Group/g1/$export?_type=Condition"),
    )
    bureau.country.put("on", condition("c1", "changed", "p1"), condition("c9", "later", "p1"))
    bureau.ask("DELETE", "Condition/c2")
    bureau.work()
    for job, ids in ((system, ["c1", "c2"]), (of_group, ["c1"])):
        (file,) = bureau.status(job).json["output"]
        found = bureau.lines(file["url"])
        assert sorted(one["id"] for one in found) == ids
        assert found[0]["code"]["text"] == "flu"


def test_type_filters_are_searches_of_which_one_must_be_met(bureau: Bureau) -> None:
    found = bureau.exported("$export?_type=Patient,Condition&_typeFilter=Patient%3Fgender%3Dmale")
    assert found == {"Patient": ["p2"], "Condition": ["c1", "c2"]}
    either = "Condition%3F_id%3Dc1,Condition%3F_id%3Dc2,c3"
    assert bureau.exported(f"$export?_type=Condition&_typeFilter={either}") == {"Condition": ["c1", "c2"]}


def test_elements_leave_out_the_rest_and_say_so(bureau: Bureau) -> None:
    job = bureau.kick_off("$export?_type=Patient&_elements=Patient.gender")
    bureau.work()
    first = bureau.lines(bureau.status(job).json["output"][0]["url"])[0]
    assert (first["gender"], "birthDate" in first) == ("female", False)
    assert first["meta"]["tag"][0]["code"] == "SUBSETTED"


@pytest.mark.parametrize(
    ("path", "prefer", "status"),
    [
        ("$export", "", 400),
        ("$export?_outputFormat=text/csv", "respond-async", 400),
        ("$export?_type=Pasient", "respond-async", 400),
        ("$export?_since=yesterday", "respond-async", 400),
        ("$export?_typeFilter=Patient%3Fnonsense%3D1", "respond-async", 400),
        ("$export?_typeFilter=Patient%3F_count%3D1", "respond-async", 400),
        ("$export?unheard-of=1", "respond-async", 400),
        ("$export?patient=Patient/p1", "respond-async", 400),
        ("$export?includeAssociatedData=x", "respond-async, handling=lenient", 202),
        ("$export?_outputFormat=ndjson", "respond-async", 202),
        ("Patient/p1/$export", "respond-async", 404),
        ("Condition/$export", "respond-async", 404),
    ],
)
def test_what_cannot_be_exported_is_refused_with_its_reason(
    bureau: Bureau, path: str, prefer: str, status: int
) -> None:
    assert bureau.ask("GET", path, prefer=prefer).status == status


def test_only_what_the_scope_lets_through_is_exported(bureau: Bureau) -> None:
    narrow = replace(service("on"), scopes=("system/Patient.rs",))
    said = bureau.ask("GET", "$export?_type=Patient,Condition", caller=narrow, prefer="respond-async")
    job = said.answer.headers["Content-Location"].rpartition("/")[2]
    bureau.work()
    manifest = bureau.status(job, narrow).json
    assert [one["type"] for one in manifest["output"]] == ["Patient"]
    assert [one["count"] for one in manifest["error"]] == [1]


@pytest.mark.parametrize("scopes", [("system/*.cud",), ("user/*.rs",), ()])
def test_whoever_may_not_search_may_not_export(bureau: Bureau, scopes: tuple[str, ...]) -> None:
    caller = replace(service("on"), scopes=scopes)
    assert bureau.ask("GET", "$export", caller=caller, prefer="respond-async").status == 403


def test_a_person_may_not_export(bureau: Bureau) -> None:
    said = bureau.ask("GET", "$export", caller=physician("on"), prefer="respond-async")
    assert said.status == 403


def test_for_everybody_else_there_is_no_such_job(bureau: Bureau) -> None:
    job = bureau.kick_off("$export")
    other = replace(service("on"), id="someone-else")
    assert bureau.status(job, other).status == 404
    assert bureau.status("never").status == 404


def test_every_step_has_its_event(bureau: Bureau) -> None:
    said = bureau.ask("GET", "$export", prefer="respond-async")
    job = said.answer.headers["Content-Location"].rpartition("/")[2]
    assert len(said.answer.events) == 1
    assert len(bureau.status(job).answer.events) == 1
    assert len(bureau.status("never").answer.events) == 1


def test_a_cancelled_job_is_gone_with_its_files(bureau: Bureau) -> None:
    job = bureau.kick_off("$export")
    bureau.work()
    assert bureau.status(job).status == 200
    assert bureau.cancel(job).status == 202
    assert bureau.status(job).status == 404


def test_files_are_private_and_gone_when_their_time_is_over(tmp_path: Path) -> None:
    bureau = Bureau(tmp_path / "jobs", lives=0.05)
    bureau.country.put("on", patient("p1"))
    job = bureau.kick_off("$export")
    bureau.work()
    (folder,) = (tmp_path / "jobs").iterdir()
    assert folder.stat().st_mode & 0o077 == 0
    assert all(file.stat().st_mode & 0o177 == 0 for file in folder.iterdir())

    async def later() -> None:
        await asyncio.sleep(0.06)
        await bureau.worker().sweep()

    asyncio.run(later())
    assert bureau.status(job).status == 404
    assert list((tmp_path / "jobs").iterdir()) == []


def test_a_caller_has_only_so_many_jobs_at_once(tmp_path: Path) -> None:
    bureau = Bureau(tmp_path, most=1)
    bureau.kick_off("$export")
    assert bureau.ask("GET", "$export", prefer="respond-async").status == 429


@pytest.mark.parametrize("part", [1, 2, 3, 5])
def test_an_export_that_was_broken_off_goes_on_where_it_was(
    bureau: Bureau, part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("passerelle.flows.export_run.PART", 1)
    monkeypatch.setattr("passerelle.node.jobs.WRITE_DOWN", 0.0)
    run, left = bureau.doings["export"], [part]

    async def breaks(work: Any, here: Any) -> Json:
        append = work.folder.append

        async def until(name: str, parts: Any) -> int:
            left[0] -= 1
            if left[0] == 0:
                await append(name, [parts[0][:10]])  # half a line, as a crash leaves it
                raise OSError
            return int(await append(name, parts))

        work.folder.append = until
        return await run(work, here)

    bureau.doings["export"] = breaks
    job = bureau.kick_off("$export?_type=Patient,Condition")

    async def work() -> None:
        worker = bureau.worker()
        worker._failed = lambda job, bug: worker._release(job, 0)  # type: ignore[method-assign]
        while await worker.once():
            pass

    asyncio.run(work())
    manifest = bureau.status(job).json
    found = [one["id"] for file in manifest["output"] for one in bureau.lines(file["url"])]
    assert found == ["p1", "p2", "c1", "c2"]
    assert [one["count"] for one in manifest["output"]] == [2, 2]


def test_a_big_type_is_spread_over_files(tmp_path: Path) -> None:
    bureau = Bureau(tmp_path, file_bytes=10)
    bureau.country.put("on", *(patient(f"p{n}") for n in range(3)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("passerelle.flows.export_run.PART", 1)
        job = bureau.kick_off("$export?_type=Patient")
        bureau.work()
    assert [file["count"] for file in bureau.status(job).json["output"]] == [1, 1, 1]
