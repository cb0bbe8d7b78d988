"""A node with somebody who does its jobs, all in memory but for the files that the jobs make."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from passerelle.flows import job_answers
from passerelle.flows.deciding import Asked
from passerelle.flows.exchange import Answer, exchange
from passerelle.flows.export_run import run as run_export
from passerelle.flows.jobs import AREA, Doing
from passerelle.flows.postponed import run as run_postponed
from passerelle.flows.requests import Request, understand
from passerelle.node.job_files import JobFiles
from passerelle.node.jobs import Fetch, Worker, nothing_fetched
from passerelle.values import Caller, Json, Purpose
from tests.spec.country import Country, Said, service

DOINGS: Mapping[str, Doing] = {"export": run_export, "request": run_postponed}


class Bureau:
    """One node, its worker, and a client."""

    def __init__(self, folder: Path, fetch: Fetch = nothing_fetched, **rules: Any) -> None:
        self.country = Country("on")
        here = self.country.nodes["on"]
        self.here = replace(here, jobs=replace(here.jobs, **rules))
        self.country.nodes["on"] = self.here
        self.files = JobFiles(folder)
        self.fetch = fetch
        self.doings = dict(DOINGS)

    def worker(self) -> Worker:
        return Worker(self.here, self.files, self.doings, lease=0.2, poll=0.01, fetch=self.fetch)

    def work(self) -> None:
        """Do all that waits."""

        async def all_of_it() -> None:
            worker = self.worker()
            while await worker.once():
                pass

        asyncio.run(all_of_it())

    def ask(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        caller: Caller | None = None,
        prefer: str = "",
    ) -> Said:
        headers = {"prefer": prefer, "content-type": "application/fhir+json"}
        return self.country.ask("on", method, path, body, caller=caller, headers=headers)

    def kick_off(self, path: str, body: Json | None = None, *, prefer: str = "respond-async") -> str:
        """Start a job; its id."""
        said = self.ask("POST" if body else "GET", path, body, prefer=prefer)
        assert said.status == 202, said.answer.body
        return said.answer.headers["Content-Location"].rpartition(f"/{AREA}/")[2]

    def status(self, job: str, caller: Caller | None = None) -> Said:
        return Said(asyncio.run(job_answers.status(self._asked(caller), job, self.here)))

    def cancel(self, job: str) -> Said:
        return Said(asyncio.run(job_answers.cancel(self._asked(None), job, self.here)))

    def lines(self, url: str) -> list[Json]:
        """What a file holds, as its owner fetches it."""
        job, _, name = url.rpartition(f"/{AREA}/")[2].partition("/")
        found = asyncio.run(job_answers.fetch(self._asked(None), job, name, self.here))
        assert isinstance(found, job_answers.File), found.body
        text = self.files.path(job, name).read_bytes()
        assert text.endswith(b"\n")
        return [json.loads(line) for line in text.splitlines()]

    def exported(self, path: str, body: Json | None = None, **more: str) -> Mapping[str, list[str]]:
        """The ids of an export, by type."""
        job = self.kick_off(path, body, **more)
        self.work()
        manifest = self.status(job).json
        found: dict[str, list[str]] = {}
        for file in manifest["output"]:
            found.setdefault(file["type"], []).extend(one["id"] for one in self.lines(file["url"]))
        return {type: sorted(ids) for type, ids in found.items()}

    def _asked(self, caller: Caller | None) -> Asked:
        return Asked(caller or service("on"), Purpose.TREAT, Request("$export"), "req-00000002")


def asked(method: str, path: str, caller: Caller) -> Asked:
    """A request as the edge hands it on."""
    place, _, query = path.partition("?")
    return Asked(caller, Purpose.TREAT, understand(method, place, query), "req-00000003")


__all__ = ["Answer", "Bureau", "asked", "exchange"]
