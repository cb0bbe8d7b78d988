"""How does one get from an element to the elements inside? Steps by name, to all children, to all below.

A name is looked up in the type of the element, once per type. An element that R4 does not define (a resource type of
another version) is walked by its JSON names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import cache
from typing import Any

from passerelle.fhir.fhirpath.evaluation import Evaluation, Step
from passerelle.fhir.fhirpath.model import Field, ancestors, fields
from passerelle.fhir.fhirpath.node import Collection, Item, Node
from passerelle.fhir.fhirpath.values import TypeInfo, simple

_GUESSED: Mapping[type, str] = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "decimal",
    Decimal: "decimal",
}


def root_node(resource: Mapping[str, Any], type: str | None = None) -> Node:
    """A resource, or an element whose type is said, as the start of a walk."""
    kind = type or resource.get("resourceType") or ""
    return Node(resource, kind, None, None, "", None, kind)


def member(name: str) -> Step:
    """The elements of that name in every item."""
    known: dict[str, Field | None] = {}

    def walk(focus: Collection, evaluation: Evaluation) -> Collection:
        found: Collection = []
        for item in focus:
            if item.__class__ is not Node:
                found.extend(_of_value(item, name))
                continue
            kind = item.type
            if kind not in known:
                known[kind] = _lookup(kind, name)
            field = known[kind]
            value = item.value
            if value.__class__ is not dict:
                if name == "value" and value is not None:
                    found.append(simple(item))
                value = item.extra
                if value is None:
                    continue
            if field is None:
                continue
            if field.choices is not None:
                _choose(found, item, value, field.choices, name)
                continue
            key = field.key
            inner = value.get(key)
            if inner.__class__ is dict:
                found.append(
                    Node(inner, field.type or inner.get("resourceType", ""), None, item, key, None, name)
                )
            elif field.shadow:
                shadow = value.get(field.shadow)
                if shadow is None and inner.__class__ is str:
                    found.append(Node(inner, field.type, None, item, key, None, name))
                elif inner is not None or shadow is not None:
                    _primitive(found, item, field, inner, shadow, name)
            elif inner is not None:
                _complex(found, item, field, inner, name)
        return found

    return walk


def root_member(name: str) -> Step:
    """A name that starts an expression: a type that the item is, or an element of it."""
    inner = member(name)
    if not name[:1].isupper():
        return inner

    def walk(focus: Collection, evaluation: Evaluation) -> Collection:
        if len(focus) == 1 and focus[0].__class__ is Node and focus[0].type == name:
            return focus
        found: Collection = []
        for item in focus:
            if item.__class__ is Node and name in ancestors(item.type):
                found.append(item)
            else:
                found.extend(inner([item], evaluation))
        return found

    return walk


@cache
def _lookup(type: str, name: str) -> Field | None:
    of_type = fields(type)
    return Field(name, "", f"_{name}") if of_type is None else of_type.get(name)


def _choose(found: Collection, parent: Node, value: Any, choices: Mapping[str, Field], name: str) -> None:
    for key in value:
        field = choices.get(key)
        if field is None:
            continue
        if not field.shadow:
            _complex(found, parent, field, value[key], name)
        elif key == field.key or field.key not in value:
            _primitive(found, parent, field, value.get(field.key), value.get(field.shadow), name)


def _complex(found: Collection, parent: Node, field: Field, inner: Any, name: str) -> None:
    """Add an element, or each of a list."""
    key, kind = field.key, field.type
    if inner.__class__ is not list:
        found.append(Node(inner, kind, None, parent, key, None, name))
        return
    for index, part in enumerate(inner):
        if part is not None:
            of_part = kind or (part.get("resourceType", "") if part.__class__ is dict else "")
            found.append(Node(part, of_part, None, parent, key, index, name))


def _primitive(found: Collection, parent: Node, field: Field, inner: Any, shadow: Any, name: str) -> None:
    """Add a primitive, or each of a list, with its other half."""
    key, kind = field.key, field.type
    if inner.__class__ is not list and shadow.__class__ is not list:
        found.append(Node(inner, kind or _guess(inner), shadow, parent, key, None, name))
        return
    values: list[Any] = inner if inner.__class__ is list else []
    extras: list[Any] = shadow if shadow.__class__ is list else []
    for index in range(max(len(values), len(extras))):
        part = values[index] if index < len(values) else None
        extra = extras[index] if index < len(extras) else None
        if part is not None or extra is not None:
            found.append(Node(part, kind or _guess(part), extra, parent, key, index, name))


def _guess(value: Any) -> str:
    """The type of an element that R4 does not define."""
    if value.__class__ is dict:
        return str(value.get("resourceType", ""))
    return _GUESSED.get(value.__class__, "")


def _of_value(item: Item, name: str) -> Collection:
    """The parts of a System value: only what ``type()`` gives has any."""
    if item.__class__ is TypeInfo and name in ("namespace", "name"):
        return [getattr(item, name)]
    return []


def children(item: Item) -> Iterator[Node]:
    """Every element inside an element, in the order of its JSON."""
    if item.__class__ is not Node:
        return
    value = item.value if item.value.__class__ is dict else item.extra
    if value is None:
        return
    by_key = _by_json_name(item.type)
    for key in value:
        if key == "resourceType" or (key[:1] == "_" and key[1:] in value):
            continue
        name, field = by_key.get(key, (None, None)) if by_key is not None else _undefined(key)
        if name is None or field is None:
            continue
        found: Collection = []
        if field.shadow:
            _primitive(found, item, field, value.get(field.key), value.get(field.shadow), name)
        else:
            inner = value[key]
            if inner.__class__ is dict and not field.type:
                found.append(Node(inner, inner.get("resourceType", ""), None, item, key, None, name))
            else:
                _complex(found, item, field, inner, name)
        yield from found


def _undefined(key: str) -> tuple[str, Field]:
    name = key.removeprefix("_")
    return name, Field(name, "", f"_{name}")


@cache
def _by_json_name(type: str) -> Mapping[str, tuple[str, Field]] | None:
    of_type = fields(type)
    if of_type is None:
        return None
    found: dict[str, tuple[str, Field]] = {}
    for name, field in of_type.items():
        for key, plain in (field.choices or {field.key: field}).items():
            found[key] = (name, plain)
            if plain.shadow:
                found[plain.shadow] = (name, plain)
    return found


def descendants(focus: Collection, evaluation: Evaluation) -> Collection:
    """Every element below."""
    found: Collection = []
    waiting: Collection = list(reversed(focus))
    while waiting:
        item = waiting.pop()
        inner = list(children(item))
        found.extend(inner)
        waiting.extend(reversed(inner))
        evaluation.walk(len(inner) + 1)
    return found
