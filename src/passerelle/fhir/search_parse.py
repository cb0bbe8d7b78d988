"""What does a search ask? From the pairs of a query string to a Query; what is not understood is refused by name."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from passerelle.fhir import search_cursor
from passerelle.fhir.definitions import resource_types, structure
from passerelle.fhir.outcome import BadInput, Issue
from passerelle.fhir.search_conditions import Reading, across, condition, inside
from passerelle.fhir.search_known import (
    bad_value,
    common_parameters,
    nearest_names,
    parameters,
    refused,
    shown,
    unknown_parameter,
    unknown_type,
)
from passerelle.fhir.search_terms import Condition, Include, Parameter, Query

_MOST_PARAMETERS = 100
_MOST_CHARACTERS = 65_536
_SUMMARIES = frozenset({"true", "text", "data", "count", "false"})
_MAY_BE_IGNORED = frozenset(
    {"search-parameter-unknown", "search-parameter-unsupported", "search-modifier-unsupported"}
)
"""What ``Prefer: handling=lenient`` leaves out. A value that cannot be read is never left out."""


@dataclass
class _Draft:
    """What has been understood so far."""

    type: str
    reading: Reading
    max_count: int
    types: tuple[str, ...] = ()
    clauses: list[Condition] = field(default_factory=list)
    fields: dict[str, Any] = field(default_factory=dict)

    @property
    def known(self) -> Mapping[str, Parameter]:
        return parameters(self.type) if self.type else common_parameters(self.types)


def parse(
    type: str,
    params: Sequence[tuple[str, str]],
    *,
    max_count: int = 1000,
    default_count: int = 50,
    base: str = "",
    compartment: tuple[str, str] | None = None,
    lenient: bool = False,
    max_depth: int = 8,
) -> Query:
    """Read the pairs of a query string. ``base`` is this server's address: references to it become relative.

    ``type`` "" is a search across types, which ``_type`` may narrow. ``compartment`` is (type, id) of the one that
    is searched, as in ``/Patient/1/Observation``. ``max_depth`` bounds chains and ``_has`` together.

    Raises BadInput with one issue for each parameter that is not understood: an ignored parameter answers with
    more than was asked for. With ``lenient`` unknown parameters are left out, and named in ``Query.ignored``.
    """
    if type and type not in resource_types():
        raise BadInput(unknown_type(type), status=404)
    if (
        len(params) > _MOST_PARAMETERS
        or sum(len(name) + len(value) for name, value in params) > _MOST_CHARACTERS
    ):
        raise BadInput(Issue("search-too-long", "too-long", details={"limit": str(_MOST_PARAMETERS)}))
    draft = _Draft(type, Reading(base, max_depth), max_count, fields={"count": min(default_count, max_count)})
    if not type:
        draft.types = _types(params)
    if compartment:
        types, within = inside(*compartment, (type,) if type else draft.types)
        draft.types = draft.types if type else types
        draft.clauses.append(within)
    ignored = _take_all(draft, params, lenient)
    if after := draft.fields.get("after"):
        search_cursor.decode(after, len(draft.fields.get("sort", ())))
    return Query(type, tuple(draft.clauses), types=draft.types, ignored=ignored, **draft.fields)


def _types(params: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """What a search across types is narrowed to; several ``_type`` narrow each other."""
    found: set[str] | None = None
    for name, value in params:
        if name == "_type":
            wanted = {one.strip() for one in value.split(",")}
            if unknown := sorted(wanted - resource_types()):
                raise BadInput(*map(unknown_type, unknown))
            found = wanted if found is None else found & wanted
    if found is not None and not found:
        raise bad_value("_type", "code")
    return tuple(sorted(found or ()))


def _take_all(draft: _Draft, params: Sequence[tuple[str, str]], lenient: bool) -> tuple[Issue, ...]:
    """Understand each; what may be left out is returned."""
    issues: list[Issue] = []
    ignored: list[Issue] = []
    for name, value in params:
        try:
            _take(draft, name, value)
        except BadInput as problem:
            may = lenient and all(issue.key in _MAY_BE_IGNORED for issue in problem.issues)
            (ignored if may else issues).extend(problem.issues)
    if issues:
        raise BadInput(*issues)
    return tuple(ignored)


_NO_MATTER = frozenset({"_format", "_pretty", "_totalMethod"})
"""What changes nothing about what is found. The last is how fhirpy asks for a total, which is always given here."""


_NOT_TEXT = re.compile("[\x00\ud800-\udfff]")
"""What no FHIR string holds, and no database accepts."""


def _take(draft: _Draft, written: str, value: str) -> None:
    name, _, modifier = written.partition(":")
    if _NOT_TEXT.search(value):
        raise BadInput(Issue("control-character", "value"))
    if name in ("_include", "_revinclude"):
        _include(draft, name, modifier, value)
    elif control := _CONTROLS.get(name):
        if modifier:
            raise refused("search-modifier-unsupported", written)
        control(draft, name, value)
    elif (
        name in _NO_MATTER
        or (name == "_contained" and value == "false")
        or (name == "_type" and not draft.type)
    ):
        return
    elif name in ("_contained", "_type"):
        raise refused("search-parameter-unsupported", written)
    elif draft.type:
        draft.clauses.append(condition(draft.type, written, value, draft.reading))
    else:
        draft.clauses.append(across(draft.types, written, value, draft.reading))


# --- what governs the result --------------------------------------------------------------------------------

Control = Callable[[_Draft, str, str], None]


def _count(draft: _Draft, name: str, value: str) -> None:
    if not re.fullmatch(r"[0-9]{1,9}", value):
        raise bad_value(name, "integer")
    draft.fields["count"] = min(int(value), draft.max_count)
    if int(value) == 0:
        draft.fields["summary"] = "count"  # R4: _count=0 is treated as _summary=count


def _cursor(draft: _Draft, name: str, value: str) -> None:
    draft.fields["after"] = value


def _total(draft: _Draft, name: str, value: str) -> None:
    if value not in ("none", "estimate", "accurate"):
        raise bad_value(name, "code")
    draft.fields["total"] = value != "none"


def _summary(draft: _Draft, name: str, value: str) -> None:
    if value not in _SUMMARIES:
        raise bad_value(name, "code")
    if value != "false":
        draft.fields["summary"] = value


def _elements(draft: _Draft, name: str, value: str) -> None:
    known: set[str] = set()
    for type in (draft.type,) if draft.type else draft.types or ("Patient", "Basic"):
        found = structure(type)
        known |= {element.name.removesuffix("[x]") for element in (found.parts[""] if found else ())}
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
        parameter = draft.known.get(key)
        if parameter is None or parameter.parts or parameter.kind == "special":
            known = [name for name, each in draft.known.items() if not each.parts]
            raise unknown_parameter(draft.type, key, known)
        order.append((key, written.strip().startswith("-")))
    draft.fields["sort"] = tuple(order)


def _include(draft: _Draft, name: str, modifier: str, value: str) -> None:
    """``Type:parameter`` or ``Type:parameter:TargetType``; ``*`` as the parameter is every reference."""
    if modifier not in ("", "iterate"):
        raise refused("search-modifier-unsupported", f"{name}:{modifier}")
    source, _, rest = value.partition(":")
    parameter, _, target = rest.partition(":")
    if value == "*":
        source, parameter = (draft.type or "*") if name == "_include" else "*", "*"
    known = parameters(source).get(parameter)
    good = parameter == "*" or (known is not None and known.kind == "reference")
    if (
        not good
        or (source not in resource_types() and value != "*")
        or (target and target not in resource_types())
    ):
        raise bad_value(name, "include")
    step = Include(source, parameter, target, modifier == "iterate")
    key = name.removeprefix("_")
    draft.fields[key] = tuple(dict.fromkeys((*draft.fields.get(key, ()), step)))


_CONTROLS: Mapping[str, Control] = {
    "_count": _count,
    "_cursor": _cursor,
    "_total": _total,
    "_summary": _summary,
    "_elements": _elements,
    "_sort": _sort,
}
