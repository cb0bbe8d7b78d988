"""The files that a browser asks for beside the pages: one stylesheet, one icon and htmx, named by their content."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

_TYPES = {
    "passerelle.css": "text/css; charset=utf-8",
    "passerelle.svg": "image/svg+xml",
    "htmx.min.js": "text/javascript; charset=utf-8",
    "htmx.LICENSE": "text/plain; charset=utf-8",
}


@cache
def static_files() -> Mapping[str, tuple[bytes, str]]:
    """Each file under its content-hash name, with its content type; a name never gets another content."""
    served = {name: (_read(asset), _TYPES[asset]) for asset, name in static_names().items()}
    return MappingProxyType(served)


@cache
def static_names() -> Mapping[str, str]:
    """The content-hash name of each file: ``passerelle.css`` → ``passerelle.1f2e3d4c5b6a.css``."""
    return MappingProxyType({asset: _named(asset) for asset in _TYPES})


def _named(asset: str) -> str:
    stem, _, ending = asset.rpartition(".")
    return f"{stem}.{hashlib.sha256(_read(asset)).hexdigest()[:12]}.{ending}"


@cache
def _read(asset: str) -> bytes:
    return files("passerelle.portals").joinpath("static", asset).read_bytes()
