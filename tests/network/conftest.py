"""What the tests of the running network share: one country for all of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.network.country import Country, ready, start, stop
from tests.network.one_node import OneNode


@pytest.fixture(scope="session")
def country(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Country]:
    """All thirteen nodes, started by the real command; stopped at the end, with nothing left of them."""
    home = tmp_path_factory.mktemp("country")
    process = start(home)
    try:
        running = ready(home, process)
    except BaseException:
        process.terminate()
        raise
    yield running
    stop(running)


@pytest.fixture(scope="module")
def small_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OneNode]:
    """One node that takes no more than twenty thousand bytes at once."""
    node = OneNode(tmp_path_factory.mktemp("node"), {"PASSERELLE_LIMITS__MAX_BYTES": "20000"})
    node.start()
    yield node
    assert node.stop() == 0


@pytest.fixture
def fresh_node(tmp_path: Path) -> Iterator[OneNode]:
    """One node that a test may kill."""
    node = OneNode(tmp_path)
    yield node
    if node.process is not None and node.process.poll() is None:
        node.kill()
