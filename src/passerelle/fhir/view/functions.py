"""What do the functions of FHIRPath that views use come down to?

The list of the specification, and what its examples show:
https://build.fhir.org/ig/HL7/sql-on-fhir/en/StructureDefinition-ShareableViewDefinition.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from passerelle.fhir.fhirpath import syntax
from passerelle.fhir.view.lower import equal, lower
from passerelle.fhir.view.navigate import (
    FALSE,
    TRUE,
    Alternatives,
    Scope,
    Unsupported,
    as_list,
    boolean,
    each,
    exists,
    is_type,
    item,
    keep,
    literal,
    member,
    of_types,
    single,
)
from passerelle.fhir.view.terms import (
    Arithmetic,
    Boundary,
    Chain,
    Compare,
    Count,
    Distinct,
    Exists,
    First,
    Get,
    Join,
    Key,
    Not,
    Only,
    Slice,
    Term,
    TextFunction,
    ToText,
    When,
)

Arguments = tuple[syntax.Expression, ...]
Function = Callable[[Alternatives, Arguments, Scope], Alternatives]


def _where(base: Alternatives, arguments: Arguments, scope: Scope) -> Alternatives:
    (criteria,) = _exactly(arguments, 1, "where()")

    def test(one: Term) -> Term:
        return boolean(lower(criteria, scope.about(one)), scope)

    return tuple(keep(branch, test, scope) for branch in base)


def _select(base: Alternatives, arguments: Arguments, scope: Scope) -> Alternatives:
    (projection,) = _exactly(arguments, 1, "select()")
    found: list[Term] = []
    for branch in base:
        found.extend(each(branch, lambda one: lower(projection, scope.about(one)), scope))
    return tuple(found)


def _exists(base: Alternatives, arguments: Arguments, scope: Scope) -> Alternatives:
    return (exists(_where(base, arguments, scope) if arguments else base),)


def _empty(base: Alternatives, arguments: Arguments, scope: Scope) -> Alternatives:
    _exactly(arguments, 0, "empty()")
    return (Not("Boolean", False, exists(base)),)


def _not(base: Alternatives, arguments: Arguments, scope: Scope) -> Alternatives:
    _exactly(arguments, 0, "not()")
    return (Not("Boolean", False, boolean(base, scope)),) if base else ()


def _all(base: Alternatives, arguments: Arguments, scope: Scope) -> Alternatives:
    """True unless an item fails; an item whose criteria are empty fails too."""
    (criteria,) = _exactly(arguments, 1, "all()")

    def fails(one: Term) -> Term:
        test = boolean(lower(criteria, scope.about(one)), scope)
        return Not("Boolean", False, First("Boolean", False, (test, FALSE)))

    return (Not("Boolean", False, exists(tuple(keep(branch, fails, scope) for branch in base))),)


def _first(base: Alternatives, arguments: Arguments, scope: Scope) -> Alternatives:
    _exactly(arguments, 0, "first()")
    return _one(base, 0)


def _last(base: Alternatives, arguments: Arguments, scope: Scope) -> Alternatives:
    _exactly(arguments, 0, "last()")
    return _one(base, -1)


def _one(base: Alternatives, index: int) -> Alternatives:
    if len(base) > 1 and any(branch.many for branch in base):
        raise Unsupported("first()")  # which alternative comes first is not known here
    return tuple(item(branch, index) for branch in base)


def _single(base: Alternatives, arguments: Arguments, scope: Scope) -> Alternatives:
    _exactly(arguments, 0, "single()")
    return tuple(Only(branch.kind, False, branch, scope.at) if branch.many else branch for branch in base)


def _tail(base: Alternatives, arguments: Arguments, scope: Scope) -> Alternatives:
    _exactly(arguments, 0, "tail()")
    return _slice(base, 1, None)


def _skip(base: Alternatives, arguments: Arguments, scope: Scope) -> Alternatives:
    return _slice(base, max(0, _integer(arguments, 0, "skip()")), None)


def _take(base: Alternatives, arguments: Arguments, scope: Scope) -> Alternatives:
    return _slice(base, 0, max(0, _integer(arguments, 0, "take()")))


def _slice(base: Alternatives, start: int, count: int | None) -> Alternatives:
    if len(base) > 1:
        raise Unsupported("[x]")
    lists = [branch if branch.many else Chain(branch.kind, True, (branch,)) for branch in base]
    return tuple(Slice(branch.kind, True, branch, start, count) for branch in lists)


def _count(base: Alternatives, arguments: Arguments, scope: Scope) -> Alternatives:
    _exactly(arguments, 0, "count()")
    total: Term = literal(0)
    for index, branch in enumerate(base):
        items = branch if branch.many else Chain(branch.kind, True, (branch,))
        here = Count("Integer", False, items)
        total = here if index == 0 else Arithmetic("Integer", False, "+", total, here)
    return (total,)


def _distinct(base: Alternatives, arguments: Arguments, scope: Scope) -> Alternatives:
    _exactly(arguments, 0, "distinct()")
    items = as_list(base, scope)
    if items.sort not in ("text", "integer", "boolean"):
        raise Unsupported("distinct()")
    return (Distinct(items.kind, True, items),)


def _combine(base: Alternatives, arguments: Arguments, scope: Scope) -> Alternatives:
    (other,) = _exactly(arguments, 1, "combine()")
    together = (*base, *lower(other, scope))
    return (as_list(together, scope),) if together else ()


def _has_value(base: Alternatives, arguments: Arguments, scope: Scope) -> Alternatives:
    _exactly(arguments, 0, "hasValue()")
    if len(base) > 1:
        raise Unsupported("hasValue()")
    if not base or base[0].sort == "complex":
        return (FALSE,)
    if not base[0].many:
        return (Exists("Boolean", False, base[0]),)
    return (Compare("Boolean", False, "=", Count("Integer", False, base[0]), literal(1), "integer"),)


def _of_type(base: Alternatives, arguments: Arguments, scope: Scope) -> Alternatives:
    return of_types(base, _type_name(arguments, "ofType()"), scope)


def _is(base: Alternatives, arguments: Arguments, scope: Scope) -> Alternatives:
    return (is_type(base, of_types(base, _type_name(arguments, "is()"), scope)),)


def _extension(base: Alternatives, arguments: Arguments, scope: Scope) -> Alternatives:
    """``extension(url)``: short for ``extension.where(url = …)``."""
    (url,) = _exactly(arguments, 1, "extension()")
    wanted = lower(url, scope)

    def test(one: Term) -> Term:
        return equal("=", member((one,), "url", scope), wanted, scope)

    return tuple(keep(branch, test, scope) for branch in member(base, "extension", scope))


def _join(base: Alternatives, arguments: Arguments, scope: Scope) -> Alternatives:
    """Joins texts; without any text it is the empty text, as the published examples show."""
    if len(arguments) > 1:
        raise Unsupported("join()")
    separator = arguments[0] if arguments else syntax.Literal("")
    if not isinstance(separator, syntax.Literal) or not isinstance(separator.value, str):
        raise Unsupported("join()")
    items = as_list(base, scope)
    if items.sort != "text":
        raise Unsupported("join()")
    return (Join("String", False, items, separator.value),)


def _resource_key(base: Alternatives, arguments: Arguments, scope: Scope) -> Alternatives:
    """The id of a resource is its key here: within one store ids of a type are unique."""
    _exactly(arguments, 0, "getResourceKey()")
    return member(base, "id", scope)


def _reference_key(base: Alternatives, arguments: Arguments, scope: Scope) -> Alternatives:
    type = _type_name(arguments, "getReferenceKey()") if arguments else ""
    found: list[Term] = []
    for branch in base:
        if branch.kind == "Reference":
            found.extend(each(branch, lambda one: (_key(one, type),), scope))
    return tuple(found)


def _key(reference: Term, type: str) -> Term:
    return Key("id", False, Get("string", False, reference, "reference"), type)


def _boundary(high: bool) -> Function:
    def function(base: Alternatives, arguments: Arguments, scope: Scope) -> Alternatives:
        _exactly(arguments, 0, "lowBoundary()")
        found: list[Term] = []
        for branch in base:
            if branch.kind == "Period":
                ends = member((branch,), "end" if high else "start", scope)
                found.extend(_boundary(high)(ends, (), scope))
            elif branch.sort in ("integer", "decimal", "date", "dateTime", "time"):
                kind = "decimal" if branch.sort == "integer" else branch.kind
                found.extend(each(branch, lambda one, k=kind: (Boundary(k, False, one, high),), scope))  # type: ignore[misc]
        return tuple(found)

    return function


def _iif(base: Alternatives, arguments: Arguments, scope: Scope) -> Alternatives:
    if len(arguments) not in (2, 3):
        raise Unsupported("iif()")
    test = boolean(lower(arguments[0], scope), scope)
    yes = single(lower(arguments[1], scope), scope)
    no = single(lower(arguments[2], scope), scope) if len(arguments) == 3 else None
    if no is not None and no.sort != yes.sort:
        raise Unsupported("iif()")
    return (When(yes.kind, False, First("Boolean", False, (test, FALSE)), yes, no),)


def _text(name: str, kind: str, most: int) -> Function:
    """A function of one text whose arguments are literals."""

    def function(base: Alternatives, arguments: Arguments, scope: Scope) -> Alternatives:
        values = [argument.value for argument in arguments if isinstance(argument, syntax.Literal)]
        if len(values) != len(arguments) or len(values) > most or not base:
            if not base:
                return ()
            raise Unsupported(f"{name}()")
        one = single(base, scope)
        if one.sort != "text" or any(
            isinstance(value, bool) or not isinstance(value, str | int) for value in values
        ):
            raise Unsupported(f"{name}()")
        return (TextFunction(kind, False, name, one, tuple(values)),)  # type: ignore[arg-type]

    return function


def _to_string(base: Alternatives, arguments: Arguments, scope: Scope) -> Alternatives:
    _exactly(arguments, 0, "toString()")
    if not base:
        return ()
    one = single(base, scope)
    if one.sort not in ("text", "integer", "boolean", "date", "dateTime", "time"):
        raise Unsupported("toString()")
    return (ToText("String", False, one),)


def _any_is(wanted: bool) -> Function:
    def function(base: Alternatives, arguments: Arguments, scope: Scope) -> Alternatives:
        value = TRUE if wanted else FALSE
        kept = tuple(keep(branch, lambda one: equal("=", (one,), (value,), scope), scope) for branch in base)
        return (exists(kept),)

    return function


def _exactly(arguments: Arguments, count: int, name: str) -> Arguments:
    if len(arguments) != count:
        raise Unsupported(name)
    return arguments


def _integer(arguments: Arguments, index: int, name: str) -> int:
    argument = arguments[index] if index < len(arguments) else None
    if isinstance(argument, syntax.Literal) and type(argument.value) is int:
        return argument.value
    raise Unsupported(name)


def _type_name(arguments: Arguments, name: str) -> str:
    """A type is written as a name; the literal form ``'Patient'`` of early drafts is understood too."""
    (argument,) = _exactly(arguments, 1, name)
    found = ""
    match argument:
        case syntax.Member(type) | syntax.Dot(syntax.Member("FHIR" | "System"), syntax.Member(type)):
            found = type
        case syntax.Literal(str() as type):
            found = type
    if not found.isascii() or not found.isalnum():
        raise Unsupported(name)
    return found


FUNCTIONS: Mapping[str, Function] = {
    "where": _where,
    "select": _select,
    "exists": _exists,
    "empty": _empty,
    "not": _not,
    "all": _all,
    "first": _first,
    "last": _last,
    "single": _single,
    "tail": _tail,
    "skip": _skip,
    "take": _take,
    "count": _count,
    "distinct": _distinct,
    "combine": _combine,
    "hasValue": _has_value,
    "ofType": _of_type,
    "as": _of_type,
    "is": _is,
    "extension": _extension,
    "join": _join,
    "getResourceKey": _resource_key,
    "getReferenceKey": _reference_key,
    "lowBoundary": _boundary(False),
    "highBoundary": _boundary(True),
    "iif": _iif,
    "toString": _to_string,
    "anyTrue": _any_is(True),
    "anyFalse": _any_is(False),
    "startsWith": _text("startsWith", "Boolean", 1),
    "endsWith": _text("endsWith", "Boolean", 1),
    "contains": _text("contains", "Boolean", 1),
    "upper": _text("upper", "String", 0),
    "lower": _text("lower", "String", 0),
    "trim": _text("trim", "String", 0),
    "length": _text("length", "Integer", 0),
}
