"""What another custodian's system sent, read without trusting its shape: one odd element must not hide the rest."""

from __future__ import annotations

from typing import Any

from passerelle.values import Json


def objects(value: Any) -> list[Json]:
    """The objects of a list; a single object counts as a list of one, anything else as none."""
    listed = value if isinstance(value, list) else [value]
    return [each for each in listed if isinstance(each, dict)]


def first_object(value: Any) -> Json:
    """The first object there is, else an empty one."""
    return next(iter(objects(value)), {})


def text(value: Any) -> str:
    """A string, or "" for anything that is none."""
    return value if isinstance(value, str) else ""
