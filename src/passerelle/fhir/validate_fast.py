"""Is this surely a good resource? A quick yes for what is ordinary; everything else is looked at thoroughly.

INVARIANT: what is accepted here has no faults there. A property test keeps the two together.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from passerelle.fhir.definitions import resource_types
from passerelle.fhir.primitives import PRIMITIVES
from passerelle.fhir.search_values import moments
from passerelle.fhir.validate_schema import Builder
from passerelle.values import Json

Accepts = Callable[[Any], bool]


def accepts(resource: Any) -> bool:
    """Whether a resource is good at first sight."""
    kind = resource.get("resourceType") if type(resource) is dict else None
    if type(kind) is not str or kind not in resource_types():
        return False
    if "contained" in resource:
        return _accepts_contained(kind, resource)
    accept = schema_of(kind, local=False)
    return accept is not None and accept(resource)


def _accepts_contained(kind: str, resource: Json) -> bool:
    accept, held = schema_of(kind, local=True), resource["contained"]
    if accept is None or not accept(resource) or not all(_fits_inside(each) for each in held):
        return False
    ids, named = [each["id"] for each in held], set[str]()
    _local_references(resource, named)
    return len(set(ids)) == len(ids) and named == set(ids)


def _fits_inside(resource: Any) -> bool:
    """A contained resource with an id, no version of its own, and nothing inside it (dom-2, dom-4, dom-5)."""
    kind = resource.get("resourceType") if type(resource) is dict else None
    if (
        type(kind) is not str
        or kind not in resource_types()
        or not resource.keys().isdisjoint({"contained", "meta"})
    ):
        return False
    accept = schema_of(kind, local=True)
    return "id" in resource and accept is not None and accept(resource)


def _local_references(value: Any, named: set[str]) -> None:
    for name, child in value.items():
        if name == "reference":
            if type(child) is str and child[0] == "#":
                named.add(child[1:])
        elif type(child) is dict:
            _local_references(child, named)
        elif type(child) is list:
            for each in child:
                if type(each) is dict:
                    _local_references(each, named)


@cache
def schema_of(kind: str, *, local: bool) -> Accepts | None:
    """The compiled schema of a type; with ``local`` the one that takes contained resources."""
    schema = Builder(kind, local=local).schema()
    if schema is None:
        return None
    import jsonschema_rs  # only a node that takes resources in pays for it

    keywords: dict[str, Any] = {
        "x-whole": _Whole,
        "x-order": _Order,
        "x-xhtml": _Xhtml,
        "x-choices": _Choices,
    }
    options = jsonschema_rs.RegexOptions()
    accept: Accepts = jsonschema_rs.validator_for(schema, keywords=keywords, pattern_options=options).is_valid
    return accept


class _Whole:
    """A whole number: for a schema 1.0 would be one too."""

    def __init__(self, parent: Json, least: int, path: Any) -> None:
        self.least = least

    def validate(self, value: Any) -> None:
        if type(value) is not int or not self.least <= value < 2**31:
            raise ValueError


class _Order:
    """Of two moments the first is not after the second, as far as they say (per-1 and its like)."""

    def __init__(self, parent: Json, names: list[str], path: Any) -> None:
        self.first, self.second = names

    def validate(self, value: Any) -> None:
        first, second = value.get(self.first), value.get(self.second)
        if first is None or second is None:
            return
        if len(first) == len(second) and first[19:] == second[19:]:
            good = first <= second
        else:
            early, late = moments(first), moments(second)
            good = early is not None and late is not None and early[0] < late[1]
        if not good:
            raise ValueError


class _Xhtml:
    def __init__(self, parent: Json, value: Any, path: Any) -> None:
        pass

    def validate(self, value: Any) -> None:
        if not PRIMITIVES["xhtml"](value):
            raise ValueError


class _Choices:
    """Of each choice at most one, and one where it is required. That only an extension stands there is looked at."""

    def __init__(self, parent: Json, choices: list[tuple[int, list[str]]], path: Any) -> None:
        self.choices = [(bool(required), frozenset(names)) for required, names in choices]

    def validate(self, value: Any) -> None:
        present = value.keys()
        for required, names in self.choices:
            found = len(names & present)
            if found > 1 or found < required:
                raise ValueError
