"""What every patch keeps: the resource that it is given, what the resource is called, and no empty elements."""

from __future__ import annotations

from typing import Any

from passerelle.fhir.outcome import BadInput, Issue
from passerelle.values import Json

MOST_OPERATIONS = 1000


def copied(value: Any) -> Any:
    """A copy that shares no list and no object."""
    if type(value) is dict:
        return {name: copied(each) for name, each in value.items()}
    return [copied(each) for each in value] if type(value) is list else value


def pruned(value: Any) -> Any:
    """The same without empty lists and objects, which a patch leaves behind and FHIR does not know."""
    if type(value) is dict:
        inner = {name: pruned(each) for name, each in value.items()}
        return {name: each for name, each in inner.items() if not _empty(each)}
    return [each for each in map(pruned, value) if each != {}] if type(value) is list else value


def _empty(value: Any) -> bool:
    return type(value) in (dict, list) and not value


def kept(before: Json, after: Json) -> Json:
    """The patched resource, if it is still the same one: type, id and version are not a patch's to change."""
    kind = before.get("resourceType")
    for name in ("resourceType", "id"):
        if before.get(name) != after.get(name):
            raise _identity(kind, name)
    if _version(before) != _version(after):
        raise _identity(kind, "meta.versionId")
    return after


def _version(resource: Json) -> Any:
    meta = resource.get("meta")
    return meta.get("versionId") if isinstance(meta, dict) else None


def _identity(kind: Any, name: str) -> BadInput:
    return BadInput(Issue("patch-identity", "business-rule", f"{kind}.{name}", {"element": name}), status=422)
