"""Are the invariants kept? The FHIRPath rules that R4 states for its types, each compiled when it is first needed.

https://hl7.org/fhir/R4/conformance-rules.html#constraints
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

from passerelle.fhir.definitions import resource_types
from passerelle.fhir.outcome import Issue
from passerelle.fhir.profiles.data import Rule, rules
from passerelle.fhir.profiles.invariants import Scene, keeps
from passerelle.fhir.profiles.items import Item, below, root
from passerelle.fhir.validate_fast import accepts
from passerelle.values import Json

_PLAIN = frozenset({"per-1"})
"""Rules of the compiled definitions that plain code checks faster."""


@cache
def _rules_at(type: str) -> Mapping[str, tuple[Rule, ...]]:
    """The rules of a type by the path in it."""
    found: dict[str, tuple[Rule, ...]] = {}
    for rule in rules(type):
        if rule[1] not in _PLAIN:
            found[rule[0]] = (*found.get(rule[0], ()), rule)
    return found


def broken(resource: Json, *, warnings: bool = True) -> Iterator[Issue]:
    """The rules of R4 that a resource of good structure breaks, those of the resources inside it too.

    Without ``warnings`` what is good at first sight inside it is not asked.
    """
    for issue in _visit(root(resource), Scene(resource), warnings):
        if warnings or issue.severity == "error":
            yield issue


def _visit(item: Item, scene: Scene, warnings: bool) -> Iterator[Issue]:
    at = _rules_at(item.type)
    yield from _asked(at.get(item.part, ()), item, scene)
    for element, inner in below(item):
        if inner.type in resource_types() and not inner.part:
            if warnings or not accepts(inner.value):
                yield from _visit(inner, Scene(inner.value, scene.resolve), warnings)
            continue
        if not inner.part and at:
            path = f"{item.part}.{element.name}" if item.part else element.name
            yield from _asked(at.get(path, ()), inner, scene)
        yield from _visit(inner, scene, warnings)


def _asked(found: tuple[Rule, ...], item: Item, scene: Scene) -> Iterator[Issue]:
    for _, key, error, expression, words in found:
        if not keeps(expression, item, scene):
            details = {"rule": key, "words": words}
            yield Issue("rule-broken", "invariant", item.path, details, "error" if error else "warning")
