"""How does a FHIRPath expression become a term? Navigation by the definitions, functions by ``functions``.

A lowered expression is a tuple of alternatives, one for each type that a choice may have; most have one. What this
algebra cannot say raises ``Unsupported``, and the view then runs on the general FHIRPath engine in memory only.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from passerelle.fhir.fhirpath import syntax
from passerelle.fhir.fhirpath.model import ancestors
from passerelle.fhir.view.definition import Constant, refused
from passerelle.fhir.view.elements import is_primitive, places
from passerelle.fhir.view.terms import (
    Arithmetic,
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
    Keep,
    Logic,
    Not,
    Only,
    SameLists,
    Sort,
    Term,
    Value,
    Variable,
    When,
)

Alternatives = tuple[Term, ...]
TRUE = Value("Boolean", False, True)
FALSE = Value("Boolean", False, False)
NO_BOOLEAN = Empty("Boolean", False)


class Unsupported(Exception):  # noqa: N818  an expected outcome: another engine can
    """This expression is beyond what engines are told; ``feature`` names the function or operator."""

    def __init__(self, feature: str) -> None:
        super().__init__(feature)
        self.feature = feature


@dataclass
class Names:
    """A source of names for variables, each used once in a view."""

    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def fresh(self, kind: str) -> Variable:
        return Variable(kind, False, f"v{next(self.numbers)}")


@dataclass(frozen=True)
class Scope:
    """What an expression is about: the focus, the resource, the row's index, the constants."""

    this: Alternatives
    root: Variable
    row: Term
    constants: Mapping[str, Constant]
    names: Names
    at: str = ""

    def about(self, *this: Term) -> Scope:
        return replace(self, this=this)


def lower(expression: syntax.Expression, scope: Scope) -> Alternatives:
    """The terms that an expression comes down to."""
    match expression:
        case syntax.Literal(value):
            return (literal(value),)
        case syntax.TimeLiteral(kind, text):
            return (Value(kind, False, text.rstrip("T")),)
        case syntax.Nothing():
            return ()
        case syntax.Constant(name):
            return _constant(name, scope)
        case syntax.Special("$this" | "this"):
            return scope.this
        case syntax.Member(name):
            return _first_member(name, scope)
        case syntax.Call():
            return _call(expression, scope.this, scope)
        case syntax.Dot(left, right):
            return _dot(lower(left, scope), right, scope)
        case syntax.Indexer(left, syntax.Literal(int() as index)):
            return tuple(item(branch, index) for branch in lower(left, scope) if branch.many or index == 0)
        case syntax.Unary(operator, operand):
            return _unary(operator, lower(operand, scope), scope)
        case syntax.Binary(operator, left, right):
            return _binary(operator, lower(left, scope), lower(right, scope), scope)
        case syntax.TypeOperation(operator, left, type):
            of_type = of_types(lower(left, scope), type.name, scope)
            return of_type if operator == "as" else (is_type(lower(left, scope), of_type),)
        case _:
            raise Unsupported(type_label(expression))


def type_label(expression: syntax.Expression) -> str:
    """How a message names what is not supported; never a literal of the view."""
    name = getattr(expression, "name", "") or getattr(expression, "operator", "")
    return str(name) or type(expression).__name__


def literal(value: bool | str | int | Decimal) -> Value:
    kinds: dict[type, str] = {bool: "Boolean", str: "String", int: "Integer"}
    return Value(kinds.get(type(value), "Decimal"), False, value)


def _constant(name: str, scope: Scope) -> Alternatives:
    if name == "rowIndex":
        return (scope.row,)
    if name in scope.constants:
        constant = scope.constants[name]
        return (Value(constant.type, False, constant.value),)
    if name in ("resource", "rootResource"):
        return (scope.root,)
    fixed = {
        "ucum": "http://unitsofmeasure.org",
        "sct": "http://snomed.info/sct",
        "loinc": "http://loinc.org",
    }
    if name in fixed:
        return (literal(fixed[name]),)
    raise refused("view-constant-unknown", scope.at)


def _first_member(name: str, scope: Scope) -> Alternatives:
    """``Patient.name`` begins with the type of what it is about; anything else is an element."""
    if scope.this and all(name in ancestors(branch.kind) and "." not in branch.kind for branch in scope.this):
        return scope.this
    return member(scope.this, name, scope)


def _dot(
    left: Alternatives, right: syntax.Member | syntax.Call | syntax.Special, scope: Scope
) -> Alternatives:
    if isinstance(right, syntax.Member):
        return member(left, right.name, scope)
    if isinstance(right, syntax.Call):
        return _call(right, left, scope)
    raise Unsupported(right.name)


def _call(call: syntax.Call, base: Alternatives, scope: Scope) -> Alternatives:
    from passerelle.fhir.view.functions import FUNCTIONS  # the functions lower their arguments here

    function = FUNCTIONS.get(call.name)
    if function is None:
        raise Unsupported(f"{call.name}()")
    return function(base, call.arguments, scope)


def member(base: Alternatives, name: str, scope: Scope) -> Alternatives:
    """The elements of that name in each alternative."""
    found: list[Term] = []
    for branch in base:
        if branch.kind == "Resource":
            raise Unsupported("Resource")
        if name == "extension" and is_primitive(branch.kind):
            found.extend(member((_shadow(branch),), name, scope))
        for place in places(branch.kind).get(name, ()):
            found.extend(each(branch, lambda one, p=place: (Get(p.kind, p.many, one, p.key),), scope))  # type: ignore[misc]
    return tuple(found)


def _shadow(branch: Term) -> Term:
    """The other half of a primitive element, where its extensions are."""
    if isinstance(branch, Get):
        return Get("Element", branch.many, branch.base, f"_{branch.key}")
    if isinstance(branch, Each) and isinstance(branch.body, Get):
        return replace(branch, kind="Element", body=_shadow(branch.body))
    raise Unsupported("extension()")


def each(branch: Term, work: Callable[[Term], Alternatives], scope: Scope) -> Alternatives:
    """``work`` for one value, or for every item of a list."""
    if not branch.many:
        return work(branch)
    variable = scope.names.fresh(branch.kind)
    return tuple(Each(body.kind, True, branch, variable, body) for body in work(variable))


def keep(branch: Term, test: Callable[[Term], Term], scope: Scope) -> Term:
    """A value, or the items of a list, for which ``test`` is true."""
    if not branch.many:
        return When(branch.kind, False, test(branch), branch)
    variable = scope.names.fresh(branch.kind)
    return Keep(branch.kind, True, branch, variable, test(variable))


def item(branch: Term, index: int) -> Term:
    return Item(branch.kind, False, branch, index) if branch.many else branch


def of_types(base: Alternatives, type: str, scope: Scope) -> Alternatives:
    """The alternatives that are of a type (or a kind of it)."""
    found: list[Term] = []
    for branch in base:
        if branch.kind == "Resource":
            found.append(replace(keep(branch, lambda one: _is_resource(one, type), scope), kind=type))
        elif type in ancestors(branch.kind) or _system_name(branch.kind) == type:
            found.append(branch)
    return tuple(found)


def _is_resource(one: Term, type: str) -> Term:
    kind = Get("code", False, one, "resourceType")
    return Compare("Boolean", False, "=", kind, literal(type), "text")


def _system_name(kind: str) -> str:
    """Literals are of System types: ``ofType(String)``."""
    return kind if kind[:1].isupper() else ""


def is_type(base: Alternatives, of_type: Alternatives) -> Term:
    if not base:
        return NO_BOOLEAN
    there = exists(of_type)
    return First(
        "Boolean", False, (When("Boolean", False, there, TRUE), When("Boolean", False, exists(base), FALSE))
    )


def single(base: Alternatives, scope: Scope) -> Term:
    """One value at most of one kind."""
    if not base:
        return Empty("string", False)
    ones = tuple(branch if not branch.many else Only(branch.kind, False, branch, scope.at) for branch in base)
    if len(ones) == 1:
        return ones[0]
    if len({one.sort for one in ones}) == 1 and ones[0].sort != "complex":
        return First(ones[0].kind, False, ones)
    raise Unsupported("[x]")


def exists(base: Alternatives) -> Term:
    """Whether any alternative has something."""
    found: Term = FALSE
    for index, branch in enumerate(base):
        here = Exists("Boolean", False, branch)
        found = here if index == 0 else Logic("Boolean", False, "or", found, here)
    return found


def boolean(base: Alternatives, scope: Scope) -> Term:
    """A collection where a boolean is expected: one item that is not a boolean counts as true."""
    if not base:
        return NO_BOOLEAN
    one = single(base, scope)
    if one.sort == "boolean":
        return one
    return When("Boolean", False, Exists("Boolean", False, one), TRUE)


def as_list(base: Alternatives, scope: Scope) -> Term:
    """Everything as one list of one kind."""
    if not base:
        return Empty("string", True)
    if len(base) == 1:
        return base[0] if base[0].many else Chain(base[0].kind, True, base)
    if len({branch.kind for branch in base}) > 1:
        raise Unsupported("[x]")
    return Chain(base[0].kind, True, base)


def _unary(operator: str, operand: Alternatives, scope: Scope) -> Alternatives:
    if operator == "+" or not operand:
        return operand
    one = single(operand, scope)
    if isinstance(one, Value):
        return (replace(one, value=-one.value),)
    return (Arithmetic(one.kind, False, "-", literal(0), one),)


def _binary(operator: str, left: Alternatives, right: Alternatives, scope: Scope) -> Alternatives:
    if operator in ("and", "or", "xor", "implies"):
        return (Logic("Boolean", False, operator, boolean(left, scope), boolean(right, scope)),)
    if operator in ("=", "!="):
        return (equal(operator, left, right, scope),)
    if operator in ("<", "<=", ">", ">="):
        return (_ordered(operator, left, right, scope),)
    if operator in ("+", "-", "*", "/", "&"):
        return _arithmetic(operator, left, right, scope)
    if operator == "|":
        return _union(left, right, scope)
    if operator in ("in", "contains"):
        one, many = (left, right) if operator == "in" else (right, left)
        return (_among(one, many, scope),)
    raise Unsupported(operator)


def common_sort(left: Term, right: Term) -> Sort | None:
    """How two values compare, or None if they are of different worlds."""
    pair = {left.sort, right.sort}
    if "complex" in pair:
        raise Unsupported("=")
    if len(pair) == 1:
        return left.sort
    if pair == {"integer", "decimal"}:
        return "decimal"
    return "dateTime" if pair == {"date", "dateTime"} else None


def equal(operator: str, left: Alternatives, right: Alternatives, scope: Scope) -> Term:
    """Equality of collections; alternatives of another kind than the other side are never equal to it."""
    if not left or not right:
        return NO_BOOLEAN
    pairs = [_equal(operator, one, other) for one in left for other in right]
    return pairs[0] if len(pairs) == 1 else First("Boolean", False, tuple(pairs))


def _equal(operator: str, left: Term, right: Term) -> Term:
    by = common_sort(left, right)
    other = TRUE if operator == "!=" else FALSE
    if by is None:
        both = Logic("Boolean", False, "and", Exists("Boolean", False, left), Exists("Boolean", False, right))
        return When("Boolean", False, both, other)
    if left.many and right.many:
        if by not in ("text", "integer", "boolean"):
            raise Unsupported(operator)
        same = SameLists("Boolean", False, left, right)
        return same if operator == "=" else Not("Boolean", False, same)
    if not left.many and not right.many:
        return Compare("Boolean", False, operator, left, right, by)
    many, one = (left, right) if left.many else (right, left)
    few = Compare("Boolean", False, "<=", Count("Integer", False, many), literal(1), "integer")
    first = Compare("Boolean", False, operator, item(many, 0), one, by)
    return When("Boolean", False, few, first, When("Boolean", False, Exists("Boolean", False, one), other))


def _ordered(operator: str, left: Alternatives, right: Alternatives, scope: Scope) -> Term:
    if not left or not right:
        return NO_BOOLEAN
    one, other = single(left, scope), single(right, scope)
    by = common_sort(one, other)
    if by is None or by == "boolean":
        raise Unsupported(operator)
    return Compare("Boolean", False, operator, one, other, by)


def _arithmetic(operator: str, left: Alternatives, right: Alternatives, scope: Scope) -> Alternatives:
    if operator == "&":
        parts = tuple(
            First("String", False, (single(side, scope), literal("")) if side else (literal(""),))
            for side in (left, right)
        )
        return (Arithmetic("String", False, "&", parts[0], parts[1]),)
    if not left or not right:
        return ()
    one, other = single(left, scope), single(right, scope)
    if {one.sort, other.sort} <= {"integer", "decimal"}:
        whole = operator != "/" and one.sort == other.sort == "integer"
        return (Arithmetic("Integer" if whole else "Decimal", False, operator, one, other),)
    if operator == "+" and one.sort == other.sort == "text":
        return (Arithmetic("String", False, "&", one, other),)
    raise Unsupported(operator)


def _union(left: Alternatives, right: Alternatives, scope: Scope) -> Alternatives:
    if not left and not right:
        return ()
    chained = as_list((*left, *right), scope)
    if chained.sort == "complex":
        raise Unsupported("|")
    return (Distinct(chained.kind, True, chained),)


def _among(one: Alternatives, many: Alternatives, scope: Scope) -> Term:
    if not one:
        return NO_BOOLEAN
    wanted, items = single(one, scope), as_list(many, scope)
    matching = keep(items, lambda each_one: equal("=", (each_one,), (wanted,), scope), scope)
    return When("Boolean", False, Exists("Boolean", False, wanted), Exists("Boolean", False, matching))
