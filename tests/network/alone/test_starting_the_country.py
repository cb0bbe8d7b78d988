"""Bringing the country up: interrupted at any moment nothing is left running, and other people replace the first."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from passerelle.node import demo
from passerelle.node.demo import Plan, configure
from tests.network.country import COMMAND, start
from tests.network.one_node import OneNode
from tests.network.wire import call


def _of(home: Path) -> list[int]:
    """The processes whose command line names this folder, and their children."""
    found: dict[int, int] = {}
    named: set[int] = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text("ascii", "replace").rpartition(")")[2].split()[1])
                state = (entry / "stat").read_text("ascii", "replace").rpartition(")")[2].split()[0]
                words = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if state != "Z":
                found[int(entry.name)] = parent
                if str(home).encode() in words:
                    named.add(int(entry.name))
    for _ in range(5):
        named |= {pid for pid, parent in found.items() if parent in named}
    return sorted(named)


@pytest.mark.parametrize("moment", ["people are made", "nodes are started"])
def test_a_start_that_is_told_to_end_leaves_nothing_behind(tmp_path: Path, moment: str) -> None:
    home = tmp_path / "country"
    process = start(home, people="20" if moment == "nodes are started" else "20000")
    try:
        if moment == "nodes are started":
            _wait_for(lambda: _serving(home) > 5)
        else:
            _wait_for(lambda: any(home.glob("nodes/*/records.sqlite")))
            assert not (home / "population.json").exists()
        family = _of(home)
        assert len(family) > 2
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(30) != 0
        _wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in family))
        assert not (home / "network.json").exists()
    finally:
        for pid in _of(home):
            os.kill(pid, signal.SIGKILL)


def _serving(home: Path) -> int:
    return len(list(home.glob("nodes/*/node.log")))


def _wait_for(happened: object) -> None:
    until = time.monotonic() + 60
    while not happened():  # type: ignore[operator]
        assert time.monotonic() < until
        time.sleep(0.02)


def test_another_seed_replaces_the_people_and_the_same_keeps_them(tmp_path: Path) -> None:
    node = OneNode(tmp_path)

    def with_people(count: int) -> int:
        plan = Plan(tmp_path, people=count, port=node.plan.port, nodes=("on",))
        configure(plan)
        demo._populate(plan, lambda *_: None)
        node.start()
        total = call(node.fhir, "GET", "/Patient?_summary=count", token=node.token).json["total"]
        versions = call(node.fhir, "GET", "/Patient?_count=1", token=node.token).json["entry"]
        assert versions[0]["resource"]["meta"]["versionId"] == "1"
        assert node.stop() == 0
        return int(total)

    many = with_people(40)
    stamp = (tmp_path / "population.json").stat().st_mtime_ns
    assert with_people(40) == many
    assert (tmp_path / "population.json").stat().st_mtime_ns == stamp
    assert with_people(0) < many


def test_a_port_in_use_is_named_with_what_to_do(small_node: OneNode, tmp_path: Path) -> None:
    port = str(small_node.plan.port)
    command = [COMMAND, "demo", "--people", "0", "--home", str(tmp_path), "--port", port]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert port in done.stderr
    assert "--port" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
