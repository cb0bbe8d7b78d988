"""What every chapter of the tests may ask for."""

from __future__ import annotations

import os
from pathlib import Path

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
