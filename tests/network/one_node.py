"""One node of its own: configured as the demo configures, served by the real command, killed when a test says so."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from passerelle.node.demo import Plan, configure
from tests.network.country import COMMAND, free_ports
from tests.network.tokens import service_token
from tests.network.wire import call


@dataclass
class OneNode:
    """Ontario alone, with an empty store."""

    home: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    """Environment variables that change its configuration."""
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.plan = Plan(self.home, nodes=("on",), port=free_ports(1))
        configure(self.plan)
        self.token = ""

    @property
    def address(self) -> str:
        return self.plan.address("on")

    @property
    def fhir(self) -> str:
        return f"{self.address}/fhir"

    @property
    def folder(self) -> Path:
        return self.plan.folder("on")

    def start(self) -> None:
        """Serve until it answers."""
        config = str(self.folder / "node.toml")
        with (self.folder / "node.log").open("ab") as log:
            self.process = subprocess.Popen(
                [COMMAND, "node", "serve", "--config", config],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.settings},
            )
        until = time.monotonic() + 60
        while not self.answers():
            assert self.process.poll() is None, (self.folder / "node.log").read_text("utf-8")
            assert time.monotonic() < until, "the node did not answer"
            time.sleep(0.05)
        # A token proves itself, so one from before a kill is still good after it.
        self.token = self.token or service_token(
            self.address, "on-service", self.home / "keys" / "on-service.pem"
        )

    def answers(self) -> bool:
        try:
            return call(self.address, "GET", "/health").status == 200
        except OSError:
            return False

    def kill(self) -> None:
        """As a power cut would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """As a service manager would; its exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(30)
