"""Is an item of that type? ``is``, ``as``, ``ofType`` and ``type()``, over FHIR and System types.

https://hl7.org/fhirpath/N1/#types
"""

from __future__ import annotations

from collections.abc import Callable

from passerelle.fhir.fhirpath.errors import FhirPathError
from passerelle.fhir.fhirpath.model import SYSTEM_TYPES, ancestors, is_fhir_type, public_name
from passerelle.fhir.fhirpath.node import Item, Node
from passerelle.fhir.fhirpath.syntax import Dot, Expression, Member, TypeName
from passerelle.fhir.fhirpath.values import SYSTEM_NAMES, TypeInfo

IsOfType = Callable[[Item], bool]


def type_argument(expression: Expression) -> TypeName:
    """The type that is written as an argument: ``ofType(FHIR.Patient)``."""
    if isinstance(expression, Member):
        return TypeName("", expression.name, expression.at)
    if (
        isinstance(expression, Dot)
        and isinstance(expression.left, Member)
        and isinstance(expression.right, Member)
    ):
        return TypeName(expression.left.name, expression.right.name, expression.left.at)
    raise FhirPathError("the name of a type expected", expression.at, "semantic")


def is_of_type(type: TypeName) -> IsOfType:
    """The test for a type. Without a namespace FHIR goes first, and a System type of that name counts too."""
    name = type.name
    if type.namespace not in ("", "FHIR", "System"):
        raise FhirPathError(f"there is no namespace {type.namespace}", type.at, "semantic")
    fhir = type.namespace != "System" and is_fhir_type(name)
    system = type.namespace != "FHIR" and name in SYSTEM_TYPES
    if not fhir and not system and type.namespace != "System":
        raise FhirPathError(f"there is no type {name}", type.at, "semantic")

    def holds(item: Item) -> bool:
        if item.__class__ is Node:
            return fhir and (item.type == name or name in ancestors(item.type))
        return system and (name == "Any" or SYSTEM_NAMES.get(item.__class__) == name)

    return holds


def type_info(item: Item) -> TypeInfo:
    """Namespace and name of an item's type."""
    if item.__class__ is Node:
        return TypeInfo("FHIR", public_name(item.type))
    return TypeInfo("System", SYSTEM_NAMES.get(item.__class__, "Any"))
