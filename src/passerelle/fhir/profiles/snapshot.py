"""What does a profile ask for, with all that it is derived from? One list of elements from a chain of definitions.

A differential says only what changes; the base type itself is checked elsewhere, so that laying one differential over
the next gives all that there is to check. https://hl7.org/fhir/R4/profiling.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from passerelle.fhir.profiles.shorthand import expanded
from passerelle.values import Json

STRUCTURE = "http://hl7.org/fhir/StructureDefinition/"
_KEPT = ("id", "path", "sliceName", "min", "max", "contentReference", "maxLength")
_BASE_RULES = frozenset({"ele-1", "ext-1", "dom-2", "dom-3", "dom-4", "dom-5", "dom-6"})
MOST_ANCESTORS = 32


def trimmed(definition: Json) -> Json:
    """A constraining StructureDefinition without what only people read, its differential where there is one."""
    differential = (definition.get("differential") or {}).get("element")
    elements = differential or (definition.get("snapshot") or {}).get("element") or []
    kept: Json = {
        name: definition[name] for name in ("url", "version", "type", "baseDefinition") if name in definition
    }
    if definition.get("type") == "Extension" and "context" in definition:
        kept["context"] = [[each.get("type"), each.get("expression")] for each in definition["context"]]
    if definition.get("type") == "Extension" and _modifies(definition):
        kept["modifier"] = True
    return {**kept, "element": [row for row in map(_element, elements) if row.keys() - {"id", "path"}]}


def _modifies(definition: Json) -> bool:
    """Whether the definition is of a modifier extension."""
    parts = (definition.get(name) or {} for name in ("differential", "snapshot"))
    return any(each.get("isModifier") for part in parts for each in part.get("element", ())[:1])


def _element(element: Json) -> Json:
    kept = {name: element[name] for name in _KEPT if name in element}
    kept.update({name: value for name, value in element.items() if name.startswith(("fixed", "pattern"))})
    kept.setdefault("id", element.get("path", ""))
    if slicing := element.get("slicing"):
        kept["slicing"] = {
            "discriminator": [[each["type"], each["path"]] for each in slicing.get("discriminator", ())],
            "rules": slicing.get("rules", "open"),
            **({"ordered": True} if slicing.get("ordered") else {}),
        }
    if kinds := element.get("type"):
        kept["type"] = [_kind(kind) for kind in kinds]
    binding = element.get("binding") or {}
    if binding.get("strength") in {"required", "extensible"} and "valueSet" in binding:
        kept["binding"] = {"strength": binding["strength"], "valueSet": binding["valueSet"]}
    rules = [_rule(rule) for rule in element.get("constraint", ()) if _own(rule)]
    return {**kept, "constraint": rules} if rules else kept


def _kind(kind: Json) -> Json:
    return {name: kind[name] for name in ("code", "profile", "targetProfile", "aggregation") if name in kind}


def _rule(rule: Json) -> Json:
    return {name: rule[name] for name in ("key", "severity", "human", "expression") if name in rule}


def _own(rule: Json) -> bool:
    """Not one that every resource has, nor one that a snapshot repeats from a type of R4."""
    source = rule.get("source", "").removeprefix(STRUCTURE)
    return (
        rule["key"] not in _BASE_RULES
        and "expression" in rule
        and not (source.isalpha() and source[0].isupper())
    )


def elements(profile: Json, find: Callable[[str], Json | None]) -> tuple[Json, ...]:
    """The elements of a profile over those of its ancestors, in an order where the parent comes first."""
    chain: list[Json] = []
    seen: set[str] = set()
    here: Json | None = profile
    while here is not None and here["url"] not in seen and len(chain) < MOST_ANCESTORS:
        seen.add(here["url"])
        chain.append(here)
        here = find(here.get("baseDefinition", ""))
    merged: dict[str, Json] = {}
    for each in reversed(chain):
        _lay(expanded(each["type"], each["element"]), merged)
    return tuple(merged.values())


def _lay(rows: Iterable[Json], merged: dict[str, Json]) -> None:
    for row in rows:
        below = merged.get(row["id"])
        merged[row["id"]] = row if below is None else _over(row, below)


def _over(row: Json, below: Json) -> Json:
    """What is said again replaces what was said; rules add up."""
    joined: Json = {**below, **row}
    rules: dict[str, Mapping[str, Any]] = {
        rule["key"]: rule for each in (below, row) for rule in each.get("constraint", ())
    }
    if rules:
        joined["constraint"] = list(rules.values())
    return joined
