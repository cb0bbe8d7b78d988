"""Clients that put a load on a node: wrk for as fast as it goes, and an open loop that never waits for an answer."""

from __future__ import annotations

import asyncio
import json
import random
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Call = tuple[str, str, bytes]
"""method, path with its query, body."""


@dataclass(frozen=True)
class Rate:
    """What wrk saw."""

    per_second: float
    p50_ms: float
    p99_ms: float
    errors: int


def wrk(address: str, calls: Sequence[Call], token: str, connections: int, seconds: float = 6.0) -> Rate:
    """As many requests as the node answers, on one thread; the calls in turn after two seconds of warming."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "calls.lua"
        script.write_text(_lua(calls, token))
        command = ["wrk", "-t1", f"-c{connections}", "--latency", "-s", str(script), address]
        subprocess.run([*command, "-d2"], check=True, capture_output=True)
        text = subprocess.run(
            [*command, f"-d{seconds:.0f}"], check=True, capture_output=True, text=True
        ).stdout
    wrong = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    sockets = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    errors = int(wrong[1]) if wrong else 0
    errors += sum(map(int, sockets.groups())) if sockets else 0
    per_second = float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1])  # type: ignore[index]
    return Rate(per_second, _milliseconds(text, "50%"), _milliseconds(text, "99%"), errors)


def _lua(calls: Sequence[Call], token: str) -> str:
    """A request with a fresh family name wherever a body says FRESH, so that each create is a new person."""
    made = ",\n".join(
        "{" + ",".join(json.dumps(part) for part in (method, path, body.decode())) + "}"
        for method, path, body in calls
    )
    return f"""
local calls = {{{made}}}
local number = 0
local headers = {{["Authorization"] = "Bearer {token}", ["Content-Type"] = "application/fhir+json"}}
request = function()
  number = number + 1
  local call = calls[number % #calls + 1]
  local body = call[3]
  if body ~= "" then body = body:gsub("FRESH", tostring(number) .. "x" .. tostring(math.random(1e9))) end
  return wrk.format(call[1], call[2], headers, body ~= "" and body or nil)
end
"""


def _milliseconds(text: str, percentile: str) -> float:
    value, unit = re.search(rf"{percentile}\s+([\d.]+)(us|ms|s)", text).groups()  # type: ignore[union-attr]
    return float(value) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[unit]


# --- open loop ------------------------------------------------------------------------------------------------


@dataclass
class Seen:
    """What an open loop saw: seconds from when a request was due to its whole answer, and what was not a 2xx."""

    seconds: list[float] = field(default_factory=list)
    wrong: int = 0

    def percentile(self, share: float) -> float:
        """In milliseconds."""
        ordered = sorted(self.seconds)
        return 1000 * ordered[min(len(ordered) - 1, int(len(ordered) * share))]


class _Line(asyncio.Protocol):
    """One kept connection, one request at a time; what waits for it is counted as waiting."""

    def __init__(self, idle: Callable[[_Line], None], seen: Seen) -> None:
        self._idle, self._seen = idle, seen
        self._buffer, self._missing, self._due = b"", -1, 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def ask(self, request: bytes, due: float) -> None:
        self._due = due
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        if self._missing < 0:
            self._buffer += data
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            head = self._buffer[:end].lower()
            if not head.startswith(b"http/1.1 2"):
                self._seen.wrong += 1
            at = head.find(b"content-length:")
            length = int(head[at + 15 : head.find(b"\r\n", at) if head.find(b"\r\n", at) > 0 else end])
            self._missing = length - (len(self._buffer) - end - 4)
        else:
            self._missing -= len(data)
        if self._missing == 0:
            self._seen.seconds.append(time.perf_counter() - self._due)
            self._buffer, self._missing = b"", -1
            self._idle(self)


async def open_loop(
    host: str, port: int, make: Callable[[random.Random], bytes], per_second: float, seconds: float
) -> Seen:
    """Send ``make`` at a steady rate for some seconds, whether or not answers come; every request counts."""
    loop, seen, dice = asyncio.get_running_loop(), Seen(), random.Random(11)
    free: list[_Line] = []
    waiting: list[tuple[bytes, float]] = []

    def idle(line: _Line) -> None:
        if waiting:
            line.ask(*waiting.pop(0))
        else:
            free.append(line)

    for _ in range(64):
        _, line = await loop.create_connection(lambda: _Line(idle, seen), host, port)
        free.append(line)
    started, sent = time.perf_counter(), 0
    while (now := time.perf_counter() - started) < seconds:
        while sent < now * per_second:
            due = started + sent / per_second
            sent += 1
            request = make(dice)
            if free:
                free.pop().ask(request, due)
            else:
                waiting.append((request, due))
        await asyncio.sleep(0.0005)
    until = time.perf_counter() + 10
    while len(seen.seconds) < sent and time.perf_counter() < until:
        await asyncio.sleep(0.01)
    seen.wrong += sent - len(seen.seconds)
    return seen
