"""How does a syntax tree become something that runs? Each part is compiled once to a closure.

A closure takes the items before it and gives the items after it. Functions whose arguments are evaluated for each item
(``where``, ``select``, ``iif`` …) are built in ``iteration``; all others are looked up in tables.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import singledispatch

from passerelle.fhir.fhirpath import iteration
from passerelle.fhir.fhirpath.errors import FhirPathError
from passerelle.fhir.fhirpath.evaluation import Evaluation, Step
from passerelle.fhir.fhirpath.functions import COLLECTIONS, Function
from passerelle.fhir.fhirpath.functions_conversion import CONVERSIONS
from passerelle.fhir.fhirpath.functions_fhir import FHIR_FUNCTIONS, container
from passerelle.fhir.fhirpath.functions_number import NUMERIC
from passerelle.fhir.fhirpath.functions_precision import PRECISIONS
from passerelle.fhir.fhirpath.functions_text import TEXTS
from passerelle.fhir.fhirpath.logic import LOGIC, equals_literal
from passerelle.fhir.fhirpath.moments import to_date, to_datetime, to_time
from passerelle.fhir.fhirpath.node import Collection, Item, Node
from passerelle.fhir.fhirpath.operators import OPERATORS, negate
from passerelle.fhir.fhirpath.parse import CALENDAR_UNITS
from passerelle.fhir.fhirpath.quantities import Quantity
from passerelle.fhir.fhirpath.steps import member, root_member
from passerelle.fhir.fhirpath.syntax import (
    Binary,
    Call,
    Constant,
    Dot,
    Expression,
    Indexer,
    Literal,
    Member,
    Nothing,
    QuantityLiteral,
    Special,
    TimeLiteral,
    TypeOperation,
    Unary,
)
from passerelle.fhir.fhirpath.types import is_of_type, type_argument
from passerelle.fhir.fhirpath.values import EMPTY, integer

FUNCTIONS: Mapping[str, Function] = {
    **COLLECTIONS,
    **TEXTS,
    **NUMERIC,
    **CONVERSIONS,
    **PRECISIONS,
    **FHIR_FUNCTIONS,
}
_CONSTANTS = {
    "sct": "http://snomed.info/sct",
    "loinc": "http://loinc.org",
    "ucum": "http://unitsofmeasure.org",
}
_PREFIXED = {
    "vs-": "http://hl7.org/fhir/ValueSet/",
    "ext-": "http://hl7.org/fhir/StructureDefinition/",
}


@singledispatch
def compiled(expression: Expression) -> Step:
    """The closure of an expression."""
    raise FhirPathError("not an expression", None, "syntax")


def _constant(items: Collection) -> Step:
    return lambda focus, evaluation: items


@compiled.register
def _(expression: Literal) -> Step:
    return _constant([expression.value])


@compiled.register
def _(expression: Nothing) -> Step:
    return _constant(EMPTY)


@compiled.register
def _(expression: TimeLiteral) -> Step:
    read: Callable[[str], Item | None] = {"Date": to_date, "DateTime": to_datetime, "Time": to_time}[
        expression.kind
    ]
    found = read(expression.text.removesuffix("T"))
    if found is None:
        raise FhirPathError("no such date or time", expression.at, "syntax")
    return _constant([found])


@compiled.register
def _(expression: QuantityLiteral) -> Step:
    word = CALENDAR_UNITS.get(expression.unit)  # 1 'month' is read as 1 month: UCUM has no such code
    return _constant([Quantity(expression.value, word or expression.unit, word is not None)])


@compiled.register
def _(expression: Constant) -> Step:
    name = expression.name
    if name in _CONSTANTS:
        return _constant([_CONSTANTS[name]])
    for prefix, base in _PREFIXED.items():
        if name.startswith(prefix):
            return _constant([base + name.removeprefix(prefix)])
    return _surroundings(name, expression.at)


def _surroundings(name: str, at: int) -> Step:
    """What the evaluation was given, by name."""

    def look(focus: Collection, evaluation: Evaluation) -> Collection:
        if evaluation.defined is not None and name in evaluation.defined:
            return evaluation.defined[name]
        if name in evaluation.variables:
            given = evaluation.variables[name]
            return given if given.__class__ is list else [given]
        if name == "context":
            return [evaluation.root]
        if name == "resource":
            return [_around(evaluation)]
        if name == "rootResource":
            return [_outermost(_around(evaluation))]
        raise FhirPathError(f"%{name} is not known", at)

    return look


def _around(evaluation: Evaluation) -> Node:
    """The resource that the caller said, or else the nearest one around the element."""
    return evaluation.container or container(evaluation.root) or evaluation.root


def _outermost(node: Node) -> Node:
    """A contained resource belongs to the resource around it."""
    while node.key == "contained" and node.parent is not None:
        node = node.parent
    return node


@compiled.register
def _(expression: Special) -> Step:
    if expression.name == "$this":
        return lambda focus, evaluation: evaluation.this

    def index(focus: Collection, evaluation: Evaluation) -> Collection:
        return EMPTY if evaluation.index is None else [evaluation.index]

    def total(focus: Collection, evaluation: Evaluation) -> Collection:
        return EMPTY if evaluation.total is None else evaluation.total

    return index if expression.name == "$index" else total


@compiled.register
def _(expression: Member) -> Step:
    return root_member(expression.name)


@compiled.register
def _(expression: Dot) -> Step:
    left = compiled(expression.left)
    right = (
        member(expression.right.name) if isinstance(expression.right, Member) else compiled(expression.right)
    )
    return lambda focus, evaluation: right(left(focus, evaluation), evaluation)


@compiled.register
def _(expression: Indexer) -> Step:
    left, index = compiled(expression.left), argument(expression.index)

    def pick(focus: Collection, evaluation: Evaluation) -> Collection:
        items = left(focus, evaluation)
        at = integer(index(focus, evaluation))
        return EMPTY if at is None or at < 0 else items[at : at + 1]

    return pick


@compiled.register
def _(expression: Unary) -> Step:
    operand = compiled(expression.operand)
    negative = expression.operator == "-"

    def sign(focus: Collection, evaluation: Evaluation) -> Collection:
        negated = negate(operand(focus, evaluation))
        return negated if negative else negate(negated)

    return sign


@compiled.register
def _(expression: TypeOperation) -> Step:
    operand, holds = compiled(expression.left), is_of_type(expression.type)
    if expression.operator == "is":
        return lambda focus, evaluation: iteration.is_type(operand(focus, evaluation), holds)
    return lambda focus, evaluation: iteration.as_type(operand(focus, evaluation), holds)


@compiled.register
def _(expression: Binary) -> Step:
    left, right = _scoped(expression.left), _scoped(expression.right)
    if expression.operator in LOGIC:
        return LOGIC[expression.operator](left, right)
    if expression.operator in ("=", "!=") and isinstance(expression.right, Literal):
        return equals_literal(expression.left, left, expression.right.value, expression.operator == "=")
    operator = OPERATORS[expression.operator]
    at = expression.at

    def operate(focus: Collection, evaluation: Evaluation) -> Collection:
        try:
            return operator(left(focus, evaluation), right(focus, evaluation))
        except FhirPathError as error:
            raise located(error, at) from None

    return operate


def located(error: FhirPathError, at: int) -> FhirPathError:
    """The error with the place in the expression, if it has none yet."""
    return error if error.position is not None else FhirPathError(error.reason, at, error.kind)


def argument(expression: Expression) -> Step:
    """An argument that is evaluated once, where the whole expression stands and not where the function does."""
    if isinstance(expression, Literal | Nothing):
        return compiled(expression)
    inner = _scoped(expression)
    return lambda focus, evaluation: inner(evaluation.this, evaluation)


def _scoped(expression: Expression) -> Step:
    """What ``defineVariable`` defines inside is not known outside."""
    inner = compiled(expression)
    return iteration.scoped(inner) if _defines(expression) else inner


def _defines(expression: Expression) -> bool:
    match expression:
        case Call(name="defineVariable"):
            return True
        case Dot(left, right):
            return _defines(left) or _defines(right)
        case Indexer(left, right) | Binary(_, left, right):
            return _defines(left) or _defines(right)
        case Unary(_, left) | TypeOperation(_, left, _):
            return _defines(left)
    return False


@compiled.register
def _(expression: Call) -> Step:
    name, given, at = expression.name, expression.arguments, expression.at
    if name in ("is", "as", "ofType"):
        return _type_call(expression)
    if name in iteration.ITERATIONS:
        build, least, most = iteration.ITERATIONS[name]
        _counted(expression, least, most)
        if name == "sort":
            return iteration.sort(*_sort_keys(given))
        return _traced(build(*map(_scoped, given)), at)
    function = FUNCTIONS.get(name)
    if function is None:
        raise FhirPathError(f"there is no function {name}()", at, "semantic")
    _counted(expression, function.least, function.most)
    if name == "getReferenceKey" and given and not isinstance(given[0], Literal):  # its argument names a type
        given = (Literal(type_argument(given[0]).name, at),)
    return _plain(function, tuple(map(argument, given)), at)


def _counted(expression: Call, least: int, most: int) -> None:
    if not least <= len(expression.arguments) <= most:
        wanted = str(least) if least == most else f"{least} to {most}"
        raise FhirPathError(f"{expression.name}() takes {wanted} arguments", expression.at, "semantic")


def _type_call(expression: Call) -> Step:
    _counted(expression, 1, 1)
    holds = is_of_type(type_argument(expression.arguments[0]))
    if expression.name == "ofType":
        return lambda focus, evaluation: [item for item in focus if holds(item)]
    apply = iteration.is_type if expression.name == "is" else iteration.as_type
    return _traced(lambda focus, evaluation: apply(focus, holds), expression.at)


def _sort_keys(given: tuple[Expression, ...]) -> list[tuple[Step, bool]]:
    """``-family`` sorts from the last to the first."""
    descending = [isinstance(key, Unary) and key.operator == "-" for key in given]
    bare = [
        key.operand if isinstance(key, Unary) and down else key
        for key, down in zip(given, descending, strict=True)
    ]
    return list(zip(map(_scoped, bare), descending, strict=True))


def _traced(step: Step, at: int) -> Step:
    """A step whose errors say where in the expression it stands."""

    def walk(focus: Collection, evaluation: Evaluation) -> Collection:
        try:
            return step(focus, evaluation)
        except FhirPathError as error:
            raise located(error, at) from None

    return walk


def _plain(function: Function, given: tuple[Step, ...], at: int) -> Step:
    call = function.call
    if not given:

        def bare(focus: Collection, evaluation: Evaluation) -> Collection:
            try:
                return call(focus, (), evaluation)
            except FhirPathError as error:
                raise located(error, at) from None

        return bare

    def apply(focus: Collection, evaluation: Evaluation) -> Collection:
        try:
            return call(focus, tuple([step(focus, evaluation) for step in given]), evaluation)
        except FhirPathError as error:
            raise located(error, at) from None

    return apply
