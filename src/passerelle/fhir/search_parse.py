"""What does a search ask? From the pairs of a query string to a Query; what is not understood is refused by name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from types import MappingProxyType
from typing import Any, cast

from passerelle.fhir.definitions import resource_types, search_parameters, structure
from passerelle.fhir.outcome import BadInput, Issue
from passerelle.fhir.search_terms import Clause, Include, Kind, Parameter, Query
from passerelle.fhir.search_tests import split, tests, unescape
from passerelle.fhir.search_values import reference

_COMMON = (
    Parameter("_id", "token", coded=True),
    Parameter("_lastUpdated", "date"),
    Parameter("_tag", "token"),
    Parameter("_security", "token"),
    Parameter("_profile", "uri"),
    Parameter("_source", "uri"),
)
_PLAIN = frozenset({"code", "boolean", "id", "string", "uri", "markdown", "Deceased"})
_MODIFIERS: Mapping[Kind, frozenset[str]] = {
    "token": frozenset({"missing", "not", "text"}),
    "string": frozenset({"missing", "exact", "contains"}),
    "date": frozenset({"missing"}),
    "number": frozenset({"missing"}),
    "quantity": frozenset({"missing"}),
    "reference": frozenset({"missing", "identifier"}),
    "uri": frozenset({"missing", "above", "below"}),
    "special": frozenset(),
}
_NOT_HERE = frozenset(
    {"_text", "_content", "_query", "_filter", "_has", "_list", "_type", "_containedType", "near"}
)
_MOST_PARAMETERS = 100
_MOST_CHARACTERS = 65_536
_SUMMARIES = frozenset({"true", "text", "data", "count", "false"})


@cache
def parameters(type: str) -> Mapping[str, Parameter]:
    """The search parameters that a type understands here, by name; empty for what is not an R4 resource type."""
    if type not in resource_types():
        return MappingProxyType({})
    known = {parameter.name: parameter for parameter in _COMMON}
    for found in search_parameters(type):
        parts = tuple(cast(Kind, half.kind) for _, *halves in found.composites[:1] for half in halves)
        kind = parts[1] if parts else cast(Kind, found.kind)
        coded = bool(found.paths) and all(path.type in _PLAIN for path in found.paths)
        known[found.name] = Parameter(found.name, kind, found.targets, parts, coded and kind == "token")
    return MappingProxyType(known)


@dataclass
class _Draft:
    """What has been understood so far."""

    type: str
    base: str
    max_count: int
    clauses: list[Clause] = field(default_factory=list)
    fields: dict[str, Any] = field(default_factory=dict)
    issues: list[Issue] = field(default_factory=list)


def parse(
    type: str,
    params: Sequence[tuple[str, str]],
    *,
    max_count: int = 1000,
    default_count: int = 50,
    base: str = "",
) -> Query:
    """Read the pairs of a query string. ``base`` is this server's address: references to it become relative.

    Raises BadInput with one issue for each parameter that is not understood; nothing is ever ignored, because an
    ignored parameter answers with more than was asked for.
    """
    if type not in resource_types():
        raise BadInput(unknown_type(type), status=404)
    if len(params) > _MOST_PARAMETERS or sum(len(value) for _, value in params) > _MOST_CHARACTERS:
        raise BadInput(Issue("search-too-long", "too-long", details={"limit": str(_MOST_PARAMETERS)}))
    draft = _Draft(type, base, max_count, fields={"count": min(default_count, max_count)})
    for name, value in params:
        try:
            _take(draft, name, value)
        except BadInput as refused:
            draft.issues += refused.issues
    if draft.issues:
        raise BadInput(*draft.issues)
    return Query(type, tuple(draft.clauses), **draft.fields)


def unknown_type(type: str) -> Issue:
    nearest = nearest_names(type, resource_types())
    return Issue("unknown-type-nearest", "not-supported", details={"type": shown(type), "nearest": nearest})


def nearest_names(name: str, known: Iterable[str]) -> str:
    """The known names that look most like a misspelt one, for a message; all of a few, none of many."""
    near = get_close_matches(name[:64], sorted(known), n=3, cutoff=0.5)
    return ", ".join(near) or "—"


def shown(name: str) -> str:
    """A name from outside as a message may repeat it: only when it looks like a name, not like a value."""
    return name if re.fullmatch(r"[A-Za-z_$][A-Za-z_:.\-]{0,63}", name) else "?"


_NO_MATTER = frozenset({"_format", "_pretty", "_totalMethod"})
"""What changes nothing about what is found. The last is how fhirpy asks for a total, which is always given here."""


def _take(draft: _Draft, written: str, value: str) -> None:
    name, _, modifier = written.partition(":")
    if control := _CONTROLS.get(name):
        if modifier:
            raise _refused("search-modifier-unsupported", written)
        control(draft, name, value)
    elif name in _NO_MATTER or (name == "_contained" and value == "false"):
        return
    elif "." in written or name in _NOT_HERE or name == "_contained":
        raise _refused("search-parameter-unsupported", written)
    elif parameter := parameters(draft.type).get(name):
        draft.clauses.append(_clause(draft, parameter, modifier, value))
    else:
        known = [*parameters(draft.type), *_CONTROLS]
        details = {"parameter": shown(name), "type": draft.type, "nearest": nearest_names(name, known)}
        raise BadInput(Issue("search-parameter-unknown", "not-supported", details=details))


def _refused(key: str, written: str) -> BadInput:
    return BadInput(Issue(key, "not-supported", details={"parameter": shown(written)}))


# --- clauses ------------------------------------------------------------------------------------------------


def _clause(draft: _Draft, parameter: Parameter, modifier: str, written: str) -> Clause:
    values = tuple(split(written, ","))
    if not all(values):
        raise _bad(parameter.name, "empty")
    aimed = parameter.kind == "reference" and modifier in resource_types()
    allowed = frozenset({"missing"}) if parameter.parts else _MODIFIERS[parameter.kind]
    if modifier and not aimed and modifier not in allowed:
        raise _refused("search-modifier-unsupported", f"{parameter.name}:{modifier}")
    if modifier == "missing" and values not in (("true",), ("false",)):
        raise _bad(parameter.name, "boolean")
    if parameter.kind == "reference" and modifier not in ("missing", "identifier"):
        values = tuple(each for value in values for each in _targets(draft, parameter, modifier, value))
    elif parameter.coded and modifier in ("", "not"):
        values = tuple(value.rpartition("|")[2] or value for value in values)
    clause = Clause(
        parameter.name, parameter.kind, values, None if aimed or not modifier else modifier, parameter.parts
    )
    tests(clause)  # a value that its kind cannot read is refused here
    return clause


def _targets(draft: _Draft, parameter: Parameter, modifier: str, value: str) -> tuple[str, ...]:
    """A reference as it is indexed. An id alone stands for that id at each type the parameter may point to."""
    text = reference(unescape(value), draft.base)
    if "/" in text or ":" in text:
        if modifier and not text.startswith(f"{modifier}/") and f"/{modifier}/" not in text:
            raise _bad(parameter.name, "reference")
        return (text.replace("\\", "\\\\"),)
    if modifier:
        return (f"{modifier}/{text}",)
    if not parameter.targets:
        raise _bad(parameter.name, "reference")
    return (*(f"{target}/{text}" for target in parameter.targets), text)


def _bad(name: str, expected: str) -> BadInput:
    return BadInput(Issue(f"search-value-{expected}", "value", details={"parameter": shown(name)}))


# --- what governs the result --------------------------------------------------------------------------------

Control = Callable[[_Draft, str, str], None]


def _whole(name: str, value: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", value):
        raise _bad(name, "integer")
    return int(value)


def _count(draft: _Draft, name: str, value: str) -> None:
    count = _whole(name, value)
    draft.fields["count"] = min(count, draft.max_count)
    if count == 0:
        draft.fields["summary"] = "count"  # R4: _count=0 is treated as _summary=count


def _offset(draft: _Draft, name: str, value: str) -> None:
    draft.fields["offset"] = _whole(name, value)


def _total(draft: _Draft, name: str, value: str) -> None:
    if value not in ("none", "estimate", "accurate"):
        raise _bad(name, "code")
    draft.fields["total"] = value != "none"


def _summary(draft: _Draft, name: str, value: str) -> None:
    if value not in _SUMMARIES:
        raise _bad(name, "code")
    if value != "false":
        draft.fields["summary"] = value


def _elements(draft: _Draft, name: str, value: str) -> None:
    found = structure(draft.type)
    known = {element.name.removesuffix("[x]") for element in (found.parts[""] if found else ())}
    wanted = [element.strip().partition(".")[0] for element in value.split(",")]
    for element in wanted:
        if element not in known:
            details = {"element": shown(element), "nearest": nearest_names(element, known)}
            raise BadInput(Issue("unknown-element", "value", details=details))
    draft.fields["elements"] = (*draft.fields.get("elements", ()), *wanted)


def _sort(draft: _Draft, name: str, value: str) -> None:
    order = []
    for written in value.split(","):
        key = written.strip().removeprefix("-")
        parameter = parameters(draft.type).get(key)
        if parameter is None or parameter.parts:
            known = [name for name, each in parameters(draft.type).items() if not each.parts]
            details = {"parameter": shown(key), "type": draft.type, "nearest": nearest_names(key, known)}
            raise BadInput(Issue("search-parameter-unknown", "not-supported", details=details))
        order.append((key, written.strip().startswith("-")))
    draft.fields["sort"] = tuple(order)


def _include(draft: _Draft, name: str, value: str) -> None:
    """``Type:parameter`` or ``Type:parameter:TargetType``; ``*`` as the parameter is every reference."""
    source, _, rest = value.partition(":")
    parameter, _, target = rest.partition(":")
    if value == "*" and name == "_include":
        source, parameter = draft.type, "*"
    known = parameters(source).get(parameter)
    good = parameter == "*" or (known is not None and known.kind == "reference")
    if source not in resource_types() or not good or (target and target not in resource_types()):
        raise _bad(name, "include")
    step = Include(source, parameter, target)
    key = name.removeprefix("_")
    draft.fields[key] = tuple(dict.fromkeys((*draft.fields.get(key, ()), step)))


_CONTROLS: Mapping[str, Control] = {
    "_count": _count,
    "_offset": _offset,
    "_total": _total,
    "_summary": _summary,
    "_elements": _elements,
    "_sort": _sort,
    "_include": _include,
    "_revinclude": _include,
}
