"""The files that jobs make: a folder for each job, which only this user may enter."""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path


class JobFiles:
    """Where all jobs have their folders."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def folder(self, job: str) -> JobFolder:
        return JobFolder(self.place / job)

    def path(self, job: str, name: str) -> Path:
        """Where a file is that a job says it has made."""
        return self.place / job / name

    def remove(self, job: str) -> None:
        shutil.rmtree(self.place / job, ignore_errors=True)

    def sweep(self, known: Collection[str]) -> int:
        """Remove what belongs to no job that is known; how many folders."""
        found = [one.name for one in self._folders() if one.name not in known]
        for name in found:
            self.remove(name)
        return len(found)

    def _folders(self) -> Iterator[Path]:
        with suppress(FileNotFoundError):
            yield from (one for one in self.place.iterdir() if one.is_dir())


class ClosedError(Exception):
    """Somebody wrote to a folder that was let go of."""


class JobFolder:
    """The files of one job, as it makes them."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._open: dict[str, int] = {}
        self._written: set[int] = set()
        # Who waits for a write may be stopped while its thread goes on: no file is closed under a thread's hands.
        self._lock = threading.Lock()
        self._closed = False

    async def append(self, name: str, parts: Sequence[bytes]) -> int:
        return await asyncio.to_thread(self._append, name, parts)

    async def keep(self, sizes: Mapping[str, int]) -> None:
        await asyncio.to_thread(self._keep, sizes)

    async def settle(self) -> None:
        if self._written:
            await asyncio.to_thread(self._settle)

    def close(self) -> None:
        """Nothing is written from here on."""
        with self._lock:
            self._closed = True
            self._let_go()

    def _let_go(self) -> None:
        while self._open:
            os.close(self._open.popitem()[1])
        self._written.clear()

    def _append(self, name: str, parts: Sequence[bytes]) -> int:
        with self._lock:
            if self._closed:
                raise ClosedError("The job is not in these hands any more.")
            file = self._file(name)
            self._written.add(file)
            for part in parts:
                rest = memoryview(part)
                while rest:
                    rest = rest[os.write(file, rest) :]
            return os.fstat(file).st_size

    def _file(self, name: str) -> int:
        if name not in self._open:
            self._place.mkdir(mode=0o700, parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
            self._open[name] = os.open(self._place / name, flags, 0o600)
        return self._open[name]

    def _keep(self, sizes: Mapping[str, int]) -> None:
        with self._lock:
            self._let_go()
            for file in list(self._place.iterdir()) if self._place.is_dir() else ():
                if file.name not in sizes:
                    file.unlink()
                elif file.stat().st_size > sizes[file.name]:
                    os.truncate(file, sizes[file.name])

    def _settle(self) -> None:
        with self._lock:
            for file in tuple(self._written):
                os.fdatasync(file)
            self._written.clear()
