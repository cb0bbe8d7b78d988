"""What does a term mean? Closures over plain JSON: the fast way to rows in Python, and what SQL must agree with."""

from __future__ import annotations

from collections.abc import Callable
from operator import eq, ge, gt, le, lt, ne
from typing import Any

from passerelle.fhir.view import arithmetic, moments, texts
from passerelle.fhir.view.arithmetic import number
from passerelle.fhir.view.definition import refused
from passerelle.fhir.view.terms import (
    Arithmetic,
    Boundary,
    Chain,
    Compare,
    Count,
    Distinct,
    Each,
    Empty,
    Exists,
    First,
    Get,
    Item,
    Join,
    Keep,
    Key,
    Logic,
    Not,
    Only,
    SameLists,
    Slice,
    Term,
    TextFunction,
    ToText,
    Value,
    Variable,
    When,
)

Places = dict[str, Any]
"""What each variable stands for at the moment."""
Closure = Callable[[Places], Any]


def closure(term: Term) -> Closure:
    """A function that evaluates a term: a value or None, or a list if the term is many."""
    return _MAKERS[type(term)](term)


def many_values(at: str) -> Exception:
    """A column has one place and the data have several values for it."""
    place, _, column = at.partition("|")
    return refused("view-many-values", place, column=column or "?")


def _variable(term: Variable) -> Closure:
    name = term.name
    return lambda places: places[name]


def _value(term: Value) -> Closure:
    value = term.value
    return lambda places: value


def _empty(term: Empty) -> Closure:
    if term.many:
        return lambda places: []
    return lambda places: None


def _get(term: Get) -> Closure:
    """An element; what has another form than R4 gives it is nothing."""
    base, key = closure(term.base), term.key

    def one(places: Places) -> Any:
        found = base(places)
        return found.get(key) if type(found) is dict else None

    def inside(places: Places) -> Any:
        value = one(places)
        return value if type(value) is dict else None

    def several(places: Places) -> Any:
        items = one(places)
        if type(items) is not list:
            return []
        return [item for item in items if item is not None] if None in items else items

    if term.many:
        return several
    return inside if term.sort == "complex" else one


def _each(term: Each) -> Closure:
    base, name, body = closure(term.base), term.variable.name, closure(term.body)
    flat = term.body.many

    def several(places: Places) -> list[Any]:
        found: list[Any] = []
        for item in base(places):
            places[name] = item
            result = body(places)
            if flat:
                found.extend(result)
            elif result is not None:
                found.append(result)
        return found

    return several


def _keep(term: Keep) -> Closure:
    base, name, test = closure(term.base), term.variable.name, closure(term.test)

    def kept(places: Places) -> list[Any]:
        found = []
        for item in base(places):
            places[name] = item
            if test(places) is True:
                found.append(item)
        return found

    return kept


def _when(term: When) -> Closure:
    test, base = closure(term.test), closure(term.base)
    other = closure(term.other) if term.other is not None else lambda places: None
    return lambda places: base(places) if test(places) is True else other(places)


def _item(term: Item) -> Closure:
    base, index = closure(term.base), term.index

    def item(places: Places) -> Any:
        items = base(places)
        return items[index] if len(items) > max(index, 0) else None

    return item


def _slice(term: Slice) -> Closure:
    base, end = closure(term.base), None if term.count is None else term.start + term.count
    return lambda places: base(places)[term.start : end]


def _chain(term: Chain) -> Closure:
    items = [(item.many, closure(item)) for item in term.items]

    def chained(places: Places) -> list[Any]:
        found: list[Any] = []
        for many, item in items:
            value = item(places)
            if many:
                found.extend(value)
            elif value is not None:
                found.append(value)
        return found

    return chained


def _first(term: First) -> Closure:
    items = [closure(item) for item in term.items]

    def first(places: Places) -> Any:
        for item in items:
            value = item(places)
            if value is not None:
                return value
        return None

    return first


def _only(term: Only) -> Closure:
    base, at = closure(term.base), term.at

    def only(places: Places) -> Any:
        items = base(places)
        if len(items) > 1:
            raise many_values(at)
        return items[0] if items else None

    return only


def _exists(term: Exists) -> Closure:
    base = closure(term.base)
    if term.base.many:
        return lambda places: bool(base(places))
    return lambda places: base(places) is not None


def _count(term: Count) -> Closure:
    base = closure(term.base)
    return lambda places: len(base(places))


def _distinct(term: Distinct) -> Closure:
    base = closure(term.base)
    return lambda places: list(dict.fromkeys(base(places)))


_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {"=": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge}


def _compare(term: Compare) -> Closure:
    left, right, operator = closure(term.left), closure(term.right), _OPERATORS[term.operator]
    moment = {
        "date": moments.compared,
        "dateTime": moments.compared,
        "time": moments.times_compared,
    }.get(term.by)
    numbers = term.by == "decimal"

    def compared(places: Places) -> bool | None:
        one, other = left(places), right(places)
        if one is None or other is None:
            return None
        if moment is not None:
            order = moment(one, other)
            return None if order is None else operator(order, 0)
        return operator(number(one), number(other)) if numbers else operator(one, other)

    return compared


def _same_lists(term: SameLists) -> Closure:
    left, right = closure(term.left), closure(term.right)

    def same(places: Places) -> bool | None:
        one, other = left(places), right(places)
        return one == other if one and other else None

    return same


def _arithmetic(term: Arithmetic) -> Closure:
    left, right = closure(term.left), closure(term.right)
    whole, divide, join = term.sort == "integer", term.operator == "/", term.operator == "&"
    calculate = arithmetic.CALCULATE.get(term.operator, arithmetic.divided)

    def calculated(places: Places) -> Any:
        one, other = left(places), right(places)
        if one is None or other is None:
            return None
        if join:
            return one + other
        if whole:
            return calculate(one, other)
        if divide and not other:
            return None
        return arithmetic.rounded(calculate(number(one), number(other)))

    return calculated


def _logic(term: Logic) -> Closure:
    left, right = closure(term.left), closure(term.right)
    table = arithmetic.LOGIC[term.operator]
    return lambda places: table(left(places), right(places))


def _not(term: Not) -> Closure:
    base = closure(term.base)

    def negated(places: Places) -> bool | None:
        value = base(places)
        return None if value is None else not value

    return negated


def _join(term: Join) -> Closure:
    base, separator = closure(term.base), term.separator
    return lambda places: separator.join(base(places))


def _boundary(term: Boundary) -> Closure:
    base, high = closure(term.base), term.high
    work: dict[str, Callable[[Any, bool], Any]] = {
        "date": moments.date_boundary,
        "dateTime": moments.moment_boundary,
        "time": moments.time_boundary,
    }
    bound: Callable[[Any, bool], Any] = work.get(term.sort) or arithmetic.number_boundary

    def boundary(places: Places) -> Any:
        value = base(places)
        return None if value is None else bound(value, high)

    return boundary


def _key(term: Key) -> Closure:
    base, type = closure(term.base), term.type

    def key(places: Places) -> str | None:
        value = base(places)
        return None if value is None else texts.reference_key(value, type)

    return key


def _text_function(term: TextFunction) -> Closure:
    base, arguments, work = closure(term.base), term.arguments, texts.FUNCTIONS[term.name]

    def worked(places: Places) -> Any:
        value = base(places)
        return None if value is None else work(value, *arguments)

    return worked


def _to_text(term: ToText) -> Closure:
    base = closure(term.base)

    def text(places: Places) -> str | None:
        value = base(places)
        if value is None or type(value) is str:
            return value
        return str(value).lower() if type(value) is bool else str(value)

    return text


_MAKERS: dict[type[Term], Callable[[Any], Closure]] = {
    Variable: _variable,
    Value: _value,
    Empty: _empty,
    Get: _get,
    Each: _each,
    Keep: _keep,
    When: _when,
    Item: _item,
    Slice: _slice,
    Chain: _chain,
    First: _first,
    Only: _only,
    Exists: _exists,
    Count: _count,
    Distinct: _distinct,
    Compare: _compare,
    SameLists: _same_lists,
    Arithmetic: _arithmetic,
    Logic: _logic,
    Not: _not,
    Join: _join,
    Boundary: _boundary,
    Key: _key,
    TextFunction: _text_function,
    ToText: _to_text,
}
