"""The ledger: written down at once, filed later, never lost and never doubled."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from passerelle.fhir.search import Query
from passerelle.store.errors import StoreUnavailableError
from passerelle.store.journal import Journal
from passerelle.store.ledger import JournaledLedger, open_ledger
from passerelle.values import Json


def event(id_: str) -> Json:
    return {
        "resourceType": "AuditEvent",
        "id": id_,
        "type": {"code": "rest"},
        "recorded": "2026-01-01T00:00:00Z",
        "agent": [{"requestor": True}],
        "source": {"observer": {"display": "on"}},
    }


def found(ledger: JournaledLedger) -> asyncio.Future[list[str]]:
    query = Query("AuditEvent", count=1000)
    return ledger.look(lambda view: sorted(stored.id for stored in view.search(query).matches))  # type: ignore[return-value]


def opened(folder: Path) -> JournaledLedger:
    ledger = open_ledger(f"sqlite:///{folder / 'audit.sqlite'}")
    assert isinstance(ledger, JournaledLedger)
    return ledger


def test_what_was_written_down_is_found_at_once(tmp_path):
    async def story() -> list[str]:
        ledger = opened(tmp_path)
        await asyncio.gather(*(ledger.append([event(f"e{n}"), event(f"f{n}")]) for n in range(20)))
        seen = await found(ledger)
        await ledger.close()
        return seen

    assert asyncio.run(story()) == sorted([f"{letter}{n}" for letter in "ef" for n in range(20)])


def test_what_was_filed_before_is_not_filed_again_after_a_start(tmp_path):
    async def write(*ids: str) -> list[str]:
        ledger = opened(tmp_path)
        await ledger.append([event(id_) for id_ in ids])
        seen = await found(ledger)
        await ledger.close()
        return seen

    assert asyncio.run(write("a")) == ["a"]
    assert asyncio.run(write("b")) == ["a", "b"]


@pytest.mark.parametrize("mark", ["", "0", "nonsense", "999999999"])
def test_a_lost_or_stale_mark_doubles_nothing(tmp_path, mark):
    async def write(id_: str) -> list[tuple[str, int]]:
        ledger = opened(tmp_path)
        await ledger.append([event(id_)])
        query = Query("AuditEvent", count=1000)
        seen = await ledger.look(lambda view: sorted((s.id, s.version) for s in view.search(query).matches))
        await ledger.close()
        return seen

    asyncio.run(write("a"))
    (tmp_path / "audit.filed").write_text(mark)
    assert asyncio.run(write("b")) == [("a", 1), ("b", 1)]


def test_a_lost_mark_doubles_nothing_of_a_journal_that_is_read_in_many_parts(tmp_path, monkeypatch):
    """As after a restore from a copy, in which journal and store overlap."""
    monkeypatch.setattr("passerelle.store.ledger.WHOLE", 500)

    async def versions() -> int:
        ledger = opened(tmp_path)
        await ledger.append([event(f"e{n}") for n in range(20)])
        await ledger.close()
        (tmp_path / "audit.filed").unlink()
        ledger = opened(tmp_path)
        kept = await ledger.look(lambda view: len(view.history("AuditEvent", count=1000).matches))
        await ledger.close()
        return kept

    assert asyncio.run(versions()) == 20


def test_a_part_can_be_filed_while_the_rest_waits(tmp_path, monkeypatch):
    monkeypatch.setattr("passerelle.store.ledger.PART", 300)

    async def story() -> tuple[bool, bool, int]:
        ledger = opened(tmp_path)
        await ledger.append([event(f"e{n}") for n in range(20)])
        waiting = ledger.waiting
        filed = await ledger.file(part=True)
        some = 0 < filed < waiting and ledger.waiting == waiting - filed
        while await ledger.file(part=True):
            pass
        seen = await found(ledger)
        await ledger.close()
        return some, ledger.waiting == 0, len(seen)

    assert asyncio.run(story()) == (True, True, 20)


def test_a_torn_last_line_is_cut_off_and_the_rest_stays(tmp_path):
    async def write() -> None:
        ledger = opened(tmp_path)
        await ledger.append([event("a")])
        await ledger.close()

    asyncio.run(write())
    with (tmp_path / "audit.journal").open("ab") as file:
        file.write(b'{"resourceType":"AuditEv')

    async def again() -> list[str]:
        ledger = opened(tmp_path)
        await ledger.append([event("b")])
        seen = await found(ledger)
        await ledger.close()
        return seen

    assert asyncio.run(again()) == ["a", "b"]


def test_a_journal_that_is_filed_to_its_end_can_be_made_empty(tmp_path, monkeypatch):
    monkeypatch.setattr("passerelle.store.ledger.FORGET", 10)

    async def story() -> tuple[int, list[str]]:
        ledger = opened(tmp_path)
        await ledger.append([event("a")])
        await ledger.file()
        size = (tmp_path / "audit.journal").stat().st_size
        await ledger.append([event("b")])
        seen = await found(ledger)
        await ledger.close()
        return size, seen

    assert asyncio.run(story()) == (0, ["a", "b"])


def test_a_full_disk_refuses_and_acknowledges_nothing(tmp_path, monkeypatch):
    journal = Journal(tmp_path / "j")
    journal.append([b"first"]).result()
    monkeypatch.setattr(
        os, "fdatasync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    )
    with pytest.raises(StoreUnavailableError):
        journal.append([b"second"]).result()
    monkeypatch.undo()
    journal.append([b"third"]).result()
    assert journal.read(0)[0] == [b"first", b"third"]
    journal.close()


def test_a_killed_process_loses_no_event_that_it_acknowledged(tmp_path):
    for round_ in range(20):
        path = tmp_path / f"j{round_}"
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            journal = Journal(path)
            for number in range(10_000):
                journal.append([b"%d" % number] * 2).result()
                os.write(writer, b"%d\n" % number)
            os._exit(0)
        os.close(writer)
        got = b""
        while got.count(b"\n") < 5 + round_:
            got += os.read(reader, 4096)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        while more := os.read(reader, 65536):
            got += more
        os.close(reader)
        journal = Journal(path)
        kept = [int(line) for line in journal.read(0)[0]]
        acknowledged = [int(line) for line in got.split(b"\n") if line]
        assert set(acknowledged) <= set(kept)
        assert all(kept.count(number) == 2 for number in acknowledged)
        journal.close()
