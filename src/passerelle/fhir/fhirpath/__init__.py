"""What does an expression say about a resource? FHIRPath for R4, compiled once to closures.

    names = compile("Patient.name.where(use = 'official').given")
    [node.value for node in names(patient)]

``compile`` gives a ``Compiled``. Called with a resource (or an element of one) it gives nodes, each with its value,
its FHIR type and its path; ``holds`` answers a condition and ``values`` gives plain JSON values, both cheaper.
With ``context_type`` the names in the expression are checked against R4 before anything runs.

https://hl7.org/fhirpath/N1/ , https://hl7.org/fhir/R4/fhirpath.html
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

from passerelle.fhir.fhirpath.check import check
from passerelle.fhir.fhirpath.compile import compiled
from passerelle.fhir.fhirpath.errors import FhirPathError
from passerelle.fhir.fhirpath.evaluation import NO_SERVICES, Evaluation, Resolve, Services, Step
from passerelle.fhir.fhirpath.node import Collection, Item, Node
from passerelle.fhir.fhirpath.parse import parse
from passerelle.fhir.fhirpath.quantities import Quantity
from passerelle.fhir.fhirpath.steps import root_node
from passerelle.fhir.fhirpath.values import SYSTEM_NAMES, UCUM, TypeInfo, truth

__all__ = ["Compiled", "FhirPathError", "Node", "Resolve", "Services", "compile", "parse", "plain"]

_NO_VARIABLES: Mapping[str, Any] = {}
Start = Mapping[str, Any] | Node
"""A resource, an element of one, or a node that an expression found."""


class Compiled:
    """An expression that is ready to run. The options are the same for every way to run it:

    ``root`` is what ``%resource`` means when an element is given, ``type_name`` the type of that element,
    ``variables`` what ``%name`` means, ``resolve`` where references lead, ``services`` what only the caller knows.
    """

    __slots__ = ("_step", "expression")

    def __init__(self, expression: str, step: Step) -> None:
        self.expression = expression
        self._step = step

    def __call__(
        self,
        resource: Start,
        *,
        root: Start | None = None,
        variables: Mapping[str, Any] = _NO_VARIABLES,
        resolve: Resolve | None = None,
        type_name: str | None = None,
        services: Services = NO_SERVICES,
    ) -> list[Node]:
        """What the expression finds, every item a node."""
        found = _run(self._step, resource, root, variables, resolve, type_name, services)
        return [item if item.__class__ is Node else as_node(item) for item in found]

    def holds(
        self,
        resource: Start,
        *,
        root: Start | None = None,
        variables: Mapping[str, Any] = _NO_VARIABLES,
        resolve: Resolve | None = None,
        type_name: str | None = None,
        services: Services = NO_SERVICES,
    ) -> bool | None:
        """The answer of a condition; None if there is none."""
        return truth(_run(self._step, resource, root, variables, resolve, type_name, services))

    def values(
        self,
        resource: Start,
        *,
        root: Start | None = None,
        variables: Mapping[str, Any] = _NO_VARIABLES,
        resolve: Resolve | None = None,
        type_name: str | None = None,
        services: Services = NO_SERVICES,
    ) -> list[Any]:
        """What the expression finds as JSON values: elements as they stand, System values as FHIR writes them."""
        found = _run(self._step, resource, root, variables, resolve, type_name, services)
        return [item.value if item.__class__ is Node else plain(item) for item in found]


def _run(
    step: Step,
    resource: Start,
    root: Start | None,
    variables: Mapping[str, Any],
    resolve: Resolve | None,
    type_name: str | None,
    services: Services,
) -> Collection:
    start = _node(resource, type_name)
    around = None if root is None else _node(root, None)
    focus = [start]
    try:
        return step(focus, Evaluation(start, focus, around, variables, resolve, services))
    except RecursionError:
        raise FhirPathError("nested too deep to be evaluated") from None


def _node(start: Start, type_name: str | None) -> Node:
    return start if isinstance(start, Node) else root_node(start, type_name)


def plain(item: Item) -> Any:
    """A System value as JSON has it: a date as text, a Quantity as an object."""
    kind = item.__class__
    if kind is bool or kind is str or kind is int or kind is Decimal:
        return item
    if kind is Quantity:
        system = {} if item.calendar else {"system": UCUM}
        return {"value": item.value, "unit": item.unit} | system | {"code": item.code}
    return {"namespace": item.namespace, "name": item.name} if kind is TypeInfo else item.text


def as_node(item: Item) -> Node:
    """A System value as a node of a System type, which no path leads to. The value stays what it is."""
    return Node(item, f"System.{SYSTEM_NAMES[item.__class__]}")


def compile(expression: str, *, context_type: str | None = None) -> Compiled:
    """An expression ready to run, the same one each time it is asked for.

    With ``context_type`` (``Patient``, ``Patient.contact``, ``HumanName``) every name is checked against R4 first.
    """
    return _compile(expression, context_type)


@lru_cache(maxsize=4096)
def _compile(expression: str, context_type: str | None) -> Compiled:
    tree = parse(expression)
    try:
        if context_type is not None:
            check(tree, context_type)
        return Compiled(expression, compiled(tree))
    except RecursionError:
        raise FhirPathError("nested too deep", None, "syntax") from None
