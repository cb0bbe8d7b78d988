"""A PostgreSQL server of one's own, with every sync on, that may be killed."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import psycopg


class Server:
    """Starts on entering, is gone on leaving."""

    def __init__(self, place: Path, programs: Path) -> None:
        self._place = place
        self._programs = programs
        self._as_other = _other_user()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = int(probe.getsockname()[1])

    @property
    def address(self) -> str:
        return f"postgresql://passerelle@127.0.0.1:{self._port}/postgres"

    def __enter__(self) -> Server:
        if self._as_other:
            shutil.chown(self._place, "postgres")
        data = f"{self._place}/data"
        self._run("initdb", "-D", data, "-U", "passerelle", "-A", "trust", "-E", "UTF8", "--no-sync")
        self.start()
        return self

    def start(self) -> None:
        options = f"-p {self._port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self._place}"
        start = "start", "-D", f"{self._place}/data", "-w", "-l", f"{self._place}/log", "-o", options
        for _ in range(20):
            try:
                self._run("pg_ctl", *start)
                break
            except subprocess.CalledProcessError:  # what is left of the one before still holds its memory
                time.sleep(0.1)
        while True:  # a client of before may still be going down with the server
            try:
                psycopg.connect(self.address).close()
                return
            except psycopg.OperationalError:
                time.sleep(0.02)

    def kill(self) -> None:
        """As when the machine loses its power, as far as a program can do that."""
        main = int((self._place / "data" / "postmaster.pid").read_text().split()[0])
        os.kill(main, signal.SIGSTOP)  # so that no child comes after they are counted
        children = Path(f"/proc/{main}/task/{main}/children").read_text().split()
        for process in (main, *map(int, children)):
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                continue
        for process in (main, *map(int, children)):
            while Path(f"/proc/{process}").exists() and "Z" not in _state(process):
                time.sleep(0.005)
        (self._place / "data" / "postmaster.pid").unlink(missing_ok=True)

    def __exit__(self, *_: object) -> None:
        self._run("pg_ctl", "stop", "-D", f"{self._place}/data", "-m", "immediate", "-w")

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._as_other, str(self._programs / program), *arguments]
        environment = {**os.environ, "LC_ALL": "C.UTF-8"}
        quiet = subprocess.DEVNULL
        subprocess.run(command, check=True, cwd=self._place, env=environment, stdout=quiet, stderr=quiet)


def _state(process: int) -> str:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


def _other_user() -> list[str]:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
