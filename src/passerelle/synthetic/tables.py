"""The small tables beside this code: what varies between people, places and illnesses is data."""

from __future__ import annotations

import csv
import tomllib
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def toml(name: str) -> dict[str, Any]:
    """A table of ``data/`` by its file name without the ending. Callers do not change it."""
    return tomllib.loads(_text(f"{name}.toml"))


@cache
def rows(name: str) -> tuple[dict[str, str], ...]:
    """The lines of a CSV table of ``data/``; lines that start with # are remarks."""
    lines = [line for line in _text(f"{name}.csv").splitlines() if not line.startswith("#")]
    return tuple(csv.DictReader(lines))


@cache
def jurisdiction(code: str) -> dict[str, Any]:
    """The facts of a province or territory (``passerelle/jurisdictions``)."""
    return tomllib.loads(files("passerelle.jurisdictions").joinpath(f"{code}.toml").read_text("utf-8"))


def _text(name: str) -> str:
    return files("passerelle.synthetic").joinpath("data", name).read_text("utf-8")
