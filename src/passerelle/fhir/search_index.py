"""What can be found of a resource? Its index rows, by extractors compiled once for each type."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from math import inf
from typing import Any, cast

from passerelle.fhir.definitions import Component, Path, resource_types, search_parameters
from passerelle.fhir.path import Walk, walker
from passerelle.fhir.search_terms import IndexRow, Kind
from passerelle.fhir.search_values import fold, moments, number, period, reference
from passerelle.values import Json

Cell = tuple[str, str, str, float | None, float | None]
"""text, system, exact, low, high of an IndexRow."""

Read = Callable[[Any, str], list[Cell]]
"""The cells of one value; the second argument is the base address of this server."""


def index(resource: Json, base: str = "") -> tuple[IndexRow, ...]:
    """Every searchable value of a resource, each once, including ``_id``, ``_lastUpdated`` and the meta labels.

    ``base`` is this server's FHIR address: references to it become relative.
    """
    rows: list[IndexRow] = []
    type = resource.get("resourceType", "")
    emitters, composites = _emitters(type), _composites(type)
    for name, value in resource.items():
        for emit in emitters.get(name, ()):
            emit(value, base, rows)
        for compose in composites.get(name, ()):
            compose(resource, base, rows)
    return tuple(dict.fromkeys(rows))


# --- what each datatype says --------------------------------------------------------------------------------


def _text(value: Any) -> str:
    return value if type(value) is str else ""


def _code(value: Any, base: str) -> list[Cell]:
    if type(value) is bool:
        return [("true" if value else "false", "", "", None, None)]
    return [(value, "", "", None, None)] if type(value) is str else []


def _coding(value: Any, base: str) -> list[Cell]:
    if type(value) is not dict:
        return []
    shown = value.get("display")
    cell = (
        _text(value.get("code")),
        _text(value.get("system")),
        fold(shown) if type(shown) is str else "",
        None,
        None,
    )
    return [cell] if any(cell) else []


def _concept(value: Any, base: str) -> list[Cell]:
    if type(value) is not dict:
        return []
    codings = value.get("coding")
    cells = [cell for coding in codings for cell in _coding(coding, base)] if type(codings) is list else []
    text = value.get("text")
    if type(text) is str:
        folded = fold(text)
        if all(cell[2] != folded for cell in cells):
            cells.append(("", "", folded, None, None))
    return cells


def _identifier(value: Any, base: str) -> list[Cell]:
    if type(value) is not dict:
        return []
    kind = value.get("type")
    shown = fold(_text(kind.get("text"))) if type(kind) is dict else ""
    cell = _text(value.get("value")), _text(value.get("system")), shown, None, None
    return [cell] if any(cell) else []


def _contact(value: Any, base: str) -> list[Cell]:
    if type(value) is not dict or type(value.get("value")) is not str:
        return []
    return [(value["value"], _text(value.get("system")), "", None, None)]


def _deceased(value: Any, base: str) -> list[Cell]:
    """``Patient.deceased.exists() and Patient.deceased != false``: a date of death says true."""
    return [("false" if value is False else "true", "", "", None, None)]


def _words(value: Any, base: str) -> list[Cell]:
    return [(fold(value), "", value, None, None)] if type(value) is str else []


def _parts(*names: str) -> Read:
    walks = [walker((name,)) for name in names]

    def read(value: Any, base: str) -> list[Cell]:
        return [cell for walk in walks for part in walk(value) for cell in _words(part, base)]

    return read


def _date(value: Any, base: str) -> list[Cell]:
    covered = moments(value) if type(value) is str else None
    return [("", "", "", *covered)] if covered else []


def _period(value: Any, base: str) -> list[Cell]:
    covered = period(value) if type(value) is dict else None
    return [("", "", "", *covered)] if covered else []


def _timing(value: Any, base: str) -> list[Cell]:
    """Only the outer limits of a Timing count (R4, search on date)."""
    cells = [cell for event in walker(("event",))(value) for cell in _date(event, base)]
    cells += [cell for bounds in walker(("repeat", "boundsPeriod"))(value) for cell in _period(bounds, base)]
    if not cells:
        return []
    return [("", "", "", min(cell[3] or 0.0 for cell in cells), max(cell[4] or 0.0 for cell in cells))]


def _reference(value: Any, base: str) -> list[Cell]:
    if type(value) is not dict:
        return []
    literal = value.get("reference")
    text = reference(literal, base) if type(literal) is str and not literal.startswith("#") else ""
    identifier = value.get("identifier")
    logical = identifier if type(identifier) is dict else {}
    cell = text, _text(logical.get("system")), _text(logical.get("value")), None, None
    return [cell] if any(cell) else []


def _canonical(value: Any, base: str) -> list[Cell]:
    if type(value) is not str:
        return []
    whole, plain = reference(value, base), reference(value.partition("|")[0], base)
    return [(text, "", "", None, None) for text in dict.fromkeys((plain, whole))]


def _uri(value: Any, base: str) -> list[Cell]:
    return [(value, "", "", None, None)] if type(value) is str else []


def _quantity(value: Any, base: str) -> list[Cell]:
    covered = number(value.get("value")) if type(value) is dict else None
    if covered is None:
        return []
    low, high = _compared(*covered, value.get("comparator"))
    code, unit = _text(value.get("code")), _text(value.get("unit"))
    return [(code or unit, _text(value.get("system")), unit, low, high)]


def _compared(low: float, high: float, comparator: object) -> tuple[float, float]:
    """A measured "< 5" is every number below 5."""
    return {"<": (-inf, low), "<=": (-inf, high), ">": (high, inf), ">=": (low, inf)}.get(
        cast(str, comparator), (low, high)
    )


def _money(value: Any, base: str) -> list[Cell]:
    covered = number(value.get("value")) if type(value) is dict else None
    return [(_text(value.get("currency")), "urn:iso:std:iso:4217", "", *covered)] if covered else []


def _range(value: Any, base: str) -> list[Cell]:
    if type(value) is not dict:
        return []
    low, high = _quantity(value.get("low"), base), _quantity(value.get("high"), base)
    if not low and not high:
        return []
    text, system, exact, start, _ = low[0] if low else (*high[0][:3], -inf, None)
    return [(text, system, exact, start, high[0][4] if high else inf)]


def _number(value: Any, base: str) -> list[Cell]:
    covered = number(value)
    return [("", "", "", *covered)] if covered else []


_TOKENS: dict[str, Read] = {
    "Coding": _coding,
    "CodeableConcept": _concept,
    "Identifier": _identifier,
    "ContactPoint": _contact,
    "Deceased": _deceased,
}
_STRINGS: dict[str, Read] = {
    "HumanName": _parts("family", "given", "text", "prefix", "suffix"),
    "Address": _parts("line", "city", "district", "state", "postalCode", "country", "text"),
}
_DATES: dict[str, Read] = {"Period": _period, "Timing": _timing}
_QUANTITIES: dict[str, Read] = {"Range": _range, "Money": _money}


def _reader(kind: str, type: str) -> Read:
    """How a value of a datatype is read for a kind of parameter."""
    match kind:
        case "token":
            return _TOKENS.get(type, _code)
        case "string":
            return _STRINGS.get(type, _words)
        case "date":
            return _DATES.get(type, _date)
        case "quantity":
            return _QUANTITIES.get(type, _quantity)
        case "number":
            return _range if type == "Range" else _number
        case "reference":
            return _reference if type == "Reference" else _canonical
    return _uri


# --- compiled once per type ---------------------------------------------------------------------------------

Emit = Callable[[Any, str, list[IndexRow]], None]

_COMMON = (
    ("token", Path(("id",), "id"), "_id"),
    ("date", Path(("meta", "lastUpdated"), "instant"), "_lastUpdated"),
    ("token", Path(("meta", "tag"), "Coding"), "_tag"),
    ("token", Path(("meta", "security"), "Coding"), "_security"),
    ("uri", Path(("meta", "profile"), "canonical"), "_profile"),
    ("uri", Path(("meta", "source"), "uri"), "_source"),
)


@cache
def _emitters(type: str) -> dict[str, list[Emit]]:
    """What to do with the value of each top-level element of a type.

    A path that serves several parameters (``code`` and ``combo-code``) is read once.
    """
    if type not in resource_types():
        return {}
    shared: dict[tuple[str, Path], list[tuple[str, str]]] = {
        (kind, path): [(name, "")] for kind, path, name in _COMMON
    }
    for parameter in search_parameters(type):
        for path in parameter.paths:
            place = parameter.kind, Path(path.steps, path.type)
            shared.setdefault(place, []).append((parameter.name, f"{path.only}/" if path.only else ""))
    emitters: dict[str, list[Emit]] = {}
    for (kind, path), names in shared.items():
        root = path.steps[0].partition("[")[0]
        emitters.setdefault(root, []).append(_emitter(cast(Kind, kind), path, tuple(names)))
    return emitters


def _emitter(kind: Kind, path: Path, names: tuple[tuple[str, str], ...]) -> Emit:
    """Write the rows of one path; ``names`` are parameters with the start that a reference must have."""
    read, values, make = _reader(kind, path.type), _below(path.steps), IndexRow._make

    def emit(value: Any, base: str, rows: list[IndexRow]) -> None:
        for item in values(value):
            for cell in read(item, base):
                for name, start in names:
                    if not start or cell[0].startswith(start):
                        rows.append(make((name, kind, *cell, 0)))

    return emit


def _below(steps: tuple[str, ...]) -> Walk:
    """From the value of the first step on: the caller has already looked up its name."""
    if "[" in steps[0]:
        whole, name = walker(steps), steps[0].partition("[")[0]
        return lambda value: whole({name: value})
    if len(steps) == 1:
        return lambda value: value if type(value) is list else (value,)
    rest = walker(steps[1:])
    return lambda value: (
        found for item in (value if type(value) is list else (value,)) for found in rest(item)
    )


@cache
def _composites(type: str) -> dict[str, list[Emit]]:
    """Composite parameters by the top-level element without which they have no value."""
    composites: dict[str, list[Emit]] = {}
    if type not in resource_types():
        return {}
    for parameter in search_parameters(type):
        for base, first, second in parameter.composites:
            emit = _composite(parameter.name, base, first, second)
            for root in {base[0]} if base else {path.steps[0] for path in second.paths}:
                composites.setdefault(root, []).append(emit)
    return composites


def _composite(name: str, at: tuple[str, ...], first: Component, second: Component) -> Emit:
    """Write the second half's rows once for each way to name the first half's code."""
    places, kind = walker(at), cast(Kind, second.kind)
    codes, values = _half(first), _half(second)

    def emit(resource: Any, base: str, rows: list[IndexRow]) -> None:
        for place in places(resource):
            found = values(place, base)
            names = {
                name for code, system, *_ in codes(place, base) if code for name in (f"{system}|{code}", code)
            }
            for text, system, _, low, high in found if names else ():
                rows.extend(IndexRow(name, kind, text, system, exact, low, high) for exact in sorted(names))

    return emit


def _half(component: Component) -> Callable[[Any, str], list[Cell]]:
    walks = [(walker(path.steps), _reader(component.kind, path.type)) for path in component.paths]

    def read(place: Any, base: str) -> list[Cell]:
        return [cell for walk, each in walks for value in walk(place) for cell in each(value, base)]

    return read
