"""JSON Patch: operations one after the other, all of them or none (RFC 6902, with JSON Pointer, RFC 6901)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NoReturn

from passerelle.fhir.outcome import BadInput, Issue
from passerelle.fhir.patch_result import MOST_OPERATIONS, copied, kept, pruned
from passerelle.values import Json

MOST_COPIED = 1_000_000
"""Values that all ``copy`` operations of one patch may make: a few of them can double a resource again and again."""


def json_patch(resource: Json, operations: Any) -> Json:
    """The resource after the operations. BadInput tells which one is malformed (400) or cannot be done (422)."""
    if type(operations) is not list:
        raise BadInput(Issue("json-patch-list", "structure"))
    if len(operations) > MOST_OPERATIONS:
        details = {"limit": str(MOST_OPERATIONS)}
        raise BadInput(Issue("patch-too-long", "too-long", details=details), status=413)
    patch = _Patch(copied(resource))
    for at, operation in enumerate(operations):
        try:
            patch.do(operation)
        except _NotDoneError as fault:
            issue = Issue(fault.key, fault.code, f"[{at}]", {"number": str(at + 1)})
            raise BadInput(issue, status=fault.status) from None
    if type(patch.document) is not dict:
        raise BadInput(Issue("json-not-object", "structure"), status=422)
    return kept(resource, pruned(patch.document))


class _NotDoneError(Exception):
    """One operation that is malformed, or that the resource does not allow."""

    def __init__(self, key: str, code: str = "processing", status: int = 422) -> None:
        self.key, self.code, self.status = key, code, status


class _Patch:
    """A document while it is patched."""

    def __init__(self, document: Any) -> None:
        self.document = document
        self.copies = 0

    def do(self, operation: Any) -> None:
        if type(operation) is not dict:
            raise _NotDoneError("json-patch-operation", "structure", 400)
        name = operation.get("op")
        work = _OPERATIONS.get(name) if isinstance(name, str) else None
        if work is None:
            raise _NotDoneError("json-patch-operation", "structure", 400)
        work(self, _pointer(operation, "path"), operation)

    def add(self, path: Sequence[str], operation: Mapping[str, Any]) -> None:
        self.put(path, copied(_value(operation)))

    def remove(self, path: Sequence[str], operation: Mapping[str, Any]) -> None:
        self.take(path)

    def replace(self, path: Sequence[str], operation: Mapping[str, Any]) -> None:
        value = copied(_value(operation))
        if not path:
            self.document = value
            return
        self.at(path)
        holder = self.at(path[:-1])
        holder[_key(holder, path[-1])] = value

    def move(self, path: Sequence[str], operation: Mapping[str, Any]) -> None:
        source = _pointer(operation, "from")
        if len(source) < len(path) and list(path[: len(source)]) == list(source):
            raise _NotDoneError("json-patch-into-itself")
        value = self.at(source)
        if list(source) != list(path):
            self.take(source)
            self.put(path, value)

    def copy(self, path: Sequence[str], operation: Mapping[str, Any]) -> None:
        value = self.at(_pointer(operation, "from"))
        self.copies += _size(value)
        if self.copies > MOST_COPIED:
            raise _NotDoneError("json-patch-copies", "too-costly")
        self.put(path, copied(value))

    def test(self, path: Sequence[str], operation: Mapping[str, Any]) -> None:
        if not _equal(self.at(path), _value(operation)):
            raise _NotDoneError("json-patch-test", "conflict")

    def at(self, path: Sequence[str]) -> Any:
        value = self.document
        for name in path:
            value = value[_key(value, name)]
        return value

    def put(self, path: Sequence[str], value: Any) -> None:
        if not path:
            self.document = value
            return
        holder, name = self.at(path[:-1]), path[-1]
        if type(holder) is list:
            holder.insert(len(holder) if name == "-" else _index(name, len(holder)), value)
        elif type(holder) is dict:
            holder[name] = value
        else:
            _absent()

    def take(self, path: Sequence[str]) -> None:
        if not path:
            raise _NotDoneError("json-patch-path")
        holder = self.at(path[:-1])
        del holder[_key(holder, path[-1])]


_OPERATIONS: Mapping[str, Callable[[_Patch, Sequence[str], Mapping[str, Any]], None]] = {
    "add": _Patch.add,
    "remove": _Patch.remove,
    "replace": _Patch.replace,
    "move": _Patch.move,
    "copy": _Patch.copy,
    "test": _Patch.test,
}


def _absent() -> NoReturn:
    raise _NotDoneError("json-patch-path", "not-found")


def _value(operation: Mapping[str, Any]) -> Any:
    if "value" not in operation:
        raise _NotDoneError("json-patch-operation", "required", 400)
    return operation["value"]


# --- JSON Pointer -------------------------------------------------------------------------------------------

_INDEX = re.compile(r"0|[1-9][0-9]{0,9}")
_ESCAPED = re.compile(r"~[01]")


def _pointer(operation: Mapping[str, Any], name: str) -> tuple[str, ...]:
    text = operation.get(name)
    if type(text) is not str or (text and text[0] != "/") or "~" in _ESCAPED.sub("", text):
        raise _NotDoneError("json-patch-pointer", "structure", 400)
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in text.split("/")[1:])


def _key(holder: Any, name: str) -> Any:
    """The key or index of a child that is there."""
    if type(holder) is dict and name in holder:
        return name
    if type(holder) is list:
        return _index(name, len(holder) - 1)
    _absent()


def _index(name: str, most: int) -> int:
    if not _INDEX.fullmatch(name) or int(name) > most:
        _absent()
    return int(name)


# --- values -------------------------------------------------------------------------------------------------


def _equal(one: Any, other: Any) -> bool:
    """Equal as JSON: numbers by their value, and true is not 1."""
    if type(one) is dict and type(other) is dict:
        return one.keys() == other.keys() and all(_equal(one[name], other[name]) for name in one)
    if type(one) is list and type(other) is list:
        return len(one) == len(other) and all(map(_equal, one, other))
    if type(one) in _NUMBERS and type(other) in _NUMBERS:
        return bool(one == other)
    return type(one) is type(other) and bool(one == other)


_NUMBERS = (int, float, Decimal)


def _size(value: Any) -> int:
    if type(value) is dict:
        return 1 + sum(map(_size, value.values()))
    return 1 + sum(map(_size, value)) if type(value) is list else 1
