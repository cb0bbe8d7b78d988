"""What every chapter of the tests may ask for."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent


def find_shared_data() -> Path | None:
    """The folder of real reference data that other projects publish, where this machine has it."""
    named = os.environ.get("PASSERELLE_SHARED_DATA")
    place = Path(named) if named else ROOT.parent / "shared" / "data"
    return place if place.is_dir() else None


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The reference data, or a visible skip."""
    place = find_shared_data()
    if place is None:
        pytest.skip("no reference data: set PASSERELLE_SHARED_DATA to its folder")
    return place


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With ``--dist loadfile`` the tests of a file stay on one worker, and so do all files that use the running
    country, which would otherwise be started once for each worker.

    ``--dist loadgroup`` is made for that, but xdist 3.8 marks a group in a place where pytest 9.2 no longer looks.
    """
    from xdist.scheduler import LoadFileScheduling

    class Together(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file: str = super()._split_scope(nodeid)
            folder = PurePosixPath(file).parent
            return str(folder) if folder.parts[-2:] == ("tests", "network") else file

    return Together(config, log) if config.getoption("dist") == "loadfile" else None
