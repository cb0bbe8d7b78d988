"""What happened, in order, on the disk before anybody is answered: an append-only file of one JSON value a line.

A line counts when its newline is on the disk. Whatever a crash left after the last newline was never acknowledged,
and is cut off when the file is opened again.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from queue import SimpleQueue

from passerelle.store.errors import StoreUnavailableError

BATCH = 256
"""Appends that share one write and one fsync, at most."""
_SCAN = 64 * 1024


class Journal:
    """One file, one thread that writes it; everything that waits is written and synced together."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self.end = _whole(self._file)
        os.ftruncate(self._file, self.end)
        self._waiting: SimpleQueue[tuple[bytes, Future[None]] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._write, name="passerelle-journal", daemon=True)
        self._thread.start()

    def append(self, lines: Sequence[bytes]) -> Future[None]:
        """Write these lines; the future is done when they are on the disk. No line may hold a newline."""
        done: Future[None] = Future()
        self._waiting.put((b"".join(line + b"\n" for line in lines), done))
        return done

    def read(self, start: int, most: int = 4 * 1024 * 1024) -> tuple[list[bytes], int]:
        """The whole lines from a position on, about ``most`` bytes of them, and the position after the last."""
        end = self.end
        found = os.pread(self._file, min(most, end - start), start)
        if start + len(found) < end:
            found = found[: found.rfind(b"\n") + 1] or os.pread(self._file, end - start, start)
        return found.splitlines(), start + len(found)

    def forget(self, end: int) -> bool:
        """Make the file empty, if nothing was written after ``end``."""
        done: Future[None] = Future()
        self._waiting.put((b"", done))
        done.result()
        if self.end != end:
            return False
        os.ftruncate(self._file, 0)
        self.end = 0
        return True

    def close(self) -> None:
        """Finish what is waiting and let go of the file."""
        self._waiting.put(None)
        self._thread.join()
        os.close(self._file)

    def _write(self) -> None:
        while (first := self._waiting.get()) is not None:
            batch, last = self._batch(first)
            self._together(batch)
            if last:
                return

    def _batch(self, first: tuple[bytes, Future[None]]) -> tuple[list[tuple[bytes, Future[None]]], bool]:
        batch = [first]
        while len(batch) < BATCH and not self._waiting.empty():
            following = self._waiting.get()
            if following is None:
                return batch, True
            batch.append(following)
        return batch, False

    def _together(self, batch: list[tuple[bytes, Future[None]]]) -> None:
        text = b"".join(lines for lines, _ in batch)
        try:
            if text:
                _all(self._file, text, self.end)
                os.fdatasync(self._file)
                self.end += len(text)
        except OSError as error:
            # INVARIANT: nothing is acknowledged that is not on the disk; what was half written is overwritten next.
            refusal = StoreUnavailableError(
                f"The journal cannot be written: {error.strerror}. Free some space."
            )
            for _, done in batch:
                done.set_exception(refusal)
            return
        for _, done in batch:
            done.set_result(None)


def _all(file: int, text: bytes, place: int) -> None:
    """Write all of it at its place: a full disk can take a part only."""
    view = memoryview(text)
    while view:
        written = os.pwrite(file, view, place)
        view, place = view[written:], place + written


def _whole(file: int) -> int:
    """Where the last whole line ends."""
    end = os.fstat(file).st_size
    while end > 0:
        start = max(0, end - _SCAN)
        newline = os.pread(file, end - start, start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0
