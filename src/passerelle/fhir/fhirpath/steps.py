"""How does one get from an element to the elements inside? Steps by name, to all children, to all below.

A name is looked up in the type of the element, once per type. An element that R4 does not define (a resource type of
another version) is walked by its JSON names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
    kind = type or said_type(resource)
    return Node(resource, kind, None, None, "", None, kind)


def said_type(value: Mapping[str, Any]) -> str:
    """The type that a resource says it is; "" if it says none."""
    kind = value.get("resourceType")
    return kind if kind.__class__ is str else ""


def member(name: str) -> Step:
    """The elements of that name in every item."""
    known: dict[str, Field | None] = {}

    def walk(focus: Collection, evaluation: Evaluation) -> Collection:
        found: Collection = []
        for item in focus:
            if item.__class__ is not Node:
                found.extend(_of_value(item, name))
                continue
            try:
                field = known[item.type]
            except KeyError:
                field = known[item.type] = _lookup(item.type, name)
            value = item.value
            if value.__class__ is not dict:
                if name == "value" and value is not None:
                    found.append(simple(item))
                value = item.extra
                if value.__class__ is not dict:
                    continue
            if field is None:
                continue
            if field.choices is not None:
                _choose(found, item, value, field.choices, name)
                continue
            key = field.key
            inner = value.get(key)
            if inner.__class__ is dict:
                found.append(Node(inner, field.type or said_type(inner), None, item, key, None, name))
            elif field.shadow:
                shadow = value.get(field.shadow)
                if shadow is None and inner.__class__ is str:
                    found.append(Node(inner, field.type or "string", None, item, key, None, name))
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


_TEXT_TYPES = frozenset({"string", "code", "id", "markdown", "uri", "url", "canonical", "oid", "uuid"})


def text_inside(name: str) -> Callable[[Item], str | None]:
    """A look at the one text of that name inside an element; None when it takes more than a look."""
    known: dict[str, str | None] = {}

    def peek(item: Item) -> str | None:
        if item.__class__ is not Node:
            return None
        kind = item.type
        if kind not in known:
            field = _lookup(kind, name)
            known[kind] = field.key if field is not None and field.type in _TEXT_TYPES else None
        key = known[kind]
        if key is None or item.value.__class__ is not dict:
            return None
        found = item.value.get(key)
        return found if found.__class__ is str else None

    return peek


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
        found.append(Node(inner, kind or _guess(inner), None, parent, key, None, name))
        return
    if kind:
        found += [
            Node(part, kind, None, parent, key, index, name)
            for index, part in enumerate(inner)
            if part is not None
        ]
        return
    for index, part in enumerate(inner):
        if part is not None:
            found.append(Node(part, _guess(part), None, parent, key, index, name))


def _primitive(found: Collection, parent: Node, field: Field, inner: Any, shadow: Any, name: str) -> None:
    """Add a primitive, or each of a list, with its other half."""
    key, kind = field.key, field.type
    if inner.__class__ is not list and shadow.__class__ is not list:
        found.append(Node(inner, kind or _guess(inner), shadow, parent, key, None, name))
        return
    if shadow is None and kind:
        found += [
            Node(part, kind, None, parent, key, index, name)
            for index, part in enumerate(inner)
            if part is not None
        ]
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
    return said_type(value) if value.__class__ is dict else _GUESSED.get(value.__class__, "")


def _of_value(item: Item, name: str) -> Collection:
    """The parts of a System value: only what ``type()`` gives has any."""
    if item.__class__ is TypeInfo and name in ("namespace", "name"):
        return [getattr(item, name)]
    return []


def children(item: Item) -> Collection:
    """Every element inside an element, in the order of its JSON."""
    found: Collection = []
    if item.__class__ is Node:
        value = item.value if item.value.__class__ is dict else item.extra
        if value.__class__ is dict:
            _children(found, item, value, _by_json_name(item.type))
    return found


def _children(
    found: Collection, item: Node, value: Mapping[str, Any], known: Mapping[str, tuple[str, Field]] | None
) -> None:
    for key, inner in value.items():
        entry = known.get(key) if known is not None else _undefined(key)
        if entry is None or key == "resourceType":
            continue
        name, field = entry
        shadow = value.get(field.shadow) if field.shadow else None
        if key == field.shadow and field.key in value:
            continue
        kind = inner.__class__
        if field.shadow and (shadow is not None or kind is list or not field.type):
            _primitive(found, item, field, value.get(field.key), shadow, name)
        elif kind is list or not field.type:
            _complex(found, item, field, inner, name)
        else:
            found.append(Node(inner, field.type, None, item, key, None, name))


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
        inner = children(item)
        found += inner
        waiting += reversed(inner)
        evaluation.walk(len(inner) + 1)
    return found
