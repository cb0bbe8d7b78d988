"""What shape must a value have? Every type of the definitions compiled to a table that checks it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from passerelle.fhir import validate_values as values
from passerelle.fhir.definitions import Element, resource_types, structure
from passerelle.fhir.faults import Check, Faults, inside, one, stranger
from passerelle.fhir.primitives import PRIMITIVES
from passerelle.fhir.required_codes import codes_of
from passerelle.fhir.search_known import shown
from passerelle.fhir.search_values import moments
from passerelle.fhir.validate_fast import accepts


@dataclass(frozen=True, slots=True)
class Field:
    """What is known of one name in the JSON of a type."""

    check: Check
    many: bool
    stem: str = ""
    """For a choice: its name without the type. Only one of its names may be there."""
    primitive: bool = False
    shadow: bool = False
    """A ``_name``, which holds the id and extensions of the primitive ``name``."""


class Shape:
    """The table of one type or backbone part. It fills when it is first needed: types refer to one another."""

    def __init__(self, type: str, part: str) -> None:
        self.type, self.part = type, part
        self.fields: Mapping[str, Field] = {}
        self.required: tuple[tuple[str, tuple[str, ...]], ...] = ()
        self.choices = False
        self.also: Check | None = ALSO.get(f"{type}.{part}" if part else type)

    def fill(self) -> None:
        found = structure(self.type)
        elements = found.parts[self.part] if found else ()
        resource = found is not None and found.kind == "resource" and not self.part
        fields = {"resourceType": Field(lambda value: None, False)} if resource else dict(_EVERY_ELEMENT)
        for element in elements:
            for name, kind in element.json_names():
                stem = element.name.removesuffix("[x]") if element.choice else ""
                check, primitive = _check(self, element, kind), kind in PRIMITIVES
                fields[name] = Field(check, element.many, stem, primitive)
                if primitive:
                    fields[f"_{name}"] = Field(_shadow, element.many, stem, shadow=True)
        self.required = tuple(
            (element.name, tuple(n for name, _ in element.json_names() for n in (name, f"_{name}")))
            for element in elements
            if element.required
        )
        self.choices = any(element.choice for element in elements)
        self.fields = fields

    def check(self, value: Any) -> Faults | None:
        if type(value) is not dict:
            return one("wrong-json-type", expected="object")
        if not value:
            return one("empty-value")
        fields = self.fields
        if not fields:
            self.fill()
            fields = self.fields
        faults: Faults = []
        for name, child in value.items():
            field = fields.get(name)
            if field is None:
                faults += self._unknown(name)
            elif type(child) is list:
                if field.many:
                    faults += _list(name, child, field, value)
                else:
                    faults += inside(f".{name}", one("single-expected"))
            elif field.many:
                faults += inside(f".{name}", one("list-expected"))
            elif found := field.check(child):
                faults += inside(f".{name}", found)
        for name, names in self.required:
            if names[0] not in value and not any(other in value for other in names):
                faults += inside(f".{name}", one("element-required", "required", element=name))
        if self.choices:
            faults += self._choices(value)
        if self.also is not None and (found := self.also(value)):
            faults += found
        return faults

    def _unknown(self, name: str) -> Faults:
        known = [each for each in self.fields if not each.startswith("_") and each != "resourceType"]
        plain = name.removeprefix("_")
        if name != plain and plain in self.fields:
            return inside(f".{name}", one("shadow-of-complex", element=plain))
        return inside(
            f".{shown(name)}", stranger("unknown-element", "structure", known, element=shown(plain))
        )

    def _choices(self, value: Mapping[str, Any]) -> Faults:
        chosen: dict[str, str] = {}
        for name in value:
            field = self.fields.get(name)
            if field is not None and field.stem:
                plain = name.removeprefix("_")
                if chosen.setdefault(field.stem, plain) != plain:
                    return inside(f".{field.stem}[x]", one("choice-twice", element=field.stem))
        return []


@cache
def shape(type: str, part: str = "") -> Shape:
    """The table of a type or of a backbone part of it."""
    return Shape(type, part)


def _list(name: str, items: list[Any], field: Field, holder: Mapping[str, Any]) -> Faults:
    if not items:
        return inside(f".{name}", one("empty-value"))
    faults: Faults = []
    for at, item in enumerate(items):
        if item is None and (field.primitive or field.shadow):
            if not _other_side(name, at, holder):
                faults += inside(f".{name}[{at}]", one("null-misplaced"))
        elif found := field.check(item):
            faults += inside(f".{name}[{at}]", found)
    if field.shadow and type(base := holder.get(name[1:])) is list and len(base) != len(items):
        faults += inside(f".{name}", one("shadow-length", element=name[1:]))
    return faults


def _other_side(name: str, at: int, holder: Mapping[str, Any]) -> bool:
    """Whether a null in ``given`` has its extension in ``_given``, or the other way round."""
    other = holder.get(name[1:] if name.startswith("_") else f"_{name}")
    return type(other) is list and at < len(other) and other[at] is not None


# --- the values of one element ------------------------------------------------------------------------------


def _check(owner: Shape, element: Element, kind: str) -> Check:
    """How a value of one type in one element is checked."""
    path = ".".join(step for step in (owner.part, element.name) if step)
    if kind.startswith("#"):
        return shape(owner.type, kind[1:]).check
    if kind == "Resource":
        return contained if element.name == "contained" else _inside
    if kind == "Reference":
        return values.reference(shape("Reference").check, frozenset(element.targets))
    if kind in PRIMITIVES:
        return values.bound(owner.type, path, kind)
    codes = codes_of(owner.type, path)
    return values.concept(shape(kind).check, codes) if codes else shape(kind).check


def _shadow(value: Any) -> Faults | None:
    """``_name``: the id and extensions of a primitive."""
    return shape("Element").check(value)


_EVERY_ELEMENT = {
    "id": Field(values.primitive("string"), False, primitive=True),
    "extension": Field(lambda value: shape("Extension").check(value), True),
}

# --- resources inside resources -----------------------------------------------------------------------------


def contents(value: Any) -> Faults | None:
    """A resource that stands for itself: local references must find what it contains, and it contains nothing idle."""
    faults = _resource(value) or []
    held = value.get("contained") if isinstance(value, dict) else None
    ids = [one.get("id") for one in held if isinstance(one, dict)] if isinstance(held, list) else []
    faults = [fault for fault in faults if not fault.local or fault.local not in ids]
    if ids and isinstance(held, list):
        named = {text[1:] for text in _texts(value) if text.startswith("#")}
        for at, one_held in enumerate(held):
            if isinstance(one_held, dict):
                faults += inside(f".contained[{at}]", _in_its_place(one_held, ids, named))
    return faults


def _inside(value: Any) -> Faults | None:
    """A resource that stands for itself in a Bundle or in Parameters."""
    return None if accepts(value) else contents(value)


def _in_its_place(value: Mapping[str, Any], ids: list[Any], named: set[str]) -> Faults:
    """One of a kind, and part of the whole: referred to, or referring to its container (dom-3)."""
    name = value.get("id")
    if ids.count(name) > 1:
        return inside(".id", one("contained-twice", "duplicate"))
    if isinstance(name, str) and name not in named and "#" not in _texts(value):
        return one("contained-idle", "invariant")
    return []


def _texts(value: Any) -> Iterator[str]:
    """Every text in a value that may be a reference: narratives are not."""
    if type(value) is str:
        yield value
    elif type(value) is list:
        for each in value:
            yield from _texts(each)
    elif type(value) is dict:
        for name, each in value.items():
            if name not in ("text", "div", "id"):
                yield from _texts(each)


_OF_ITS_OWN = ("versionId", "lastUpdated", "security")


def contained(value: Any) -> Faults | None:
    """A resource inside another: it needs an id, contains nothing itself and has no versions (dom-2, dom-4, dom-5)."""
    faults = _resource(value) or []
    if not isinstance(value, dict):
        return faults
    if "contained" in value:
        faults += inside(".contained", one("contained-nested"))
    if "id" not in value:
        faults += inside(".id", one("element-required", "required", element="id"))
    meta: Any = value.get("meta")
    for name in _OF_ITS_OWN:
        if isinstance(meta, dict) and name in meta:
            faults += inside(f".meta.{name}", one("contained-version", "invariant"))
    return faults


def _resource(value: Any) -> Faults | None:
    if type(value) is not dict:
        return one("wrong-json-type", expected="object")
    kind = value.get("resourceType")
    if type(kind) is not str:
        return inside(".resourceType", one("element-required", "required", element="resourceType"))
    if kind not in resource_types():
        wrong = stranger("unknown-type-nearest", "value", resource_types(), type=shown(kind))
        return inside(".resourceType", wrong)
    return shape(kind).check(value)


# --- rules of single types ----------------------------------------------------------------------------------


def _extension(value: Mapping[str, Any]) -> Faults | None:
    """A value or extensions of its own, not both and not neither (ext-1)."""
    valued = any(name.startswith(("value", "_value")) for name in value)
    return one("extension-value", "invariant") if valued == ("extension" in value) else None


def _period(value: Mapping[str, Any]) -> Faults | None:
    """It does not end before it starts (per-1)."""
    start, end = value.get("start"), value.get("end")
    if not isinstance(start, str) or not isinstance(end, str):
        return None
    first, last = moments(start), moments(end)
    return one("period-reversed", "invariant") if first and last and first[0] >= last[1] else None


ALSO: dict[str, Check] = {"Extension": _extension, "Period": _period}
