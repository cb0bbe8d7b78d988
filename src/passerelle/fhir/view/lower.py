"""How does a FHIRPath expression become a term? Navigation by the definitions, functions by ``functions``.

A lowered expression is a tuple of alternatives, one for each type that a choice may have; most have one. What this
algebra cannot say raises ``Unsupported``, and the view then runs on the general FHIRPath engine in memory only.
"""

from __future__ import annotations

from dataclasses import replace

from passerelle.fhir.fhirpath import syntax
from passerelle.fhir.fhirpath.model import ancestors
from passerelle.fhir.view.definition import refused
from passerelle.fhir.view.navigate import (
    FALSE,
    NO_BOOLEAN,
    TRUE,
    Alternatives,
    Scope,
    Unsupported,
    as_list,
    boolean,
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
    Compare,
    Count,
    Distinct,
    Exists,
    First,
    Logic,
    Not,
    SameLists,
    Sort,
    Term,
    Value,
    When,
)


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
