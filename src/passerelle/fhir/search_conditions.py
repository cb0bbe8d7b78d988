"""From one parameter of a query string to a condition: clauses, composites, chains, ``_has``, compartments.

https://hl7.org/fhir/R4/search.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import cast

from passerelle.fhir.definitions import Part, compartment, resource_types, search_parameters
from passerelle.fhir.outcome import BadInput, Issue
from passerelle.fhir.search_hierarchy import hierarchy, parent
from passerelle.fhir.search_known import (
    COMMON,
    bad_value,
    datatypes,
    is_coded,
    parameters,
    refused,
    unknown_parameter,
    unknown_type,
)
from passerelle.fhir.search_measure import CANONICAL
from passerelle.fhir.search_near import near
from passerelle.fhir.search_terms import (
    All,
    Chain,
    Clause,
    Condition,
    Either,
    Has,
    Kind,
    Parameter,
    Together,
    Typed,
)
from passerelle.fhir.search_tests import is_canonical, split, tests, unescape
from passerelle.fhir.search_values import reference
from passerelle.values import FHIR_ID

_MODIFIERS: Mapping[Kind, frozenset[str]] = {
    "token": frozenset({"missing", "not", "text", "in", "not-in", "above", "below", "of-type"}),
    "string": frozenset({"missing", "exact", "contains"}),
    "date": frozenset({"missing"}),
    "number": frozenset({"missing"}),
    "quantity": frozenset({"missing"}),
    "reference": frozenset({"missing", "identifier", "above", "below"}),
    "uri": frozenset({"missing", "above", "below"}),
    "special": frozenset(),
}
NOT_HERE = frozenset({"_text", "_content", "_query", "_filter", "_containedType"})
"""What R4 knows and this server does not."""
_MOST_CONDITIONS = 250
_TARGETS_FOR_ONE = 10
"""To how many types an id may point at the cost of one condition."""
_MOST_VALUES = 500
"""How many alternatives one parameter may have that are not looked up by their whole text."""


@dataclass
class Reading:
    """What is the same for all conditions of one query, and how much more it may ask."""

    base: str = ""
    max_depth: int = 8
    depth: int = 0
    left: list[int] = field(default_factory=lambda: [_MOST_CONDITIONS])

    def deeper(self) -> Reading:
        if self.depth >= self.max_depth:
            raise _too_costly("search-chain-too-deep", self.max_depth)
        return Reading(self.base, self.max_depth, self.depth + 1, self.left)

    def spend(self, cost: int = 1) -> None:
        self.left[0] -= cost
        if self.left[0] < 0:
            raise _too_costly("search-too-many-conditions", _MOST_CONDITIONS)


def _too_costly(key: str, limit: int) -> BadInput:
    return BadInput(Issue(key, "too-costly", details={"limit": str(limit)}))


def condition(type: str, written: str, value: str, reading: Reading) -> Condition:
    """One parameter of a type, as written before and after the ``=``."""
    reading.spend()
    if written.startswith("_has:"):
        return _has(type, written, value, reading)
    head, chained, rest = written.partition(".")
    if chained:
        return _chain(type, head, rest, value, reading)
    name, _, modifier = written.partition(":")
    if name in NOT_HERE or name == "_has":
        raise refused("search-parameter-unsupported", written)
    if name == "_list":
        return _list(written, value, modifier)
    parameter = parameters(type).get(name)
    if parameter is None:
        raise unknown_parameter(type, name, parameters(type))
    if parameter.parts:
        return _composite(type, parameter, modifier, value, reading)
    if parameter.kind == "special":
        if modifier:
            raise refused("search-modifier-unsupported", written)
        return near(parameter, value)
    return clause(type, parameter, modifier, value, reading)


def across(types: tuple[str, ...], written: str, value: str, reading: Reading) -> Condition:
    """One parameter of a search across types: what each of the types understands by it."""
    name = written.partition(":")[0]
    if name in COMMON or name == "_list":
        return condition("Basic", written, value, reading)  # it is the same for every type
    if not types:
        raise unknown_parameter("", name, COMMON)
    kinds = {getattr(parameters(type).get(name.partition(".")[0]), "kind", None) for type in types}
    if len(kinds) > 1:
        raise unknown_parameter("", name, COMMON)
    found = sorted(((condition(type, written, value, reading), type) for type in types), key=repr)
    typed = [
        Typed(tuple(sorted(type for _, type in group)), then)
        for then, group in groupby(found, key=lambda one: one[0])
    ]
    return typed[0] if len(typed) == 1 else Either(tuple(typed))


def either(conditions: Sequence[Condition]) -> Condition:
    return conditions[0] if len(conditions) == 1 else Either(tuple(conditions))


# --- one parameter ----------------------------------------------------------------------------------------------


def clause(type: str, parameter: Parameter, modifier: str, written: str, reading: Reading) -> Condition:
    """A parameter with its modifier and its alternatives. A value that its kind cannot read is refused here."""
    values = tuple(split(written, ","))
    if not all(values):
        raise bad_value(parameter.name, "empty")
    if len(values) > _MOST_VALUES and parameter.kind not in ("token", "reference", "uri"):
        raise _too_costly("search-too-many-conditions", _MOST_VALUES)
    aimed = parameter.kind == "reference" and modifier in resource_types()
    _check_modifier(type, parameter, modifier, values, aimed)
    rows, start = parameter.rows, parameter.start
    if modifier == "of-type":
        rows = tuple(row + CANONICAL for row in rows)
    elif modifier == "identifier":
        start = ""  # whom an identifier stands for is not said by its text
    elif parameter.kind == "reference" and modifier != "missing":
        type_ = "" if modifier in ("above", "below") else modifier
        values = tuple(each for value in values for each in _targets(parameter, type_, value, reading))
        if modifier in ("above", "below"):
            return _hierarchy(parameter, values, modifier)
    elif parameter.coded and modifier in ("", "not"):
        values = tuple(value.rpartition("|")[2] or value for value in values)
    kept = None if aimed or not modifier else modifier
    if parameter.kind == "quantity" and kept is None:
        return _quantities(parameter.name, values, rows)
    return _checked(Clause(parameter.name, parameter.kind, values, kept, rows, start))


_MOST_HIERARCHIES = 2


def _hierarchy(parameter: Parameter, values: tuple[str, ...], modifier: str) -> Condition:
    types = {text.partition("/")[0] for text in values if not text.startswith("http")}
    if sum(parent(type) is not None for type in types) > _MOST_HIERARCHIES:
        raise bad_value(
            parameter.name, "reference"
        )  # an id alone may be of many types: each is a search of its own
    found = hierarchy(parameter, values, modifier == "below")
    if found is None:
        raise refused("search-modifier-unsupported", f"{parameter.name}:{modifier}")
    return found


def _check_modifier(
    type: str, parameter: Parameter, modifier: str, values: tuple[str, ...], aimed: bool
) -> None:
    allowed = not modifier or aimed or modifier in _MODIFIERS[parameter.kind]
    if modifier == "of-type":
        allowed = "Identifier" in datatypes(type, parameter.rows)
    if not allowed:
        raise refused("search-modifier-unsupported", f"{parameter.name}:{modifier}")
    if modifier == "missing" and values not in (("true",), ("false",)):
        raise bad_value(parameter.name, "boolean")


def _checked(made: Clause) -> Clause:
    if made.kind != "token" or made.modifier not in ("in", "not-in", "above", "below"):
        tests(made)
    return made


def _quantities(name: str, values: tuple[str, ...], rows: tuple[str, ...]) -> Condition:
    """In UCUM units a quantity is looked for in canonical units, else as it is written."""
    known = tuple(value for value in values if is_canonical(value))
    other = tuple(value for value in values if value not in known)
    canonical = tuple(row + CANONICAL for row in rows)
    made = [
        _checked(Clause(name, "quantity", some, None, where))
        for some, where in ((known, canonical), (other, rows))
        if some
    ]
    return either(made)


def _targets(parameter: Parameter, modifier: str, value: str, reading: Reading) -> Iterator[str]:
    """A reference as it is indexed. An id alone stands for that id at each type the parameter may point to."""
    text = reference(unescape(value), reading.base)
    if "/" in text or ":" in text:
        if modifier and not text.startswith(f"{modifier}/") and f"/{modifier}/" not in text:
            raise bad_value(parameter.name, "reference")
        yield text.replace("\\", "\\\\")
        return
    if not FHIR_ID.fullmatch(text):
        raise bad_value(parameter.name, "reference")
    if modifier:
        yield f"{modifier}/{text}"
        return
    targets = parameter.targets or sorted(resource_types())
    reading.spend(len(targets) // _TARGETS_FOR_ONE)
    yield from (f"{target}/{text}" for target in targets)
    yield text


def _composite(type: str, parameter: Parameter, modifier: str, written: str, reading: Reading) -> Condition:
    """Alternatives of parts that go together. R4 gives composites no modifiers."""
    if modifier:
        raise refused("search-modifier-unsupported", f"{parameter.name}:{modifier}")
    [ways] = [one.ways for one in search_parameters(type) if one.name == parameter.name]
    found: list[Condition] = []
    for value in split(written, ","):
        pieces = split(value, "$")
        if len(pieces) != len(parameter.parts) or not all(pieces):
            raise bad_value(parameter.name, "composite")
        problems = []
        for way in ways:
            reading.spend()
            try:
                found.append(_way(type, parameter.name, way, pieces, reading))
            except BadInput as problem:
                problems.append(problem)
        if len(problems) == len(ways):
            raise problems[0]
    return either(found)


def _way(type: str, name: str, way: tuple[Part, ...], pieces: list[str], reading: Reading) -> Condition:
    made = [_part(type, name, part, piece, reading) for part, piece in zip(way, pieces, strict=True)]
    paired = tuple(one for one, part in zip(made, way, strict=True) if part.paired)
    apart = [one for one, part in zip(made, way, strict=True) if not part.paired]
    whole: list[Condition] = [*apart, *([Together(paired)] if paired else [])]
    return whole[0] if len(whole) == 1 else All(tuple(whole))


def _part(type: str, name: str, part: Part, piece: str, reading: Reading) -> Clause:
    kind = cast(Kind, part.kind)
    targets = [one.targets for one in parameters(type).values() if one.rows == part.rows]
    coded = kind == "token" and is_coded(type, part.rows)
    alone = Parameter(name, kind, targets[0] if targets else (), (), coded, part.rows)
    # A comma inside the piece is escaped, so that this is one value.
    made = clause(type, alone, "", piece, reading)
    assert isinstance(made, Clause)  # noqa: S101  one value has one way to be looked for
    return made


# --- through other resources ------------------------------------------------------------------------------------


def _chain(type: str, head: str, rest: str, value: str, reading: Reading) -> Condition:
    """``subject:Patient.name=ann``; without the type, every type that the reference may point to and that
    understands the rest."""
    name, _, aimed = head.partition(":")
    parameter = parameters(type).get(name)
    if parameter is None:
        raise unknown_parameter(type, name, parameters(type))
    if parameter.kind != "reference":
        raise refused("search-chain-reference", head)
    if aimed and (aimed not in resource_types() or (parameter.targets and aimed not in parameter.targets)):
        raise bad_value(name, "reference")
    targets = (aimed,) if aimed else parameter.targets
    if not targets:
        raise refused("search-chain-needs-type", head)
    found: list[Condition] = []
    problems: list[BadInput] = []
    for target in targets:
        try:
            then = condition(target, rest, value, reading.deeper())
        except BadInput as problem:
            if any(issue.code == "too-costly" for issue in problem.issues):
                raise
            problems.append(problem)
        else:
            found.append(Chain(name, target, then, parameter.rows))
    if not found:
        raise problems[0]
    return either(found)


def _has(type: str, written: str, value: str, reading: Reading) -> Condition:
    """``_has:Observation:patient:code=1234``: the rest may be a chain or another ``_has``."""
    pieces = written.split(":", 3)
    if len(pieces) < 4 or not all(pieces):
        raise bad_value("_has", "has")
    _, source, name, rest = pieces
    if source not in resource_types():
        raise BadInput(unknown_type(source))
    parameter = parameters(source).get(name)
    if parameter is None:
        raise unknown_parameter(source, name, parameters(source))
    if parameter.kind != "reference" or (parameter.targets and type not in parameter.targets):
        raise bad_value("_has", "has")
    return Has(source, name, condition(source, rest, value, reading.deeper()), parameter.rows)


def _list(written: str, value: str, modifier: str) -> Condition:
    """The members of a List resource. Functional lists such as ``$current-allergies`` are not kept here."""
    if modifier or "$" in value:
        raise refused("search-parameter-unsupported", written)
    ids = tuple(reference(unescape(one)).removeprefix("List/") for one in split(value, ","))
    if not all(FHIR_ID.fullmatch(one) for one in ids):
        raise bad_value("_list", "reference")
    then = Clause("_id", "token", ids, rows=("_id",))
    return Has("List", "item", then, parameters("List")["item"].rows)


# --- compartments -------------------------------------------------------------------------------------------------


def inside(name: str, id: str, types: tuple[str, ...]) -> tuple[tuple[str, ...], Condition]:
    """What lies in one compartment, of some types or of all that it has: those types, and the condition."""
    known = compartment(name)
    if known is None or not FHIR_ID.fullmatch(id):
        raise BadInput(
            Issue("search-compartment-unknown", "not-found", details={"type": shown_type(name)}), status=404
        )
    wanted = types or tuple(sorted({*known, name}))
    outside = [type for type in wanted if type not in known and type != name]
    if outside:
        details = {"type": outside[0], "compartment": name}
        raise BadInput(Issue("search-not-in-compartment", "not-found", details=details), status=404)
    members = {type: either(_memberships(type, name, id, known.get(type, []))) for type in wanted}
    if len(members) == 1:
        return wanted, members[wanted[0]]
    return wanted, Either(tuple(Typed((type,), then) for type, then in members.items()))


def _memberships(type: str, name: str, id: str, through: list[str]) -> list[Condition]:
    found: list[Condition] = []
    if type == name or "{def}" in through:
        found.append(Clause("_id", "token", (id,), rows=("_id",)))
    for one in through:
        parameter = parameters(type).get(one)
        if parameter is not None and parameter.kind == "reference":
            found.append(Clause(one, "reference", (f"{name}/{id}",), None, parameter.rows, parameter.start))
    return found


def shown_type(name: str) -> str:
    return name if name in resource_types() else "?"
