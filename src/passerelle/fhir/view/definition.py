"""What does a ViewDefinition ask for? Read into values, or refused with the place that is wrong.

Source: https://build.fhir.org/ig/HL7/sql-on-fhir/en/StructureDefinition-ViewDefinition-definitions.html
and its ``ValidateColumns``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from passerelle.fhir.definitions import resource_types
from passerelle.fhir.outcome import BadInput, Issue

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
"""A name that every database can use: the invariant ``sql-name``."""

ITERATIONS = ("forEach", "forEachOrNull", "repeat")

CONSTANTS: Mapping[str, type] = {
    **dict.fromkeys(
        ["base64Binary", "canonical", "code", "date", "dateTime", "id", "instant", "markdown", "oid"], str
    ),
    **dict.fromkeys(["string", "time", "uri", "url", "uuid"], str),
    **dict.fromkeys(["integer", "integer64", "positiveInt", "unsignedInt"], int),
    "boolean": bool,
    "decimal": object,
}
"""The types that ``constant.value[x]`` may have, and what JSON gives for each."""

_PREFIX = "http://hl7.org/fhir/StructureDefinition/"
_DEEPEST = 40


@dataclass(frozen=True)
class Column:
    """One column. ``type`` is a FHIR type name, "" if the view does not say; ``at`` is its place in the view."""

    name: str
    path: str
    collection: bool = False
    type: str = ""
    sql_type: str = ""
    at: str = ""


@dataclass(frozen=True)
class Constant:
    """What ``%name`` stands for."""

    name: str
    type: str
    value: Any


@dataclass(frozen=True)
class Select:
    """One selection structure: what it iterates over, its columns, and the selections inside."""

    columns: tuple[Column, ...] = ()
    selects: tuple[Select, ...] = ()
    union: tuple[Select, ...] = ()
    each: str = ""
    or_null: bool = False
    repeat: tuple[str, ...] = ()
    at: str = ""

    @property
    def output(self) -> tuple[Column, ...]:
        """The columns in their order: its own, those of nested selects, those of the union."""
        nested = (column for select in self.selects for column in select.output)
        return (*self.columns, *nested, *(self.union[0].output if self.union else ()))


@dataclass(frozen=True)
class View:
    """A ViewDefinition that was checked."""

    resource: str
    selects: tuple[Select, ...]
    where: tuple[str, ...] = ()
    constants: Mapping[str, Constant] = field(default_factory=dict)
    name: str = ""

    @property
    def whole(self) -> Select:
        """The view as one selection structure over the resource."""
        return Select(selects=self.selects, at="ViewDefinition")

    @property
    def columns(self) -> tuple[Column, ...]:
        return self.whole.output


def refused(key: str, at: str, **details: str) -> BadInput:
    """What is wrong with a view, and where in it."""
    return BadInput(Issue(key, "invalid", expression=at, details=details), status=422)


def read_view(definition: Any) -> View:
    """Check a ViewDefinition; refuse it with the place that is wrong."""
    at = "ViewDefinition"
    if not isinstance(definition, dict):
        raise refused("view-element-wrong", at, element=at)
    if definition.get("resourceType", at) != at:
        raise refused("view-element-wrong", f"{at}.resourceType", element="resourceType")
    view = View(
        resource=_resource(definition, at),
        selects=tuple(_selects(definition, "select", at, 0)),
        where=tuple(_where(definition, at)),
        constants={constant.name: constant for constant in _constants(definition, at)},
        name=_name(definition, at) if definition.get("name") is not None else "",
    )
    if not view.selects:
        raise refused("view-element-missing", at, element="select")
    if not view.columns:
        raise refused("view-element-missing", f"{at}.select", element="column")
    _check_columns(view.whole, {})
    return view


def _resource(definition: dict[str, Any], at: str) -> str:
    resource = _text(definition, "resource", at)
    if resource not in resource_types():
        raise refused("view-resource-unknown", f"{at}.resource")
    return resource


def _selects(holder: dict[str, Any], key: str, at: str, depth: int) -> Iterator[Select]:
    if depth > _DEEPEST:
        raise refused("view-too-deep", at)
    for index, item in enumerate(_list(holder, key, at)):
        yield _select(item, f"{at}.{key}[{index}]", depth + 1)


def _select(item: Any, at: str, depth: int) -> Select:
    if not isinstance(item, dict):
        raise refused("view-element-wrong", at, element="select")
    iterations = [name for name in ITERATIONS if item.get(name) not in (None, [])]
    if len(iterations) > 1:
        raise refused("view-iterations", at)
    over = iterations[0] if iterations else ""
    return Select(
        columns=tuple(_columns(item, at)),
        selects=tuple(_selects(item, "select", at, depth)),
        union=tuple(_selects(item, "unionAll", at, depth)),
        each=_text(item, over, at) if over in ("forEach", "forEachOrNull") else "",
        or_null=over == "forEachOrNull",
        repeat=tuple(_repeat(item, at)) if over == "repeat" else (),
        at=at,
    )


def _repeat(item: dict[str, Any], at: str) -> Iterator[str]:
    for path in _list(item, "repeat", at):
        if not isinstance(path, str) or not path.strip():
            raise refused("view-element-wrong", f"{at}.repeat", element="repeat")
        yield path


def _columns(item: dict[str, Any], at: str) -> Iterator[Column]:
    for index, column in enumerate(_list(item, "column", at)):
        here = f"{at}.column[{index}]"
        if not isinstance(column, dict):
            raise refused("view-element-wrong", here, element="column")
        collection = column.get("collection", False)
        if not isinstance(collection, bool):
            raise refused("view-element-wrong", f"{here}.collection", element="collection")
        yield Column(
            name=_name(column, here),
            path=_text(column, "path", here),
            collection=collection,
            type=_text(column, "type", here).removeprefix(_PREFIX) if "type" in column else "",
            sql_type=_sql_type(column, here),
            at=here,
        )


def _sql_type(column: dict[str, Any], at: str) -> str:
    """The value of the tag ``ansi/type``."""
    for tag in _list(column, "tag", at):
        if not isinstance(tag, dict):
            raise refused("view-element-wrong", f"{at}.tag", element="tag")
        if tag.get("name") == "ansi/type":
            return _text(tag, "value", f"{at}.tag")
    return ""


def _where(definition: dict[str, Any], at: str) -> Iterator[str]:
    for index, item in enumerate(_list(definition, "where", at)):
        if not isinstance(item, dict):
            raise refused("view-element-wrong", f"{at}.where[{index}]", element="where")
        yield _text(item, "path", f"{at}.where[{index}]")


def _constants(definition: dict[str, Any], at: str) -> Iterator[Constant]:
    seen: set[str] = set()
    for index, item in enumerate(_list(definition, "constant", at)):
        here = f"{at}.constant[{index}]"
        if not isinstance(item, dict):
            raise refused("view-element-wrong", here, element="constant")
        name = _name(item, here)
        if name in seen or name == "rowIndex":
            raise refused("view-constant-wrong", here, constant=name)
        seen.add(name)
        yield _constant(item, name, here)


def _constant(item: dict[str, Any], name: str, at: str) -> Constant:
    values = [key for key in item if key.startswith("value")]
    if len(values) != 1:
        raise refused("view-constant-wrong", at, constant=name)
    kind = values[0].removeprefix("value")
    kind = kind[:1].lower() + kind[1:]
    value = item[values[0]]
    expected = CONSTANTS.get(kind)
    is_number = not isinstance(value, bool | str | dict | list) and value is not None
    fits = is_number if kind == "decimal" else expected is not None and type(value) is expected
    if kind == "integer64" and isinstance(value, str):
        value, fits = (int(value), True) if re.fullmatch(r"-?\d{1,19}", value) else (value, False)
    if not fits:
        raise refused("view-constant-wrong", at, constant=name)
    return Constant(name, kind, value)


def _check_columns(select: Select, seen: dict[str, str]) -> None:
    """No name twice, and the branches of a union alike (``ValidateColumns`` of the specification)."""
    for column in select.columns:
        if column.name in seen:
            raise refused("view-column-twice", column.at, column=column.name)
        seen[column.name] = column.at
    for nested in select.selects:
        _check_columns(nested, seen)
    branches = [branch.output for branch in select.union]
    for at, branch in zip(select.union, branches, strict=True):
        if _shape(branch) != _shape(branches[0]) or not _types_agree(branch, branches[0]):
            raise refused("view-union-mismatch", at.at)
    before = dict(seen)
    for branch_select in select.union:
        seen_here = dict(before)
        _check_columns(branch_select, seen_here)
        seen.update(seen_here)


def _shape(columns: tuple[Column, ...]) -> list[tuple[str, bool]]:
    return [(column.name, column.collection) for column in columns]


def _types_agree(some: tuple[Column, ...], others: tuple[Column, ...]) -> bool:
    pairs = zip(some, others, strict=True)
    return all(not a.type or not b.type or a.type == b.type for a, b in pairs)


def _list(holder: dict[str, Any], key: str, at: str) -> list[Any]:
    found = holder.get(key)
    if found is None:
        return []
    if not isinstance(found, list):
        raise refused("view-element-wrong", f"{at}.{key}", element=key)
    return found


def _text(holder: dict[str, Any], key: str, at: str) -> str:
    found = holder.get(key)
    if found is None or found == "":
        raise refused("view-element-missing", at, element=key)
    if not isinstance(found, str):
        raise refused("view-element-wrong", f"{at}.{key}", element=key)
    return found


def _name(holder: dict[str, Any], at: str) -> str:
    name = _text(holder, "name", at)
    if not NAME.fullmatch(name):
        raise refused("view-name-malformed", f"{at}.name")
    return name
