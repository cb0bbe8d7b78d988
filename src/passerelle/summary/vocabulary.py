"""Which words belong to a closed list? The lists are ``vocabulary.toml``."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files


@cache
def vocabulary(name: str) -> frozenset[str]:
    """One list, by its name."""
    table = tomllib.loads(files("passerelle.summary").joinpath("vocabulary.toml").read_text("utf-8"))
    return frozenset(table[name])
