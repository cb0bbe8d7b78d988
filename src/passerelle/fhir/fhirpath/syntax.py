"""What can an expression consist of? The syntax tree of FHIRPath.

https://hl7.org/fhirpath/N1/#grammar . Every part knows its offset in the text (``at``), which says nothing about
its meaning and is left out of comparisons.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal


def _at() -> int:
    return field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Literal:
    """``true``, ``'text'``, ``5``, ``1.50``: a value of Python's bool, str, int or Decimal."""

    value: bool | str | int | Decimal
    at: int = _at()


@dataclass(frozen=True, slots=True)
class TimeLiteral:
    """``@2015-02``, ``@2015-02-04T14:34Z``, ``@T14:30``: ``kind`` is Date, DateTime or Time, ``text`` without the @ (and T of a Time)."""

    kind: str
    text: str
    at: int = _at()


@dataclass(frozen=True, slots=True)
class QuantityLiteral:
    """``4 'mg'`` or ``3 days``: ``calendar`` if the unit is a word and not a UCUM code."""

    value: Decimal
    unit: str
    calendar: bool
    at: int = _at()


@dataclass(frozen=True, slots=True)
class Nothing:
    """``{}``"""

    at: int = _at()


@dataclass(frozen=True, slots=True)
class Constant:
    """``%resource`` and other values that the environment gives."""

    name: str
    at: int = _at()


@dataclass(frozen=True, slots=True)
class Special:
    """``$this``, ``$index`` or ``$total``."""

    name: str
    at: int = _at()


@dataclass(frozen=True, slots=True)
class Member:
    """The elements of that name; first in an expression it may be a type: ``Patient.name``."""

    name: str
    at: int = _at()


@dataclass(frozen=True, slots=True)
class Call:
    """A function with its arguments."""

    name: str
    arguments: tuple[Expression, ...]
    at: int = _at()


@dataclass(frozen=True, slots=True)
class Dot:
    """``left.right``"""

    left: Expression
    right: Member | Call | Special
    at: int = _at()


@dataclass(frozen=True, slots=True)
class Indexer:
    """``left[index]``"""

    left: Expression
    index: Expression
    at: int = _at()


@dataclass(frozen=True, slots=True)
class Unary:
    """``-operand`` or ``+operand``"""

    operator: str
    operand: Expression
    at: int = _at()


@dataclass(frozen=True, slots=True)
class Binary:
    """``left operator right``, for every operator but ``is`` and ``as``."""

    operator: str
    left: Expression
    right: Expression
    at: int = _at()


@dataclass(frozen=True, slots=True)
class TypeName:
    """``Patient``, ``FHIR.Patient`` or ``System.Boolean``; the namespace is "" when none is given."""

    namespace: str
    name: str
    at: int = _at()


@dataclass(frozen=True, slots=True)
class TypeOperation:
    """``left is Type`` or ``left as Type``"""

    operator: str
    left: Expression
    type: TypeName
    at: int = _at()


Expression = (
    Literal
    | TimeLiteral
    | QuantityLiteral
    | Nothing
    | Constant
    | Special
    | Member
    | Call
    | Dot
    | Indexer
    | Unary
    | Binary
    | TypeOperation
)
